"""What a changed plan may not do to a rollout, and what the person is told to do instead."""

from __future__ import annotations

from typing import Any

import pytest
from adoptions import (
    Edit,
    bench_in,
    phase_of,
    refused,
    rest_of,
    resting,
    step_of,
    taken,
    three_phases,
    watching,
)
from small_plans import Bench, phase, plan, step
from ssh_signatures import ed25519_key

from rollout.domain.command import Refusal
from rollout.domain.effects import No, Unknown
from rollout.domain.events import PlanAdopted
from rollout.domain.plan import Plan
from rollout.kinds import NotFound

POKE = "pilot/1/poke/poke"


def renamed(document: Any) -> None:
    document["title"] = "Renamed"


def allowed(bench: Bench, edit: Edit) -> bool:
    return not isinstance(bench.adopted(rest_of(bench.plan, edit)), Refusal)


# ── who, and when ────────────────────────────────────────────────────────────────────────────────


def test_only_the_lead_adopts_a_plan() -> None:
    assert "only the project_lead" in refused(bench_in("ready"), renamed, role="engineer")


def test_a_reason_is_required() -> None:
    assert "needs a reason" in refused(bench_in("ready"), renamed, reason=" ")


def test_who_looked_before_the_phase_moved_looks_again() -> None:
    bench = bench_in("ready")
    seen = bench.state.phases["pilot"].since_seq - 1
    assert "look again" in refused(bench, renamed, seen_seq=seen)


def test_who_looked_before_the_plan_changed_looks_again_whatever_is_decided() -> None:
    bench = bench_in("ready")
    seen = bench.state.seq
    taken(bench, renamed)
    bench.tick()
    assert "the plan changed at #" in refused(bench, lambda d: d.update(title="3"), seen_seq=seen)
    assert "the plan changed at #" in bench.refusal("proceed", seen_seq=seen)
    assert "the plan changed at #" in bench.refusal("waive", "in_ok", seen_seq=seen)


def test_the_plan_in_force_is_nothing_to_adopt() -> None:
    assert "nothing to adopt" in refused(bench_in("ready"), lambda d: None)


def test_a_rollout_that_ended_adopts_nothing() -> None:
    bench = bench_in("held", in_ok=0)
    bench.say("abort")
    assert "has ended" in refused(bench, renamed)


def test_nothing_is_adopted_while_the_way_back_is_under_way() -> None:
    bench = resting()
    bench.say("roll_back")
    assert "is rolling back: wait" in refused(bench, renamed)
    bench.go(until=lambda: bench.stage() == "rolled_back")
    assert allowed(bench, renamed)


def test_another_plan_is_another_rollout() -> None:
    reason = refused(bench_in("ready"), lambda d: d.update(plan="other"))
    assert "start it as a rollout of its own" in reason


def test_a_plan_without_a_lead_is_refused() -> None:
    reason = refused(bench_in("ready"), lambda d: d["roles"].pop("project_lead"))
    assert "nobody could decide any more" in reason


def test_all_that_stands_against_a_plan_is_said_at_once() -> None:
    def edit(document: Any) -> None:
        document["roles"].pop("project_lead")
        step_of(document, "poke")["inputs"] = {"idempotent": False}

    assert refused(resting(), edit).count("; also: ") == 2


# ── phases ───────────────────────────────────────────────────────────────────────────────────────


def test_a_phase_that_has_begun_stays_in_the_plan() -> None:
    bench = bench_in("ready", "watch")
    reason = refused(bench, lambda d: d["phases"].pop(0))
    assert "pilot has begun and is not in the new plan" in reason


