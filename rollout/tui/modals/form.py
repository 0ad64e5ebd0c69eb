"""The fields of a decision, and what a person has put into them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from rollout.tui.lines import clean, content
from rollout.tui.modals.fields import PickPane, TypedInput
from rollout.view.dialogs import DialogView, Filled, phrase, way
from rollout.view.signing_ways import REQUEST, key_lines, request_file, ways

_ALL = "*"
"""Stands for the empty subject (a rollback of everything), as no row can be called nothing."""

Pair = tuple[str, str]
"""A person and a role."""


class DecisionForm(Vertical):
    """Only the fields that the dialog asks for; nothing is chosen at first."""

    def __init__(self, dialog: DialogView) -> None:
        super().__init__(id="d-form")
        self._dialog = dialog

    def compose(self) -> ComposeResult:
        d = self._dialog
        if len(d.subjects) > 1:
            yield PickPane("about", _subjects(d), id="d-subject")
        if d.answers:
            options = [("yes" if a.yes else "no", a.words) for a in d.answers]
            yield PickPane("say", options, id="d-answer")
        yield PickPane("as", [], id="d-who")
        if d.signers:
            yield Static(id="d-key", markup=False)
            yield PickPane("how", _ways(d, ""), id="d-way")
        yield from _line(d.reason_label, Input(id="d-reason", compact=True))
        if d.takes_run:
            yield from _line("run id, or empty: never sent", Input(id="d-run", compact=True))
        if d.takes_file or d.signers:
            yield from _line("file that shows it, if any", Input(id="d-file", compact=True))
        yield from _line("", TypedInput(id="d-phrase", compact=True))

    def filled(self, armed_for_s: float = 0.0) -> Filled:
        """As the person left it."""
        by, _, role = (self._picked("d-who") or "\n").partition("\n")
        answer = self._picked("d-answer")
        return Filled(
            subject=self.subject,
            answer=None if answer is None else answer == "yes",
            by=by,
            role=role,
            reason=self._typed("d-reason"),
            phrase=self._typed("d-phrase"),
            run=self._typed("d-run"),
            file=self._typed("d-file"),
            way=self._picked("d-way"),
            armed_for_s=armed_for_s,
        )

    @property
    def subject(self) -> str | None:
        """The one there is, or the one that was chosen."""
        if len(self._dialog.subjects) == 1:
            return self._dialog.subjects[0].id
        found = self._picked("d-subject")
        return "" if found == _ALL else found

    def ask(self, dialog: DialogView) -> None:
        """The same questions about another log position; what was written stays."""
        self._dialog = dialog
        for pane in self.query("#d-subject").results(PickPane):
            pane.offer(_subjects(dialog))

    def offer_people(self, pairs: Sequence[Pair], usual: Pair) -> None:
        """Who may speak; the usual speaker, or the only one, is chosen already."""
        pane = self.query_one("#d-who", PickPane)
        pane.offer([(f"{by}\n{role}", f"{by} ({role})") for by, role in pairs])
        if pane.value is None:
            if usual in pairs:
                pane.choose("\n".join(usual))
            elif len(pairs) == 1:
                pane.choose("\n".join(pairs[0]))

    def offer_ways(self) -> None:
        """How to sign: what the chosen person can choose from, and the file that the chosen way takes."""
        d = self._dialog
        if not d.signers:
            return
        filled = self.filled()
        pane = self.query_one("#d-way", PickPane)
        pane.offer(_ways(d, filled.by))
        pane.display = bool(ways(d.signers, filled.by))
        self.query_one("#d-key", Static).update(content(key_lines(d.signers, filled.by)))
        chosen = way(d, filled)
        label = chosen.file if chosen is not None else ""
        if label and chosen is not None and chosen.id == REQUEST:
            label = f"{label} (empty: {request_file(self.subject or '', filled.by)})"
        self.query_one("#d-file-label", Static).update(Content(clean(label)))
        for name in ("d-file", "d-file-label"):
            self.query_one(f"#{name}").display = bool(label)

    def label_phrase(self) -> None:
        """Say what must be typed for what was chosen."""
        wanted = phrase(self._dialog, self.subject)
        self.query_one("#d-phrase-label", Static).update(Content(f"type `{clean(wanted)}`"))
        for name in ("d-phrase", "d-phrase-label"):
            self.query_one(f"#{name}").display = bool(wanted)

    def _picked(self, name: str) -> str | None:
        found = self.query(f"#{name}")
        return found.first(PickPane).value if found else None

    def _typed(self, name: str) -> str:
        found = self.query(f"#{name}")
        return found.first(Input).value if found else ""


def _subjects(dialog: DialogView) -> list[tuple[str, str]]:
    return [(s.id or _ALL, s.words) for s in dialog.subjects]


def _ways(dialog: DialogView, by: str) -> list[tuple[str, str]]:
    return [(found.id, found.words) for found in ways(dialog.signers, by)]


def _line(label: str, field: Input) -> ComposeResult:
    """A field under its label."""
    yield Static(label, id=f"{field.id}-label", classes="d-label", markup=False)
    yield field
