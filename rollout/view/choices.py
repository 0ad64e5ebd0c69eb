"""What a person may do now, and for what the rollout waits.

The table follows `domain/machine.py`, which cannot be asked here: `transitions` costs more start-up
time than the whole status. A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator

from rollout.domain.evidence import Decision, Verdict
from rollout.domain.standing import standing_signatures
from rollout.domain.state import GateState, PhaseState, RolloutState
from rollout.domain.undo_order import may_begin_at
from rollout.view.gates import newest_rounds
from rollout.view.model import ChoiceView
from rollout.view.plan_words import LEAD, CheckWords, PlanWords
from rollout.view.text import plain

_OF_STAGE: dict[str, tuple[str, ...]] = {
    "pending": (),
    "entry_gate": ("hold", "roll_back", "abort"),
    "ready": ("proceed", "hold", "roll_back", "abort"),
    "running": ("hold", "roll_back"),
    "exit_gate": ("hold", "roll_back", "abort"),
    "sign_off": ("hold", "roll_back", "abort"),
    "passed": (),
    "held": ("resume", "retry", "restart", "roll_back", "abort"),
    "rolling_back": (),
    "rolled_back": ("end", "retry", "restart", "roll_back"),
    "rollback_failed": ("roll_back", "abort"),
}

_WHY = {
    "proceed": "start the phase",
    "hold": "stop before anything else happens",
    "resume": "ask again what held it, and go on",
    "retry": "try the phase again from its beginning, as a new attempt",
    "restart": "go back to this phase, as a new attempt",
    "roll_back": "undo what was done, newest step first",
    "abort": "end the rollout as it is, without undoing anything",
    "end": "close the rollout as rolled back",
    "adopt_plan": "follow a changed plan from here on",
}

_AWAITED = {"ready": {"proceed"}, "held": None, "rolled_back": None, "rollback_failed": None}
"""Stages that only a person ends; None: any of the stage's choices does."""


def choices(state: RolloutState, words: PlanWords) -> list[ChoiceView]:
    """Awaited ones first; none once the rollout has ended."""
    phase = state.current_phase()
    if state.outcome or phase is None:
        return []
    found = [
        *_to_settle(state),
        *_to_attest(state, phase, words),
        *_to_sign(state, phase, words),
        *_to_waive(state, phase, words),
        *_decisions(state, phase),
        *_to_adopt(phase),
    ]
    return sorted(found, key=lambda choice: not choice.awaited)


def _choice(
    action: str, subject: str, why: str, *, roles: list[str] | None = None, awaited: bool = False
) -> ChoiceView:
    return ChoiceView(
        action=action, subject=subject, roles=roles or [LEAD], why=plain(why), awaited=awaited
    )


def _to_settle(state: RolloutState) -> Iterator[ChoiceView]:
    for effect in state.effects.values():
        if effect.how == "needs_human":
            yield _choice("settle", effect.effect, effect.detail, awaited=True)


def _to_attest(state: RolloutState, phase: PhaseState, words: PlanWords) -> Iterator[ChoiceView]:
    given = {
        c.check
        for c in state.confirmations
        if (c.phase, c.attempt) == _now(phase) and not c.void_seq
    }
    for gate in newest_rounds(state, phase.id, phase.attempt):
        if gate.decision is not None or gate.void_seq:
            continue
        for check in _checks(gate, words):
            is_open = gate.checks[check.check].verdict is None and check.check not in given
            if check.kind == "attest" and is_open:
                yield _choice("attest", check.check, check.title, roles=check.roles(), awaited=True)


def _to_sign(state: RolloutState, phase: PhaseState, words: PlanWords) -> Iterator[ChoiceView]:
    said = words.phase(phase.id)
    if phase.stage != "sign_off" or said.sign_off is None:
        return
    standing = standing_signatures(state, phase.id, four_eyes=said.sign_off.four_eyes)
    given = {s.role for s in standing if s.approve}
    gate = said.exit[0] if said.exit else ""
    for role in said.sign_off.roles:
        if role not in given:
            yield _choice("sign", gate, words.gate(gate).title, roles=[role], awaited=True)


def _to_waive(state: RolloutState, phase: PhaseState, words: PlanWords) -> Iterator[ChoiceView]:
    if phase.stage != "held":
        return
    for gate in newest_rounds(state, phase.id, phase.attempt):
        if gate.decision in {None, Decision.GO} or gate.void_seq:
            continue
        for check in _checks(gate, words):
            blocks = gate.checks[check.check].verdict is not Verdict.PASS and not check.shadow
            if blocks and state.waiver(phase.id, phase.attempt, check.check) is None:
                roles = list(dict.fromkeys([LEAD, check.owner or LEAD]))
                yield _choice("waive", check.check, check.title, roles=roles)


def _decisions(state: RolloutState, phase: PhaseState) -> Iterator[ChoiceView]:
    awaited = _AWAITED.get(phase.stage, set())
    for action in _OF_STAGE[phase.stage]:
        waits = awaited is None or action in awaited
        if action == "restart":
            for earlier in _earlier(state, phase):
                yield _choice("restart", earlier, _WHY["restart"], awaited=waits)
        elif _is_open(action, state, phase):
            why = f"start {phase.title}" if action == "proceed" else _WHY[action]
            yield _choice(action, phase.id, why, awaited=waits)


def _to_adopt(phase: PhaseState) -> Iterator[ChoiceView]:
    """`rollout adopt-plan` says what stands against a plan; a way back that is under way does always."""
    if phase.stage != "rolling_back":
        yield _choice("adopt_plan", phase.id, _WHY["adopt_plan"])


def _is_open(action: str, state: RolloutState, phase: PhaseState) -> bool:
    if action == "roll_back":
        return bool(may_begin_at(state))
    return action != "resume" or _may_resume(state, phase)


def _may_resume(state: RolloutState, phase: PhaseState) -> bool:
    """A failed step is only ever tried again as a new attempt."""
    return not any(
        (s.phase, s.attempt) == _now(phase) and s.status == "failed" for s in state.steps.values()
    )


def _earlier(state: RolloutState, phase: PhaseState) -> list[str]:
    names = list(state.phases)
    return names[: names.index(phase.id)]


def _checks(gate: GateState, words: PlanWords) -> list[CheckWords]:
    said = words.gate(gate.gate)
    return [said.check(name) for name in gate.checks]


def _now(phase: PhaseState) -> tuple[str, int]:
    return phase.id, phase.attempt