def test_phases_that_have_begun_keep_their_order() -> None:
    bench = bench_in("ready", "watch")
    assert "come first" in refused(bench, lambda d: d["phases"].insert(0, d["phases"].pop(1)))
    extra = {"phase": "extra", "title": "Extra"}
    assert "come first" in refused(bench, lambda d: d["phases"].insert(1, extra))


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d["phases"].pop(),
        lambda d: d["phases"].append({"phase": "extra", "title": "Extra"}),
        lambda d: d["phases"].insert(2, {"phase": "extra", "title": "Extra"}),
        lambda d: phase_of(d, "last")["steps"].clear(),
        lambda d: phase_of(d, "last").update(entry=["in"]),
    ],
)
def test_phases_to_come_are_free(edit: Edit) -> None:
    assert allowed(bench_in("ready", "watch"), edit)


def test_everything_is_free_before_the_first_phase_has_begun() -> None:
    bench = Bench(three_phases())
    assert allowed(bench, lambda d: d["phases"].reverse())
    assert allowed(bench, lambda d: d["phases"].insert(0, {"phase": "extra", "title": "Extra"}))


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: phase_of(d, "pilot").update(exit=["out", "mid"]),
        lambda d: phase_of(d, "pilot").update(entry=[]),
        lambda d: phase_of(d, "pilot").update(sign_off=None),
    ],
)
def test_what_a_passed_phase_was_asked_is_history(edit: Edit) -> None:
    bench = bench_in("ready", "watch")
    assert "pilot is passed" in refused(bench, edit)
    assert allowed(bench, lambda d: phase_of(d, "pilot").update(title="Renamed"))


def test_a_gate_is_not_added_to_a_door_that_is_behind() -> None:
    reason = refused(resting(), lambda d: phase_of(d, "pilot").update(entry=["in", "done"]))
    assert "would never ask done" in reason
    assert allowed(bench_in("ready"), lambda d: phase_of(d, "pilot").update(entry=["in", "done"]))


# ── steps ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: step_of(d, "poke")["inputs"].update(idempotent=False),
        lambda d: step_of(d, "poke").update(step="wait"),
        lambda d: step_of(d, "poke").update(irreversible="no way"),
        lambda d: phase_of(d, "pilot")["steps"].pop(0),
        lambda d: step_of(d, "rest").update(inputs={"for": "2h"}),
        lambda d: step_of(d, "mid").update(inputs={"gate": "out"}),
    ],
)
def test_a_step_that_has_begun_stays_as_it_was_written(edit: Edit) -> None:
    assert "step " in refused(resting(), edit)


def test_a_step_may_get_another_title_and_a_step_to_come_anything() -> None:
    assert allowed(resting(), lambda d: step_of(d, "poke").update(title="Poke it"))
    bench = bench_in("ready")
    assert allowed(bench, lambda d: step_of(d, "rest").update(inputs={"for": "2h"}))


def test_what_was_done_in_a_passed_phase_is_still_undone_by_its_own_words() -> None:
    reason = refused(
        bench_in("ready", "watch"), lambda d: step_of(d, "poke")["inputs"].update(idempotent=False)
    )
    assert "undone by its own words" in reason
    assert "roll back first" in reason


def test_a_parameter_that_a_begun_step_refers_to_stays_while_it_may_be_undone() -> None:
    def bench(kind: str, inputs: dict[str, Any]) -> Bench:
        made = Bench(
            plan(
                phase("pilot", step(kind, "one", **inputs), step("wait", "rest", **{"for": "1h"})),
                params={"x": True, "pause": "0s"},
            )
        )
        made.go(until=lambda: made.state.step("pilot", 1, "rest") is not None)
        return made

    poked = bench("poke", {"idempotent": "${{ params.x }}"})
    assert "step one of pilot" in refused(poked, lambda d: d["params"].update(x=False))
    waited = bench("wait", {"for": "${{ params.pause }}"})
    assert allowed(waited, lambda d: d["params"].update(pause="5h"))


def test_steps_are_added_behind_those_that_were_begun() -> None:
    more = {"step": "wait", "id": "more", "inputs": {"for": "1h"}}
    assert allowed(resting(), lambda d: phase_of(d, "pilot")["steps"].append(more))
    reason = refused(resting(), lambda d: phase_of(d, "pilot")["steps"].insert(1, more))
    assert "put other steps after them" in reason
    reason = refused(resting(), lambda d: phase_of(d, "pilot")["steps"].reverse())
    assert "begun in this order" in reason


