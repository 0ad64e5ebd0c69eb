"""What a gate decides, and where it stands now, in sentences."""

from __future__ import annotations

from rollout.domain.evidence import Decision
from rollout.domain.plan import Phase, Plan, Window
from rollout.domain.state import GateState, RolloutState
from rollout.domain.undo_order import undone_phases

_AFTER_HELD = (
    "Nothing moves until the project lead decides: check again, try the phase again, "
    "roll back or stop."
)


def question(plan: Plan, gate: GateState) -> str:
    """What the gate's decision answers.

    The same moment asks the same question in every phase, so that people learn to read it.
    """
    spec = plan.phase(gate.phase)
    title = spec.title
    kind, _, rest = gate.moment.partition(":")
    names = [p.phase for p in plan.phases]
    following = plan.phases[names.index(gate.phase) + 1 :]
    then = f"and may “{following[0].title}” follow?" if following else "and with it the rollout?"
    return {
        "entry": f"May “{title}” begin?",
        "exit": f"Is “{title}” done, {then}",
        "step": f"May “{title}” go on after “{_step_title(spec, rest)}”?",
        "rollback": "Is the target back at its baseline?",
        "soak": f"Was “{title}” really watched?",
    }.get(kind, f"Is “{title}” still clean?")


def _step_title(phase: Phase, step_id: str) -> str:
    titles = [step.title for step in phase.steps if step.id == step_id and step.title]
    return titles[0] if titles else step_id


def standing(state: RolloutState, gate: GateState) -> str:
    """What became of the evaluation by the time the report was made, in a sentence or two."""
    newest = state.gate(gate.phase, gate.attempt, gate.moment, gate.gate)
    phase = state.phases.get(gate.phase)
    if newest is not None and newest.round > gate.round:
        return f"This gate was asked again since: round {newest.round} {_became(newest)}."
    if gate.void_seq:
        return f"The plan was changed since, in event {gate.void_seq}: this gate is asked anew."
    if phase is None:
        return "The phase is no longer part of the plan."
    if phase.attempt > gate.attempt:
        return f"The phase was begun again since: attempt {phase.attempt} is the current one."
    if gate.decision is None:
        concluded = sum(check.verdict is not None for check in gate.checks.values())
        return f"Still being asked: {concluded} of {len(gate.checks)} checks are concluded."
    if phase.id in undone_phases(state):
        return "The phase passed, and what it did was undone since, by a rollback."
    if state.outcome:
        return f"The rollout has ended: {state.outcome.replace('_', ' ')}."
    if phase.stage == "held":
        return f"The phase is held. {_AFTER_HELD}"
    return _of_stage(phase.stage)


def window_in_words(window: Window | None, timezone: str) -> str | None:
    """When a phase may write.

    >>> window_in_words(Window(days=["tue", "wed"], not_on=["holidays"]), "UTC")
    'Tue, Wed, not on holidays (UTC)'
    """
    if window is None:
        return None
    said = ", ".join(day.capitalize() for day in window.days)
    if window.between is not None:
        said += f" {window.between[0]:%H:%M} to {window.between[1]:%H:%M}"
    if window.not_on:
        said += f", not on {', '.join(day.replace('_', ' ') for day in window.not_on)}"
    return f"{said} ({timezone})"


def _became(gate: GateState) -> str:
    return {
        Decision.GO: "was decided GO",
        Decision.NO_GO: "was decided NO-GO",
        Decision.INCONCLUSIVE: "was inconclusive",
        None: "is under way",
    }[gate.decision]


def _of_stage(stage: str) -> str:
    return {
        "ready": "The phase may begin as soon as the project lead says proceed.",
        "sign_off": "The phase waits for its signatures.",
        "running": "The phase goes on.",
        "passed": "The phase is passed.",
        "rolling_back": "The phase is being rolled back.",
        "rolled_back": "The phase was rolled back.",
        "rollback_failed": "The way back failed; a person must decide.",
    }.get(stage, "The phase is at its gates.")
