"""A step driven as the engine drives it: move by move, effects performed, answers settled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import KindMisused
from rollout.domain.evidence import Scalar
from rollout.domain.plan import Plan
from rollout.kinds import (
    Act,
    Confirmation,
    Done,
    Effect,
    Failed,
    KnownRun,
    Move,
    OpenFinding,
    PastMeasure,
    Remember,
    Settled,
    StepContext,
    StepKind,
)
from rollout.rehearsal.told import RehearsalFiles
from rollout.store.memory import MemoryEvidenceStore

NOW = datetime(2026, 1, 20, 18, 0, tzinfo=UTC)
MOST_MOVES = 100


@dataclass
class Channels:
    """Takes messages; `answers` are given first, one a message, then yes."""

    answers: list[Answer[None]] = field(default_factory=list)
    sent: list[dict[str, str]] = field(default_factory=list)

    def send(
        self, channel: str, title: str, body: str, *, dedupe: str, severity: str = ""
    ) -> Answer[None]:
        said = {"channel": channel, "title": title, "body": body}
        self.sent.append({**said, "dedupe": dedupe, "severity": severity})
        return self.answers.pop(0) if self.answers else Yes(None)


@dataclass
class Opened:
    """The plan's connections: channels and an output folder."""

    channels: Channels = field(default_factory=Channels)
    folder: RehearsalFiles = field(default_factory=RehearsalFiles)
    known: Sequence[str] = ("team", "oncall")

    def notifier(self, name: str) -> Channels:
        if name not in self.known:
            raise KindMisused(f"no channel {name!r}")
        return self.channels

    def files(self) -> RehearsalFiles:
        return self.folder

    def pages(self) -> NoReturn:
        raise KindMisused("no pages")

    def warehouse(self, name: str) -> NoReturn:
        raise KindMisused(f"no warehouse {name!r}")

    def sync_service(self, name: str) -> NoReturn:
        raise KindMisused(f"no sync service {name!r}")

    def record_store(self, name: str) -> NoReturn:
        raise KindMisused(f"no record store {name!r}")

    def names(self) -> Iterable[str]:
        return self.known


class NoFacts:
    """A log that knows nothing."""

    def confirmation(self, check: str) -> Confirmation | None:
        return None

    def findings(self) -> Sequence[OpenFinding]:
        return []

    def history(self, check: str) -> Sequence[PastMeasure]:
        return []

    def runs(self, sync: str) -> Sequence[KnownRun]:
        return []

    def evidence_of_step(self, step: str) -> Any:
        raise KeyError(step)

    def evidence_of_steps(self, steps: Any, *, after: str | None = None) -> Any:
        return iter(())

    def triggered(self, sync_id: int) -> set[int]:
        return set()

    def began_at(self) -> datetime:
        return NOW


@dataclass
class Driver:
    """Plays the engine for one step. What it remembers is what the log would hold."""

    kind: StepKind
    inputs: Any
    plan: Plan
    opened: Opened = field(default_factory=Opened)
    evidence: MemoryEvidenceStore = field(default_factory=MemoryEvidenceStore)
    memory: dict[str, Any] = field(default_factory=dict)
    undo_memory: dict[str, Any] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)
    undo_settled: dict[str, Settled] = field(default_factory=dict)
    outputs: dict[str, Scalar] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    sends: int = 0

    def context(self, *, undo: bool = False) -> StepContext:
        return StepContext(
            step="the_step",
            phase="operationalize",
            attempt=1,
            now=NOW,
            started_at=NOW,
            plan=self.plan,
            connections=self.opened,
            facts=NoFacts(),
            evidence=self.evidence,
            memory=self.undo_memory if undo else self.memory,
            settled=self.undo_settled if undo else self.settled,
            outputs=self.outputs,
            forward_memory=self.memory,
            forward_settled=self.settled,
        )

    def run(self, *, undo: bool = False, until: int = MOST_MOVES) -> Move:
        """To its end, or for `until` moves, as a crash would stop it."""
        inputs = self.kind.Inputs.model_validate(self.inputs)
        for _ in range(until):
            context = self.context(undo=undo)
            ask = self.kind.undo if undo else self.kind.advance
            move = ask(inputs, context)
            if isinstance(move, Remember):
                (self.undo_memory if undo else self.memory).update(move.memory)
            elif isinstance(move, Act):
                self._perform(move.effect, inputs, context, undo=undo)
            else:
                if isinstance(move, Done) and not undo:
                    self.outputs = move.outputs
                return move
        return Failed("it does not come to an end")

    def _perform(self, effect: Effect, inputs: Any, context: StepContext, *, undo: bool) -> None:
        """Sent again while the answer is unknown or not yet, as its being idempotent allows."""
        assert effect.idempotent
        self.effects.append(effect)
        settled = self.undo_settled if undo else self.settled
        for _ in range(MOST_MOVES):
            self.sends += 1
            match self.kind.perform(effect, inputs, context):
                case Yes(value=value, detail=detail):
                    settled[effect.name] = Settled(how="done", value=value, detail=detail)
                    return
                case No(reason=reason, retry_after_s=None):
                    settled[effect.name] = Settled(how="refused", detail=reason)
                    return
                case No() | Unknown():
                    continue
        raise AssertionError("sent for ever")