@pytest.mark.parametrize("stage", ["sign_off", "passed"])
def test_no_step_is_added_once_they_are_done(stage: str) -> None:
    more = {"step": "wait", "id": "more", "inputs": {"for": "1h"}}
    reason = refused(bench_in(stage), lambda d: phase_of(d, "pilot")["steps"].append(more))
    assert "more would never be" in reason


def test_a_steps_id_is_not_given_to_another_phase() -> None:
    def edit(document: Any) -> None:
        last = phase_of(document, "last")["steps"]
        last.append({"step": "wait", "id": "rest", "inputs": {"for": "1h"}})

    assert "give the new step an id of its own" in refused(resting(), edit)


def test_a_failed_step_is_planned_anew_after_a_retry() -> None:
    bench = Bench(three_phases())
    bench.poke.answers = [No("404", None)]
    bench.go(until=lambda: bench.stage() == "held")

    def edit(document: Any) -> None:
        step_of(document, "poke")["inputs"]["idempotent"] = False

    assert "say retry first" in refused(bench, edit)
    bench.say("retry")
    assert allowed(bench, edit)


def test_what_failed_but_may_have_done_something_stays_after_a_retry() -> None:
    bench = Bench(three_phases())
    bench.poke.moves = [KeyError("later")]
    bench.go(until=lambda: bench.stage() == "held")
    bench.say("retry")
    assert allowed(bench, lambda d: step_of(d, "poke")["inputs"].update(idempotent=False))
    other = bench_in("running")
    other.poke.moves = []
    other.say("hold")
    other.say("retry")  # poke was done in the first attempt
    reason = refused(other, lambda d: step_of(d, "poke")["inputs"].update(idempotent=False))
    assert "undone by its own words" in reason


def test_what_was_undone_is_free() -> None:
    bench = resting()
    bench.say("roll_back")
    bench.go(until=lambda: bench.stage() == "rolled_back")
    assert allowed(bench, lambda d: step_of(d, "poke")["inputs"].update(idempotent=False))
    assert allowed(bench, lambda d: phase_of(d, "pilot")["steps"].reverse())
    assert allowed(bench, lambda d: d["connections"]["census"].update(region="eu"))


# ── a watch ──────────────────────────────────────────────────────────────────────────────────────


def test_a_watch_under_way_is_made_longer_not_shorter() -> None:
    bench = watching(1.5)
    soak = "soak"
    assert allowed(bench, lambda d: phase_of(d, "watch")[soak].update({"for": "8h"}))
    assert "longer, not shorter" in refused(
        bench, lambda d: phase_of(d, "watch")[soak].update({"for": "3h", "checkpoints": {}})
    )
    assert "longer, not shorter" in refused(bench, lambda d: phase_of(d, "watch").update(soak=None))
    assert "by its `every`" in refused(
        bench, lambda d: phase_of(d, "watch")[soak].update(every={"2h": ["hourly"]})
    )


def test_checkpoints_to_come_are_free_and_those_that_were_due_are_not() -> None:
    bench = watching(2.5)

    def with_checkpoints(**checkpoints: list[str]) -> Edit:
        return lambda d: phase_of(d, "watch")["soak"].update(checkpoints=checkpoints)

    assert allowed(bench, with_checkpoints(**{"2h": ["halfway"], "3h": ["all"]}))
    due = "were due already"
    assert due in refused(bench, with_checkpoints(**{"2h": ["all"], "4h": ["all"]}))
    assert due in refused(bench, with_checkpoints(**{"4h": ["all"]}))
    assert due in refused(bench, with_checkpoints(**{"1h": ["all"], "2h": ["halfway"]}))


