"""The difference of two plans: complete, readable, and empty only for the same plan."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from builders import make_check, make_plan
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.plan import Plan
from rollout.domain.plan_difference import Change, difference


def rich_plan(**given: Any) -> Plan:
    """Something of every part of a plan."""
    said: dict[str, Any] = {
        "holidays": "US",
        "params": {"rows": 50, "share": 0.5, "on": True},
        "connections": {"census": {"uses": "census", "token": "${env:T}"}},
        "syncs": {
            "a": {
                "on": "census", "id": 7, "operation": "upsert", "source": "s", "target": "T",
                "key": "K",
            }
        },
        "rollback": {"steps": [{"step": "wait", "id": "stop"}], "gates": ["all_done"]},
        "notifications": {"occasions": {"completed": {"channels": ["oncall"]}}},
        "files": {"gates/sql/x.sql": "a" * 64},
    }  # fmt: skip
    return make_plan(**{**said, **given})


def changed(**given: Any) -> list[Change]:
    return difference(rich_plan(), rich_plan(**given)).changes


def document() -> Any:
    return rich_plan().model_dump(mode="json", by_alias=True)


def edited(edit: Any) -> list[Change]:
    """The difference after `edit` was done to the document."""
    new = document()
    edit(new)
    return difference(rich_plan(), Plan.model_validate(new)).changes


def told(change: Change) -> tuple[str, str, str]:
    return change.path, change.what, change.how


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda d: d.update(title="Other"), ("title", "plan", "changed")),
        (lambda d: d["params"].update(rows=51), ("params.rows", "parameter", "changed")),
        (lambda d: d["params"].update(more=1), ("params.more", "parameter", "added")),
        (
            lambda d: d["connections"]["census"].update(region="eu"),
            ("connections.census.region", "connection", "added"),
        ),
        (
            lambda d: d["roles"]["sales_ops"].append({"person": "cho", "key": None}),
            ("roles.sales_ops.cho", "role", "added"),
        ),
        (
            lambda d: d["roles"]["sales_ops"][0].update(key="ssh-ed25519 AAAA"),
            ("roles.sales_ops.sale.key", "role", "changed"),
        ),
        (lambda d: d["syncs"]["a"].update(id=8), ("syncs.a.id", "sync", "changed")),
        (
            lambda d: d["phases"][0].update(title="P"),
            ("phases.pilot.title", "phase", "changed"),
        ),
        (
            lambda d: d["phases"][0].update(exit=["verified", "all_done"]),
            ("phases.pilot.exit", "gates of the phase", "changed"),
        ),
        (
            lambda d: d["phases"][0]["steps"].append({"step": "wait", "id": "more"}),
            ("phases.pilot.steps.more", "step", "added"),
        ),
        (
            lambda d: d["phases"][0]["steps"][0]["inputs"].update({"for": "1h"}),
            ("phases.pilot.steps.rest.inputs.for", "step", "added"),
        ),
        (
            lambda d: d["phases"][0]["steps"].reverse(),
            ("phases.pilot.steps", "step", "moved"),
        ),
        (
            lambda d: d["phases"][0]["sign_off"].update(expires="1h"),
            ("phases.pilot.sign_off.expires", "sign-off", "changed"),
        ),
        (lambda d: d["phases"].pop(), ("phases.full", "phase", "removed")),
        (
            lambda d: d["rollback"]["steps"][0].update(title="Stop"),
            ("rollback.steps.stop.title", "way back", "changed"),
        ),
        (
            lambda d: d["gates"]["verified"].update(title="V"),
            ("gates.verified.title", "gate", "changed"),
        ),
        (
            lambda d: d["gates"]["verified"]["checks"][0]["go"].update(created="= 40"),
            ("gates.verified.checks.created.go.created", "condition", "changed"),
        ),
        (
            lambda d: d["gates"]["verified"]["checks"][0].update(owner="sales_ops"),
            ("gates.verified.checks.created.owner", "check", "changed"),
        ),
        (
            lambda d: d["files"].update({"gates/sql/x.sql": "b" * 64}),
            ("files.gates/sql/x.sql", "file", "changed"),
        ),
        (
            lambda d: d["notifications"].update(forget_after="1h"),
            ("notifications.forget_after", "notification", "changed"),
        ),
    ],
)
def test_a_change_is_named_by_its_path_and_by_what_it_is_about(
    edit: Any, expected: tuple[str, str, str]
) -> None:
    [found] = edited(edit)
    assert told(found) == expected


def test_a_change_carries_both_values_and_the_place_it_belongs_to() -> None:
    def edit(plan: Any) -> None:
        plan["gates"]["verified"]["checks"][0]["go"]["created"] = "= 40"

    [found] = edited(edit)
    assert (found.old, found.new) == ("= 50", "= 40")
    assert (found.gate, found.check, found.phase, found.step) == ("verified", "created", "", "")


def test_a_step_of_a_phase_and_one_of_the_way_back_are_told_apart() -> None:
    def edit(plan: Any) -> None:
        plan["phases"][0]["steps"][1]["title"] = "Look closer"
        plan["rollback"]["steps"][0]["title"] = "Stop"

    first, second = edited(edit)
    assert (first.phase, first.step) == ("pilot", "look")
    assert (second.phase, second.step) == ("", "stop")


def test_a_step_put_between_two_others_moves_neither() -> None:
    def edit(plan: Any) -> None:
        plan["phases"][0]["steps"].insert(1, {"step": "wait", "id": "between"})

    assert [told(c) for c in edited(edit)] == [("phases.pilot.steps.between", "step", "added")]


def test_members_that_share_a_name_are_compared_as_one_value() -> None:
    twice = (
        make_plan()
        .gates["verified"]
        .model_copy(update={"checks": [make_check("created"), make_check("created", go="= 1")]})
    )
    [found] = difference(
        make_plan(), make_plan(gates={**make_plan().gates, "verified": twice})
    ).changes
    assert told(found) == ("gates.verified.checks", "check", "changed")


@pytest.mark.parametrize(("old", "new"), [(1, 1.0), (1, True), (0, False), ("1", 1), (None, 0)])
def test_values_that_python_takes_for_equal_are_not(old: Any, new: Any) -> None:
    found = difference(rich_plan(params={"x": old}), rich_plan(params={"x": new}))
    assert [c.path for c in found.changes] == ["params.x"]
    assert found.old_sha256 != found.new_sha256


# ── for any two plans ────────────────────────────────────────────────────────────────────────────


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield (*path, key)
        yield from _leaves(inner, (*path, key))


LEAVES = sorted(_leaves(document()), key=repr)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["1h", "= 50", "a", ""])
)


@st.composite
def other_documents(draw: st.DrawFn) -> Any:
    """The document with up to four things of it replaced, removed, doubled or turned round."""
    found = document()
    for path in draw(st.lists(st.sampled_from(LEAVES), max_size=4)):
        place = found
        try:
            for key in path[:-1]:
                place = place[key]
            inner = place[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue
        how = draw(st.sampled_from(["replace", "remove", "reverse", "copy"]))
        if how == "replace":
            place[path[-1]] = draw(VALUES)
        elif how == "remove":
            del place[path[-1]]
        elif how == "reverse" and isinstance(inner, list):
            inner.reverse()
        elif isinstance(place, list):
            place.append(copy.deepcopy(inner))
    return found


class _Loose(Plan):
    """A plan whose document is what the test says, valid or not: the comparison reads nothing else."""

    said: Any = None

    def model_dump(self, **_: Any) -> Any:
        return self.said


def loose(said: Any) -> Plan:
    return _Loose.model_construct(plan="p", title="", timezone="UTC", phases=[], said=said)


@given(other_documents(), other_documents())
def test_the_difference_is_empty_exactly_when_the_digests_are_equal(one: Any, two: Any) -> None:
    found = difference(loose(one), loose(two))
    assert found.is_empty == (loose(one).sha256() == loose(two).sha256())


@given(other_documents())
def test_nothing_differs_from_itself(one: Any) -> None:
    assert difference(loose(one), loose(copy.deepcopy(one))).is_empty


@given(other_documents(), other_documents())
def test_what_is_added_one_way_is_removed_the_other_way(one: Any, two: Any) -> None:
    there = difference(loose(one), loose(two)).changes
    back = difference(loose(two), loose(one)).changes
    turned = {"added": "removed", "removed": "added"}
    assert {(c.path, turned.get(c.how, c.how)) for c in there} == {(c.path, c.how) for c in back}


@given(other_documents(), other_documents())
def test_every_path_is_told_once(one: Any, two: Any) -> None:
    paths = [(c.path, c.how) for c in difference(loose(one), loose(two)).changes]
    assert len(paths) == len(set(paths))
