"""One run told: every event, every request with its answer, every fault, every decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from rollout.live.deciding import Wish

from .dice import Dice
from .network import Answered, Call, Network
from .oracle_log import LogOracle, Row
from .people import People

WIDTH = 200


@contextmanager
def traced(say: Callable[[str], None]) -> Iterator[None]:
    """While this is open, simulations tell what they do."""
    follow, answer, fires, speak = LogOracle.follow, Network.answer, Dice.fires, People.say

    def told(self: LogOracle, row: Row) -> None:
        payload = bytes(row[6]).decode()[:WIDTH]
        say(f"#{row[1]:<4} {row[2][5:19]} {row[3]:8} {row[4]:16} {payload}")
        follow(self, row)

    def answered(self: Network, call: Call, intent: str) -> Answered | str:
        found = answer(self, call, intent)
        shown = found if isinstance(found, str) else f"{found.status_code} {found.content[:120]!r}"
        say(f"      [{self.time.at:%d %H:%M:%S}] {call.name} {call.body or ''} -> {shown}")
        return found

    def fired(self: Dice, fault: str, times: float = 1.0) -> bool:
        happens = fires(self, fault, times)
        if happens:
            say(f"      ! {fault}")
        return happens

    def spoke(self: People, wish: Wish) -> bool:
        accepted = speak(self, wish)
        say(f"      @ {wish.by} ({wish.role}) {wish.name} {wish.subject}: {accepted}")
        return accepted

    patches: list[Any] = [
        mock.patch.object(LogOracle, "follow", told),
        mock.patch.object(Network, "answer", answered),
        mock.patch.object(Dice, "fires", fired),
        mock.patch.object(People, "say", spoke),
    ]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()
