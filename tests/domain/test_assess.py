from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import count_samples, policies, samples, verdicts

from rollout.domain.assess import (
    SamplingPolicy,
    SeriesCounts,
    aggregate,
    assess_series,
    next_sample_due,
)
from rollout.domain.evidence import Decision, Verdict

P, F, I, E = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR  # noqa: E741
RANK = {P: 0, I: 1, E: 1, F: 2}


def going_on(policy: SamplingPolicy, taken: list[Verdict], in_flight: int = 0) -> Verdict | None:
    return assess_series(policy, count_samples(taken, in_flight), stopping=False)


def stopped(policy: SamplingPolicy, taken: list[Verdict]) -> Verdict | None:
    return assess_series(policy, count_samples(taken), stopping=True)


def test_without_count_and_interval_one_sample_decides() -> None:
    assert going_on(SamplingPolicy(), []) is None
    assert going_on(SamplingPolicy(), [P]) is P
    assert going_on(SamplingPolicy(), [F]) is F
    assert going_on(SamplingPolicy(), [I]) is I


@pytest.mark.parametrize(
    "policy", [SamplingPolicy(interval=60), SamplingPolicy(count=0, interval="1m")]
)
def test_an_interval_without_a_count_runs_until_stopped(policy: SamplingPolicy) -> None:
    assert going_on(policy, [P] * 1000) is None
    assert stopped(policy, [P] * 1000) is P


def test_the_series_ends_at_its_count() -> None:
    policy = SamplingPolicy(count=5, interval=60)
    assert going_on(policy, [P] * 4) is None
    assert going_on(policy, [P] * 5) is P


def test_failures_within_the_limit_are_forgiven_and_one_more_fails_at_once() -> None:
    policy = SamplingPolicy(count=10, interval=60, failure_limit=2)
    assert going_on(policy, [P, F, F]) is None
    assert going_on(policy, [P, F, F, F]) is F
    assert going_on(policy, [P] * 8 + [F, F]) is P


def test_a_failure_limit_of_minus_one_forgives_any_number() -> None:
    policy = SamplingPolicy(count=10, failure_limit=-1)
    assert going_on(policy, [F] * 9) is None
    assert going_on(policy, [F] * 9 + [P]) is P


def test_inconclusive_samples_beyond_the_limit_are_inconclusive() -> None:
    policy = SamplingPolicy(count=10, inconclusive_limit=1)
    assert going_on(policy, [I, P]) is None
    assert going_on(policy, [I, I]) is I
    assert going_on(policy, [P] * 9 + [I]) is P
    assert going_on(SamplingPolicy(count=4, inconclusive_limit=-1), [I, I, I, P]) is P


def test_a_failure_takes_precedence_over_what_is_inconclusive_or_an_error() -> None:
    policy = SamplingPolicy(count=10, consecutive_error_limit=0)
    assert going_on(policy, [F, I, E]) is F


def test_errors_do_not_count_towards_the_count() -> None:
    policy = SamplingPolicy(count=3, interval=60)
    assert going_on(policy, [P, P, E]) is None
    assert going_on(policy, [P, P, E, P]) is P


def test_a_fifth_error_in_a_row_is_an_error_by_default() -> None:
    policy = SamplingPolicy(count=3, interval=60)
    assert going_on(policy, [E] * 4) is None
    assert going_on(policy, [E] * 5) is E
    assert stopped(policy, [E] * 5) is E
    assert going_on(policy, [E] * 4 + [P] + [E] * 4) is None


def test_enough_passes_in_a_row_pass_at_once() -> None:
    policy = SamplingPolicy(count=10, failure_limit=3, consecutive_success_limit=3)
    assert going_on(policy, [P, P, F, P, P]) is None
    assert going_on(policy, [P, P, F, P, P, P]) is P
    assert going_on(policy, [P, P, E, P]) is P


def test_passes_in_a_row_that_did_not_come_are_inconclusive_while_failures_can_fail() -> None:
    policy = SamplingPolicy(count=4, failure_limit=2, consecutive_success_limit=3)
    assert going_on(policy, [P, F, P, P]) is I
    assert going_on(policy, [P, F, F, F]) is F


def test_passes_in_a_row_that_did_not_come_fail_when_nothing_else_could() -> None:
    policy = SamplingPolicy(count=4, failure_limit=-1, consecutive_success_limit=3)
    assert going_on(policy, [P, F, P, P]) is F
    assert stopped(policy, [P, F]) is I


def test_a_sample_in_flight_keeps_the_series_open_unless_it_has_failed() -> None:
    policy = SamplingPolicy(count=2)
    assert going_on(policy, [P, P], in_flight=1) is None
    assert going_on(policy, [I, P], in_flight=1) is None
    assert going_on(policy, [F], in_flight=1) is F


def test_stopped_before_the_first_sample_is_inconclusive() -> None:
    assert stopped(SamplingPolicy(count=5, interval=60), []) is I


def test_stopped_with_errors_only_is_inconclusive() -> None:
    assert stopped(SamplingPolicy(count=5, interval=60), [E, E]) is I


def test_stopped_early_with_a_pass_and_no_limit_breached_passes() -> None:
    policy = SamplingPolicy(count=5, interval=60, failure_limit=1)
    assert stopped(policy, [P, F, E]) is P
    assert stopped(policy, [P, F, F]) is F


def test_stopped_before_enough_passes_in_a_row_is_inconclusive() -> None:
    policy = SamplingPolicy(interval=60, consecutive_success_limit=3)
    assert stopped(policy, [P, P]) is I


