"""The contract of a kind of check and a kind of step: what a plug-in author implements.

Kinds are registered as entry points in the groups `rollout.checks` and `rollout.steps`. They see
ports and the domain, never an adapter, the store or the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol

import msgspec
from pydantic import BaseModel

from rollout.domain.effects import Answer
from rollout.domain.events import RunObserved
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.plan import Plan
from rollout.ports import Connections, EvidenceStore


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """A person's answer to an `attest` check of the current attempt."""

    by: str
    role: str
    answer: bool
    note: str
    at: datetime
    file_sha256: str | None = None


class OpenFinding(msgspec.Struct, frozen=True, kw_only=True):
    finding: str
    check: str
    phase: str
    severity: str
    state: str
    title: str
    raised_at: datetime | None = None


class PastMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier sample of a check of the same name, any attempt, any gate."""

    at: datetime
    observed: Mapping[str, Scalar]


class KnownRun(msgspec.Struct, frozen=True, kw_only=True):
    """A sync run that the log knows; `ours` = triggered or adopted by this rollout."""

    sync: str
    run_id: int
    ours: bool
    phase: str
    status: str
    processed: int | None
    accepted: int | None
    failed: int | None
    invalid: int | None
    created_at: datetime | None
    completed_at: datetime | None


class Facts(Protocol):
    """What the log knows, read-only, at the moment of the question."""

    def confirmation(self, check: str) -> Confirmation | None:
        """Of the phase being asked, current attempt only."""
        ...

    def findings(self) -> Sequence[OpenFinding]: ...

    def history(self, check: str) -> Sequence[PastMeasure]:
        """Oldest first."""
        ...

    def runs(self, sync: str) -> Sequence[KnownRun]:
        """Oldest first."""
        ...

    def evidence_of_step(self, step: str) -> Any:
        """The document (cohort, baseline, snapshot) that a completed step stored, newest attempt.
        Raises: KeyError when there is none."""
        ...

    def evidence_of_steps(
        self, steps: Collection[str], *, after: str | None = None
    ) -> Iterator[Any]:
        """Every document of these steps that no proven rollback has taken back, oldest first and read
        one by one: the first says how it was before anything was done. While a rollback goes on, of
        the phases it undoes; with `after` those stored later than `evidence_of_step(after)`."""
        ...

    def triggered(self, sync_id: int) -> Collection[int]:
        """Ids of the runs that this rollout's triggers came to, also those nobody watched."""
        ...

    def began_at(self) -> datetime:
        """When the rollout's log begins."""
        ...


