"""SIGKILL for a controller at moments that a seed chooses, again and again until there were enough."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Self

from live_run import NAME, LiveRun

from rollout.domain.events import EffectIntended
from rollout.store.reading import Reader, open_readonly

LOOK_S = 0.005
LATEST_S = 1.0
"""After the chosen event, the moment itself is anywhere within this real time."""


class Killer:
    """Kills `kills` times: at chosen numbers of the log's newest event, spread over the `events`
    that an undisturbed run has; and besides, while the answer to every second trigger is awaited."""

    def __init__(self, run: LiveRun, *, seed: int, kills: int, events: int) -> None:
        rng = Random(seed)
        # The last few events follow each other at once: nothing is left to be killed there.
        numbers = sorted(rng.sample(range(2, events - 20), kills))
        self.moments = [(number, rng.uniform(0, LATEST_S)) for number in numbers]
        self.killed = self.in_triggers = 0
        self._run, self._rng = run, rng
        self._triggers: set[str] = set()
        self._over = threading.Event()
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        self._killing = self._thread.submit(self._kill_all)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._killing.result(180)
        self._thread.shutdown()

    def _kill_all(self) -> None:
        with open_readonly(self._run.state) as reader:
            for number, late_s in self.moments:
                if self._has_come(reader, number) and not self._over.wait(late_s):
                    self._kill()

    def _has_come(self, reader: Reader, number: int) -> bool:
        """Wait until the log has come to the number; kill within triggers meanwhile."""
        while not self._over.is_set():
            (newest,) = reader.events(NAME, limit=1, newest=True)
            said = newest.payload
            if isinstance(said, EffectIntended) and said.action == "trigger":
                self._within(said.effect)
            elif newest.seq >= number:
                return True
            self._over.wait(LOOK_S)
        return False

    def _within(self, trigger: str) -> None:
        if trigger not in self._triggers:
            self._triggers.add(trigger)
            if len(self._triggers) % 2 and not self._over.wait(self._rng.uniform(0, 0.5)):
                self.in_triggers += 1
                self._kill()

    def _kill(self) -> None:
        self.killed += 1
        self._run.restart()
