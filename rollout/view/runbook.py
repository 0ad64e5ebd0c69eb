"""What to do now: choices with their commands, what fails and its remedy, whom to call, the way back.

A runbook of this rollout at this moment; the one that a plan publishes is `steps/runbook.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from rollout.domain.state import RolloutState
from rollout.domain.undo_order import newest_first
from rollout.view import marks
from rollout.view.choices import choices
from rollout.view.command_lines import command_of
from rollout.view.findings import FindingsView, findings_view
from rollout.view.gates import gate_view, telling_gates
from rollout.view.plan_words import PlanWords, StepWords
from rollout.view.rollback_steps import UndoStepView, UndoWords, irreversible, undo_steps
from rollout.view.runbook_links import LinkView, links
from rollout.view.text import plain

_BLOCKING = {"FAIL", "UNKN"}
NOTIFY = "notify"
"""What a connection uses that tells people something."""


class DoView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that may be done now. `who`: for each role its people."""

    action: str
    subject: str
    why: str
    who: list[str]
    awaited: bool
    command: str


class TroubleView(msgspec.Struct, frozen=True, kw_only=True):
    """A check that blocks: why, what the plan says to do, and who is asked."""

    gate: str
    check: str
    title: str
    word: str
    severity: str
    why: str
    then: str
    who: str


class ContactView(msgspec.Struct, frozen=True, kw_only=True):
    """A role and its people, or a channel and what is told there. Never an address or a secret."""

    name: str
    is_channel: bool
    people: list[str]
    told: list[str]


class PhaseStepView(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    step: str
    title: str
    word: str
    since: datetime | None
    note: str


class WayBackView(msgspec.Struct, frozen=True, kw_only=True):
    """In outline, from the log alone: what is undone, in its order. `preview` is the command that
    says how many rows, calls and minutes."""

    steps: list[UndoStepView]
    stays: list[str]
    proof: list[str]
    within: str
    refused: str
    preview: str


class RunbookView(msgspec.Struct, frozen=True, kw_only=True):
    """`stands` is where the rollout is, `word` its mark, `reason` why it is there."""

    title: str
    word: str
    stands: str
    reason: str
    phase: str
    do: list[DoView]
    trouble: list[TroubleView]
    findings: FindingsView
    steps: list[PhaseStepView]
    contacts: list[ContactView]
    way_back: WayBackView
    links: list[LinkView]
    at: datetime


def runbook_view(state: RolloutState, words: PlanWords, now: datetime) -> RunbookView:
    """The runbook at `now`."""
    phase = state.current_phase()
    return RunbookView(
        title=plain(state.title),
        word=_mark(state).word,
        stands=plain(_stands(state)),
        reason=plain(state.outcome_reason or (phase.reason if phase is not None else "")),
        phase=phase.id if phase is not None else "",
        do=[*_do(state, words)],
        trouble=[*_trouble(state, words)],
        findings=findings_view(state, words, now),
        steps=[*_steps(state, words)],
        contacts=[*_roles(words), *_channels(words)],
        way_back=_way_back(state, words),
        links=links(words),
        at=now,
    )


def _mark(state: RolloutState) -> marks.Mark:
    phase = state.current_phase()
    if state.outcome or phase is None:
        return marks.of_rollout(state.outcome)
    return marks.OF_STAGE[phase.stage]


def _stands(state: RolloutState) -> str:
    phase = state.current_phase()
    if state.outcome or phase is None:
        return (state.outcome or "not begun").replace("_", " ")
    again = f", attempt {phase.attempt}" if phase.attempt > 1 else ""
    return f"{phase.title}{again}: {phase.stage.replace('_', ' ')}"


def _do(state: RolloutState, words: PlanWords) -> Iterator[DoView]:
    for choice in choices(state, words):
        yield DoView(
            action=choice.action,
            subject=plain(choice.subject),
            why=choice.why,
            who=[_who(role, words) for role in choice.roles],
            awaited=choice.awaited,
            command=plain(command_of(choice)),
        )


def _who(role: str, words: PlanWords) -> str:
    people = words.people(role)
    said = role.replace("_", " ")
    return plain(f"{' or '.join(people)} ({said})" if people else said)


def _trouble(state: RolloutState, words: PlanWords) -> Iterator[TroubleView]:
    """Checks that block in the gates that count now, the failed ones first."""
    found = [
        TroubleView(
            gate=gate.gate,
            check=check.id,
            title=check.title,
            word=check.word,
            severity=check.severity,
            why=check.reason,
            then=check.if_it_fails,
            who=_who(check.owner, words) if check.owner else "",
        )
        for gate in (gate_view(g, state, words) for g in telling_gates(state))
        for check in gate.checks
        if check.word in _BLOCKING
    ]
    yield from sorted(found, key=lambda t: (t.word != marks.FAIL.word, t.severity))


def _steps(state: RolloutState, words: PlanWords) -> Iterator[PhaseStepView]:
    """Of the current phase, as the plan has them; without the plan's words, by their ids."""
    phase = state.current_phase()
    if phase is None:
        return
    outline = next((o.steps for o in state.outline if o.id == phase.id), [])
    for number, name in enumerate(outline, 1):
        said, found = words.step(phase.id, name), state.step(phase.id, phase.attempt, name)
        mark = marks.OF_STEP[found.status] if found is not None else marks.TODO
        yield PhaseStepView(
            number=number,
            step=plain(name),
            title=plain(said.name()),
            word=mark.word,
            since=(found.ended_at or found.started_at) if found is not None else None,
            note=plain(_note(said, found.reason if found is not None else "")),
        )


def _note(said: StepWords, reason: str) -> str:
    back = f"no way back: {said.irreversible}" if said.irreversible else ""
    return "; ".join(part for part in (reason, back) if part)


def _roles(words: PlanWords) -> Iterator[ContactView]:
    for role, people in words.roles.items():
        yield ContactView(
            name=plain(role.replace("_", " ")),
            is_channel=False,
            people=[plain(p.person) for p in people],
            told=[],
        )


def _channels(words: PlanWords) -> Iterator[ContactView]:
    """With the findings that are told there, by their severity."""
    routes = words.notifications.routes if words.notifications is not None else {}
    for name, connection in words.connections.items():
        if connection.uses != NOTIFY:
            continue
        told = [
            f"{severity}{f' after {route.after}' if route.after not in {'', '0s'} else ''}"
            f"{' weekly' if route.weekly else ''}"
            for severity, found in routes.items()
            for route in found
            if name in route.channels
        ]
        yield ContactView(
            name=plain(name), is_channel=True, people=[], told=[plain(t) for t in told]
        )


def _way_back(state: RolloutState, words: PlanWords) -> WayBackView:
    plan = msgspec.convert(msgspec.to_builtins(words), UndoWords)
    steps = newest_first(state)
    allowed = any(choice.action == "roll_back" for choice in choices(state, words))
    return WayBackView(
        steps=undo_steps(plan, steps),
        stays=[*irreversible(plan, steps)],
        proof=plan.proof(),
        within=plan.within(),
        refused="" if allowed else plain(_refused(state, words)),
        preview="rollout rollback --preview",
    )


def _refused(state: RolloutState, words: PlanWords) -> str:
    phase = state.current_phase()
    if state.outcome or phase is None:
        return "the rollout has ended"
    return f"{phase.title or words.phase(phase.id).title} is {phase.stage.replace('_', ' ')}"
