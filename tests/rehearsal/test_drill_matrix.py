"""Faults against checks, as arithmetic."""

from __future__ import annotations

from builders import make_plan
from hypothesis import given
from hypothesis import strategies as st

from rollout.rehearsal.drill.matrix import (
    confirmed,
    matrix,
    never_asked,
    never_noticing,
    noticed_by,
)
from rollout.rehearsal.drill.results import Came, Drill, Drilled, FaultResult

CHECKS = ["empty_keys", "told", "created", "missing"]


def result(name: str, *checks: str, came: Came | None = None, must: bool = True) -> FaultResult:
    first, *also = checks or [""]
    return FaultResult(
        id=name,
        kind="sql",
        title=name,
        scenario=name,
        must_be_noticed=must,
        came=came or ("noticed" if checks else "unnoticed"),
        detected=bool(checks) or came == "stopped_by_step",
        check=first or None,
        also=also,
    )


def drill(*drilled: Drilled) -> Drill:
    return matrix(make_plan(), drilled, [], 1.0)


@st.composite
def drills(draw: st.DrawFn) -> list[Drilled]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        checks = draw(st.lists(st.sampled_from(CHECKS), unique=True, max_size=4))
        asked = draw(st.lists(st.sampled_from(CHECKS), unique=True))
        must = draw(st.booleans())
        came: Came | None = None
        if not checks:
            quiet: list[Came] = [
                "survived",
                "unnoticed",
                "never_happened",
                "failed",
                "stopped_by_step",
            ]
            came = draw(st.sampled_from(quiet))
        found.append(Drilled(result(f"f{number}", *checks, came=came, must=must), asked))
    return found


@given(drills())
def test_every_notice_is_seen_from_both_sides(drilled: list[Drilled]) -> None:
    found = drill(*drilled)
    from_checks = {(fault, check.id) for check in found.checks for fault in check.notices}
    from_faults = {(d.fault.id, check) for d in drilled for check in noticed_by(d.fault)}
    assert from_checks == from_faults
    assert found.detected == sum(d.fault.detected for d in drilled)
    assert found.total == len(drilled)


@given(drills())
def test_a_sole_guard_is_the_only_check_that_notices(drilled: list[Drilled]) -> None:
    found = drill(*drilled)
    for fault in found.faults:
        guards = [c.id for c in found.checks if fault.id in c.sole_guard_of]
        noticing = [c.id for c in found.checks if fault.id in c.notices]
        assert guards == (noticing if len(noticing) == 1 else [])


@given(drills())
def test_checks_fall_into_those_that_noticed_never_did_and_had_no_chance(
    drilled: list[Drilled],
) -> None:
    checks = drill(*drilled).checks
    assert [c.id for c in checks] == ["empty_keys", "told", "drift", "created", "missing"]
    parts = [
        {c.id for c in checks if c.notices},
        {c.id for c in never_noticing(checks)},
        {c.id for c in confirmed(checks)},
        {c.id for c in never_asked(checks)},
    ]
    assert set.union(*parts) == set(CHECKS)
    assert sum(map(len, parts)) == len(CHECKS)
    assert all(c.asked <= len(drilled) and len(c.notices) <= c.asked for c in checks)


@given(drills())
def test_a_drill_is_guarded_when_all_that_had_to_be_noticed_was_and_nothing_broke(
    drilled: list[Drilled],
) -> None:
    faults = [d.fault for d in drilled]
    had_to = all(f.detected for f in faults if f.must_be_noticed)
    stood = all(f.came not in {"failed", "unnoticed"} for f in faults)
    assert drill(*drilled).is_guarded == (had_to and stood)


def test_a_broken_rehearsal_is_neither_a_pass_nor_a_hole_in_the_gates() -> None:
    found = drill(Drilled(result("broken", came="failed", must=False)))
    assert (found.failed, found.missed, found.is_guarded) == (["broken"], [], False)


def test_a_shadow_is_never_blamed_for_its_silence() -> None:
    found = drill(Drilled(result("quiet"), ["drift", "created"]))
    assert [c.id for c in never_noticing(found.checks)] == ["created"]
    assert [c.id for c in found.checks if c.shadow] == ["drift"]
