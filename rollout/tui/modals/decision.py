"""One dialog for all decisions: nothing chosen at first, Cancel focused, and what it will write in sight."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, Static

from rollout.tui.desk import Desk
from rollout.tui.modals.base import RolloutDialog
from rollout.tui.modals.fields import PickPane, TypedInput
from rollout.tui.modals.form import DecisionForm
from rollout.tui.outcomes import Foretold, Said
from rollout.tui.snapshot import Snapshot
from rollout.view.dialogs import (
    DialogView,
    Filled,
    Saying,
    dialog_view,
    is_addressed,
    is_complete,
    missing,
    saying,
    verb,
    who_may,
)
from rollout.view.equivalent import equivalent
from rollout.view.marks import FAIL, PASS, UNKN
from rollout.view.signing_ways import signs_here

ARM_TICK_S = 0.25


class Decided(Said, frozen=True):
    """What came of the dialog, and who spoke: the next dialog begins with the same person."""

    by: str = ""
    role: str = ""


class Prepared(Message):
    """The plan was read, or why not."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.problem = problem


class Committed(Message):
    """The log has answered."""

    def __init__(self, said: Saying, outcome: Said) -> None:
        super().__init__()
        self.said, self.outcome = said, outcome


class DecisionDialog(RolloutDialog[Decided | None]):
    """Bound to the log position that was on screen when it opened; `desk` holds it against the log
    once more when the button is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "page(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
    ]

    def __init__(self, dialog: DialogView, desk: Desk, only: str | None = None) -> None:
        super().__init__(f"{dialog.title}: {dialog.about}")
        self._dialog, self._desk, self._only = dialog, desk, only
        self._armed_at_s: float | None = None
        self._foretold = Foretold(refused="reading the plan")
        self._said: Said | None = None
        self._note = ""
        self._busy = False

    def compose_dialog(self) -> ComposeResult:
        d = self._dialog
        yield Static(id="d-seen", markup=False)
        yield DecisionForm(d)
        for name in ("d-events", "d-command"):
            yield Static(id=name, markup=False)

    def compose_foot(self) -> ComposeResult:
        yield Static(id="d-problem", markup=False)
        yield Horizontal(
            Button(Content("[ Cancel ]"), id="d-cancel", compact=True),
            Button(Content(f"[ {self._dialog.verb} ]"), id="d-do", compact=True, disabled=True),
            Button(Content("[ Look again ]"), id="d-again", compact=True),
            Static("more: PgUp PgDn", id="d-more", markup=False),
            id="d-buttons",
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#d-cancel").focus()
        self.query_one("#d-again").display = False
        self.set_interval(ARM_TICK_S, self.tick)
        self._prepare()

    @work(thread=True, exit_on_error=False, group="desk", description="reads the plan")
    def _prepare(self) -> None:
        self.post_message(Prepared(self._desk.prepare(self.host.snapshot.state.plan_sha256)))

    @on(Prepared)
    def _prepared(self, message: Prepared) -> None:
        self._note = message.problem
        self._fill()

    @property
    def form(self) -> DecisionForm:
        return self.query_one(DecisionForm)

    @property
    def filled(self) -> Filled:
        """As the person left it."""
        armed_at = self._armed_at_s
        return self.form.filled(0.0 if armed_at is None else self.host.seconds() - armed_at)

    # drawing ------------------------------------------------------------------

    def wrap_anew(self) -> None:
        self._fill()

    def show(self, snapshot: Snapshot) -> None:
        self._fill()

    def tick(self) -> None:
        """Only what the clock changes."""
        if self._dialog.arm_s and self._armed_at_s is not None:
            self._fill()

    @on(Input.Changed)
    @on(PickPane.Chosen)
    def _changed(self) -> None:
        self._said, self._note = None, self._note if self._busy else ""
        self._fill()

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    @on(TypedInput.Refused)
    def _no_paste(self) -> None:
        self._note = "pasting is refused: type it, letter by letter"
        self._fill()

    def _fill(self) -> None:
        if not self.query("#d-do"):
            return  # not composed yet, or being taken down
        snapshot, d = self.host.snapshot, self._dialog
        mine, usual = self.host.only_person, (self.host.by, self.host.role)
        pairs = who_may(d, self.form.subject, snapshot.words)
        self.form.offer_people([p for p in pairs if mine in {"", p[0]}], usual)
        self.form.label_phrase()
        self.form.offer_ways()
        if not is_complete(d, self.filled):
            self._armed_at_s = None
        elif self._armed_at_s is None:
            self._armed_at_s = self.host.seconds()
            # What it will append and the command stand below the form: nobody agrees unseen.
            self.call_after_refresh(self.query_one("#d-body").scroll_end, animate=False)
        filled = self.filled
        said, still = saying(d, filled), missing(d, filled)
        self._foretold = self._foretell(said, snapshot) if is_addressed(d, filled) else Foretold()
        self._write(snapshot, said, still)
        locked = bool(still or self._foretold.refused or self._busy or not snapshot.link.may_act)
        button = self.query_one("#d-do", Button)
        button.disabled, button.label = locked, Content(f"[ {verb(d, filled)} ]")
        button.refresh(layout=True)
        self.call_after_refresh(self._hint)

    def _hint(self) -> None:
        """That there is more, where not all of the form fits."""
        for hint in self.query("#d-more"):
            hint.display = self.query_one("#d-body").max_scroll_y > 0

    def action_page(self, pages: int) -> None:
        """What is below, or above, whatever field is focused."""
        body = self.query_one("#d-body")
        body.scroll_relative(y=pages * max(body.size.height - 1, 1), animate=False)

    def _foretell(self, said: Saying, snapshot: Snapshot) -> Foretold:
        """Without a word for it yet, the reason stands in the foretold events as it will stand."""
        dots = "..." if self.host.ascii_only else "…"
        shown = said if said.reason else Saying(**{**_fields(said), "reason": dots})
        return self._desk.foretell(shown, snapshot.state, snapshot.now)

    def _write(self, snapshot: Snapshot, said: Saying, still: list[str]) -> None:
        d, moved = self._dialog, snapshot.state.seq - self._dialog.seen_seq
        news = f"; {moved} newer event{'' if moved == 1 else 's'} since" if moved > 0 else ""
        lines = [f"you saw {d.seen}{news}"]
        if len(d.subjects) == 1 and d.subjects[0].id:
            lines.append(f"about {d.subjects[0].words}")
        self.write("d-seen", lines)
        self.write("d-events", self._foretold_lines())
        self.write("d-command", ["the same as a command:", equivalent(said, self._desk.place)])
        self.write("d-problem", self._problems(snapshot, still))

    def _foretold_lines(self) -> list[str]:
        if self._foretold.refused:
            mark = UNKN.shown(ascii_only=self.host.ascii_only)
            return [f"{mark}  would be refused: {self._foretold.refused}"]
        if not self._foretold.events:
            return ["will be recorded: told as soon as it is clear who says what"]
        return ["will be recorded:", *(f"  {event}" for event in self._foretold.events)]

    def _problems(self, snapshot: Snapshot, still: list[str]) -> list[str]:
        if self._busy:
            return ["recording"]
        found = [self._note] if self._note else []
        if self._said is not None:
            found += _answer_lines(self._said, ascii_only=self.host.ascii_only)
        if not snapshot.link.may_act:
            found.append(f"locked, {snapshot.link.state}: {snapshot.link.why}")
        return found + ([f"still to do: {'; '.join(still)}"] if still else [])

    # the end -----------------------------------------------------------------

    @on(Button.Pressed, "#d-cancel")
    def _cancelled(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#d-again")
    def _look_again(self) -> None:
        """Bound to what is on screen now; what was written stays in the form."""
        snapshot = self.host.snapshot
        action = self.host.action_view(self._dialog.action)
        self._said = None
        if action.locked:
            self._note = action.locked
        else:
            self._dialog = dialog_view(action, snapshot.state, snapshot.words, self._only)
            self.form.ask(self._dialog)
        self.query_one("#d-again").display = False
        self._fill()

    @on(Button.Pressed, "#d-do")
    def _do(self) -> None:
        if missing(self._dialog, self.filled) or self._busy:
            return
        said = saying(self._dialog, self.filled)
        if signs_here(said.way):
            self._sign_here(said)
            return
        self._busy = True
        self._fill()
        self._commit(said)

    def _sign_here(self, said: Saying) -> None:
        """ssh-keygen may ask for a passphrase on the terminal: it has it until it is done."""
        with self.host.aside():
            outcome = self._desk.commit(said)
        self.post_message(Committed(said, outcome))

    @work(thread=True, exit_on_error=False, group="desk", description="records a decision")
    def _commit(self, said: Saying) -> None:
        self.post_message(Committed(said, self._desk.commit(said)))

    @on(Committed)
    def _committed(self, message: Committed) -> None:
        said, outcome = message.said, message.outcome
        self._busy = False
        if not outcome.refused and not outcome.told:
            self.dismiss(Decided(events=outcome.events, by=said.by, role=said.role))
            return
        self._said = outcome
        self.query_one("#d-again").display = bool(outcome.refused)
        self._fill()


def _answer_lines(said: Said, *, ascii_only: bool) -> list[str]:
    mark = (FAIL if said.refused else PASS).shown(ascii_only=ascii_only)
    if said.refused:
        return [f"{mark}  refused: {said.refused}", *(f"meanwhile {e}" for e in said.meanwhile)]
    return [f"{mark}  recorded: {'; '.join(said.events)}", *said.told]


def _fields(said: Saying) -> dict[str, Any]:
    return {name: getattr(said, name) for name in Saying.__struct_fields__}
