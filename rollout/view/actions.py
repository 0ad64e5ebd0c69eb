"""Every action there is, possible now or not: a locked one says why, and keeps its place."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from rollout.domain.state import PhaseState, RolloutState
from rollout.view.choices import choices
from rollout.view.link_state import LinkView
from rollout.view.model import ChoiceView
from rollout.view.plan_words import PlanWords
from rollout.view.text import plain

ACTIONS: dict[str, str] = {
    "proceed": "start the phase",
    "hold": "stop before anything else happens",
    "resume": "ask again what held it, and go on",
    "retry": "the phase again, as a new attempt",
    "restart": "back to an earlier phase, as a new attempt",
    "waive": "let a check count as passed",
    "attest": "confirm, or deny, what no machine can see",
    "settle": "say what became of a request",
    "sign": "sign the phase's exit gate off, or refuse to",
    "roll_back": "undo what was done, newest step first",
    "abort": "end the rollout as it is, undoing nothing",
    "end": "close the rollout as rolled back",
    "close_finding": "say that a finding is resolved",
}
"""Name in the log -> what it does, in the order of every list."""


class ActionView(msgspec.Struct, frozen=True, kw_only=True):
    """`choices`: what it can be about now; `locked`: why it does nothing, empty when it does."""

    action: str
    about: str
    choices: list[ChoiceView]
    locked: str

    @property
    def name(self) -> str:
        return self.action.replace("_", " ")

    @property
    def awaited(self) -> bool:
        """Whether the rollout stands still until somebody does this, or another awaited thing."""
        return any(choice.awaited for choice in self.choices)


def actions(state: RolloutState, words: PlanWords, link: LinkView) -> list[ActionView]:
    """All of them; awaited ones first, then what is possible or only locked by the link, then what
    the stage locks."""
    possible = [*choices(state, words), *_to_close(state)]
    found = [_action(name, state, possible, link) for name in ACTIONS]
    return sorted(found, key=lambda a: (not a.choices, not a.awaited))


def action_of(name: str, state: RolloutState, words: PlanWords, link: LinkView) -> ActionView:
    """One of them."""
    return next(a for a in actions(state, words, link) if a.action == name)


def _action(
    name: str, state: RolloutState, possible: list[ChoiceView], link: LinkView
) -> ActionView:
    about = [choice for choice in possible if choice.action == name]
    locked = "" if about else _why_not(name, state)
    if about and not link.may_act:
        locked = f"{link.state}: {link.why}"
    return ActionView(action=name, about=ACTIONS[name], choices=about, locked=plain(locked))


def _to_close(state: RolloutState) -> list[ChoiceView]:
    if state.outcome or state.current_phase() is None:
        return []
    return [
        ChoiceView(
            action="close_finding", subject=f.finding, roles=[], why=plain(f.title), awaited=False
        )
        for f in state.findings.values()
        if f.state == "open"
    ]


def _why_not(name: str, state: RolloutState) -> str:
    phase = state.current_phase()
    if not state.phases:
        return "no rollout was read yet"
    if state.outcome or phase is None:
        return "the rollout has ended"
    return _REASONS[name](state, phase)


def _is(phase: PhaseState) -> str:
    return f"{phase.id} is {phase.stage.replace('_', ' ')}"


def _only_when(stage: str) -> Callable[[RolloutState, PhaseState], str]:
    return lambda _state, phase: f"only when a phase is {stage}; {_is(phase)}"


def _resume(_state: RolloutState, phase: PhaseState) -> str:
    if phase.stage == "held":
        return "a failed step is tried again as a new attempt: retry, or roll back"
    return f"only when a phase is held; {_is(phase)}"


def _restart(state: RolloutState, phase: PhaseState) -> str:
    if phase.stage in {"held", "rolled_back"}:
        return f"{phase.id} is the first phase: retry it"
    return f"only when a phase is held; {_is(phase)}"


def _roll_back(_state: RolloutState, phase: PhaseState) -> str:
    if phase.stage == "rolled_back":
        return "everything is undone already: retry, or end the rollout"
    return f"not in this stage; {_is(phase)}"


def _waive(_state: RolloutState, phase: PhaseState) -> str:
    if phase.stage == "held":
        return "no check blocks that is not waived already"
    return f"only while a gate holds the phase; {_is(phase)}"


_REASONS: dict[str, Callable[[RolloutState, PhaseState], str]] = {
    "proceed": lambda _s, phase: f"only when every entry gate is go; {_is(phase)}",
    "hold": lambda _s, phase: f"nothing to hold; {_is(phase)}",
    "resume": _resume,
    "retry": _only_when("held or rolled back"),
    "restart": _restart,
    "waive": _waive,
    "attest": lambda _s, _p: "no question waits for an answer",
    "settle": lambda _s, _p: "no request waits for a person's word",
    "sign": _only_when("in sign off"),
    "roll_back": _roll_back,
    "abort": lambda _s, phase: f"not in this stage; {_is(phase)}: hold first",
    "end": _only_when("rolled back"),
    "close_finding": lambda _s, _p: "no finding is open",
}
