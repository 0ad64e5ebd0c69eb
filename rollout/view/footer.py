"""The keys below a screen: at most seven, by what matters there; locked ones stay, in brackets."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rollout.view.text import cells, clip

MOST = 7


class FooterKey(msgspec.Struct, frozen=True):
    """`locked` is why it does nothing now, empty when it does."""

    key: str
    label: str
    locked: str = ""

    def shown(self) -> str:
        """Brackets and not colour alone say that it is locked."""
        text = f"{self.key} {self.label}"
        return f"({text})" if self.locked else text


def footer_line(keys: Sequence[FooterKey], width: int, *, ascii_only: bool = False) -> str:
    """At most seven keys; what does not fit goes from the middle, as the last ones lead on to all
    the others.

    >>> footer_line([FooterKey("g", "go", "held"), FooterKey("?", "help")], 40)
    ' (g go)  ? help'
    """
    shown = list(keys[:MOST])
    while len(shown) > 1 and cells(_line(shown)) > width:
        del shown[-3 if len(shown) > 3 else 0]
    return clip(_line(shown), width, ascii_only=ascii_only)


def _line(keys: Sequence[FooterKey]) -> str:
    return " " + "  ".join(key.shown() for key in keys)
