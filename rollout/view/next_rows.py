"""What may I do next: one row a possible action, the awaited first, the locked last and with why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from rollout.view.actions import ActionView
from rollout.view.marks import WAIT
from rollout.view.model import ChoiceView
from rollout.view.plan_words import LEAD
from rollout.view.text import clip, pad

ABOUT_THINGS = frozenset({"restart", "waive", "attest", "settle", "sign", "close_finding"})
"""Actions whose subject must be named; all others are about the current phase."""


class NextRow(msgspec.Struct, frozen=True, kw_only=True):
    """`subject` is what the action would be about; `line` is at most as wide as asked."""

    action: str
    subject: str
    locked: str
    line: str

    @property
    def id(self) -> str:
        return f"{self.action}|{self.subject}"


def next_rows(
    actions: Sequence[ActionView],
    keys: Mapping[str, str],
    width: int,
    *,
    ascii_only: bool = False,
) -> list[NextRow]:
    """`keys`: the key of each action, shown before it."""
    rows: list[NextRow] = []
    for action in actions:
        key = pad(keys.get(action.action, ""), 2)
        for choice in action.choices:
            said = _possible(action, choice, ascii_only=ascii_only)
            line = f"{key}{said}"
            rows.append(_row(action, choice.subject, line, width, ascii_only=ascii_only))
        if not action.choices:
            line = f"{key}({action.name}) {action.locked}"
            rows.append(_row(action, "", line, width, ascii_only=ascii_only))
    return rows


def _row(action: ActionView, subject: str, line: str, width: int, *, ascii_only: bool) -> NextRow:
    return NextRow(
        action=action.action,
        subject=subject,
        locked=action.locked,
        line=clip(line, width, ascii_only=ascii_only),
    )


def _possible(action: ActionView, choice: ChoiceView, *, ascii_only: bool) -> str:
    mark = f"{WAIT.shown(ascii_only=ascii_only)}  " if choice.awaited else ""
    about = f" {choice.subject}" if choice.subject and action.action in ABOUT_THINGS else ""
    others = [role for role in choice.roles if role != LEAD]
    who = f" [{' or '.join(choice.roles)}]" if others else ""
    name = f"{action.name}{about}"
    return f"{mark}{f'({name})' if action.locked else name}: {choice.why}{who}"
