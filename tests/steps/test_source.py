from __future__ import annotations

import pytest
import sqlglot
from fakes import column
from hypothesis import given
from hypothesis import strategies as st
from small_plans import Bench, gate, phase, plan, step

from rollout.domain.events import EffectIntended, StepFailed, StepUndone
from rollout.steps.source import narrow

VIEW = "crm.queue"
ORIGINAL = "SELECT id, n FROM crm.things"
CANDIDATES = "SELECT id FROM crm.queue WHERE NOT id IS NULL"


def restricting(*script: str) -> Bench:
    """pilot: choose two keys, restrict the view; full: take the restriction off."""
    cohort = {
        "from": "crm.queue",
        "key": "id",
        "seed": 1,
        "strata": [{"name": "any", "count": 2}],
    }
    bench = Bench(
        plan(
            phase(
                "pilot",
                step("select_cohort", "chosen", **cohort),
                step("restrict_source", "narrowed", view=VIEW, to="chosen", key="id"),
                exit=["out"],
            ),
            phase(
                "full", step("restore_source", "widened", restricted_by="narrowed"), exit=["out"]
            ),
            gates=[gate("out")],
        )
    )
    bench.warehouse.views[VIEW] = ORIGINAL
    bench.warehouse.answers[CANDIDATES] = column("id", *"abcdefgh")
    bench.warehouse.script.extend(script)
    return bench


def keys(bench: Bench) -> list[str]:
    newest = [s for s in bench.state.steps.values() if s.step == "chosen" and s.outputs][-1]
    found: list[str] = bench.kept(newest.outputs["evidence"])["keys"]
    return found


def test_a_view_is_narrowed_to_the_cohort_and_the_original_is_kept() -> None:
    bench = restricting()
    bench.go(lambda: bench.stage("pilot") == "passed")
    assert bench.warehouse.views[VIEW] == narrow(ORIGINAL, "id", keys(bench))
    kept = bench.state.steps["pilot/1/narrowed"]
    assert kept.outputs["rows"] == 2
    assert bench.kept(kept.outputs["evidence"]) == {"view": VIEW, "select": ORIGINAL}


def test_a_later_phase_gives_the_view_its_original_back() -> None:
    bench = restricting()
    bench.go()
    assert bench.state.outcome == "completed"
    assert bench.warehouse.views[VIEW] == ORIGINAL


def test_a_rollback_gives_the_view_its_original_back() -> None:
    bench = restricting()
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    assert bench.warehouse.views[VIEW] != ORIGINAL
    bench.say("roll_back")
    bench.go(lambda: bench.stage() == "rolled_back")
    assert bench.warehouse.views[VIEW] == ORIGINAL


def test_a_rollback_from_the_later_phase_leaves_the_original_in_place() -> None:
    bench = restricting()
    bench.scripted.answers = {"out_ok": [1, 0]}
    bench.go()
    assert bench.stage("full") == "held"
    bench.say("roll_back")
    bench.go(lambda: bench.stage() == "rolled_back")
    assert bench.warehouse.views[VIEW] == ORIGINAL


def test_a_view_that_was_never_read_is_not_replaced_on_the_way_back() -> None:
    bench = restricting()
    bench.tick()
    bench.say("proceed")
    del bench.warehouse.views[VIEW]
    bench.tick()
    bench.say("roll_back")
    bench.go(lambda: bench.stage() == "rolled_back")
    assert bench.warehouse.executed == []


def test_a_second_attempt_narrows_the_original_not_the_narrowed_view() -> None:
    bench = restricting()
    bench.scripted.answers = {"out_ok": [0, 1]}
    bench.go()
    first = keys(bench)
    bench.say("retry")
    bench.go(lambda: bench.stage("pilot") == "passed")
    assert not set(first) & set(keys(bench))
    assert bench.warehouse.views[VIEW] == narrow(ORIGINAL, "id", keys(bench))
    bench.go()
    assert bench.warehouse.views[VIEW] == ORIGINAL


def test_undoing_two_attempts_ends_with_the_original() -> None:
    bench = restricting()
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    bench.say("retry")
    bench.go()
    bench.say("roll_back")
    bench.go(lambda: bench.stage() == "rolled_back")
    assert bench.warehouse.views[VIEW] == ORIGINAL


@pytest.mark.parametrize("script", ["lost", "lost_before", "no"])
def test_a_replacement_whose_answer_was_lost_is_sent_again(script: str) -> None:
    bench = restricting(script)
    bench.go()
    assert bench.state.outcome == "completed"
    assert bench.warehouse.views[VIEW] == ORIGINAL
    assert len(bench.warehouse.executed) == 3
    assert len(bench.payloads(EffectIntended)) == 2


def test_a_refused_replacement_fails_the_step() -> None:
    bench = restricting("refused")
    bench.go()
    (failed,) = bench.payloads(StepFailed)
    assert f"{VIEW} could not be replaced: PARSE_SYNTAX_ERROR" in failed.reason


def test_a_restriction_that_nobody_finished_asks_for_a_rollback_first() -> None:
    bench = restricting()
    bench.warehouse.views[VIEW] = narrow(ORIGINAL, "id", ["x"])
    bench.go()
    (failed,) = bench.payloads(StepFailed)
    assert "still restricted by an attempt that did not finish: roll back first" in failed.reason


def test_a_view_that_is_not_there_is_asked_for_again() -> None:
    bench = restricting()
    del bench.warehouse.views[VIEW]
    bench.tick()
    bench.say("proceed")
    assert "asked again in a minute" in bench.tick().why


def test_a_person_may_say_that_the_view_was_replaced() -> None:
    bench = restricting(*["lost_before"] * 20)
    wake = bench.go()
    (need,) = wake.needs
    bench.warehouse.views[VIEW] = "SELECT by hand"
    bench.warehouse.script.clear()
    bench.say("settle", need.subject, run_id=1)
    bench.go(lambda: bench.stage("pilot") == "passed")
    assert bench.stage("pilot") == "passed"


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_no_key_can_leave_its_quotes(listed: list[str]) -> None:
    statement = sqlglot.parse_one(narrow(ORIGINAL, "id", listed), read="databricks")
    where = statement.find(sqlglot.exp.In)
    assert where is not None
    assert [e.this for e in where.expressions] == listed
    assert len(sqlglot.parse(statement.sql("databricks"), read="databricks")) == 1


def test_a_view_that_has_its_definition_already_is_not_written_again() -> None:
    bench = restricting()
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    bench.warehouse.views[VIEW] = ORIGINAL  # as a restore_source step leaves it
    written = len(bench.warehouse.executed)
    bench.say("roll_back")
    bench.go(lambda: bench.stage() == "rolled_back")
    assert len(bench.warehouse.executed) == written


def test_what_somebody_had_put_in_the_views_place_is_kept() -> None:
    bench = restricting()
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    bench.warehouse.views[VIEW] = "SELECT 'a correction'"
    bench.say("roll_back")
    bench.go(lambda: bench.stage() == "rolled_back")
    assert bench.warehouse.views[VIEW] == ORIGINAL
    kept = [
        p.outputs["overwritten"] for p in bench.payloads(StepUndone) if "overwritten" in p.outputs
    ]
    assert bench.kept(kept[0]) == {"view": VIEW, "select": "SELECT 'a correction'"}
