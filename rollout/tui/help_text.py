"""What the help says: the focused pane, the keys by where they work, and what the marks mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rollout.tui.keys import APP, DECIDE, LOOK, Key
from rollout.view import link_state, marks
from rollout.view.text import table, wrap

_MEANINGS = {
    "PASS": "passed, go, done",
    "FAIL": "failed, no-go, held",
    "WARN": "off, and it does not decide",
    "UNKN": "not known: it blocks like a failure",
    "RUN": "goes on now",
    "WAIT": "waits for a person",
    "TODO": "still to come",
    "SKIP": "left out, undone",
    "WAIV": "waived by a person, with a reason",
}

_LINKS = {
    link_state.LIVE: "the controller gave a sign of life less than 2 s ago",
    link_state.LAG: "less than 10 s ago",
    link_state.STALE: "longer ago: what is shown may be old, nothing can be decided",
    link_state.LOST: "the store cannot be read; what was read last stays, dimmed",
    link_state.READONLY: "this person, or this terminal, may only look",
    link_state.REPLAY: "a recorded log",
}


def help_lines(
    pane: tuple[str, str],
    keys: Iterable[Key],
    shown: Callable[[Key], str],
    locked: Callable[[str], str],
    screens: Mapping[str, str],
    width: int,
    *,
    ascii_only: bool = False,
) -> list[str]:
    """`pane`: title of the focused pane and what can be done there; `screens`: key -> name."""
    title, about = pane
    lines = [title, *wrap(about, width, "  "), ""] if title else []
    known = list(keys)
    for group in dict.fromkeys([LOOK, DECIDE, *(k.group for k in known if k.group != APP), APP]):
        rows = [_row(k, shown(k), locked(k.id)) for k in known if k.group == group]
        if rows:
            lines += [group.capitalize(), *_indented(rows, width, ascii_only), ""]
    lines += ["Screens", *_indented([[k, n] for k, n in screens.items()], width, ascii_only), ""]
    lines += ["Marks", *_indented(_marks(ascii_only), width, ascii_only), ""]
    lines += ["The link, above right", *_indented(_links(ascii_only), width, ascii_only), ""]
    return lines + wrap(
        "Arrows or h j k l move, Enter opens, Esc goes back. Hold Shift to select text with the "
        "terminal's own mouse, or start with --no-mouse.",
        width,
    )


def _row(key: Key, shown: str, locked: str) -> list[str]:
    return [shown, f"({key.label})" if locked else key.label, locked or key.about]


def _marks(ascii_only: bool) -> list[list[str]]:
    return [
        [marks.MARKS[word].shown(ascii_only=ascii_only), meaning]
        for word, meaning in _MEANINGS.items()
    ]


def _links(ascii_only: bool) -> list[list[str]]:
    found = []
    for word, meaning in _LINKS.items():
        mark = link_state.MARKS[word]
        found.append([f"{mark.ascii if ascii_only else mark.glyph} {word}", meaning])
    return found


def _indented(rows: list[list[str]], width: int, ascii_only: bool) -> list[str]:
    return [f"  {line}" for line in table(rows, width - 2, ascii_only=ascii_only)]
