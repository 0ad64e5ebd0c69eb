"""Decisions as forms: what each asks for, what is still missing, and what must be typed word by word.

The rules are here so that a screen only shows them; whether the decision is legal says the domain.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from rollout.domain.state import RolloutState
from rollout.domain.undo_order import may_begin_at
from rollout.view.actions import ActionView
from rollout.view.environment import environment_of
from rollout.view.model import ChoiceView
from rollout.view.plan_words import PlanWords
from rollout.view.signing_ways import (
    IMPORT,
    REQUEST,
    SignerView,
    Way,
    missing_file,
    request_file,
    signers,
    way_of,
)
from rollout.view.text import instant, plain

EVERYTHING = ""
"""The scope of a rollback that undoes all phases."""

_TYPED = {"proceed": "go", "retry": "retry", "restart": "restart", "abort": "abort"}
_ARM_S = {"roll_back": 3.0}
"""Seconds between the typed phrase and the moment when the button can be pressed."""

_VERBS = {
    "proceed": "Go",
    "attest": "Say so",
    "sign": "Sign",
    "settle": "Settle",
    "roll_back": "Roll back",
    "close_finding": "Close",
}


class Subject(msgspec.Struct, frozen=True):
    """What a decision can be about: its id, the words for it, and the roles that may say it."""

    id: str
    words: str
    roles: list[str]


class Answer(msgspec.Struct, frozen=True):
    """`yes` and its words."""

    yes: bool
    words: str


class DialogView(msgspec.Struct, frozen=True, kw_only=True):
    """One decision as it is asked for.

    `subjects` of more than one must be chosen from; of one it is that. `answers`: empty where there
    is nothing to say yes or no to. `seen_seq`/`seen_head`/`seen_at`: the log position on screen
    when it was opened, which the decision will be bound to. `signers`: who cannot say it by a word.
    """

    action: str
    title: str
    about: str
    verb: str
    subjects: list[Subject]
    answers: list[Answer]
    reason_label: str
    takes_run: bool
    takes_file: bool
    world: str
    rollout: str
    arm_s: float
    seen_seq: int
    seen_head: str
    seen_at: datetime | None
    signers: dict[str, SignerView] = {}

    @property
    def seen(self) -> str:
        """The position in words."""
        return f"#{self.seen_seq} {self.seen_head[:12]} at {instant(self.seen_at)}"

    def subject(self, id: str | None) -> Subject | None:  # noqa: A002 - the word for it
        return next((s for s in self.subjects if s.id == id), None)


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has put into the form so far. None: not chosen yet."""

    subject: str | None = None
    answer: bool | None = None
    by: str = ""
    role: str = ""
    reason: str = ""
    phrase: str = ""
    run: str = ""
    file: str = ""
    way: str | None = None
    armed_for_s: float = 0.0
    """Seconds since the phrase was complete."""


def dialog_view(
    action: ActionView, state: RolloutState, words: PlanWords, only: str | None = None
) -> DialogView:
    """The form for an action that is not locked. `only`: the subject that was pointed at."""
    subjects = _subjects(action, state)
    if only is not None and any(s.id == only for s in subjects):
        subjects = [s for s in subjects if s.id == only]
    phase = state.current_phase()
    name = action.action
    return DialogView(
        action=name,
        title=f"{action.name} {phase.id if phase is not None else ''}".strip(),
        about=action.about,
        verb=_VERBS.get(name, action.name.capitalize()),
        subjects=subjects,
        answers=_answers(name),
        reason_label="what was seen" if name == "attest" else "reason",
        takes_run=name == "settle",
        takes_file=name == "attest",
        world=environment_of(state.profile).word,
        rollout=state.rollout,
        arm_s=_ARM_S.get(name, 0.0),
        seen_seq=state.seq,
        seen_head=state.head,
        seen_at=state.latest_at,
        signers=signers(words, state.profile, state.latest_at) if name == "sign" else {},
    )


def _subjects(action: ActionView, state: RolloutState) -> list[Subject]:
    if action.action == "roll_back":
        return _scopes(action.choices, state)
    merged: dict[str, Subject] = {}
    for choice in action.choices:
        known = merged.get(choice.subject)
        roles = list(dict.fromkeys([*(known.roles if known else []), *choice.roles]))
        words = f"{choice.subject}: {choice.why}"
        merged[choice.subject] = Subject(choice.subject, plain(words), roles)
    return list(merged.values())


def _scopes(choices: Sequence[ChoiceView], state: RolloutState) -> list[Subject]:
    """From where on things are undone: all, or a phase that has begun. A rollback that failed goes on
    with what it began with, unless a phase further back is named."""
    phase, names = state.current_phase(), may_begin_at(state)
    roles = choices[0].roles if choices else []
    failed = phase is not None and phase.stage == "rollback_failed"
    found = [Subject(name, f"from {name} on", roles) for name in names]
    if failed and phase is not None:
        again = phase.undo_from or EVERYTHING
        return [Subject(again, f"go on with {again or 'everything'}", roles), *found[:-1]]
    everything = [Subject(EVERYTHING, f"everything, back to before {n}", roles) for n in names[:1]]
    return everything + found[1:]


