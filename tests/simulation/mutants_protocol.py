"""Mistakes in the effect protocol and in the adapter below it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rollout.adapters import census_documents
from rollout.adapters.census import CensusSyncService
from rollout.adapters.http import HttpClient, Request, Sent
from rollout.domain import decide, people
from rollout.domain.command import Case
from rollout.domain.effects import No, Unknown, Yes
from rollout.engine import effects
from rollout.engine.effects import EffectRunner
from rollout.engine.steps import StepRunner
from rollout.engine.wake import Wake
from rollout.kinds import Found, NotFound
from rollout.ports import SyncRun
from rollout.steps import run_sync
from rollout.steps.run_record import known_as
from rollout.steps.run_sync import RunSync

from .mutants import Patch, mutant


def _answered(word: str) -> Any:
    """send_effect, with an unknown answer that holds `word` taken for a no."""
    real = HttpClient.send_effect

    def send_effect(self: HttpClient, request: Any) -> Any:
        answer = real(self, request)
        if isinstance(answer, Unknown) and word in answer.reason:
            return No(answer.reason, 5.0)
        return answer

    return send_effect


@mutant("a 5xx answer counts as refused, so it is sent again", "status_500_after")
def resend_on_5xx() -> Iterable[Patch]:
    yield HttpClient, "send_effect", _answered("answered 5")


@mutant("a time-out counts as refused, so it is sent again", "lost_answer")
def resend_on_time_out() -> Iterable[Patch]:
    yield HttpClient, "send_effect", _answered("no whole answer")


@mutant("an unreadable answer counts as refused, so it is sent again", "garbled")
def resend_on_garbage() -> Iterable[Patch]:
    yield HttpClient, "send_effect", _answered("answered 200 with")


@mutant("a new controller sends an open intent again", "kill_at_port")
def recovery_sends_again() -> Iterable[Patch]:
    yield EffectRunner, "settle", EffectRunner._send_again


@mutant("an intent without an answer does not stop the next one", "kill_at_port")
def no_unique_intent() -> Iterable[Patch]:
    real = StepRunner._open_effect

    def open_effect(self: StepRunner, going: Any) -> Any:
        found = real(self, going)
        return None if found is not None and found.how is None and not found.answer else found

    yield StepRunner, "_open_effect", open_effect


@mutant("what is not found by the look-up is sent again", "lost_request")
def look_up_then_send_again() -> Iterable[Patch]:
    real = EffectRunner._look_up

    def look_up(self: EffectRunner, state: Any, kind: Any, inputs: Any, context: Any) -> Any:
        found = kind.look_up(effects._as_effect(state), inputs, context)
        if isinstance(found, NotFound) and found.look_again_at is None:
            return real(self, state, kind, inputs, context)
        if isinstance(found, NotFound) and found.look_again_at <= self.clock.now():  # type: ignore[operator]
            return self._send_again(state, kind, inputs, context)
        return real(self, state, kind, inputs, context)

    yield EffectRunner, "_look_up", look_up


def _looking(change: str) -> Any:
    """look_up of a run, with one of its filters gone."""

    def look_up(self: RunSync, effect: Any, inputs: Any, context: Any) -> Found | NotFound:
        spec = context.plan.syncs[inputs.sync]
        service = context.connections.sync_service(spec.on)
        bound = context.facts.triggered(spec.id)
        above = 0 if change == "watermark" else effect.watermark or 0
        runs = service.runs(spec.id, above=above)
        ours = [
            r
            for r in runs
            if (run_sync._is_api(r) or change == "reason")
            and (r.id not in bound or change == "bound")
        ]
        if len(ours) == 1 or (ours and change == "several"):
            return Found(ours[0].id, "mutated")
        return NotFound("mutated", effect.intended_at + run_sync.SETTLE)

    return look_up


@mutant("the look-up ignores the watermark", "lost_request")
def watermark_ignored() -> Iterable[Patch]:
    yield RunSync, "look_up", _looking("watermark")


@mutant("the look-up takes runs by the schedule for ours", "lost_request", "foreign_schedule")
def no_trigger_reason_filter() -> Iterable[Patch]:
    yield RunSync, "look_up", _looking("reason")


@mutant("of several candidates the newest is adopted", "lost_request")
def several_candidates_adopted() -> Iterable[Patch]:
    yield RunSync, "look_up", _looking("several")


@mutant("an old answer to a trigger is believed", "old_trigger_answer")
def old_answer_believed() -> Iterable[Patch]:
    yield run_sync, "_believed", lambda answer, effect, bound: answer


@mutant("the request leaves before its intent is committed")
def sent_before_the_intent() -> Iterable[Patch]:
    real = EffectRunner.intend

    def intend(
        self: EffectRunner, effect: Any, name: str, kind: Any, inputs: Any, context: Any
    ) -> Any:
        if self._closed(effect, context) is None:
            kind.perform(effect, inputs, context)
        return real(self, effect, name, kind, inputs, context)

    yield EffectRunner, "intend", intend


@mutant("a second send is not announced in the log", "status_429")
def second_send_unannounced() -> Iterable[Patch]:
    def send_again(self: EffectRunner, state: Any, kind: Any, inputs: Any, context: Any) -> Any:
        if state.retry_at is not None and self.clock.now() < state.retry_at:
            return Wake(state.retry_at, "mutated")
        self._send(state.effect, effects._as_effect(state), kind, inputs, context)
        return None

    yield EffectRunner, "_send_again", send_again


@mutant("Retry-After is ignored", "status_429")
def retry_after_ignored() -> Iterable[Patch]:
    yield effects, "_bounded", lambda wait_s: 0.0


@mutant("refused requests are sent for ever", "setting_ignored")
def sends_without_end() -> Iterable[Patch]:
    yield effects, "MAX_SENDS", 10**6


@mutant("a phase is tried again while a request may still land", "late_request", "whim")
def retry_while_unsettled() -> Iterable[Patch]:
    yield decide, "_unsettled", lambda case: None


@mutant("a person may settle what is resolved already", "whim")
def resolved_twice() -> Iterable[Patch]:
    real = people.settle

    def settle(case: Case) -> Any:
        effect = case.state.effects.get(case.command.subject)
        if effect is not None and effect.how is not None:
            how = effect.how
            effect.how = "needs_human"
            outcome = real(case)
            effect.how = how
            return outcome
        return real(case)

    yield people, "settle", settle
    yield decide, "_RULES", {**decide._RULES, "settle": settle}


@mutant("a person may bind a run that belongs to another request", "lost_request")
def settled_with_a_taken_run() -> Iterable[Patch]:
    yield people, "_not_our_run", lambda case, effect, run_id: None


@mutant("a setting counts as made without reading it back", "setting_ignored")
def setting_not_read_back() -> Iterable[Patch]:
    real = CensusSyncService._change

    def change(self: CensusSyncService, sync_id: int, patch: Any, word: str, holds: Any) -> Any:
        sent = self._client.send_effect(Request("PATCH", f"/syncs/{sync_id:d}", json=patch))
        return (
            Yes(None, word) if isinstance(sent, Sent) else real(self, sync_id, patch, word, holds)
        )

    yield CensusSyncService, "_change", change


@mutant("`completed` with `canceled: true` counts as completed", "run_canceled")
def canceled_flag_ignored() -> Iterable[Patch]:
    def status(fields: Any) -> str:
        return str(fields.text("status")).lower()

    yield census_documents, "_status", status


@mutant("a run that is over may go back to an earlier state", "run_goes_back")
def run_goes_back_in_the_log() -> Iterable[Patch]:
    def is_news(seen: Any, known: Any) -> bool:
        before = known_as(seen.run_id, known)
        return before is None or before.status != seen.status

    yield run_sync, "is_news", is_news


@mutant("a run that failed or was skipped counts as done", "run_fails")
def unfinished_run_is_done() -> Iterable[Patch]:
    real = run_sync._after

    def after(inputs: Any, spec: Any, service: Any, run: Any, context: Any) -> Any:
        done = SyncRun(
            id=run.id,
            sync_id=run.sync_id,
            status="completed",
            created_at=run.created_at,
            completed_at=context.now,
            processed=run.processed,
            accepted=run.accepted,
            failed=0,
        )
        return real(inputs, spec, service, done, context)

    yield run_sync, "_after", after


@mutant("what a run must come to is not looked at", "run_rejects")
def expectations_ignored() -> Iterable[Patch]:
    real = run_sync._after

    def after(inputs: Any, *given: Any) -> Any:
        return real(inputs.model_copy(update={"expect": {}}), *given)

    yield run_sync, "_after", after


@mutant("a run that goes wrong is not stopped", "run_slow")
def brake_ignored() -> Iterable[Patch]:
    yield run_sync, "_stop_reason", lambda inputs, run, now: None


@mutant("the window is not looked at", plans=("whole",))
def window_ignored() -> Iterable[Patch]:
    from rollout.engine import stages

    def open_now(window: Any, timezone: Any, holidays: Any, instant: Any) -> Any:
        return instant

    yield effects, "next_open", open_now
    yield stages, "next_open", open_now
