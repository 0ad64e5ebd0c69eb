"""The runbook of the moment as lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rollout.view.findings import FindingDetailView
from rollout.view.findings_text import due_words
from rollout.view.marks import MARKS, Mark
from rollout.view.runbook import (
    ContactView,
    DoView,
    PhaseStepView,
    RunbookView,
    TroubleView,
)
from rollout.view.sections import Marked, Prose, Rows, Section, drawn, spoken
from rollout.view.text import to_minute

WAY_BACK = "The way back"


def runbook_lines(view: RunbookView, width: int, *, ascii_only: bool = False) -> list[str]:
    """At most `width` columns a line."""
    return drawn(_sections(view), width, ascii_only=ascii_only)


def runbook_part(
    view: RunbookView, part: str, width: int, *, ascii_only: bool = False
) -> list[str]:
    """One of `PARTS` alone, for a screen that sets them side by side."""
    return drawn(PARTS[part](view), width, ascii_only=ascii_only)


def runbook_spoken(view: RunbookView) -> list[str]:
    """For screen readers."""
    return spoken(_sections(view))


def _sections(view: RunbookView) -> Iterator[Section]:
    for part in PARTS.values():
        yield from part(view)


def _do_part(view: RunbookView) -> Iterator[Section]:
    """Where it stands; what the rollout waits for, then what else may be done."""
    yield Prose(lines=[f"Runbook of the moment: {view.title}"])
    # What fails says it better, where there is such.
    why = f", because {view.reason}" if view.reason and not view.trouble else ""
    yield Marked(rows=[(MARKS[view.word], f"{view.stands}{why}")])
    awaited = [d for d in view.do if d.awaited]
    others = [d for d in view.do if not d.awaited]
    if not awaited:
        yield Prose("What to do now", ["nothing: no person is asked for anything"])
    yield Prose("What to do now: the rollout waits for one of these", list(_lines(awaited)))
    yield Prose("What else may be done", list(_lines(others)))


def _trouble_part(view: RunbookView) -> Iterator[Section]:
    yield Marked("What fails, and what to do", [_trouble(t) for t in view.trouble])
    yield Marked("Open findings", [_finding(f) for f in view.findings.open])


def _steps_part(view: RunbookView) -> Iterator[Section]:
    yield Rows("Steps of this phase", ["step", "", "", ""], [_step(s) for s in view.steps])


def _contacts_part(view: RunbookView) -> Iterator[Section]:
    yield Rows("Contacts", ["", ""], [_contact(c) for c in view.contacts])
    yield Rows("Where to look", ["", ""], [[link.where, link.what] for link in view.links])


def _lines(choices: Sequence[DoView]) -> Iterator[str]:
    """Choices that differ only in what they are about are told together."""
    alike: dict[tuple[str, tuple[str, ...]], list[DoView]] = {}
    for choice in choices:
        alike.setdefault((choice.action, tuple(choice.who)), []).append(choice)
    for (action, who), found in alike.items():
        subjects = ", ".join(dict.fromkeys(d.subject for d in found if d.subject))
        why = f": {found[0].why}" if len({d.why for d in found}) == 1 else ""
        yield f"{action.replace('_', ' ')} {subjects}{why} (by {' or '.join(who)})"
        yield f"$ {found[0].command}"


def _finding(found: FindingDetailView) -> tuple[Mark, str]:
    """Short: what was seen and is to be done stands above, or in `rollout findings`."""
    who = found.owner.replace("_", " ")
    people = f" ({', '.join(found.people)})" if found.people else ""
    return MARKS[found.word], f"{found.severity} {found.check}: {who}{people}, {due_words(found)}"


def _trouble(trouble: TroubleView) -> tuple[Mark, str]:
    then = f" Then: {trouble.then}" if trouble.then else ""
    who = f" Ask {trouble.who}." if trouble.who else ""
    said = f"{trouble.severity} {trouble.title} [{trouble.check} of {trouble.gate}]: {trouble.why}."
    return MARKS[trouble.word], f"{said}{then}{who}".strip()


def _step(step: PhaseStepView) -> list[str | Mark]:
    when = to_minute(step.since) if step.since is not None else ""
    note = f" ({step.note})" if step.note else ""
    return [str(step.number), MARKS[step.word], when, f"{step.title}{note}"]


def _way_back_part(view: RunbookView) -> Iterator[Section]:
    """In outline; how many rows, calls and minutes says the preview."""
    way_back = view.way_back
    steps: list[list[str | Mark]] = [[str(s.number), s.place, s.what] for s in way_back.steps]
    refused = f"; not possible now: {way_back.refused}" if way_back.refused else ""
    yield Rows(f"{WAY_BACK}, in its order{refused}", ["step", "of", ""], steps)
    said = []
    if not steps:
        said.append("nothing was done yet that could be undone")
    said += way_back.stays
    if way_back.proof:
        limit = f", within {way_back.within}" if way_back.within else ""
        said.append(f"proven by: {'; '.join(way_back.proof)}{limit}")
    said.append(f"how many rows, calls and minutes: {way_back.preview}")
    yield Prose("" if steps else f"{WAY_BACK}{refused}", said, indent=2)


def _contact(contact: ContactView) -> list[str | Mark]:
    if contact.is_channel:
        told = f"is told {', '.join(contact.told)}" if contact.told else "is told no finding"
        return [f"channel {contact.name}", told]
    return [contact.name, ", ".join(contact.people) or "nobody yet"]


PARTS: dict[str, Callable[[RunbookView], Iterator[Section]]] = {
    "do": _do_part,
    "trouble": _trouble_part,
    "steps": _steps_part,
    "way_back": _way_back_part,
    "contacts": _contacts_part,
}
"""From what to do now to where to look."""
