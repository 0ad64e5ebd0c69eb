"""`freshness`: how old the newest row is, by the clock of the sample."""

from __future__ import annotations

from datetime import timedelta

import pytest
from duck_tables import NOW, Duck, look, verdict

from rollout.checks.freshness import Freshness
from rollout.domain.errors import QueryFailed
from rollout.domain.evidence import Verdict

KIND = Freshness()
SYNCED = {"relation": "copy", "column": "synced"}


def copy(*minutes_ago: float | None, kind: str = "TIMESTAMPTZ") -> Duck:
    duck = Duck(f"CREATE TABLE copy (id INT, synced {kind})")
    for minutes in minutes_ago:
        value = "NULL" if minutes is None else f"'{(NOW - timedelta(minutes=minutes)).isoformat()}'"
        duck.connection.execute(f"INSERT INTO copy VALUES (1, {value})")
    return duck


@pytest.mark.parametrize("kind", ["TIMESTAMPTZ", "TIMESTAMP", "VARCHAR"])
def test_the_age_is_that_of_the_newest_row_in_seconds(kind: str) -> None:
    seen = look(KIND, copy(600, 14, None, kind=kind), SYNCED)
    assert seen.metrics == {"age_s": 840.0, "rows": 3}
    assert seen.as_of == NOW - timedelta(minutes=14)
    assert verdict(KIND, seen, "<= 15m").verdict == Verdict.PASS
    assert verdict(KIND, seen, "<= 10m").verdict == Verdict.FAIL


def test_the_clock_is_the_warehouse_s_own_at_the_moment_it_answers() -> None:
    """A sample's own instant may be minutes old by then, on a fast clock or after a cold start."""
    seen = look(KIND, copy(0), SYNCED, now=NOW - timedelta(hours=1))
    assert seen.metrics["age_s"] == 0.0
    assert seen.problem is None


@pytest.mark.parametrize("rows", [(), (None,), (None, None)])
def test_nothing_with_an_instant_is_inconclusive(rows: tuple[None, ...]) -> None:
    seen = look(KIND, copy(*rows), SYNCED)
    assert seen.metrics["age_s"] is None
    assert verdict(KIND, seen, "<= 15m").verdict == Verdict.INCONCLUSIVE


def test_a_future_instant_hides_the_age_of_the_rest_and_is_inconclusive() -> None:
    seen = look(KIND, copy(600, -6), SYNCED)
    assert verdict(KIND, seen, "<= 15m").verdict == Verdict.INCONCLUSIVE
    assert "in the future" in (seen.problem or "")


def test_clocks_may_differ_a_little() -> None:
    seen = look(KIND, copy(-4), SYNCED)
    assert seen.metrics["age_s"] == -240.0
    assert verdict(KIND, seen, "<= 15m").verdict == Verdict.PASS
    strict = look(KIND, copy(-4), {**SYNCED, "ahead": "1m"})
    assert strict.problem is not None


def test_only_the_rows_of_the_restriction_count() -> None:
    duck = copy(60)
    duck.connection.execute(f"INSERT INTO copy VALUES (2, '{NOW.isoformat()}')")
    assert look(KIND, duck, {**SYNCED, "where": "id = 1"}).metrics == {"age_s": 3600.0, "rows": 1}
    assert look(KIND, duck, {**SYNCED, "where": "id = 3"}).problem is not None


def test_a_column_that_holds_no_instants_is_inconclusive() -> None:
    seen = look(KIND, copy(1), {**SYNCED, "column": "id"})
    assert verdict(KIND, seen, "<= 15m").verdict == Verdict.INCONCLUSIVE


@pytest.mark.parametrize("wrong", [{"relation": "nowhere"}, {"column": "nothing"}])
def test_a_missing_table_or_column_is_an_error(wrong: dict[str, str]) -> None:
    with pytest.raises(QueryFailed):
        look(KIND, copy(1), {**SYNCED, **wrong})
