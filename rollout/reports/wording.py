"""Words that reports, summaries and screens share: when a gate was asked, and what it required."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from rollout.domain.evidence import Judgement, Observation, Ruling

Written = str | Mapping[str, str] | None
"""A `go` or `no_go` as the plan has it."""


def moment_in_words(moment: str) -> str:
    """When in its phase a gate is asked.

    >>> moment_in_words("entry"), moment_in_words("every:12h#3")
    ('before the phase', 'in look 3 of every 12h')
    """
    kind, _, rest = moment.partition(":")
    known = {
        "entry": "before the phase",
        "exit": "after the steps",
        "soak": "at the end of the watch",
        "rollback": "after the way back",
    }
    if kind in known:
        return known[kind]
    if kind == "step":
        return f"at step {rest}"
    if kind == "after":
        return f"{rest} into the watch"
    if kind == "every":
        age, _, number = rest.partition("#")
        return f"in look {number} of every {age}"
    return f"at {moment}"


class SampleDocument(msgspec.Struct, frozen=True):
    """The evidence of one sample, as the engine stores it."""

    judgement: Judgement
    observation: Observation | None = None
    taken_at: str | None = None


def sample_document(document: Any) -> SampleDocument | None:
    """None for a document that is no sample."""
    try:
        return msgspec.convert(document, SampleDocument)
    except msgspec.ValidationError:
        return None


def required(rulings: Sequence[Ruling], go: Written, no_go: Written) -> str:
    """What was required, references filled in, from the rulings; as written when there are none.

    One condition stands alone, several name their metrics; what leads to no-go says so.

    >>> required([Ruling(metric="rows", observed=3, condition="= 0", met=False)], "= 0", None)
    '= 0'
    >>> required([], {"a": "= 1", "b": "= 2"}, None)
    'a = 1; b = 2'
    """
    refusing = conditions_of(no_go)
    if not rulings:
        refused = _as_written(no_go)
        parts = [_as_written(go), f"no-go at {refused}" if refused else ""]
        return "; ".join(part for part in parts if part)
    first_refusing = max(len(rulings) - refusing, 0)
    said = [r.condition if len(rulings) == 1 else f"{r.metric} {r.condition}" for r in rulings]
    said[first_refusing:] = [f"no-go at {text}" for text in said[first_refusing:]]
    return "; ".join(said)


def conditions_of(written: Written) -> int:
    """How many conditions it has.

    >>> conditions_of(None), conditions_of("= 0"), conditions_of({"a": "= 1", "b": "= 2"})
    (0, 1, 2)
    """
    return len(written) if isinstance(written, Mapping) else int(written is not None)


def _as_written(conditions: Written) -> str:
    if conditions is None or isinstance(conditions, str):
        return conditions or ""
    return "; ".join(f"{metric} {condition}" for metric, condition in conditions.items())
