"""Notices in words: the plan's own or the usual ones, with foreign text kept harmless."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from rollout.domain.instants import to_text
from rollout.domain.notices import OccasionState
from rollout.domain.plan import Announcement, Plan
from rollout.domain.state import RolloutState

LIVE = "prod"
"""The profile whose notices carry no mark: all others say first that they are not the real thing."""

TEXTS: Mapping[str, tuple[str, str]] = {
    "phase_started": ("{phase} has begun", "{phase} (attempt {attempt}) began at {at}."),
    "phase_passed": (
        "{phase} is passed",
        "{phase} (attempt {attempt}) was passed at {at}.",
    ),
    "phase_held": ("{phase} is held", "{phase} (attempt {attempt}) stopped at {at}: {reason}"),
    "gate_no_go": ("{phase}: gate {subject} is not go", "{reason}"),
    "person_wanted": ("{phase}: a person must act", "{subject} since {at}. {reason}"),
    "finding_raised": (
        "{severity} in {phase}: {title}",
        "Owner: {owner}. To be answered by: {due}.\n{reason}",
    ),
    "finding_closed": ("Closed in {phase}: {title}", "{reason}"),
    "rollback": ("{phase} is {subject}", "At {at}: {reason}"),
    "completed": ("{plan} is completed", "The rollout {rollout} ended at {at}: {reason}"),
    "stopped": ("{plan} has ended: {subject}", "The rollout {rollout} ended at {at}: {reason}"),
}
"""Occasion -> title and body where the plan has no words of its own."""

MOST_TITLE, MOST_BODY, MOST_VALUE = 200, 4000, 500
"""Characters; a page or a chat line is no report."""

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_MENTION = re.compile(r"@(?=everyone|here|channel|all\b)", re.IGNORECASE)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell. `key` is unique in the rollout and never changes; not before `due_at`."""

    key: str
    severity: str
    channels: list[str]
    title: str
    body: str
    due_at: datetime


def words_of(
    told: Announcement, occasion: OccasionState, state: RolloutState, plan: Plan
) -> tuple[str, str]:
    title, body = TEXTS[occasion.occasion]
    values = _values(occasion, state, plan)
    return fill_text(told.title or title, values), fill_text(told.body or body, values)


def _values(occasion: OccasionState, state: RolloutState, plan: Plan) -> dict[str, str]:
    finding = state.findings.get(occasion.subject)
    phase = state.phases.get(occasion.phase or (finding.phase if finding else ""))
    said = {
        "rollout": state.rollout,
        "plan": plan.title,
        "phase": phase.title if phase else "",
        "attempt": str(occasion.attempt or ""),
        "at": to_text(occasion.at),
        "subject": occasion.subject.replace("_", " "),
        "reason": occasion.detail,
    }
    if finding is not None:
        said |= {
            "severity": finding.severity,
            "title": finding.title,
            "owner": finding.owner,
            "due": to_text(finding.due_at) if finding.due_at else "",
        }
    return said


def fill_text(text: str, values: Mapping[str, str]) -> str:
    """The text with its `{name}` placeholders filled, once: values are never looked at again.

    Values lose line ends and control characters; one that is not known is a dash.

    >>> fill_text("{phase}: {reason} ({due})", {"phase": "Pilot", "reason": "{phase}\\n@everyone"})
    'Pilot: {phase} @\\u2009everyone (–)'
    """
    return _PLACEHOLDER.sub(lambda found: one_line(values.get(found[1], "")), text)


def one_line(text: str) -> str:
    shown = _MENTION.sub("@\u2009", " ".join(_UNSHOWN.sub(" ", text).split()))
    if len(shown) > MOST_VALUE:
        shown = shown[: MOST_VALUE - 1] + "…"
    return shown or "–"


def make_notice(
    key: str,
    severity: str,
    channels: list[str],
    words: tuple[str, str],
    due_at: datetime,
    state: RolloutState,
) -> Notice:
    title, body = words
    mark = "" if state.profile == LIVE else f"[{state.profile or 'not live'}] "
    foot = f"\n\n{state.rollout}, notice {key}"
    return Notice(
        key=key,
        severity=severity,
        channels=list(dict.fromkeys(channels)),
        title=" ".join(f"{mark}{title}".split())[:MOST_TITLE],
        body=body[: MOST_BODY - len(foot)] + foot,
        due_at=due_at,
    )
