"""What every dialog has: the world it is about, in word and frame, and a way out that changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from rollout.tui.lines import content
from rollout.tui.screens.base import Host
from rollout.tui.snapshot import Snapshot
from rollout.view.environment import environment_of
from rollout.view.text import wrap

Result = TypeVar("Result")


class RolloutDialog(ModalScreen[Result]):
    """A subclass gives `compose_dialog`; `show` is called with every new snapshot."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-roomy"), (45, "-ample")]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(id="d-head", markup=False)
            yield VerticalScroll(*self.compose_dialog(), id="d-body", can_focus=False)
            yield from self.compose_foot()

    def compose_dialog(self) -> ComposeResult:
        yield from ()

    def compose_foot(self) -> ComposeResult:
        """What stays in sight however long the dialog is."""
        yield from ()

    @property
    def host(self) -> Host:
        return cast("Host", self.app)

    def on_mount(self) -> None:
        environment = environment_of(self.host.snapshot.view.profile)
        self.add_class(f"-{environment.word.lower()}")
        self.set_class(self.host.ascii_only, "-ascii")
        badge = environment.badge(ascii_only=self.host.ascii_only)
        self.query_one("#d-head", Static).update(content([f"{badge}  {self._title}"]))

    def on_resize(self) -> None:
        self.call_after_refresh(self.wrap_anew)

    def wrap_anew(self) -> None:
        """The width is another one."""

    def show(self, snapshot: Snapshot) -> None:
        """Something is new while the dialog is open."""

    def action_cancel(self) -> None:
        self.dismiss(None)

    def write(self, name: str, lines: Sequence[str], *, indent: str = "") -> None:
        """Lines into a static of the dialog, wrapped to its width; nothing is hidden at an edge."""
        widget = self.query_one(f"#{name}", Static)
        widget.display = bool(lines)
        width = max(self.query_one("#d-body").scrollable_content_region.width, 20)
        widget.update(content([part for line in lines for part in wrap(line, width, indent)]))