def _answers(action: str) -> list[Answer]:
    if action == "attest":
        return [Answer(True, "yes, it is so"), Answer(False, "no, it is not so")]
    if action == "sign":
        return [Answer(True, "approve: the phase may end"), Answer(False, "reject: it may not")]
    return []


def phrase(dialog: DialogView, subject: str | None) -> str:
    """What must be typed, letter by letter, before the button works; empty for what writes nothing."""
    if dialog.action == "roll_back":
        return f"rollback {subject or 'everything'} {dialog.world}" if subject is not None else ""
    word = _TYPED.get(dialog.action)
    if word is None:
        return ""
    about = dialog.rollout if dialog.action == "abort" else subject
    return f"{word} {about}" if about is not None else ""


def who_may(dialog: DialogView, subject: str | None, words: PlanWords) -> list[tuple[str, str]]:
    """(person, role) pairs of the plan that may say it, in the plan's order."""
    found = dialog.subject(subject)
    roles = found.roles if found is not None else []
    return [(p, role) for role in (roles or list(words.roles)) for p in words.people(role)]


def missing(dialog: DialogView, filled: Filled) -> list[str]:
    """What is still to be done before the button works, in the order of the form; last of all time."""
    said, left = _not_written(dialog, filled), dialog.arm_s - filled.armed_for_s
    return [f"read it once more: {left:.0f} s"] if not said and left > 0 else said


def is_complete(dialog: DialogView, filled: Filled) -> bool:
    """Whether nothing but time is missing."""
    return not _not_written(dialog, filled)


def way(dialog: DialogView, filled: Filled) -> Way | None:
    """How it is signed; None where a word is enough, or while that is open."""
    return way_of(dialog.signers, filled.by, filled.way)


def verb(dialog: DialogView, filled: Filled) -> str:
    """What the button says that it does."""
    found = way(dialog, filled)
    return found.verb if found is not None else dialog.verb


def _takes_in(dialog: DialogView, filled: Filled) -> bool:
    """Whether the file says it all: who, what and why."""
    found = way(dialog, filled)
    return found is not None and found.id == IMPORT


def _not_written(dialog: DialogView, filled: Filled) -> list[str]:
    if _takes_in(dialog, filled):
        return missing_file(way(dialog, filled), filled.file)
    chosen = dialog.subject(filled.subject)
    wanted = phrase(dialog, filled.subject)
    found = [
        ("choose what it is about", chosen is None),
        ("say yes or no", bool(dialog.answers) and filled.answer is None),
        ("say who you are", not (filled.by and filled.role)),
        (f"write {_called(dialog.reason_label)}", not filled.reason.strip()),
        ("a run is a number", bool(filled.run) and not _is_number(filled.run)),
        (f"type `{wanted}`", bool(wanted) and filled.phrase.strip() != wanted),
        ("choose how to sign", filled.by in dialog.signers and way(dialog, filled) is None),
    ]
    said = [words for words, is_missing in found if is_missing]
    return said + missing_file(way(dialog, filled), filled.file)


def _called(label: str) -> str:
    return f"the {label}" if label == "reason" else label


def is_addressed(dialog: DialogView, filled: Filled) -> bool:
    """Whether it is said who says what about which thing: enough to foretell what it becomes."""
    if _takes_in(dialog, filled):
        return True
    answered = not dialog.answers or filled.answer is not None
    is_about = dialog.subject(filled.subject) is not None
    return is_about and answered and bool(filled.by and filled.role)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:18]) > 0


class Saying(msgspec.Struct, frozen=True, kw_only=True):
    """A form: complete, it is handed to the log. `run` None says that it was never sent; `answered`:
    whether `answer` was chosen where there is one."""

    action: str
    subject: str
    answer: bool
    by: str
    role: str
    reason: str
    run: int | None
    file: str
    seen_seq: int
    seen_head: str
    way: str = ""
    answered: bool = True


_ABOUT_NOTHING = frozenset({"proceed", "hold", "resume", "retry", "abort", "end"})
"""Actions that are about the current phase, which the command does not name."""


def saying(dialog: DialogView, filled: Filled) -> Saying:
    """What the form says, complete or not."""
    subject = "" if dialog.action in _ABOUT_NOTHING else (filled.subject or "")
    chosen = way(dialog, filled)
    file = filled.file.strip()
    if chosen is not None and chosen.id == REQUEST:
        file = file or request_file(subject, filled.by)
    return Saying(
        action=dialog.action,
        subject=subject,
        answer=filled.answer is not False,
        by=filled.by,
        role=filled.role,
        reason=filled.reason.strip(),
        run=int(filled.run) if _is_number(filled.run) else None,
        file=file,
        seen_seq=dialog.seen_seq,
        seen_head=dialog.seen_head,
        way=chosen.id if chosen is not None else "",
        answered=not dialog.answers or filled.answer is not None,
    )
