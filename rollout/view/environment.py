"""Which world is on screen: a word, a way to draw its borders, never colour alone."""

from __future__ import annotations

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


def driver_of(profile: str) -> str:
    """The command that drives a rollout of that profile.

    >>> driver_of("prod"), driver_of("rehearsal")
    ('rollout run', 'rollout rehearse --by-hand --resume')
    """
    word = environment_of(profile).word
    return "rollout rehearse --by-hand --resume" if word == REHEARSAL else "rollout run"
