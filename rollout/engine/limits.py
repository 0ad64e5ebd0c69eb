"""How much one look may bring into the log: an observation beyond these bounds is not kept.

Metrics go into the event itself and from there into the state, so they are few and short; everything
else of an observation is evidence, whose bytes the store bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rollout.domain.errors import KindMisused
from rollout.domain.evidence import Observation

METRICS = 500
"""Of one check: a comparison of two tables has a handful for every column."""

TEXT = 2_000
"""Characters of one metric that is a text, or of a problem."""

NAME = 200
SAMPLE_ROWS = 20
"""Rows of evidence kept with one sample; a count says how many there were."""

SAMPLE_COLUMNS = 500
DEPTH = 16
"""Levels of `detail`, and of a cell of a sample."""


def refuse_oversized(kind: str, observation: Observation) -> None:
    """Raises: KindMisused that names what is too much; nothing is cut, for what is cut may be what
    a condition would have failed on."""
    if len(observation.metrics) > METRICS:
        raise KindMisused(
            f"kind {kind} gave {len(observation.metrics)} metrics, {METRICS} are kept"
        )
    for name, value in observation.metrics.items():
        if len(str(name)) > NAME:
            raise KindMisused(f"kind {kind} gave a metric whose name has over {NAME} characters")
        _refuse_long(f"kind {kind}: the metric {name}", value)
    _refuse_long(f"kind {kind}: its problem", observation.problem)
    if len(observation.sample) > SAMPLE_ROWS:
        raise KindMisused(
            f"kind {kind} gave {len(observation.sample)} sample rows, {SAMPLE_ROWS} are kept"
        )
    if any(len(row) > SAMPLE_COLUMNS for row in observation.sample):
        raise KindMisused(f"kind {kind} gave sample rows of over {SAMPLE_COLUMNS} columns")
    if _is_deeper(observation.detail, DEPTH) or _is_deeper(observation.sample, DEPTH):
        raise KindMisused(f"kind {kind} gave evidence nested over {DEPTH} levels deep")


def _refuse_long(what: str, value: object) -> None:
    if isinstance(value, str) and len(value) > TEXT:
        raise KindMisused(f"{what} is a text of {len(value):,} characters, {TEXT:,} are kept")
    if isinstance(value, int) and value.bit_length() > 1024:
        raise KindMisused(f"{what} is a number that no system counts to")


def _is_deeper(value: Any, levels: int) -> bool:
    """Without recursion: the very thing that is looked for must not end the look."""
    here: list[Any] = [value]
    for _ in range(levels + 1):
        here = [inner for outer in here for inner in _inside(outer)]
        if not here:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    """The containers right inside a container."""
    members: Iterable[Any] = ()
    if isinstance(value, Mapping):
        members = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        members = value
    return [m for m in members if isinstance(m, Mapping | list | tuple | set | frozenset)]
