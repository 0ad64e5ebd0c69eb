"""Die at every place of a rollback, and again while recovering: the target ends the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from fakes import CENSUS_USER, HUMAN_USER, TOOL_USER, Crash, Crashes, FakeRun
from small_plans import Bench, check, gate, phase, plan, step

from rollout.domain.events import EffectIntended, RolledBack
from rollout.domain.plan import Plan

BACK = {"steps": ["base"], "target": "Thing__c", "users": [CENSUS_USER, TOOL_USER]}
BEFORE = {"k0": "old 0", "k1": "old 1", "k2": "old 2"}
AFTER = BEFORE | {"k2": "by hand"}
"""What must come out: somebody changes k2 while the run goes on."""


def small() -> Plan:
    base = {"target": "Thing__c", "key": "Key__c", "fields": ["Name"]}
    return plan(
        phase(
            "pilot",
            step("capture_baseline", "base", **base),
            step("run_sync", "run", sync="a", baseline="base"),
        ),
        gates=[gate("back", check("back_rows", kind="baseline", go=None, inputs=BACK))],
    )


def mid_run(at: frozenset[int] = frozenset(), script: Sequence[str] = ()) -> Bench:
    """A run of ours has written three rows, created one, and goes on; somebody changed one since."""
    bench = Bench(small(), Crashes())
    for key, name in BEFORE.items():
        bench.salesforce.put(key, HUMAN_USER, Name=name)
    bench.clock.pass_(hours=1)

    def writes(run: FakeRun) -> None:
        for key in ("k0", "k1", "k2", "new"):
            bench.salesforce.put(key, CENSUS_USER, Name=f"run {run.id}")

    bench.census.on_run = writes
    bench.tick()
    bench.say("proceed")
    bench.tick()
    bench.clock.pass_(minutes=1)
    bench.salesforce.put("k2", HUMAN_USER, Name="by hand")
    bench.salesforce.script.extend(script)
    bench.crashes.seen.clear()
    bench.crashes.at = at
    return bench


def goes_back(bench: Bench) -> int:
    """Go on in a new process after every crash; how many there were."""
    crashes = 0
    for _ in range(200):
        try:
            if bench.stage() in {"running", "held", "rollback_failed"}:
                bench.say("roll_back")
            bench.go(lambda: bench.stage() in {"rolled_back", "rollback_failed"})
        except Crash:
            crashes += 1
            bench.controller()
        else:
            if bench.stage() == "rolled_back":
                return crashes
    raise AssertionError(f"no way back: {bench.state.phases}")


def outcome(bench: Bench) -> dict[str, Any]:
    told = bench.payloads(RolledBack)[-1]
    return {
        "rows": bench.salesforce.values("Name"),
        "paused": bench.census.paused,
        "runs": [(r.id, r.ends) for r in bench.census.listed],
        "told": (told.verified, told.restored_rows, told.deleted_rows, told.left_rows),
        "steps": {name: s.status for name, s in bench.folded().steps.items()},
    }


def sound(bench: Bench) -> None:
    """No row of the beginning was deleted, none of others' was touched, every request had an intent."""
    assert bench.folded() == bench.controller().state
    intended = [p.effect for p in bench.payloads(EffectIntended)]
    assert len(set(intended)) == len(intended)
    assert all(r["Key__c"] not in BEFORE for r in bench.salesforce.bin.values())
    by_hand = next(r for r in bench.salesforce.rows.values() if r["Key__c"] == "k2")
    assert by_hand["LastModifiedById"] == HUMAN_USER


SCRIPTS: list[list[str]] = [[], ["unknown", "lost"], ["yes", "lost", "no"]]


@pytest.mark.parametrize("nth", [3, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("script", SCRIPTS, ids=[",".join(s) or "calm" for s in SCRIPTS])
def test_it_ends_the_same_wherever_the_process_died(script: list[str], nth: int) -> None:
    """At every place, or every third."""
    wanted = mid_run(script=script)
    assert goes_back(wanted) == 0
    assert outcome(wanted)["rows"] == AFTER
    assert outcome(wanted)["told"] == (True, 2, 1, 1)
    assert len(wanted.census.canceled) == 1
    places = len(wanted.crashes.seen)
    assert places > 60
    for k in range(1, places + 1, nth):
        bench = mid_run(frozenset({k}), script)
        assert goes_back(bench) == 1, wanted.crashes.seen[k - 1]
        assert outcome(bench) == outcome(wanted), wanted.crashes.seen[k - 1]
        sound(bench)


def _dies_twice(pairs: Callable[[int], Any]) -> int:
    wanted = mid_run()
    goes_back(wanted)
    twice = 0
    for first, second in pairs(len(wanted.crashes.seen) + 10):
        bench = mid_run(frozenset({first, second}))
        twice += goes_back(bench) == 2
        assert outcome(bench) == outcome(wanted), (first, second, bench.crashes.seen)
        sound(bench)
    return twice


def test_it_ends_the_same_when_the_next_process_dies_soon_after() -> None:
    """At some places; the slow part dies at every pair of them."""
    near = (1, 4)
    twice = _dies_twice(lambda n: ((k, k + gap) for k in range(1, n, 4) for gap in near))
    assert twice > 25


@pytest.mark.slow
def test_it_ends_the_same_wherever_two_processes_died() -> None:
    assert _dies_twice(lambda n: itertools.combinations(range(1, n + 1), 2)) > 2_000
