"""A changed plan on the screen: grouped by what it touches, in the plan's words, never too wide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from adoptions import Edit, bench_in, other_condition, phase_of, rest_of, step_of
from hypothesis import given
from hypothesis import strategies as st
from small_plans import Bench

from rollout.domain.adopting import effects_of
from rollout.domain.plan_difference import difference
from rollout.view.adoption import AdoptionView, adoption_view
from rollout.view.adoption_text import adoption_lines
from rollout.view.text import cells


def seen(bench: Bench, edit: Edit, refusal: str = "", unsigned: Sequence[str] = ()) -> AdoptionView:
    new = rest_of(bench.plan, edit)
    state = bench.state
    found, effects = difference(bench.plan, new), effects_of(bench.plan, new, state)
    return adoption_view(state, bench.plan, new, found, effects, refusal, unsigned)


def one(bench: Bench, edit: Edit) -> tuple[str, str, str]:
    """The part, the subject and the words of the only change."""
    [group] = seen(bench, edit).groups
    [change] = group.changes
    return group.part, change.subject, change.said


@pytest.fixture(scope="module")
def watching() -> Bench:
    """pilot is passed, watch is ready, last is to come."""
    return bench_in("ready", "watch")


@pytest.mark.parametrize(
    ("edit", "shown"),
    [
        (
            lambda d: phase_of(d, "pilot").update(title="P"),
            ("passed", "phase pilot: title", "Pilot -> P"),
        ),
        (
            lambda d: phase_of(d, "watch").update(exit=["out"]),
            ("current", "phase watch: exit", '[] -> ["out"]'),
        ),
        (
            lambda d: step_of(d, "late")["inputs"].update(idempotent=False),
            ("to_come", "step late of last: inputs.idempotent", "added false"),
        ),
        (
            other_condition("hourly"),
            ("current", "check hourly_ok of gate hourly: go", "nothing -> >= 1"),
        ),
        (other_condition("done"), ("to_come", "check done_ok of gate done: go", "nothing -> >= 1")),
        (other_condition("mid"), ("passed", "check mid_ok of gate mid: go", "nothing -> >= 1")),
        (
            other_condition("back"),
            ("way_back", "check back_ok of gate back: go", "nothing -> >= 1"),
        ),
        (
            lambda d: d["rollback"]["steps"][0].update(title="Stop"),
            ("way_back", "step stop_a of the way back: title", "nothing -> Stop"),
        ),
        (lambda d: d["params"].update(rows=5), ("plan", "parameter rows", "added 5")),
        (
            lambda d: d["connections"]["census"].update(region="eu"),
            ("plan", "connection census: region", "us -> eu"),
        ),
        (
            lambda d: d["files"].update({"sql/x.sql": "a" * 64}),
            ("plan", "file sql/x.sql", f"added sha256 {'a' * 12}"),
        ),
        (
            lambda d: d["rollback"].update(within="3h"),
            ("way_back", "the way back: within", "2h -> 3h"),
        ),
    ],
)
def test_a_change_stands_with_what_it_touches(
    watching: Bench, edit: Edit, shown: tuple[str, str, str]
) -> None:
    assert one(watching, edit) == shown


def test_a_phase_that_was_undone_is_to_come_again() -> None:
    bench = bench_in("ready", "watch")
    bench.say("roll_back")
    bench.go(until=lambda: bench.stage("watch") == "rolled_back")
    changed = one(bench, lambda d: phase_of(d, "pilot").update(title="P"))
    assert changed == ("to_come", "phase pilot: title", "Pilot -> P")


def test_of_a_long_text_the_first_line_that_differs_is_shown(watching: Bench) -> None:
    def sql(text: str) -> Edit:
        return lambda d: d["gates"]["hourly"]["checks"][0]["inputs"].update(sql=text)

    bench = Bench(rest_of(watching.plan, sql("SELECT 1\nFROM a\nWHERE b")))
    bench.tick()
    assert one(bench, sql("SELECT 1\nFROM c\nWHERE d"))[2] == (
        "line 2: FROM a -> FROM c (and 1 more line)"
    )
    assert one(bench, sql("-- new\nSELECT 1\nFROM a\nWHERE b"))[2] == "line 1: nothing -> -- new"
    assert one(bench, sql("SELECT 1\nWHERE b"))[2] == "line 2: FROM a -> nothing"
    assert one(bench, sql("SELECT 1\nFROM a\nWHERE b\n"))[2] == "line ends differ"


def test_what_an_adoption_does_is_said_before_it_is_done() -> None:
    bench = bench_in("sign_off")
    bench.say("sign", "out")
    assert seen(bench, other_condition("out")).effects == [
        "asked anew: out",
        "sign-offs of this attempt are void: project_lead",
        "pilot goes back to its exit gate",
    ]
    assert seen(bench, other_condition("in")).effects[-1] == (
        "pilot is held: it has passed through in, which asks otherwise now"
    )


def test_a_phase_to_come_touches_nothing(watching: Bench) -> None:
    assert seen(watching, other_condition("done")).effects == [
        "nothing that was decided or said so far is touched"
    ]


def test_a_held_phase_says_where_it_resumes() -> None:
    bench = bench_in("ready")
    bench.say("hold")
    assert (
        "pilot stays held and resumes in its entry gate"
        in seen(bench, other_condition("in")).effects
    )


def test_the_plan_in_force_is_told_in_one_line(watching: Bench) -> None:
    view = seen(watching, lambda d: None, refusal="nothing to adopt")
    assert (view.identical, view.refusal, view.effects) == (True, "", [])
    [line] = adoption_lines(view, 80)
    assert "nothing to adopt" in line


def test_reasons_against_it_stand_one_below_the_other(watching: Bench) -> None:
    view = seen(watching, lambda d: d.update(title="X"), refusal="one reason; also: another one")
    lines = adoption_lines(view, 80)
    assert lines[-3:] == ["It cannot be adopted now", "  one reason", "  another one"]


def test_a_sign_off_that_nobody_could_make_is_told_where_the_plan_can_be_adopted(
    watching: Bench,
) -> None:
    view = seen(watching, lambda d: d.update(title="X"), unsigned=["phase last: nobody has a key"])
    assert "  ▲ WARN as it is, nobody can sign: phase last: nobody has a key" in adoption_lines(
        view, 90
    )


@given(st.text(max_size=60), st.text(max_size=60), st.integers(20, 120))
def test_no_text_of_a_plan_breaks_the_picture(
    watching: Bench, title: str, condition: str, width: int
) -> None:
    def edit(document: Any) -> None:
        document["title"] = title
        document["params"][title] = condition
        document["gates"]["hourly"]["checks"][0]["go"] = condition

    for line in adoption_lines(seen(watching, edit), width):
        assert cells(line) <= width
        assert all(ord(c) >= 32 and c != "\x7f" for c in line)