def test_a_watch_that_is_over_stays_as_it_was() -> None:
    bench = Bench(rest_of(three_phases(), lambda d: phase_of(d, "watch").update(exit=["out"])))
    bench.scripted.answers = {"out_ok": [1, 0]}
    bench.go(until=lambda: bench.stage("watch") == "held")
    assert bench.state.phases["watch"].held_from == "exit_gate"
    reason = refused(bench, lambda d: phase_of(d, "watch")["soak"].update({"for": "8h"}))
    assert "the watch of watch is over" in reason


# ── sign-offs ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: phase_of(d, "pilot").update(sign_off=None),
        lambda d: phase_of(d, "pilot")["sign_off"].update(roles=["project_lead"]),
        lambda d: d["roles"].update(sales=[]),
    ],
)
def test_whoever_signs_what_is_being_done_still_signs_it(edit: Edit) -> None:
    assert "sales signs pilot" in refused(resting(), edit)
    assert "sales signs pilot" in refused(bench_in("sign_off"), edit)
    assert allowed(bench_in("ready"), edit)


def test_another_role_may_be_asked_to_sign() -> None:
    edit: Edit = lambda d: phase_of(d, "pilot")["sign_off"]["roles"].append("engineer")  # noqa: E731
    assert allowed(bench_in("sign_off"), edit)


ONE, TWO = ed25519_key(1).line, ed25519_key(2).line


def with_keys(*, author: str | None = None) -> Plan:
    """ann leads, cho signs as sales with a key of her own; fritz wrote the plan."""

    def edit(document: Any) -> None:
        document["author"] = author
        document["roles"]["sales"] = [{"person": "cho", "keys": [{"key": ONE}]}]
        document["roles"]["project_lead"] = [{"person": "ann"}, {"person": "bea"}]

    return rest_of(three_phases(), edit)


def signing(**given: Any) -> Bench:
    bench = Bench(with_keys(**given))
    bench.go(until=lambda: bench.stage() == "sign_off")
    return bench


def sales(*people: dict[str, Any]) -> Edit:
    return lambda d: d["roles"].update(sales=list(people))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (sales({"person": "cho", "keys": [{"key": TWO}]}), "a key may be revoked now, not added"),
        (sales({"person": "cho", "keys": [{"key": ONE}, {"key": TWO}]}), "not added"),
        (
            sales({"person": "cho", "keys": [{"key": ONE}]}, {"person": "mallory"}),
            "mallory would sign pilot as sales",
        ),
        (sales({"person": "mallory", "keys": [{"key": ONE}]}), "does not choose who releases it"),
        (
            lambda d: phase_of(d, "pilot")["sign_off"].update(four_eyes=False),
            "leave `four_eyes`",
        ),
        (lambda d: d.update(author=None), "leave `author`"),
        (lambda d: d.update(author="cho"), "leave `author`"),
    ],
)
def test_whoever_drives_a_phase_does_not_choose_who_releases_it(edit: Edit, said: str) -> None:
    bench = signing(author="fritz")
    assert said in refused(bench, edit)
    assert allowed(before_it_has_begun(), edit)


def before_it_has_begun() -> Bench:
    bench = Bench(with_keys(author="fritz"))
    bench.go(until=lambda: bench.stage() == "ready")
    return bench


@pytest.mark.parametrize(
    "edit",
    [
        sales({"person": "cho", "keys": [{"key": ONE, "revoked": True, "reason": "lost"}]}),
        sales({"person": "cho", "keys": [{"key": ONE, "valid_until": "2026-02-01T00:00:00Z"}]}),
        sales({"person": "cho"}),
        lambda d: d["roles"].update(project_lead=[{"person": "ann"}]),
        lambda d: d["roles"].update(engineer=[{"person": "zoe"}]),
    ],
)
def test_a_key_or_a_person_can_be_taken_away_at_any_time(edit: Edit) -> None:
    assert allowed(signing(), edit)


