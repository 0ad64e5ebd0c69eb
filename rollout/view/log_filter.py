"""What of a log is shown: by kind, phase and actor, and by words of its sentences."""

from __future__ import annotations

import shlex
from typing import Any

import msgspec

from rollout.domain.events import KINDS, Event, kind_of
from rollout.view.sentences import sentence
from rollout.view.text import plain

HOW = "words, kind:KIND, phase:PHASE, actor:NAME"


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All that is given must be met; of several kinds, one. Words are found in any case."""

    kinds: tuple[str, ...] = ()
    phase: str = ""
    actor: str = ""
    words: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != LogFilter()

    @property
    def needs_events(self) -> bool:
        """Whether more than an event's kind decides."""
        return bool(self.phase or self.actor or self.words)

    def matches(self, event: Event) -> bool:
        if self.kinds and kind_of(event.payload) not in self.kinds:
            return False
        if self.actor and self.actor.casefold() not in event.actor.casefold():
            return False
        if self.phase and phase_of(event.payload) != self.phase:
            return False
        if not self.words:
            return True
        said = sentence(event.payload).casefold()
        return all(word.casefold() in said for word in self.words)

    def said(self) -> str:
        """As it would be typed.

        >>> parse_filter('kind:measured "no-go" x').said()
        'kind:measured no-go x'
        """
        parts = [f"kind:{kind}" for kind in self.kinds]
        parts += [f"phase:{self.phase}"] if self.phase else []
        parts += [f"actor:{shlex.quote(self.actor)}"] if self.actor else []
        return plain(" ".join([*parts, *(shlex.quote(word) for word in self.words)]))


def parse_filter(text: str) -> LogFilter:
    """Words and `kind:`, `phase:`, `actor:`, in any order; quotes hold words together.

    Raises: ValueError that says what cannot be read, and what may have been meant.
    >>> parse_filter("phase:pilot kind:measured kind:gate_decided fail")
    LogFilter(kinds=('measured', 'gate_decided'), phase='pilot', actor='', words=('fail',))
    """
    kinds: list[str] = []
    words: list[str] = []
    named = {"phase": "", "actor": ""}
    for part in _split(text):
        key, colon, value = part.partition(":")
        if not colon or key not in {"kind", *named}:
            words.append(part)
        elif not value:
            raise ValueError(f"`{key}:` names none; write {HOW}")
        elif key == "kind":
            kinds.append(_known(value))
        else:
            named[key] = value
    return LogFilter(
        kinds=tuple(kinds), phase=named["phase"], actor=named["actor"], words=tuple(words)
    )


def _split(text: str) -> list[str]:
    try:
        return [part for part in shlex.split(text) if part]
    except ValueError:  # a quote that is not closed yet: somebody is still typing
        return text.split()


def _known(kind: str) -> str:
    if kind in KINDS:
        return kind
    # Late: only a mistake needs it.
    from difflib import get_close_matches

    near = get_close_matches(kind, KINDS, n=1)
    meant = f": did you mean {near[0]}?" if near else f"; one of {', '.join(KINDS)}"
    raise ValueError(f"there is no kind of event {plain(kind)!r}{meant}")


def phase_of(payload: Any) -> str:
    """The phase that an event belongs to; empty for what belongs to none."""
    found = getattr(payload, "phase", None)
    if isinstance(found, str):
        return found
    effect = getattr(payload, "effect", "")
    if effect:
        return str(effect).partition("/")[0]
    return str(getattr(payload, "finding", "")).partition("-")[0]
