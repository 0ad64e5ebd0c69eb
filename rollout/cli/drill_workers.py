"""Rehearse side by side, each rehearsal in a process of its own: it keeps a processor busy, and one
that dies takes nobody with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread

import msgspec

from rollout.cli.drill_jobs import Answer, Job, carry_out

Tell = Callable[[Job, Answer], None]


def run_jobs(jobs: Sequence[Job], workers: int, tell: Tell) -> None:
    """Carry out every job, at most `workers` at a time, and tell each answer as it comes. A fault waits
    for the undisturbed rehearsal of its world, and is not rehearsed when that broke. With one worker
    everything happens in this process, in the order of the jobs."""
    if min(workers, len(jobs)) <= 1:
        board = _Board(list(jobs), tell)
        while (job := board.next()) is not None:
            board.settle(job, carry_out(job))
        return
    _side_by_side(_Board(list(jobs), tell), workers)


@dataclass
class _Board:
    """Which jobs wait, and how the undisturbed rehearsal of each world went."""

    waiting: list[Job]
    tell: Tell
    _worlds: dict[str, str] = field(default_factory=dict)
    """World -> why its undisturbed rehearsal broke; empty when it did not."""

    def next(self) -> Job | None:
        """A job that can begin; None when there is none, or none yet."""
        self._give_up()
        job = next((j for j in self.waiting if j.undisturbed or j.world in self._worlds), None)
        if job is not None:
            self.waiting.remove(job)
        return job

    def settle(self, job: Job, answer: Answer) -> None:
        if job.undisturbed:
            self._worlds[job.world] = answer.error
        self.tell(job, answer)

    def _give_up(self) -> None:
        for job in [j for j in self.waiting if self._worlds.get(j.world)]:
            self.waiting.remove(job)
            why = self._worlds[job.world]
            self.tell(job, Answer(error=f"the rehearsal without the fault broke: {why}"))


def _side_by_side(board: _Board, workers: int) -> None:
    """Ctrl-C ends the processes at once: nothing of theirs is kept anyway."""
    running: dict[Connection, tuple[Job, SpawnProcess]] = {}
    try:
        while True:
            while len(running) < workers and (job := board.next()) is not None:
                ours, process = _begun(job)
                running[ours] = (job, process)
            if not running:
                return
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                job, process = running.pop(ready)
                board.settle(job, _received(ready, process))
    finally:
        for _, process in running.values():
            process.terminate()
        for connection, (_, process) in running.items():
            process.join()
            connection.close()


def _begun(job: Job) -> tuple[Connection, SpawnProcess]:
    """Spawned, not forked: a fork would inherit the locks of threads that it does not have."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(theirs, job), daemon=True)
    process.start()
    theirs.close()
    return ours, process


def _received(connection: Connection, process: SpawnProcess) -> Answer:
    with connection:
        try:
            answer = msgspec.msgpack.decode(connection.recv_bytes(), type=Answer)
        except EOFError:
            answer = None
    process.join()
    return answer or Answer(error=f"its process ended by itself (exit code {process.exitcode})")


def work(connection: Connection, job: Job) -> None:
    """What a worker's process does. Whoever presses Ctrl-C means the drill, which ends its workers; one
    whose drill is gone ends as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_drill, daemon=True).start()
    connection.send_bytes(msgspec.msgpack.encode(carry_out(job)))
    connection.close()


def _end_with_the_drill() -> None:
    drill = multiprocessing.parent_process()
    if drill is not None:
        drill.join()
        os._exit(1)
