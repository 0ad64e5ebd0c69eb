"""`compare`: two relations joined by key, compared column by column, inside the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel
from sqlglot import exp

from rollout.checks.cohort_keys import keys_of
from rollout.checks.compare_counts import fingerprints, repeated, repeated_keys, sizes
from rollout.checks.compare_inputs import CompareInputs, Side, sides
from rollout.checks.compare_parts import KEYS
from rollout.checks.compare_sql import hashed, whole, whole_examples
from rollout.checks.population import count, only_row, sample, source, too_few
from rollout.checks.statements import key_list, render
from rollout.checks.written import filled
from rollout.domain.errors import KindMisused
from rollout.domain.evidence import Observation, Scalar
from rollout.kinds import CheckContext
from rollout.ports import Row, Table, Warehouse

_KEY_COUNTS = ("source_rows", "target_rows", "null_source_keys", "null_target_keys")
_DUPLICATES = ("duplicate_source_keys", "duplicate_target_keys")


class _Metrics(dict[str, str]):
    """Names of metrics, among them two for every column that a plan compares."""

    def __contains__(self, name: object) -> bool:
        by_column = isinstance(name, str) and name.startswith(("match_rate_", "mismatched_"))
        return by_column or super().__contains__(name)


class Compare:
    """Answers for rows that can be paired: repeated or NULL keys are counted and make the rest
    unanswerable, and so do an empty side and a pair without one common key."""

    kind: ClassVar[str] = "compare"
    Inputs: ClassVar[type[BaseModel]] = CompareInputs
    primary: ClassVar[str | None] = "match_rate"
    metrics: ClassVar[Mapping[str, str] | None] = _Metrics(
        {
            "match_rate": "share of the matched rows whose columns all agree, 0..1",
            "source_rows": "rows of the source",
            "target_rows": "rows of the target",
            "matched": "keys on both sides",
            "missing": "keys of the source that the target lacks",
            "extra": "keys of the target that the source lacks",
            "missing_share": "missing / source rows, 0..1",
            "mismatched_rows": "matched rows of which some column differs",
            "duplicate_source_keys": "keys that occur more than once in the source",
            "duplicate_target_keys": "keys that occur more than once in the target",
            "null_source_keys": "rows of the source without a key",
            "null_target_keys": "rows of the target without a key",
            "cohort_keys": "keys that `only_keys_of` names",
            "match_rate_<column>": "share of the matched rows where this source column agrees, 0..1",
            "mismatched_<column>": "matched rows where this source column differs",
        }
    )
    default_go: ClassVar[Mapping[str, str]] = {}

    def observe(self, inputs: CompareInputs, context: CheckContext) -> Observation:
        asking = _asking(inputs, context)
        if inputs.only_keys_of is not None and not asking.cohort:
            return asking.observation({"cohort_keys": 0}, f"{inputs.only_keys_of} lists no keys")
        return _compared_whole(asking) if asking.limited else _compared_by_size(asking)


@dataclass
class _Asking:
    """One comparison under way: what was sent, in order, and how to send more."""

    inputs: CompareInputs
    context: CheckContext
    warehouse: Warehouse
    source: Side
    target: Side
    cohort: list[str] | None
    sent: list[str] = field(default_factory=list)

    @property
    def limited(self) -> bool:
        return self.cohort is not None

    @property
    def tolerances(self) -> list[str | None]:
        """For each column the parameter with its tolerance."""
        return [
            f"tolerance_{place}" if name in self.inputs.tolerance else None
            for place, name in enumerate(self.inputs.columns)
        ]

    def ask(self, tree: exp.Expr, max_rows: int = 20) -> Table:
        statement = render(tree)
        self.sent.append(statement)
        used = {found.name for found in tree.find_all(exp.Placeholder)}
        values: dict[str, Scalar] = {
            f"tolerance_{place}": self.inputs.tolerance[name]
            for place, name in enumerate(self.inputs.columns)
            if name in self.inputs.tolerance
        }
        if self.cohort is not None:
            values[KEYS] = key_list(self.cohort)
        return self.warehouse.query(
            statement,
            {name: value for name, value in values.items() if name in used} or None,
            max_rows=max_rows,
            timeout_s=self.context.timeout_s,
        )

    def observation(
        self, metrics: Mapping[str, Scalar], problem: str | None, examples: list[Row] | None = None
    ) -> Observation:
        detail: dict[str, Any] = {
            "columns": self.inputs.columns,
            "key": self.inputs.key,
            "statements": len(self.sent),
        }
        if self.cohort is not None:
            detail["only_keys_of"] = self.inputs.only_keys_of
            metrics = {**metrics, "cohort_keys": len(self.cohort)}
        return Observation(
            metrics=metrics,
            source=source(self.inputs.on, self.inputs.relations),
            query=";\n\n".join(self.sent),
            sample=sample(examples or []),
            detail=detail,
            problem=problem,
        )


def _asking(inputs: CompareInputs, context: CheckContext) -> _Asking:
    source_side, target_side = sides(inputs)
    cohort = None
    if inputs.only_keys_of is not None:
        cohort = keys_of([inputs.only_keys_of], context)
        if any("\n" in key for key in cohort):
            raise KindMisused(f"a key of {inputs.only_keys_of} holds a line break")
    return _Asking(
        inputs=inputs,
        context=context,
        warehouse=context.connections.warehouse(inputs.on),
        source=source_side,
        target=target_side,
        cohort=cohort,
    )


def _compared_by_size(asking: _Asking) -> Observation:
    row = only_row(asking.ask(sizes(asking.source, asking.target)))
    known = {name: count(row[name], name) for name in _KEY_COUNTS}
    if known["null_source_keys"] or known["null_target_keys"]:
        return _unpaired(asking)
    if max(known["source_rows"], known["target_rows"]) < asking.inputs.large_from:
        return _compared_whole(asking)
    if asking.inputs.trust_unique_keys and _are_equal(asking):
        alike = {"keyed": known["source_rows"], "missing": 0, "extra": 0, "mismatched": 0}
        return _answered(asking, {**known, **alike}, [], duplicates=None)
    return _compared_by_hash(asking, known)


def _are_equal(asking: _Asking) -> bool:
    row = only_row(asking.ask(fingerprints(asking.source, asking.target)))
    return all(
        row[f"source_{what}"] == row[f"target_{what}"] and row[f"source_{what}"] is not None
        for what in ("rows", "print")
    )


def _compared_by_hash(asking: _Asking, known: Mapping[str, int]) -> Observation:
    table = asking.ask(hashed(asking.source, asking.target, asking.tolerances))
    row = table.dicts()[0]
    seen = (count(row["source_seen"], "source rows"), count(row["target_seen"], "target rows"))
    repeats = count(row["most_pairs"] or 0, "pairs of one key") > 1
    if repeats or seen != (known["source_rows"], known["target_rows"]):
        # a key repeats, two keys share a hash, or rows came and went since they were counted
        return _unpaired(asking)
    totals = _totals(row, asking.inputs)
    totals["keyed"] += count(row["equal_pairs"], "equal rows")
    return _answered(asking, {**known, **totals}, _examples(table, asking.inputs))


def _compared_whole(asking: _Asking, *, unique: bool = False) -> Observation:
    """`unique`: the keys have just been counted exactly, so they need not be looked at again."""
    sides_ = (asking.source, asking.target, asking.tolerances)
    row = only_row(asking.ask(whole(*sides_, only_listed=asking.limited, count_keys=not unique)))
    totals = _totals(row, asking.inputs)
    nulls = {name: count(row[name], name) for name in ("null_source_keys", "null_target_keys")}
    if not unique:
        repeats = count(row["distinct_keys"], "distinct keys") != totals["keyed"]
        if repeats or any(nulls.values()):
            return _unpaired(asking)
    # every key occurs once: a row of the join is a row of each side it was found on
    rows = {
        "source_rows": totals["keyed"] - totals["extra"] + nulls["null_source_keys"],
        "target_rows": totals["keyed"] - totals["missing"] + nulls["null_target_keys"],
    }
    examples: list[Row] = []
    if totals["missing"] or totals["extra"] or totals["mismatched"]:
        found = asking.ask(whole_examples(*sides_, only_listed=asking.limited))
        examples = _examples(found, asking.inputs)
    return _answered(asking, {**totals, **rows, **nulls}, examples)


def _unpaired(asking: _Asking) -> Observation:
    """Count the keys exactly; when they are fine after all, compare without hashes."""
    row = only_row(asking.ask(repeated(asking.source, asking.target, only_listed=asking.limited)))
    counts = {name: count(row[name], name) for name in (*_KEY_COUNTS, *_DUPLICATES)}
    wrong = {name: n for name, n in counts.items() if n and not name.endswith("_rows")}
    if not wrong:
        return _compared_whole(asking, unique=True)
    table = asking.ask(repeated_keys(asking.source, asking.target, only_listed=asking.limited))
    said = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in wrong.items())
    metrics: dict[str, Scalar] = {**_nothing(asking.inputs), **counts}
    return asking.observation(metrics, f"rows cannot be paired: {said}", table.dicts())


def _answered(
    asking: _Asking,
    found: Mapping[str, int],
    examples: list[Row],
    *,
    duplicates: int | None = 0,
) -> Observation:
    inputs = asking.inputs
    matched = found["keyed"] - found["missing"] - found["extra"]
    metrics: dict[str, Scalar] = {
        **{name: found[name] for name in _KEY_COUNTS},
        **dict.fromkeys(_DUPLICATES, duplicates),
        "matched": matched,
        "missing": found["missing"],
        "extra": found["extra"],
        "missing_share": _share(found["missing"], found["source_rows"]),
        "mismatched_rows": found["mismatched"],
        "match_rate": _rate(found["mismatched"], matched),
    }
    for place, name in enumerate(inputs.columns):
        differing = found.get(f"d{place}_rows", 0)
        metrics[f"mismatched_{name}"] = differing
        metrics[f"match_rate_{name}"] = _rate(differing, matched)
    rows = dict(zip(inputs.relations, (found["source_rows"], found["target_rows"]), strict=True))
    if len(rows) == 1:
        rows = {inputs.relations[0]: min(found["source_rows"], found["target_rows"])}
    problem = too_few(rows, filled(inputs.at_least, "at_least"))
    if problem is None and matched == 0:
        problem = "no key is on both sides: nothing was compared"
    return asking.observation(metrics, problem, examples)


def _nothing(inputs: CompareInputs) -> dict[str, Scalar]:
    unknown = ["matched", "missing", "extra", "missing_share", "mismatched_rows", "match_rate"]
    for name in inputs.columns:
        unknown += [f"mismatched_{name}", f"match_rate_{name}"]
    return dict.fromkeys(unknown)


def _totals(row: Row, inputs: CompareInputs) -> dict[str, int]:
    names = ["keyed", "missing", "extra", "mismatched"]
    names += [f"d{place}_rows" for place in range(len(inputs.columns))]
    return {name: count(row[name], name) for name in names}


def _examples(table: Table, inputs: CompareInputs) -> list[Row]:
    """One row an example: what is wrong, the key, and both values of every column that differs."""
    examples = []
    rows = [row for row in table.dicts() if row["finding"] is not None]
    for row in sorted(rows, key=lambda r: (r["place"] or 0, str(r["finding"]))):
        shown: Row = {"finding": row["finding"]}
        for place, name in enumerate(inputs.key):
            here, there = row[f"sk{place}"], row[f"tk{place}"]
            shown[name] = there if here is None else here
        for place, name in enumerate(inputs.columns):
            differs = row["finding"] != "mismatched" or row[f"d{place}"]
            if differs and row["finding"] != "extra":
                shown[f"source_{name}"] = row[f"sc{place}"]
            if differs and row["finding"] != "missing":
                shown[f"target_{name}"] = row[f"tc{place}"]
        examples.append(shown)
    return examples


def _share(part: int, whole_: int) -> float | None:
    return part / whole_ if whole_ else None


def _rate(bad: int, matched: int) -> float | None:
    """Of the matched rows only: missing rows are not inaccurate, they are missing."""
    return (matched - bad) / matched if matched else None
