"""A drill in words."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rollout.rehearsal.catalogue import NamedFault
from rollout.rehearsal.drill.mutants import mutants
from rollout.rehearsal.drill.results import CheckResult, Drill, FaultResult, Undisturbed
from rollout.rehearsal.scenario import Fault, Scenario
from rollout.view.drill_list import fault_documents, fault_lines
from rollout.view.drill_text import drill_lines, said_of
from rollout.view.text import cells


def fault(name: str, came: str, **more: Any) -> FaultResult:
    said: dict[str, Any] = {
        "id": name,
        "kind": "sql",
        "title": f"what {name} does",
        "scenario": name,
        "must_be_noticed": True,
        "came": came,
        "detected": came in {"noticed", "stopped_by_step"},
        **more,
    }
    return FaultResult(**said)


def check(name: str, **more: Any) -> CheckResult:
    return CheckResult(id=name, gate="ready", kind=more.pop("kind", "sql"), asked=1, **more)


def drill(*faults: FaultResult, checks: list[CheckResult] | None = None, **more: Any) -> Drill:
    said: dict[str, Any] = {
        "faults": list(faults),
        "checks": checks or [],
        "detected": sum(f.detected for f in faults),
        "total": len(faults),
        "wall_s": 1.0,
        "to_notice": sum(f.must_be_noticed for f in faults),
        "missed": [],
        "failed": [],
        "undisturbed": [],
        **more,
    }
    return Drill(**said)


SEEN = fault(
    "stale", "noticed", phase="pilot", gate="ready", check="fresh", after_s=90.0, wrong_rows=1200,
    restored=True, also=["other"],
)  # fmt: skip


def test_a_fault_has_its_figures_and_who_noticed() -> None:
    assert drill_lines(drill(SEEN), 80)[:4] == [
        "        fault                                        after  wrong rows  put back",
        "✓ PASS  stale                                        1m30s       1,200       yes",
        "        what stale does",
        "        noticed by fresh in gate ready of pilot, and by 1 more",
    ]


def test_each_thing_that_can_come_of_a_fault_has_its_mark_and_words() -> None:
    found = {
        f.id: (
            next(line for line in drill_lines(drill(f), 80) if f" {f.id} " in line)[:6],
            said_of(f),
        )
        for f in [
            fault("alone", "noticed", phase="p", gate="g", check="c"),
            fault("needless", "noticed", phase="p", gate="g", check="c", must_be_noticed=False),
            fault("broke", "stopped_by_step", phase="p", step="s"),
            fault("quiet", "unnoticed", outcome="completed"),
            fault("lived", "survived", must_be_noticed=False),
            fault("hurt", "survived", must_be_noticed=False, wrong_rows=6),
            fault("late", "never_happened", must_be_noticed=False),
            fault("cure", "mends", must_be_noticed=False),
            fault("sick", "failed", error="KindMisused: no such text"),
        ]
    }
    assert found == {
        "alone": ("✓ PASS", "alone: noticed by c in gate g of p, alone"),
        "needless": (
            "▲ WARN",
            "needless: noticed by c in gate g of p, alone; the rollout should have lived with it",
        ),
        "broke": ("✓ PASS", "broke: stopped by step s of p, before any gate"),
        "quiet": ("✗ FAIL", "quiet: noticed by nobody; it ended completed"),
        "lived": ("✓ PASS", "lived: nothing to notice: survived"),
        "hurt": ("▲ WARN", "hurt: nothing to notice: survived"),
        "late": ("– SKIP", "late: never happened: its moment did not come"),
        "cure": ("– SKIP", "cure: nothing to notice: it mends"),
        "sick": ("? UNKN", "sick: the rehearsal broke: KindMisused: no such text"),
    }


def test_the_unguarded_the_sole_guards_and_the_silent_are_named() -> None:
    checks = [
        check("fresh", notices=["stale"], sole_guard_of=["stale"]),
        check("idle"),
        check("said", kind="attest"),
        CheckResult(id="far", gate="back", kind="sql"),
        check("shade", shadow=True),
    ]
    stopped = Undisturbed(scenarios=["day3"], outcome="rolled_back", stopped_by=["p/g/c"])
    lines = drill_lines(
        drill(
            SEEN,
            fault("quiet", "unnoticed"),
            fault("hurt", "survived", must_be_noticed=False, wrong_rows=6),
            fault("sick", "failed"),
            checks=checks,
            missed=["quiet"],
            failed=["sick"],
            undisturbed=[stopped, Undisturbed(scenarios=["one"], outcome="completed")],
        ),
        80,
    )
    assert lines[lines.index("") + 1 :] == [
        "Noticed: 1 of 3 that had to be, 1 of 4 in all.",
        "Unguarded: no gate notices quiet.",
        "Not rehearsed to an end: sick.",
        "Nothing to notice, survived: hurt.",
        "Survived, but not as if nothing had been: hurt leaves 6 rows wrong.",
        "Without any fault the rehearsal of day3 is stopped too, by p/g/c: what happens",
        "  after that proves nothing.",
        "Sole guard: fresh of stale.",
        "Never noticed anything, though asked: idle.",
        "Confirmed by scripted people, who say yes: said.",
        "Not asked after any of these faults: far.",
    ]


texts = st.text(max_size=60)


@given(texts, texts, st.integers(20, 200), st.booleans())
def test_no_line_is_wider_than_the_terminal_or_80(
    name: str, error: str, width: int, ascii_only: bool
) -> None:
    document = drill(fault(name, "failed", title=error, error=error), failed=[name])
    lines = drill_lines(document, width, ascii_only=ascii_only)
    assert all(cells(line) <= min(width, 80) for line in lines)


def test_the_list_says_what_each_fault_is_and_when() -> None:
    made = Scenario.model_validate(
        {
            "scenario": "one",
            "title": "About one",
            "faults": [
                {"id": "a", "kind": "http", "at": {"call": "POST /x", "nth": 2}},
                {"id": "b", "kind": "clock", "mends": True, "jump": "1h", "about": "it is right again",
                 "at": {"phase": "pilot", "step": "rest", "after": "5m"}},
            ],
            "expect": {"outcome": "held"},
        }
    )  # fmt: skip
    named = [NamedFault(f"one.{f.id}", _told(f, made), made) for f in made.faults]
    listed = list(mutants(named))
    assert fault_lines(listed, 80) == [
        "one.a  http",
        "    About one",
        "    at call 2 of POST /x",
        "one.b  clock",
        "    it is right again (mends something)",
        "    in pilot, 5m after step rest began",
    ]
    first, second = fault_documents(listed)
    assert (first["at"], first["must_be_noticed"]) == ({"call": "POST /x", "nth": 2}, True)
    assert (second["where"], second["mends"]) == ("in pilot, 5m after step rest began", True)


def _told(fault: Fault, scenario: Scenario) -> Fault:
    return fault.model_copy(update={"about": fault.about or scenario.title})
