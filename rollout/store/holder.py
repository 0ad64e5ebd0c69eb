"""Who owns a store, whatever the lock is made of."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

import msgspec


class Holder(msgspec.Struct, frozen=True):
    """An ownership as others read it. `epoch` counts ownerships of the store, from 1."""

    epoch: int
    pid: int
    host: str
    since: str
    who: str = ""

    def __str__(self) -> str:
        who = f"{self.who}, " if self.who else ""
        return f"{who}process {self.pid} on {self.host} since {_to_second(self.since)}"


def _to_second(instant: str) -> str:
    """
    >>> _to_second("2026-01-05T17:00:00.123456Z"), _to_second("then")
    ('2026-01-05T17:00:00Z', 'then')
    """
    return re.sub(r"(:\d\d)\.\d+", r"\1", instant)


class Pulse(msgspec.Struct, frozen=True):
    """Who owns a store now, and a text that is another one after each sign of life of the owner:
    compared, never read. Empty where the database does not tell it."""

    holder: Holder
    beat: str


class Ownership(ABC):
    """Held until `release` or the end of the process; children do not inherit it."""

    holder: Holder

    def __enter__(self) -> Ownership:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def epoch(self) -> int:
        """Goes into every effect; a lower one than the newest belongs to an owner of the past."""
        return self.holder.epoch

    @abstractmethod
    def confirm(self) -> None:
        """Before an effect: is it still ours? Raises: StoreUnavailable when it may not be."""

    @abstractmethod
    def beat(self) -> None:
        """A sign of life for whoever looks on. Never raises: `confirm` is there to find out."""

    @abstractmethod
    def release(self) -> None:
        """Give it up; twice is fine."""
