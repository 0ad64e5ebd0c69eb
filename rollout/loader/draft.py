"""A plan on its way to be valid: its parts as read, filled and split, for the rules to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rollout.domain.evidence import Scalar
from rollout.domain.plan import CheckSpec, StepSpec
from rollout.domain.references import Path
from rollout.kinds import CheckKind, CheckKinds, StepKind, StepKinds
from rollout.loader.filling import FilledText, Space
from rollout.loader.nodes import Node
from rollout.loader.sources import Sources

Moment = tuple[int, int]
"""When something is asked: (phase, how many of its steps are done). Steps before it are visible."""

LATEST = 1_000_000
"""More than any number of phases or steps."""

CHECK_KEYS = frozenset(CheckSpec.model_fields) - {"inputs"}
STEP_KEYS = frozenset(StepSpec.model_fields) - {"inputs"}


@dataclass(frozen=True)
class SqlUse:
    """A statement that somebody wants to run: where the plan names it, and where it is written."""

    node: Node
    text: str
    reads_only: bool
    file: Node | None = None
    filled: FilledText | None = None


@dataclass(frozen=True)
class StepDraft:
    """A step with the moment before it; `kind` is None when it is unknown."""

    node: Node
    at: Moment
    kind: StepKind | None
    inputs: dict[str, Any]

    @property
    def id(self) -> str:
        return self.node.text("id") or ""


@dataclass(frozen=True)
class CheckDraft:
    """A check of one gate; `kind` is None when it is unknown."""

    node: Node
    kind: CheckKind | None
    inputs: dict[str, Any]


@dataclass(frozen=True)
class GateUse:
    """One place that names a gate, the values it gives, and the moment it is asked."""

    node: Node
    gate: str
    values: list[tuple[str, Node]]
    moment: Moment


@dataclass
class GateDraft:
    """A gate with the parameters of one use filled in; uses with the same values share one."""

    gate: str
    key: str
    node: Node
    params: dict[str, Any]
    checks: list[CheckDraft] = field(default_factory=list)
    uses: list[GateUse] = field(default_factory=list)


@dataclass
class Draft:
    """Everything known about the plan. `plan` has its parameters and gate keys filled in."""

    plan: Node
    sources: Sources
    check_kinds: CheckKinds
    step_kinds: StepKinds
    params: dict[str, Scalar]
    steps: list[StepDraft] = field(default_factory=list)
    gates: dict[str, GateDraft] = field(default_factory=dict)
    sql: list[SqlUse] = field(default_factory=list)
    flawed: set[tuple[str, Path]] = field(default_factory=set)
    """Files and paths of statements that were found wrong."""

    @property
    def params_space(self) -> Space:
        return Space("params", self.params)

    def flawed_in(self, node: Node) -> set[Path]:
        return {path for file, path in self.flawed if file == node.document.file}

    def phases(self) -> list[Node]:
        return self.plan.members("phases")

    def names(self, section: str) -> list[str]:
        """The keys of a mapping at the top of the plan: syncs, roles, connections."""
        return [name for name, _ in self.plan.named(section)]

    def channels(self) -> list[str]:
        """Connections that tell people."""
        connections = self.plan.named("connections")
        return [name for name, one in connections if one.text("uses") == "notify"]


def step_nodes(plan: Node) -> Iterator[tuple[Moment, Node]]:
    """Every step with its moment; the steps of the way back come after all phases."""
    for number, phase in enumerate(plan.members("phases")):
        for position, step in enumerate(phase.members("steps")):
            yield (number, position), step
    rollback = plan.get("rollback")
    if rollback is not None:
        for position, step in enumerate(rollback.members("steps")):
            yield (LATEST, position), step
