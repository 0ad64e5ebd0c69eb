"""What a decision would become, and what became of it, in words for a dialog."""

from __future__ import annotations

import msgspec


class Foretold(msgspec.Struct, frozen=True):
    """Sentences of the events that a decision would become, or why it would be refused."""

    events: list[str] = []
    refused: str = ""


class Said(msgspec.Struct, frozen=True):
    """What became of a decision: the events it is in the log as, or why not and what happened since
    the person looked. `told`: what is to be done now, where it is not done with that."""

    events: list[str] = []
    refused: str = ""
    meanwhile: list[str] = []
    told: list[str] = []
