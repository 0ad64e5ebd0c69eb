"""Keys: every binding with an id, so that a person can put it elsewhere, and one list for the help."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

from rollout.view.actions import ACTIONS
from rollout.view.replay import HOW


@dataclass(frozen=True)
class Key:
    """`keys` is the default, comma-separated; `shown` how the help writes it."""

    id: str
    keys: str
    action: str
    label: str
    about: str
    group: str
    shown: str = ""
    decides: tuple[str, ...] = ()
    """The decisions it opens: it is locked when all of them are."""

    def binding(self) -> Binding:
        return Binding(self.keys, self.action, self.label, id=self.id, show=False)

    @property
    def display(self) -> str:
        return self.shown or self.keys.partition(",")[0]


MARK_ON = "where a phase moves on next, or a gate is decided"
MARK_BACK = "where a phase moved on before, or a gate was decided"

LOOK, DECIDE, APP = "look", "decide", "everywhere"


def _deciding(key: str, label: str, *decides: str) -> Key:
    """A key that opens the dialog of the first of these that is possible."""
    about = " or ".join(f"{name.replace('_', ' ')}: {ACTIONS[name]}" for name in decides)
    return Key(
        f"decide.{decides[0]}",
        key,
        f"decide({', '.join(map(repr, decides))})",
        label,
        about,
        DECIDE,
        decides=decides,
    )


KEYS: tuple[Key, ...] = (
    *(
        _deciding(*row)
        for row in (
            ("g", "go", "proceed"),
            ("p", "hold", "hold", "resume"),
            ("a", "attest", "attest"),
            ("s", "sign", "sign"),
            ("w", "waive", "waive"),
            ("r", "retry", "retry"),
            ("b", "restart", "restart"),
            ("R", "roll back", "roll_back"),
            ("u", "settle", "settle"),
            ("c", "close finding", "close_finding"),
            ("A", "abort", "abort"),
            ("E", "end", "end"),
        )
    ),
    Key("pane.next", "tab", "next_pane", "next pane", "the next pane", LOOK),
    Key("pane.previous", "shift+tab", "previous_pane", "previous pane", "the pane before", LOOK),
    Key("pane.zoom", "z", "zoom", "zoom", "the focused pane alone, and back", LOOK),
    Key("pane.filter", "slash", "filter", "filter", "only lines that hold a text", LOOK, "/"),
    Key("copy.row", "y", "copy_row", "copy", "copy the row under the cursor", LOOK),
    Key("copy.all", "Y", "copy_pane", "copy all", "copy the whole pane", LOOK),
    Key("app.palette", "colon,ctrl+p", "command_palette", "all", "every action by name", APP, ":"),
    Key("app.help", "question_mark,f1", "help", "help", "what can be done here", APP, "?"),
    Key("app.theme", "t", "theme", "theme", "dark, light, 16 colours", APP),
    Key(
        "app.controller",
        "C",
        "start_controller",
        "start a controller",
        "let a process of its own drive the rollout",
        APP,
    ),
    Key("app.quit", "q", "leave", "quit", "leave; nothing that runs is stopped", APP),
    Key("app.quit_now", "ctrl+q", "leave_now", "quit now", "leave without a question", APP),
)

STAGE = "the rehearsal"

REHEARSAL_KEYS: tuple[Key, ...] = (
    Key(
        "stage.slower",
        "less_than_sign",
        "ask('slower')",
        "slower",
        "time passes slower",
        STAGE,
        "<",
    ),
    Key(
        "stage.faster",
        "greater_than_sign",
        "ask('faster')",
        "faster",
        "time passes faster",
        STAGE,
        ">",
    ),
    Key(
        "stage.pause", "space", "ask('pause')", "pause", "time stands still, or passes again", STAGE
    ),
    Key(
        "stage.step",
        "full_stop",
        "ask('step')",
        "step",
        "leap to what is due next, or a quarter of an hour",
        STAGE,
        ".",
    ),
    Key(
        "stage.inject",
        "i",
        "ask('inject')",
        "inject",
        "let the fault under the cursor happen",
        STAGE,
    ),
    Key("stage.clear", "x", "ask('clear')", "clear", "take the fault under the cursor back", STAGE),
)
"""Bound by the Rehearsal screen alone: in production there are no such keys."""


REPLAY_KEYS: tuple[Key, ...] = (
    Key("replay.play", "space", "play", "play", "play the log on, or pause", LOOK),
    Key("replay.on", "full_stop", "step(1)", "event on", "the next event", LOOK, "."),
    Key("replay.mark_on", "right_square_bracket", "mark(1)", "gate on", MARK_ON, LOOK, "]"),
    Key("replay.jump", "at", "jump", "go to", f"go to {HOW}", LOOK, "@"),
    Key("replay.back", "comma", "step(-1)", "event back", "the event before", LOOK, ","),
    Key("replay.mark_back", "left_square_bracket", "mark(-1)", "gate back", MARK_BACK, LOOK, "["),
    Key(
        "replay.faster",
        "greater_than_sign",
        "faster(1)",
        "faster",
        "more events a second",
        LOOK,
        ">",
    ),
    Key("replay.slower", "less_than_sign", "faster(-1)", "slower", "fewer a second", LOOK, "<"),
)
"""They exist only in front of a recorded log."""


def bindings() -> list[Binding]:
    """Of the app, by their default keys."""
    return [key.binding() for key in KEYS]