class CheckContext(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a check may use. `now` is the instant of the sample, aware UTC.
    `check` is the check's own id, `timeout_s` what is left for it."""

    check: str
    phase: str
    attempt: int
    now: datetime
    phase_started_at: datetime
    plan: Plan
    connections: Connections
    facts: Facts
    timeout_s: float = 120.0


class CheckKind(Protocol):
    """One way to answer a question. Stateless; `observe` runs in a worker thread."""

    kind: ClassVar[str]
    Inputs: ClassVar[type[BaseModel]]
    primary: ClassVar[str | None]
    """The metric that a condition without a name speaks of."""
    metrics: ClassVar[Mapping[str, str] | None]
    """Metric name -> unit and meaning; None when the query names them."""
    default_go: ClassVar[Mapping[str, str]]
    """Conditions that hold when the plan gives none."""

    def observe(self, inputs: Any, context: CheckContext) -> Observation:
        """Look, once. Raises ServiceError when a system gave no answer: the verdict is `error`.
        An unanswerable question (empty population, duplicate keys) is an Observation with a
        `problem`: the verdict is `inconclusive`. Never decides pass or fail itself."""
        ...


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """A change a step wants to make. `name` is unique within the step (`trigger`, `chunk-3`);
    `watermark` is the highest foreign id seen just before; `idempotent` effects may be sent
    again when the answer was lost, others are only ever looked up."""

    name: str
    action: str
    target: str
    request: dict[str, Any] = {}
    idempotent: bool = True
    watermark: int | None = None
    needs_window: bool = False
    intended_at: datetime | None = None
    """When it was last sent or may have been; set by the engine for look-ups."""


class Wait(msgspec.Struct, frozen=True):
    """Nothing to do until `until`."""

    until: datetime
    note: str = ""


class Remember(msgspec.Struct, frozen=True):
    """Merge into the step's memory, then call `advance` again."""

    memory: dict[str, Any]


class Act(msgspec.Struct, frozen=True):
    """Commit the intent, then perform the effect."""

    effect: Effect


class SawRun(msgspec.Struct, frozen=True):
    """A sync run's counters changed; append them, then call `advance` again."""

    run: RunObserved


class Done(msgspec.Struct, frozen=True):
    """Finished. `outputs` are what `${{ steps.<id>.<name> }}` reads; a document the step stored
    goes in as `evidence` with its digest."""

    outputs: dict[str, Scalar]


class Failed(msgspec.Struct, frozen=True):
    """Cannot finish; the phase is held, or the rollback has failed, with this reason.

    On the way back: `remaining` are texts about what is left to do, `remaining_rows` counts it, and
    `outputs` say what was done so far."""

    reason: str
    remaining: Sequence[str] = ()
    remaining_rows: int = 0
    outputs: dict[str, Scalar] = {}


Move = Wait | Remember | Act | SawRun | Done | Failed


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """How an effect of this step ended. how: done, adopted, settled (a person says it took place),
    refused, never_sent (a person says it did not), abandoned (given up when the way back began)."""

    how: str
    value: Any = None
    detail: str = ""

    @property
    def took_place(self) -> bool:
        return self.how in {"done", "adopted", "settled"}


class Found(msgspec.Struct, frozen=True):
    """A look-up after an unknown answer found the effect: exactly one candidate."""

    value: Any
    detail: str


class NotFound(msgspec.Struct, frozen=True):
    """No or several candidates: a named person decides. `look_again_at` while it may still land."""

    reason: str
    look_again_at: datetime | None = None


class StepContext(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a step may use. State lives in `memory` and `settled`, both folded from the log:
    the step object itself remembers nothing."""

    step: str
    phase: str
    attempt: int
    now: datetime
    started_at: datetime
    plan: Plan
    connections: Connections
    facts: Facts
    evidence: EvidenceStore
    memory: Mapping[str, Any]
    settled: Mapping[str, Settled]
    """Effect name -> resolution, for effects of this step that are resolved."""
    outputs: Mapping[str, Scalar] = {}
    """Of the completed step, when undoing."""
    forward_memory: Mapping[str, Any] = {}
    """Memory of the forward run, when undoing; `memory` is then the undo's own."""
    forward_settled: Mapping[str, Settled] = {}
    tries: int = 1
    """How often this was begun, after a person asked for a failed rollback again. `settled` holds
    the effects of this try alone, `memory` that of all."""


class StepKind(Protocol):
    """One kind of action. `advance` is called again and again until Done or Failed."""

    kind: ClassVar[str]
    Inputs: ClassVar[type[BaseModel]]
    writes: ClassVar[bool]
    """Changes something outside the log."""
    has_undo: ClassVar[bool]
    outputs: ClassVar[Sequence[str]]
    """Names that `${{ steps.<id>.… }}` may use; `*` when inputs name them."""

    def advance(self, inputs: Any, context: StepContext) -> Move:
        """The next move. Raises ServiceError when a system gave no answer: tried again later."""
        ...

    def undo(self, inputs: Any, context: StepContext) -> Move:
        """The next move backwards, idempotent and resumable. Only for kinds with `has_undo`. Outputs
        `restored_rows`, `deleted_rows` and `left_rows` are summed; several undos may leave the same
        row, so `left` may be the digest of their `ids`: a row is then counted once."""
        ...

    def perform(self, effect: Effect, inputs: Any, context: StepContext) -> Answer[Any]:
        """Send the one request of a committed intent."""
        ...

    def look_up(self, effect: Effect, inputs: Any, context: StepContext) -> Found | NotFound:
        """After an unknown answer to an effect that is not idempotent."""
        ...


CheckKinds = Mapping[str, CheckKind]
StepKinds = Mapping[str, StepKind]
Resolve = Callable[[Any], Any]
"""Fills `${{ … }}` references in a document of strings, lists and mappings."""
