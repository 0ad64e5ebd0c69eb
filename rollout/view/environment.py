"""Which world is on screen: a word, a way to draw its borders, never colour alone."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import msgspec

PROD, SANDBOX, REHEARSAL, UNREAD = "PROD", "SANDBOX", "REHEARSAL", "UNREAD"


class EnvironmentView(msgspec.Struct, frozen=True):
    """`word` stands on every screen and dialog; `about` says more where there is room."""

    word: str
    about: str = ""

    def badge(self, *, ascii_only: bool = False) -> str:
        """The word in a frame of its own: heavy for production, broken for a rehearsal.

        >>> EnvironmentView("PROD").badge(), EnvironmentView("REHEARSAL").badge(ascii_only=True)
        ('▐PROD▌', ':REHEARSAL:')
        """
        left, right = (_ASCII if ascii_only else _FRAMES)[self.word]
        return f"{left}{self.word}{right}"


_FRAMES = {PROD: ("▐", "▌"), SANDBOX: ("(", ")"), REHEARSAL: ("┆", "┆"), UNREAD: ("?", "?")}
_ASCII = {PROD: ("#", "#"), SANDBOX: ("(", ")"), REHEARSAL: (":", ":"), UNREAD: ("?", "?")}


def environment_of(profile: str, scenario: str | None = None) -> EnvironmentView:
    """What is neither production nor a sandbox by name is a rehearsal; nothing read is none of them.

    >>> environment_of("prod").word, environment_of("sandbox").word, environment_of("test").word
    ('PROD', 'SANDBOX', 'REHEARSAL')
    """
    if not profile:
        return EnvironmentView(UNREAD)
    if profile == "prod":
        return EnvironmentView(PROD)
    if profile == "sandbox":
        return EnvironmentView(SANDBOX)
    return EnvironmentView(REHEARSAL, f"scenario {scenario}" if scenario else "")


def driver_of(profile: str, place: Sequence[str] = ()) -> str:
    """The command that drives a rollout of that profile; `place`: the options that lead to it.

    >>> driver_of("prod", ["--state", "my own.db"]), driver_of("rehearsal")
    ("rollout run --state 'my own.db'", 'rollout rehearse --by-hand --resume')
    """
    is_rehearsed = environment_of(profile).word == REHEARSAL
    command = ["rehearse", "--by-hand", "--resume"] if is_rehearsed else ["run"]
    return shlex.join(["rollout", *command, *place])


def placed(text: str, state: Sequence[str]) -> str:
    """A message of the store, which does not know how a person named it, with commands that work.

    >>> placed("damaged: run `rollout verify`", ["--state", "a.db"])
    'damaged: run `rollout verify --state a.db`'
    """
    return text.replace("`rollout verify`", f"`{shlex.join(['rollout', 'verify', *state])}`")