@pytest.mark.parametrize("taken", [[F, F, F], [I, I, I]])
def test_forgiven_samples_alone_do_not_add_up_to_a_pass(taken: list[Verdict]) -> None:
    policy = SamplingPolicy(count=3, failure_limit=3, inconclusive_limit=3)
    assert going_on(policy, taken) is I
    assert stopped(policy, taken[:2]) is I


@given(policies, samples, st.booleans())
def test_nothing_passes_without_a_passing_sample(
    policy: SamplingPolicy, taken: list[Verdict], stopping: bool
) -> None:
    without = [v for v in taken if v is not P]
    assert assess_series(policy, count_samples(without), stopping=stopping) is not P


@given(policies, samples)
def test_a_stopped_series_always_has_a_verdict(
    policy: SamplingPolicy, taken: list[Verdict]
) -> None:
    assert stopped(policy, taken) is not None


@given(policies, samples)
def test_stopping_changes_no_verdict_that_was_there(
    policy: SamplingPolicy, taken: list[Verdict]
) -> None:
    verdict = going_on(policy, taken)
    if verdict is not None:
        assert stopped(policy, taken) is verdict


@given(policies, samples)
def test_one_more_failure_never_improves_a_stopped_series(
    policy: SamplingPolicy, taken: list[Verdict]
) -> None:
    # With passes in a row asked for, the series would have ended where they were reached.
    policy = policy.model_copy(update={"consecutive_success_limit": 0})
    before, after = stopped(policy, taken), stopped(policy, [*taken, F])
    assert before is not None
    assert after is not None
    # An error row ends with any answer, be it a failure: what matters is that none becomes a pass.
    assert after is not P or before in (P, E)
    assert RANK[after] >= RANK[before] or before is E


@given(policies, samples)
def test_the_first_verdict_of_a_series_that_fails_stays_a_failure(
    policy: SamplingPolicy, taken: list[Verdict]
) -> None:
    policy = policy.model_copy(update={"consecutive_success_limit": 0})
    if going_on(policy, taken) is F:
        assert going_on(policy, [*taken, F]) is F


@given(policies, samples, st.integers(1, 3))
def test_a_sample_in_flight_allows_a_failure_or_nothing(
    policy: SamplingPolicy, taken: list[Verdict], in_flight: int
) -> None:
    assert going_on(policy, taken, in_flight) in (None, F)


@given(samples.filter(bool))
def test_the_defaults_pass_exactly_what_begins_with_a_pass(taken: list[Verdict]) -> None:
    assert (going_on(SamplingPolicy(), taken[:1]) is P) is (taken[0] is P)


def test_durations_of_a_policy_are_texts_timedeltas_or_seconds() -> None:
    minute = timedelta(minutes=1)
    for written in ("1m", 60, minute):
        assert SamplingPolicy(interval=written).interval == minute


def test_a_misspelt_policy_key_is_refused() -> None:
    with pytest.raises(ValueError, match="failureLimit"):
        SamplingPolicy.model_validate({"failureLimit": 3})


@pytest.mark.parametrize(
    ("given_verdicts", "decision"),
    [
        ([P, P], Decision.GO),
        ([P, F], Decision.NO_GO),
        ([F, E], Decision.NO_GO),
        ([P, E], Decision.INCONCLUSIVE),
        ([P, I], Decision.INCONCLUSIVE),
    ],
)
def test_the_worst_check_decides_the_gate(
    given_verdicts: list[Verdict], decision: Decision
) -> None:
    assert aggregate(given_verdicts, expected=2) is decision


def test_a_gate_without_deciding_checks_is_inconclusive() -> None:
    assert aggregate([], expected=0) is Decision.INCONCLUSIVE


@given(st.lists(verdicts, max_size=6), st.integers(0, 8))
def test_a_gate_goes_only_with_every_expected_check_passed(
    given_verdicts: list[Verdict], expected: int
) -> None:
    decision = aggregate(given_verdicts, expected=expected)
    everything = len(given_verdicts) == expected > 0 and set(given_verdicts) == {P}
    assert (decision is Decision.GO) is everything
    assert (decision is Decision.NO_GO) is (F in given_verdicts)


NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def due(policy: SamplingPolicy, taken: list[Verdict], last: datetime | None) -> datetime:
    return next_sample_due(policy, NOON, last, count_samples(taken), LATER)


def test_the_first_sample_waits_for_the_initial_delay() -> None:
    assert due(SamplingPolicy(initial_delay="5m"), [], None) == NOON + timedelta(minutes=5)


def test_a_series_that_has_not_begun_begins_now() -> None:
    found = next_sample_due(SamplingPolicy(initial_delay=30), None, None, SeriesCounts(), LATER)
    assert found == LATER + timedelta(seconds=30)


def test_samples_keep_their_interval() -> None:
    assert due(SamplingPolicy(count=3, interval="1m"), [P], NOON) == NOON + timedelta(minutes=1)


def test_after_an_error_the_next_sample_comes_after_ten_seconds() -> None:
    policy = SamplingPolicy(count=3, interval="1m")
    assert due(policy, [P, E], NOON) == NOON + timedelta(seconds=10)
    assert due(SamplingPolicy(), [E], NOON) == NOON + timedelta(seconds=10)


def test_after_an_error_a_shorter_interval_stays() -> None:
    assert due(SamplingPolicy(interval=2), [E], NOON) == NOON + timedelta(seconds=2)


def test_after_the_error_is_over_the_interval_is_back() -> None:
    policy = SamplingPolicy(count=9, interval="1m")
    assert due(policy, [E, P], NOON) == NOON + timedelta(minutes=1)


@given(policies, samples.filter(bool))
def test_a_sample_is_never_due_before_the_one_before_it(
    policy: SamplingPolicy, taken: list[Verdict]
) -> None:
    assert due(policy, taken, NOON) > NOON
