"""Whatever people say, in whatever order, between whatever ticks: the engine stays sound.

A state machine of Hypothesis over one small plan on fakes. The model knows little: who decided
what, how many triggers were allowed, and what each command may do at all.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from fakes import CENSUS_USER, FakeRun
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from small_plans import NAME, PEOPLE, Bench, attest, check, gate, phase, plan, step

from rollout.domain.command import LEAD, Refusal
from rollout.domain.events import DecisionMade, EffectIntended, EffectResolved, StageChanged
from rollout.domain.plan import Plan, SignOffRule
from rollout.domain.snapshot import decode_state, encode_state
from rollout.view.choices import choices
from rollout.view.plan_words import plan_words

COMMANDS = (
    *("proceed", "hold", "resume", "retry", "restart", "roll_back", "abort", "end"),
    *("waive", "attest", "sign", "settle", "close_finding"),
)
MOVES = {"proceed", "hold", "resume", "retry", "restart", "roll_back"}
ENDS = {"abort": "aborted", "end": "rolled_back"}
STAGES_OF = {
    "proceed": {"ready"},
    "hold": {"entry_gate", "ready", "running", "exit_gate", "sign_off"},
    "resume": {"held"},
    "retry": {"held", "rolled_back"},
    "restart": {"held", "rolled_back"},
    "roll_back": {
        *("entry_gate", "ready", "running", "exit_gate", "sign_off", "held", "rollback_failed")
    },
    "abort": {"entry_gate", "ready", "exit_gate", "sign_off", "held", "rollback_failed"},
    "end": {"rolled_back"},
    "sign": {"sign_off"},
}
"""Where each may be accepted at all, as a lead would recite it."""

SUBJECTS = ("", "pilot", "full", "in_ok", "told", "out_ok", "out", "back_rows", "nothing")
BASELINE = {"target": "Thing__c", "key": "Key__c", "fields": ["Name"]}
ANSWERS = st.sampled_from([1, 1, 1, 0, None, float("nan"), ValueError("broken")])


def small() -> Plan:
    back = check(
        "back_rows",
        kind="baseline",
        go=None,
        inputs={"steps": ["base"], "target": "Thing__c", "users": [CENSUS_USER, "005TOOL"]},
    )
    return plan(
        phase(
            "pilot",
            step("set_schedule", "manual", sync="a", frequency="never"),
            step("capture_baseline", "base", **BASELINE),
            step("run_sync", "run", sync="a", baseline="base"),
            entry=["in"],
            exit=["out"],
            sign_off=SignOffRule(roles=[LEAD, "sales"], expires=timedelta(hours=5)),
        ),
        phase(
            "full",
            step("capture_baseline", "base_full", **BASELINE),
            step("run_sync", "run_full", sync="a", baseline="base_full"),
            exit=["out"],
            on_no_go="rollback",
        ),
        gates=[gate("in", check("in_ok"), attest("told")), gate("out"), gate("back", back)],
    )


class Commands(RuleBasedStateMachine):
    """Ticks, time, services with moods, and people."""

    @initialize()
    def begin(self) -> None:
        self.bench = Bench(small())
        self.words = plan_words(self.bench.plan.model_dump(mode="json", by_alias=True))
        self.before = {k: f"old {k}" for k in ("k0", "k1", "k2")}
        for key, name in self.before.items():
            self.bench.salesforce.put(key, Name=name)
        self.bench.clock.pass_(minutes=1)
        self.bench.census.on_run = self._writes
        self.outcome = ""
        self.allowed: Counter[str] = Counter()

    def _writes(self, run: FakeRun) -> None:
        for key in ("k1", "k2", "k3"):
            self.bench.salesforce.put(key, CENSUS_USER, Name=f"run {run.id}")

    @property
    def stage(self) -> str:
        found = self.bench.state.current_phase()
        return found.stage if found else "ended"

    # what happens --------------------------------------------------------------------

    @rule()
    def tick(self) -> None:
        wake = self.bench.tick()
        assert wake.ended == bool(self.bench.state.outcome)
        assert wake.ended or wake.at is not None or wake.needs, wake
        assert wake.why

    @rule(minutes=st.sampled_from([0.5, 3.0, 6.0, 70.0, 400.0]))
    def time_passes(self, minutes: float) -> None:
        self.bench.pass_(minutes=minutes)

    @rule()
    def a_new_controller_takes_over(self) -> None:
        known = self.bench.state
        assert self.bench.controller().state == known

    @rule(mood=st.sampled_from(["yes", "no", "refused", "lost", "lost_before", "raised"]))
    def the_next_trigger_meets(self, mood: str) -> None:
        self.bench.census.script.append(mood)

    @rule(mood=st.sampled_from(["yes", "lost", "lost_before", "no", "refused"]))
    def the_next_setting_meets(self, mood: str) -> None:
        self.bench.census.settings.append(mood)

    @rule(mood=st.sampled_from(["yes", "unknown", "lost", "no", "refused"]))
    def the_next_change_of_rows_meets(self, mood: str) -> None:
        self.bench.salesforce.script.append(mood)

    @rule(ends=st.sampled_from(["completed", "completed", "failed", "skipped", "canceled"]))
    def the_next_run_ends(self, ends: str) -> None:
        self.bench.census.next_run = {"ends": ends}

    @rule(name=st.sampled_from(["in_ok", "out_ok"]), answer=ANSWERS)
    def a_check_answers(self, name: str, answer: Any) -> None:
        self.bench.scripted.answers[name] = answer

    @rule(down=st.booleans())
    def census_is_down_or_up(self, down: bool) -> None:
        self.bench.census.down = down

    # what people say -----------------------------------------------------------------

    @rule(
        name=st.sampled_from(COMMANDS),
        subject=st.sampled_from(SUBJECTS),
        role=st.sampled_from([LEAD, LEAD, "engineer", "sales", "intern"]),
        by=st.sampled_from(["ann", "bea", "ben", "cho", "eve"]),
        answer=st.booleans(),
        ago=st.sampled_from([0, 0, 0, 1, 5]),
    )
    def somebody_says(
        self, name: str, subject: str, role: str, by: str, answer: bool, ago: int
    ) -> None:
        if name == "settle":
            subject = next(iter(self._waiting()), subject)
        seen = max(self.bench.state.seq - ago, 0)
        events = self.bench.events()
        head = events[seen - 1].hash if seen else ""
        self._say(name, subject, role=role, by=by, answer=answer, seen_seq=seen, seen_head=head)

    @precondition(lambda self: not self.bench.state.outcome)
    @rule(data=st.data())
    def somebody_does_what_is_offered(self, data: st.DataObject) -> None:
        """What a screen offers is accepted, from whoever may say it, or refused with what to do."""
        # A changed plan comes by its own door, with a file.
        offered = [c for c in choices(self.bench.state, self.words) if c.action != "adopt_plan"]
        if not offered:
            return
        chosen = data.draw(st.sampled_from(offered))
        role = data.draw(st.sampled_from(chosen.roles))
        subject = chosen.subject if chosen.action not in MOVES | set(ENDS) else ""
        subject = chosen.subject if chosen.action == "restart" else subject
        unused = [p for p in PEOPLE[role] if p not in self._signers()]
        by = (unused or PEOPLE[role])[0]
        refused = self._say(chosen.action, subject, role=role, by=by, file_sha256="f" * 64)
        if refused is not None:
            excused = ("settle it first", "is not known yet", "restart from", "a second person")
            assert any(word in refused for word in excused), (chosen, refused)

    def _signers(self) -> set[str]:
        phase_ = self.bench.state.current_phase()
        assert phase_ is not None
        now = (phase_.id, phase_.attempt)
        return {s.by for s in self.bench.state.signatures if (s.phase, s.attempt) == now}

    def _waiting(self) -> list[str]:
        return [e.effect for e in self.bench.state.effects.values() if e.how == "needs_human"]

    def _say(self, name: str, subject: str, **said: Any) -> str | None:
        """The reason of a refusal. An accepted command is one the model allows too."""
        before, stage = self.bench.state, self.stage
        seq, phase_ = before.seq, before.current_phase()
        since = phase_.since_seq if phase_ else 0
        attempts = {p.id: p.attempt for p in before.phases.values()}
        command = self.bench.command(name, subject, **said)
        outcome = self.bench.now.submit(command)
        new = self.bench.events()[seq:]
        if isinstance(outcome, Refusal):
            assert new == []
            assert outcome.reason
            return outcome.reason
        assert new
        assert {e.actor for e in new} == {command.by}
        assert command.by in PEOPLE[command.role]
        assert command.seen_seq >= since
        assert not self.outcome
        assert stage in STAGES_OF.get(name, {stage})
        if name not in {"attest", "sign", "waive", "close_finding"}:
            assert command.role == LEAD
        self._moved(name, [e.payload for e in new], attempts)
        return None

    def _moved(self, name: str, new: list[Any], attempts: dict[str, int]) -> None:
        moves = [p for p in new if isinstance(p, StageChanged)]
        assert len(moves) == (name in MOVES)
        for move in moves:
            again = move.target == "pending"
            assert again == (name in {"retry", "restart"})
            assert move.attempt == attempts[move.phase] + again
        if name in ENDS:
            self.outcome = ENDS[name]
        for p in new:
            if isinstance(p, EffectResolved) and p.how == "never_sent":
                self.allowed[p.effect.rpartition("/")[0]] += 1

    # what always holds ---------------------------------------------------------------

    @invariant()
    def the_state_is_a_fold_of_the_log(self) -> None:
        if not hasattr(self, "bench"):
            return
        folded = self.bench.folded()
        assert self.bench.state == folded
        assert decode_state(encode_state(folded)) == folded

    @invariant()
    def no_trigger_is_sent_twice(self) -> None:
        if not hasattr(self, "bench"):
            return
        intents = [p for p in self.bench.payloads(EffectIntended) if p.action == "trigger"]
        each = Counter(p.effect.rpartition("/")[0] for p in intents)
        assert len({p.effect for p in intents}) == len(intents)
        for name, count in each.items():
            assert count <= 1 + self.allowed[name]
        api = [r for r in self.bench.census.listed if r.trigger == "Api"]
        assert len(api) <= len(intents)

    @invariant()
    def an_end_is_an_end(self) -> None:
        if not hasattr(self, "bench"):
            return
        outcome = self.bench.state.outcome
        if self.outcome:
            assert outcome == self.outcome
        self.outcome = outcome

    @invariant()
    def a_proven_rollback_left_nothing(self) -> None:
        if not hasattr(self, "bench"):
            return
        state = self.bench.state
        if self.stage != "rolled_back" or not state.rollback or not state.rollback["verified"]:
            return
        if any(d.decision == "waive" for d in state.decisions):
            return
        assert self.bench.census.paused
        current = state.current_phase()
        assert current is not None
        if not current.undo_from or current.undo_from == "pilot":
            assert self.bench.salesforce.values("Name") == self.before

    @invariant()
    def nothing_passes_without_its_signatures(self) -> None:
        if not hasattr(self, "bench"):
            return
        pilot = self.bench.state.phases["pilot"]
        if pilot.stage != "passed":
            return
        now = ("pilot", pilot.attempt)
        given = [
            s for s in self.bench.state.signatures if s.approve and (s.phase, s.attempt) == now
        ]
        assert {s.role for s in given} >= {LEAD, "sales"}
        assert len({s.by for s in given}) >= 2
        proceeded = [
            d
            for d in self.bench.payloads(DecisionMade)
            if d.decision == "proceed" and (d.phase, d.attempt) == now
        ]
        assert len(proceeded) == 1

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            assert [e.rollout for e in self.bench.events()][:1] == [NAME]


QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def test_no_order_of_commands_breaks_the_rules() -> None:
    short = settings(
        max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=QUIET
    )
    run_state_machine_as_test(Commands, settings=short)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_long_order_of_commands_breaks_the_rules() -> None:
    long = settings(
        max_examples=400, stateful_step_count=60, deadline=None, suppress_health_check=QUIET
    )
    run_state_machine_as_test(Commands, settings=long)
