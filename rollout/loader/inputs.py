"""A kind's own keys, taken out of the flat mapping in which an author writes a step or a check."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from rollout.domain.errors import RolloutError
from rollout.domain.references import Path, has_references
from rollout.kinds import CheckKind, StepKind
from rollout.loader.draft import CHECK_KEYS, STEP_KEYS, SqlUse
from rollout.loader.filling import Space, fill_text
from rollout.loader.nodes import Node
from rollout.loader.sources import Sources
from rollout.loader.wording import keys_of, report

_SQL_FILE = re.compile(r"[^\s;]+\.sql\Z")


@dataclass
class InputReader:
    """Takes inputs out of the steps or checks of one file; `sql` gathers what they want to run."""

    sources: Sources
    spaces: list[Space]
    folder: FilePath
    sql: list[SqlUse] = field(default_factory=list)

    def of_check(self, node: Node, kind: CheckKind | None) -> dict[str, Any]:
        """Everything but the keys every check has; `.sql` files become their text."""
        return self._taken(node, kind, CHECK_KEYS, reads_only=True)

    def of_step(self, node: Node, kind: StepKind | None) -> dict[str, Any]:
        """Everything but the keys every step has; only a kind that writes may write by SQL."""
        return self._taken(node, kind, STEP_KEYS, reads_only=kind is None or not kind.writes)

    def _taken(
        self,
        node: Node,
        kind: StepKind | CheckKind | None,
        common: frozenset[str],
        *,
        reads_only: bool,
    ) -> dict[str, Any]:
        if kind is None:  # nobody knows what its keys mean
            return {key: child.value for key, child in node.items() if key not in common}
        claimed = set(keys_of(kind.Inputs))
        compared: Collection[str] = getattr(kind, "compared_sql", ())  # held against, never run
        return {
            key: self._value(child, key, reads_only and key not in compared)
            if key in claimed
            else child.value
            for key, child in node.items()
            if key not in common or key in claimed
        }

    def _value(self, node: Node, key: str, reads_only: bool) -> Any:
        if isinstance(node.value, dict):
            return {name: self._value(child, name, reads_only) for name, child in node.items()}
        if isinstance(node.value, list):
            return [self._value(child, key, reads_only) for child in node.each()]
        if isinstance(node.value, str) and _is_sql(key, reads_only):
            return self._statement(node, node.value, reads_only)
        return node.value

    def _statement(self, node: Node, written: str, reads_only: bool) -> str:
        if not _SQL_FILE.match(written):
            self.sql.append(SqlUse(node, written, reads_only))
            return written
        file = self.sources.read_sql(written, self.folder, node)
        if file is None:
            return written
        filled = fill_text(file, self.spaces)
        self.sql.append(SqlUse(node, filled.text, reads_only, file, filled))
        return filled.text


def _is_sql(key: str, reads_only: bool) -> bool:
    return key.endswith("sql") or (not reads_only and key in {"statement", "undo"})


def split(node: Node, common: frozenset[str], inputs: dict[str, Any]) -> Any:
    """The flat mapping of a step or check as its model wants it."""
    if not isinstance(node.value, dict):
        return node.value
    return {**{k: v for k, v in node.value.items() if k in common}, "inputs": inputs}


def validate_inputs(
    node: Node,
    kind: StepKind | CheckKind,
    common: Iterable[str],
    inputs: dict[str, Any],
    reported: Collection[Path] = (),
) -> None:
    """Hold the inputs against the kind's model; every error becomes a problem at its key, but for
    values at `reported` paths."""
    known = set(keys_of(kind.Inputs))
    if kind.Inputs.model_config.get("extra") != "forbid":
        _forbid_unknown(node, kind, known, set(common))
    try:
        kind.Inputs.model_validate(inputs)
    except ValidationError as error:
        report(error, node, kind.Inputs, common, reported=reported)
    except RolloutError as problem:
        if not has_references(inputs):
            node.problem(str(problem))


def _forbid_unknown(
    node: Node, kind: StepKind | CheckKind, known: set[str], common: set[str]
) -> None:
    """A misspelt key is an error even for a kind whose model would ignore it."""
    if kind.Inputs.model_config.get("extra") == "allow":
        return
    for key, child in node.items():
        if key not in known | common:
            child.key_problem(f"unknown key `{key}`", key, known | common)
