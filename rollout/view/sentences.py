"""Every kind of event in one sentence, for logs on screen and in reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rollout.domain import events as e
from rollout.domain.evidence import Scalar
from rollout.reports.wording import moment_in_words
from rollout.view.text import figure, figures, instant, plain


def sentence(payload: e.Payload) -> str:
    """What happened, in one line without control characters.

    >>> sentence(e.SoakStarted(phase="monitoring", attempt=1))
    'monitoring: the watch began'
    """
    return plain(_SAID[type(payload)](payload))


def _place(phase: str, attempt: int) -> str:
    return phase if attempt == 1 else f"{phase} (attempt {attempt})"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _gate(p: Any) -> str:
    again = f", round {p.round}" if p.round > 1 else ""
    return f"{_place(p.phase, p.attempt)}: gate {p.gate} {moment_in_words(p.moment)}{again}"


def _outputs(outputs: dict[str, Scalar]) -> str:
    shown = {k: v for k, v in outputs.items() if k not in {"evidence", "left"}}
    return f" ({figures(shown)})" if shown else ""


def _created(p: e.RolloutCreated) -> str:
    of = f", scenario {p.scenario}" if p.scenario else ""
    return f"rollout of plan {p.plan} ({p.plan_sha256[:12]}) began, profile {p.profile}{of}"


def _stage_changed(p: e.StageChanged) -> str:
    place = _place(p.phase, p.attempt)
    return f"{place}: {p.source} to {p.target} by {p.trigger}{_because(p.reason)}"


def _gate_opened(p: e.GateOpened) -> str:
    return f"{_gate(p)} opened with {len(p.checks)} check{'' if len(p.checks) == 1 else 's'}"


def _measured(p: e.Measured) -> str:
    return f"{_place(p.phase, p.attempt)}: {p.check} measured {p.verdict.value}{_because(p.reason)}"


def _concluded(p: e.CheckConcluded) -> str:
    return f"{_place(p.phase, p.attempt)}: {p.check} is {p.verdict.value}{_because(p.reason)}"


def _decided(p: e.GateDecided) -> str:
    why = _because("; ".join(p.reasons))
    return f"{_gate(p)} is {p.decision.value.replace('_', '-')}{why}"


def _step(what: str) -> Callable[[Any], str]:
    return lambda p: f"{_place(p.phase, p.attempt)}: step {p.step} {what}"


def _progressed(p: e.StepProgressed) -> str:
    doing = "is being undone" if p.undo else "goes on"
    noted = ", ".join(p.memory)
    return f"{_place(p.phase, p.attempt)}: step {p.step} {doing}{f' ({noted})' if noted else ''}"


def _completed(p: e.StepCompleted) -> str:
    return f"{_place(p.phase, p.attempt)}: step {p.step} completed{_outputs(p.outputs)}"


def _failed(p: e.StepFailed) -> str:
    what = "could not be undone" if p.undo else "failed"
    return f"{_place(p.phase, p.attempt)}: step {p.step} {what}{_because(p.reason)}"


def _undone(p: e.StepUndone) -> str:
    return f"{_place(p.phase, p.attempt)}: step {p.step} undone{_outputs(p.outputs)}"


def _troubled(p: e.StepTroubled) -> str:
    said = f"asks again and again{_because(p.detail)}" if p.detail else "has its answer again"
    return f"{_place(p.phase, p.attempt)}: step {p.step} {said}"


def _intended(p: e.EffectIntended) -> str:
    return f"{_place(p.phase, p.attempt)}: step {p.step} is about to {p.action} {p.target}"


def _answered(p: e.EffectAnswered) -> str:
    if p.answer == "resent":
        return f"{p.effect}: about to be sent again{_because(p.detail)}"
    again = f", again from {instant(p.retry_at)}" if p.retry_at else ""
    return f"{p.effect}: the answer was {p.answer}{_because(p.detail)}{again}"


def _resolved(p: e.EffectResolved) -> str:
    value = f" ({figure(p.value)})" if isinstance(p.value, bool | int | float | str) else ""
    return f"{p.effect}: {p.how.replace('_', ' ')}{value}{_because(p.detail)}"


def _run_observed(p: e.RunObserved) -> str:
    whose = "our" if p.ours else "somebody else's"
    counts = {
        "processed": p.processed,
        "accepted": p.accepted,
        "failed": p.failed,
        "invalid": p.invalid,
    }
    known = {name: count for name, count in counts.items() if count is not None}
    said = f", {figures(known)}" if known else ""
    return f"{_place(p.phase, p.attempt)}: {whose} run {p.run_id} of {p.sync} is {p.status}{said}"


def _decision(p: e.DecisionMade) -> str:
    about = f" {p.subject}" if p.subject else ""
    said = p.decision.replace("_", " ")
    return f"{_place(p.phase, p.attempt)}: {p.by} ({p.role}) said {said}{about}{_because(p.reason)}"


def _plan_adopted(p: e.PlanAdopted) -> str:
    moved = f"plan {p.before_sha256[:12]} to {p.plan_sha256[:12]}"
    count = f"{p.changes} change{'' if p.changes == 1 else 's'}"
    again = f"; asked anew: {', '.join(p.gates)}" if p.gates else ""
    place = _place(p.phase, p.attempt)
    return f"{place}: {p.by} ({p.role}) adopted a changed plan ({moved}, {count}{again}){_because(p.reason)}"


def _attested(p: e.Attested) -> str:
    said = "confirmed" if p.answer else "denied"
    place = _place(p.phase, p.attempt)
    return f"{place}: {p.by} ({p.role}) {said} {p.check}{_because(p.note)}"


def _signed(p: e.SignedOff) -> str:
    said = "signed" if p.approve else "refused to sign"
    place = _place(p.phase, p.attempt)
    key = f" with the key {p.fingerprint}" if p.signature else ""
    return f"{place}: {p.by} ({p.role}) {said} {p.gate}{key}{_because(p.reason)}"


def _asked_to_sign(p: e.SignOffRequested) -> str:
    what = "approve" if p.approve else "reject"
    place = _place(p.phase, p.attempt)
    return f"{place}: {p.by} ({p.role}) is asked to {what} {p.gate} until {p.expires}"


def _raised(p: e.FindingRaised) -> str:
    place = _place(p.phase, p.attempt)
    return f"{place}: finding {p.severity} for {p.owner}: {p.title}{_because(p.detail)}"


def _finding_resolved(p: e.FindingResolved) -> str:
    return f"finding {p.finding} {p.how} by {p.by}{_because(p.reason)}"


def _rolled_back(p: e.RolledBack) -> str:
    proof = "proven by its gate" if p.verified else "not proven"
    rows = {"restored": p.restored_rows, "deleted": p.deleted_rows, "left": p.left_rows}
    ended = p.verified or (p.remaining and not p.go_on)
    done = "rolled back" if ended else "rollback stopped"
    still = f"; still to do: {'; '.join(p.remaining)}" if p.remaining else ""
    return f"{_place(p.phase, p.attempt)}: {done}, {proof}: {figures(rows)} rows{still}"


def _ended(p: e.RolloutEnded) -> str:
    return f"the rollout ended: {p.outcome.replace('_', ' ')}{_because(p.reason)}"


def _notice(p: e.NoticeAnswered) -> str:
    if p.answer == "yes":
        return f"told {p.channel}: {p.title}"
    then = f", again from {instant(p.retry_at)}" if p.retry_at else ", not tried again"
    return f"{p.channel} was not told ({p.answer}): {p.title}{_because(p.detail)}{then}"


_SAID: dict[type, Callable[[Any], str]] = {
    e.RolloutCreated: _created,
    e.StageChanged: _stage_changed,
    e.GateOpened: _gate_opened,
    e.Measured: _measured,
    e.CheckConcluded: _concluded,
    e.GateDecided: _decided,
    e.StepStarted: _step("started"),
    e.StepProgressed: _progressed,
    e.StepCompleted: _completed,
    e.StepFailed: _failed,
    e.StepUndone: _undone,
    e.StepTroubled: _troubled,
    e.EffectIntended: _intended,
    e.EffectAnswered: _answered,
    e.EffectResolved: _resolved,
    e.RunObserved: _run_observed,
    e.DecisionMade: _decision,
    e.PlanAdopted: _plan_adopted,
    e.Attested: _attested,
    e.SignedOff: _signed,
    e.SignOffRequested: _asked_to_sign,
    e.FindingRaised: _raised,
    e.FindingResolved: _finding_resolved,
    e.SoakStarted: lambda p: f"{_place(p.phase, p.attempt)}: the watch began",
    e.RolledBack: _rolled_back,
    e.RolloutEnded: _ended,
    e.NoticeAnswered: _notice,
}
