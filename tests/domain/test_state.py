from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_plans import Bench, gate, phase, plan, step
from strategies import count_samples, verdicts

from rollout.domain.assess import SeriesCounts
from rollout.domain.evidence import Verdict
from rollout.domain.snapshot import decode_state, encode_state
from rollout.domain.state import FOLD_VERSION, RolloutState, Tally


def a_state() -> RolloutState:
    bench = Bench(
        plan(
            phase("pilot", step("run_sync", "sync", sync="a"), entry=["in"], exit=["out"]),
            phase("full"),
            gates=[gate("in"), gate("out")],
        )
    )
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    bench.say("waive", "out_ok")
    return bench.folded()


def test_a_snapshot_reads_back_to_the_same_state() -> None:
    state = a_state()
    assert decode_state(encode_state(state)) == state


def test_steps_and_phases_keep_their_order_in_a_snapshot() -> None:
    state = a_state()
    read = decode_state(encode_state(state))
    assert read is not None
    assert list(read.phases) == ["pilot", "full"]
    assert list(read.steps) == list(state.steps)


def test_a_snapshot_of_another_fold_is_ignored() -> None:
    raw = msgspec.json.decode(encode_state(a_state()))
    assert raw["version"] == FOLD_VERSION
    raw["version"] += 1
    assert decode_state(msgspec.json.encode(raw)) is None


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"version":2,"state":7}', b"\xff"])
def test_a_snapshot_that_does_not_parse_is_ignored(body: bytes) -> None:
    assert decode_state(body) is None


@given(st.lists(verdicts, max_size=12))
def test_a_tally_counts_like_its_definition(taken: list[Verdict]) -> None:
    tally = Tally()
    for verdict in taken:
        tally.add(verdict)
    wanted = count_samples(taken)
    assert SeriesCounts(**msgspec.structs.asdict(tally)) == wanted
    assert tally.taken == len(taken)


def test_the_current_phase_is_the_first_that_is_not_passed() -> None:
    state = a_state()
    found = state.current_phase()
    assert found is not None
    assert found.id == "pilot"
    for known in state.phases.values():
        known.stage = "passed"
    assert state.current_phase() is None


def test_a_gate_is_known_by_its_newest_round() -> None:
    state = a_state()
    found = state.gate("pilot", 1, "exit", "out")
    assert found is not None
    assert found.round == 1
    assert state.gate("pilot", 2, "exit", "out") is None
    assert state.gate("pilot", 1, "entry", "out") is None


def test_a_waiver_is_of_its_check_phase_and_attempt() -> None:
    state = a_state()
    assert state.waiver("pilot", 1, "out_ok") is not None
    assert state.waiver("pilot", 2, "out_ok") is None
    assert state.waiver("full", 1, "out_ok") is None
    assert state.waiver("pilot", 1, "in_ok") is None
