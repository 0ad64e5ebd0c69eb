from __future__ import annotations

from typing import Any

import pytest
from fakes import START, SYNC, column
from small_plans import Bench, attest, check, gate, phase, plan, step

from rollout.engine.facts import LogFacts, lookup, newest_step

SQL = "SELECT COUNT(*) AS n FROM t"


def observed() -> Bench:
    """Two attempts of a snapshot that counts its rows, and one later phase."""
    bench = Bench(
        plan(
            phase("pilot", step("snapshot", "before", metrics={"n": {"sql": SQL}}), exit=["out"]),
            phase("full", step("run_sync", "sync", sync="a"), entry=["told"]),
            gates=[gate("out", check("c")), gate("told", attest("said"))],
        )
    )
    counted = iter(range(1, 10))
    bench.warehouse.answers[SQL] = lambda: column("n", next(counted))
    bench.scripted.answers = {"c": [0, 1]}
    bench.go()
    bench.say("retry")
    bench.go()
    return bench


def first(found: LogFacts, *names: str) -> object:
    """What was counted first, None when nothing was."""
    documents = list(found.evidence_of_steps(names))
    return documents[0]["metrics"] if documents else None


def facts(bench: Bench, phase_id: str = "full", **changes: Any) -> LogFacts:
    return LogFacts(bench.state, bench.evidence, phase_id, 1, **changes)


def test_a_step_is_known_by_its_newest_attempt_or_as_an_older_step_knew_it() -> None:
    bench = observed()
    assert facts(bench).evidence_of_step("before")["metrics"] == {"n": 2}
    assert first(facts(bench), "before") == {"n": 1}
    second = bench.state.step("pilot", 2, "before")
    assert facts(bench, before=second).evidence_of_step("before")["metrics"] == {"n": 1}
    oldest = bench.state.step("pilot", 1, "before")
    with pytest.raises(KeyError, match="has stored no document yet"):
        facts(bench, before=oldest).evidence_of_step("before")


@pytest.mark.parametrize("name", ["nothing", "sync"])
def test_a_step_without_a_document_is_a_key_error(name: str) -> None:
    bench = observed()
    if name == "nothing":
        with pytest.raises(KeyError, match="'nothing' has stored no document yet"):
            facts(bench).evidence_of_step(name)
        assert first(facts(bench), name) is None
    else:
        assert facts(bench).evidence_of_step(name)["run"]["status"] == "completed"


def test_what_a_proven_rollback_took_back_is_no_first_evidence_any_more() -> None:
    bench = observed()
    bench = Bench(bench.plan)
    bench.warehouse.answers[SQL] = column("n", 5)
    bench.scripted.answers = {"c": 0}
    bench.go()
    assert first(facts(bench, "pilot"), "before") == {"n": 5}
    bench.say("roll_back")
    bench.go(lambda: bench.stage() == "rolled_back")
    assert first(facts(bench, "pilot"), "before") is None


def test_during_a_rollback_only_the_phases_it_undoes_count() -> None:
    bench = Bench(
        plan(
            phase("pilot", step("snapshot", "one", metrics={"n": {"sql": SQL}})),
            phase("full", step("snapshot", "two", metrics={"n": {"sql": SQL}}), exit=["out"]),
            gates=[gate("out"), gate("back", check("b"))],
        )
    )
    bench.warehouse.answers[SQL] = column("n", 5)
    seen: list[object] = []

    def ask(context: Any) -> int:
        seen.extend(first(context.facts, name) for name in ("one", "two"))
        return 1

    bench.scripted.answers = {"out_ok": 0, "b": ask}
    bench.go()
    bench.say("roll_back", "full")
    bench.tick()
    assert seen == [None, {"n": 5}]


def test_documents_after_a_step_are_those_of_later_steps_and_attempts() -> None:
    bench = observed()
    made = [d["metrics"] for d in facts(bench).evidence_of_steps(["before"])]
    assert made == [{"n": 1}, {"n": 2}]
    second = bench.state.step("pilot", 2, "before")
    older = facts(bench, before=second).evidence_of_steps(["before"], after="before")
    assert [d["metrics"] for d in older] == [{"n": 2}]
    assert list(facts(bench).evidence_of_steps(["before"], after="before")) == []


def test_a_scope_that_is_only_thought_of_counts_as_its_rollback_would() -> None:
    bench = observed()
    assert first(facts(bench, scope="full"), "before") is None
    assert first(facts(bench, scope=""), "before") == {"n": 1}


def test_runs_that_were_triggered_are_known_also_without_being_watched() -> None:
    bench = observed()
    assert facts(bench).triggered(SYNC) == {r.run_id for r in facts(bench).runs("a")}
    assert facts(bench).triggered(SYNC + 1) == set()
    assert facts(bench).began_at() == bench.state.created_at


def test_a_confirmation_counts_for_its_phase_and_attempt_the_newest_first() -> None:
    bench = observed()
    found = facts(bench).confirmation("said")
    assert found is not None
    assert (found.by, found.answer, found.at) == ("ben", True, START)
    assert facts(bench, "pilot").confirmation("said") is None
    assert LogFacts(bench.state, bench.evidence, "full", 2).confirmation("said") is None


def test_runs_findings_and_history_are_told_as_the_log_has_them() -> None:
    bench = observed()
    (run,) = facts(bench).runs("a")
    assert (run.ours, run.status, run.phase) == (True, "completed", "full")
    assert facts(bench).runs("b") == []
    (finding,) = facts(bench).findings()
    assert (finding.check, finding.state) == ("c", "resolved")
    assert [m.observed for m in facts(bench).history("c")] == [{"value": 0}, {"value": 1}]
    assert facts(bench).history("nothing") == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("steps.before.n", 2),
        ("snapshots.before.n", 2),
        ("phase.attempt", 1),
        ("phase.started_at", "2026-01-06T18:00:00Z"),
        ("phase.entered_at", "2026-01-06T18:00:00Z"),
        ("env.profile", "rehearsal"),
    ],
)
def test_references_are_answered_from_the_log(path: str, value: object) -> None:
    assert lookup(observed().state, "full")(path) == value


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("steps.nothing.n", "step 'nothing' has not completed"),
        ("steps.before.m", "gave no 'm'; it gave evidence, n"),
        ("phase.ended_at", "has no 'ended_at' yet"),
        ("params.x", "nothing is known as 'params.x'"),
        ("env.TOKEN", "nothing is known as 'env.TOKEN'"),
        ("steps", "step '' has not completed"),
    ],
)
def test_a_reference_to_nothing_says_what_is_missing(path: str, why: str) -> None:
    with pytest.raises(KeyError, match=why):
        lookup(observed().state, "full")(path)


def test_parameters_of_the_plan_are_answered() -> None:
    bench = observed()
    bench.state.params["most"] = 50
    assert lookup(bench.now.state, "full")("params.most") == 50


@pytest.mark.parametrize("text", ["x' OR '1'='1", "a b", "a;b", "a\nb"])
def test_free_text_cannot_enter_a_query_by_reference(text: str) -> None:
    bench = observed()
    found = newest_step(bench.state, "before")
    assert found is not None
    found.outputs["n"] = text
    with pytest.raises(KeyError, match="free text"):
        lookup(bench.state, "full")("steps.before.n")


def test_phases_that_have_not_begun_have_no_times() -> None:
    bench = Bench(plan(phase("pilot"), phase("full")))
    with pytest.raises(KeyError, match="phase full has no 'started_at' yet"):
        lookup(bench.state, "full")("phase.started_at")
