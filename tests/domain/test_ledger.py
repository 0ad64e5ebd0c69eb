from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.ledger import (
    Number,
    imbalance,
    unaccounted,
    unexplained,
    updated_of,
)

counts = st.integers(min_value=0, max_value=10**9)
unknown = st.sampled_from([None, math.nan, math.inf, -math.inf])


@given(before=counts, created=counts, deleted=counts)
def test_books_written_from_the_equation_leave_nothing_unexplained(
    before: int, created: int, deleted: int
) -> None:
    after = before + created - deleted
    assert unexplained(before=before, created=created, deleted=deleted, after=after) == 0


@given(before=counts, created=counts, deleted=counts, stray=st.integers(-(10**6), 10**6))
def test_stray_rows_are_unexplained_to_the_last_one(
    before: int, created: int, deleted: int, stray: int
) -> None:
    after = before + created - deleted + stray
    assert unexplained(before=before, created=created, deleted=deleted, after=after) == stray


@given(created=counts, updated=counts, failed=counts, invalid=counts, lost=counts)
def test_rows_that_no_outcome_names_are_unaccounted(
    created: int, updated: int, failed: int, invalid: int, lost: int
) -> None:
    processed = created + updated + failed + invalid + lost
    gap = unaccounted(
        processed=processed, created=created, updated=updated, failed=failed, invalid=invalid
    )
    assert gap == lost


@given(
    terms=st.lists(counts, min_size=4, max_size=4),
    place=st.integers(0, 3),
    missing=unknown,
)
def test_one_unknown_term_of_the_rows_makes_the_answer_unknown(
    terms: list[Number | None], place: int, missing: Number | None
) -> None:
    terms[place] = missing
    before, created, deleted, after = terms
    assert unexplained(before=before, created=created, deleted=deleted, after=after) is None


@given(
    terms=st.lists(counts, min_size=5, max_size=5),
    place=st.integers(0, 4),
    missing=unknown,
)
def test_one_unknown_term_of_a_run_makes_the_answer_unknown(
    terms: list[Number | None], place: int, missing: Number | None
) -> None:
    terms[place] = missing
    processed, created, updated, failed, invalid = terms
    gap = unaccounted(
        processed=processed, created=created, updated=updated, failed=failed, invalid=invalid
    )
    assert gap is None


@given(accepted=counts, created=counts)
def test_created_and_updated_never_fall_short_of_what_was_accepted(
    accepted: int, created: int
) -> None:
    updated = updated_of(accepted=accepted, created=created)
    assert updated is not None
    assert updated >= 0
    assert created + updated == max(accepted, created)


@given(accepted=counts, extra=st.integers(1, 10**6))
def test_more_created_than_accepted_shows_as_unaccounted(accepted: int, extra: int) -> None:
    created = accepted + extra
    gap = unaccounted(
        processed=accepted,
        created=created,
        updated=updated_of(accepted=accepted, created=created),
        failed=0,
        invalid=0,
    )
    assert gap == -extra


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_updated_rows_are_unknown_when_a_term_is(missing: Number | None) -> None:
    assert updated_of(accepted=missing, created=1) is None
    assert updated_of(accepted=1, created=missing) is None


@given(gaps=st.lists(st.integers(-(10**6), 10**6), min_size=1))
def test_opposite_gaps_never_cancel_out(gaps: list[Number | None]) -> None:
    off = imbalance(gaps)
    assert (off == 0) == all(gap == 0 for gap in gaps)


@given(gaps=st.lists(counts), place=st.integers(0, 5))
def test_an_unknown_gap_or_no_gap_is_no_balance(gaps: list[Number | None], place: int) -> None:
    gaps.insert(place, None)
    assert imbalance(gaps) is None
    assert imbalance([]) is None
    assert imbalance([math.nan]) is None
