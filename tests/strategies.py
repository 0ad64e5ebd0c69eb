"""Hypothesis strategies for the words of the domain."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from rollout.domain.assess import SamplingPolicy, SeriesCounts
from rollout.domain.cohort import Stratum
from rollout.domain.condition import Condition
from rollout.domain.durations import format_duration
from rollout.domain.events import Payload
from rollout.domain.evidence import Observation, Scalar, Verdict
from rollout.domain.plan import Window

ZONES = ("America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
METRICS = ("missing", "error_rate", "status", "duration_s")

numbers = st.one_of(
    st.integers(-(10**9), 10**9),
    st.floats(-(10**9), 10**9, allow_nan=False).map(lambda x: round(x, 4) + 0.0),
)
shares = st.integers(0, 1000).map(lambda n: n / 1000)
absent: st.SearchStrategy[Scalar] = st.sampled_from([None, math.nan, math.inf, -math.inf])
scalars: st.SearchStrategy[Scalar] = st.one_of(
    absent, st.booleans(), numbers, shares, st.text(max_size=12)
)
durations = st.integers(0, 10**7).map(lambda s: timedelta(seconds=s))
_epoch = datetime(2024, 1, 1, tzinfo=UTC)
instants = st.integers(0, 4 * 366 * 86400).map(lambda s: _epoch + timedelta(seconds=s))
verdicts = st.sampled_from(list(Verdict))


def _number_text(n: float) -> str:
    return f"{n:,}" if isinstance(n, int) else f"{n:,.4f}"


number_texts = numbers.map(_number_text)
quantity_texts = st.one_of(
    number_texts, number_texts.map(lambda t: f"{t} %"), durations.map(format_duration)
)
word_texts = st.one_of(
    st.sampled_from(["completed", "skipped", "Sync A", "is_ok", '"true"', '"50 rows"']),
    st.text(max_size=10).map(lambda t: msgspec.json.encode(t).decode()),
)


@st.composite
def _between(draw: st.DrawFn) -> str:
    low, high = sorted((draw(numbers), draw(numbers)))
    unit = draw(st.sampled_from(["", " %"]))
    return f"between {_number_text(low)}{unit} and {_number_text(high)}{unit}"


@st.composite
def _within(draw: st.DrawFn) -> str:
    tolerance = draw(st.integers(0, 10**6))
    relative, unit = draw(st.sampled_from([(" %", ""), (" %", " %"), ("", ""), (" %", " %")]))
    return f"within {tolerance}{relative} of {_number_text(draw(numbers))}{unit}"


condition_texts: st.SearchStrategy[str] = st.one_of(
    st.tuples(st.sampled_from(["=", "!=", ">", ">=", "<", "<="]), quantity_texts).map(" ".join),
    st.tuples(st.sampled_from(["=", "!="]), word_texts).map(" ".join),
    _between(),
    _within(),
    st.sampled_from(["is empty", "is true", "is false"]),
    st.lists(word_texts, min_size=1, max_size=3).map(lambda ws: f"is one of {', '.join(ws)}"),
)
conditions = condition_texts.map(Condition.parse)
condition_tables = st.dictionaries(st.sampled_from(METRICS), conditions, max_size=3)
observations = st.builds(
    Observation,
    metrics=st.dictionaries(st.sampled_from(METRICS), scalars, max_size=4),
    source=st.just("warehouse"),
    problem=st.sampled_from([None, None, "the population is empty"]),
)

policies = st.builds(
    SamplingPolicy,
    count=st.one_of(st.none(), st.integers(0, 6)),
    interval=st.one_of(st.none(), st.integers(1, 3600).map(lambda s: timedelta(seconds=s))),
    initial_delay=st.integers(0, 3600).map(lambda s: timedelta(seconds=s)),
    failure_limit=st.integers(-1, 3),
    inconclusive_limit=st.integers(-1, 3),
    consecutive_error_limit=st.integers(0, 4),
    consecutive_success_limit=st.integers(0, 3),
)
samples = st.lists(verdicts, max_size=10)


def count_samples(taken: list[Verdict], in_flight: int = 0) -> SeriesCounts:
    """The counts after these samples, by the definition of `SeriesCounts`."""
    errors_in_a_row = passes_in_a_row = 0
    for verdict in taken:
        errors_in_a_row = errors_in_a_row + 1 if verdict is Verdict.ERROR else 0
        if verdict is not Verdict.ERROR:
            passes_in_a_row = passes_in_a_row + 1 if verdict is Verdict.PASS else 0
    return SeriesCounts(
        taken=len(taken),
        passed=taken.count(Verdict.PASS),
        failed=taken.count(Verdict.FAIL),
        inconclusive=taken.count(Verdict.INCONCLUSIVE),
        errors=taken.count(Verdict.ERROR),
        consecutive_errors=errors_in_a_row,
        consecutive_passes=passes_in_a_row,
        in_flight=in_flight,
    )


clock_times = st.integers(0, 95).map(lambda q: time(q // 4, q % 4 * 15))
dates = st.dates(date(2024, 1, 1), date(2027, 12, 31))
_weekdays = st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
windows = st.builds(
    Window,
    days=st.lists(_weekdays, min_size=1, max_size=7, unique=True),
    between=st.one_of(
        st.none(), st.tuples(clock_times, clock_times).filter(lambda pair: pair[0] != pair[1])
    ),
    not_on=st.lists(
        st.one_of(st.just("quarter_end"), dates.map(date.isoformat)), max_size=3, unique=True
    ),
)

keys = st.text("abcd", min_size=1, max_size=2)  # few, so that strata quarrel over them


@st.composite
def cohort_questions(
    draw: st.DrawFn,
) -> tuple[dict[str, list[str | tuple[str, str]]], list[Stratum]]:
    """Candidates and strata that need not be satisfiable."""
    names = draw(st.lists(st.sampled_from("PQRS"), min_size=1, max_size=3, unique=True))
    candidate = st.one_of(keys, st.tuples(keys, st.sampled_from(["acme", "bolt", "core"])))
    pool = {name: draw(st.lists(candidate, max_size=12)) for name in names}
    strata = [
        Stratum(name, draw(st.integers(0, 4)), draw(st.sampled_from([None, None, 1, 2])))
        for name in names
    ]
    return pool, strata


_json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)
_plain: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
    datetime: instants,
    Verdict: verdicts,
    Any: _json_values,
}


def struct_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any value of a msgspec Struct, built from its field types."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{f.name: _of(hints[f.name]) for f in msgspec.structs.fields(kind)})


def _of(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _plain:
        return _plain[hint]
    origin, args = get_origin(hint), get_args(hint)
    if origin is list:
        return st.lists(_of(args[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(_of(args[0]), _of(args[1]), max_size=2)
    if origin is Literal or (isinstance(hint, type) and issubclass(hint, str)):
        return st.sampled_from(list(args or hint))
    if origin is Union or args:
        return st.one_of([_of(arg) for arg in args])
    return struct_of(hint)


payloads: st.SearchStrategy[Any] = st.one_of([struct_of(kind) for kind in get_args(Payload)])
