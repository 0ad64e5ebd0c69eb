"""Put several questions side by side: each has its own time-out, and nobody waits for a hung one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from rollout.domain.plan import CheckSpec
from rollout.engine.measure import Sample, timed_out


@dataclass(frozen=True)
class Question:
    """One sample to take; `ask` gives it, in whatever thread."""

    check: CheckSpec
    ask: Callable[[], Sample]


Answer = tuple[int, Sample | Exception]


def ask_side_by_side(questions: Sequence[Question], workers: int, at: datetime) -> list[Sample]:
    """Samples in the questions' order; at most `workers` questions are under way.

    A question past its check's own time-out is given up, its place is free for the next one, and
    its thread is left to itself (a daemon: it cannot keep the process from ending). Raises what
    a question raised: damage of the log, nothing else gets out of `measure`.
    """
    answers: SimpleQueue[Answer] = SimpleQueue()
    samples: dict[int, Sample] = {}
    waiting = deque(range(len(questions)))
    deadlines: dict[int, float] = {}
    while waiting or deadlines:
        while waiting and len(deadlines) < max(1, workers):
            number = waiting.popleft()
            deadlines[number] = monotonic() + questions[number].check.timeout.total_seconds()
            _start(number, questions[number], answers)
        for number, answer in _next(answers, min(deadlines.values())):
            if number in deadlines and isinstance(answer, Exception):
                raise answer
            if deadlines.pop(number, None) is not None and isinstance(answer, Sample):
                samples[number] = answer
        now = monotonic()
        for number in [n for n, deadline in deadlines.items() if deadline <= now]:
            del deadlines[number]
            samples[number] = timed_out(questions[number].check, at)
    return [samples[number] for number in range(len(questions))]


def _start(number: int, question: Question, answers: SimpleQueue[Answer]) -> None:
    def run() -> None:
        try:
            answers.put((number, question.ask()))
        except Exception as problem:  # noqa: BLE001 - carried to the thread that waits
            answers.put((number, problem))

    Thread(target=run, name=f"check-{question.check.check}", daemon=True).start()


def _next(answers: SimpleQueue[Answer], until: float) -> list[Answer]:
    """The next answer, or nothing when the first deadline comes before it."""
    try:
        return [answers.get(timeout=max(0.0, until - monotonic()))]
    except Empty:
        return []