def test_a_revoked_key_does_not_come_back_under_a_phase_that_has_begun() -> None:
    revoked = sales({"person": "cho", "keys": [{"key": ONE, "revoked": True}]})
    bench = taken(signing(), revoked)
    reason = refused(bench, sales({"person": "cho", "keys": [{"key": ONE}]}))
    assert "a key may be revoked now, not added" in reason


# ── what lies outside the log ────────────────────────────────────────────────────────────────────


def test_the_way_back_is_not_taken_away_while_it_may_be_needed() -> None:
    edit: Edit = lambda d: d.update(rollback=None)  # noqa: E731
    assert "needs a `rollback:` section" in refused(resting(), edit)
    assert allowed(bench_in("ready"), edit)


def syncing(**answers: Any) -> Bench:
    """A sync was run; `stop_a` and `back` are its way back."""
    bench = Bench(
        plan(
            phase(
                "pilot", step("run_sync", "sync", sync="a"), step("wait", "rest", **{"for": "1h"})
            ),
            connections={"census": {"uses": "census", "region": "us", "token": "${env:T}"}},
        )
    )
    bench.scripted.answers = answers
    bench.go(until=lambda: bench.state.step("pilot", 1, "rest") is not None)
    return bench


def test_a_sync_that_was_run_is_the_one_that_would_be_undone() -> None:
    bench = syncing()
    for edit in (
        lambda d: d["syncs"]["a"].update(id=9),
        lambda d: d["syncs"]["a"].update(user="somebody"),
        lambda d: d["syncs"].pop("a"),
    ):
        assert "sync a was used by sync" in refused(bench, edit)
    assert allowed(bench, lambda d: d["syncs"]["a"].update(title="Sync A"))


def test_a_connection_leads_to_the_same_place_while_something_may_be_undone() -> None:
    bench = syncing()
    reason = refused(bench, lambda d: d["connections"]["census"].update(region="eu"))
    assert "leads elsewhere" in reason
    assert "leads elsewhere" in refused(bench, lambda d: d["connections"].pop("census"))
    assert allowed(bench, lambda d: d["connections"]["census"].update(token="${env:OTHER}"))


def test_what_an_unsettled_effect_was_sent_through_stays_as_it_is() -> None:
    bench = Bench(
        rest_of(three_phases(), lambda d: step_of(d, "poke")["inputs"].update(idempotent=False))
    )
    bench.poke.answers, bench.poke.found = [Unknown("lost")], [NotFound("none")]
    bench.go(
        until=lambda: POKE in bench.state.effects and bench.state.effects[POKE].how == "needs_human"
    )
    reason = refused(bench, lambda d: d["connections"]["census"].update(token="${env:OTHER}"))
    assert f"nobody knows yet what became of {POKE}" in reason
    assert "settle it" in reason
    assert allowed(bench, lambda d: d.update(title="Renamed"))
    bench.say("settle", POKE, run_id=8)
    assert allowed(bench, lambda d: d["connections"]["census"].update(token="${env:OTHER}"))


def rollback_failed() -> Bench:
    bench = resting(back_ok=0)
    bench.say("roll_back")
    bench.go(until=lambda: bench.stage() == "rollback_failed")
    return bench


def test_a_rollback_that_failed_goes_on_from_where_it_is() -> None:
    bench = rollback_failed()
    assert "leave `rollback.user`" in refused(bench, lambda d: d["rollback"].update(user="x"))
    first = refused(bench, lambda d: d["rollback"]["steps"].clear())
    assert "the rollback goes on from there" in first


def test_the_proof_of_a_failed_rollback_may_be_corrected() -> None:
    bench = rollback_failed()
    bench.adopt(rest_of(bench.plan, lambda d: d["gates"]["back"]["checks"][0].update(go=">= 0")))
    bench.tick()
    bench.say("roll_back")
    bench.go(until=lambda: bench.stage() == "rolled_back")
    assert bench.stage() == "rolled_back"
    assert len(bench.payloads(PlanAdopted)) == 1
