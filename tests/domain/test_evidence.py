from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from strategies import observations, struct_of

from rollout.domain.canonical import canonical_bytes
from rollout.domain.evidence import Decision, Judgement, Observation, Ruling, Verdict


def test_only_a_pass_reads_as_pass() -> None:
    assert [v for v in Verdict if v == "pass"] == [Verdict.PASS]
    assert {str(v) for v in Verdict} == {"pass", "fail", "inconclusive", "error"}
    assert {str(d) for d in Decision} == {"go", "no_go", "inconclusive"}


@pytest.mark.parametrize(
    "value", [Observation(metrics={}, source="s"), Judgement(verdict=Verdict.PASS, reason="")]
)
def test_evidence_is_not_changed_once_it_was_seen(value: Any) -> None:
    field = value.__struct_fields__[0]
    with pytest.raises(AttributeError):
        setattr(value, field, None)


@given(struct_of(Judgement))
def test_a_judgement_reads_back_to_itself(judgement: Judgement) -> None:
    body = msgspec.json.encode(judgement)
    assert msgspec.json.decode(body, type=Judgement) == judgement


@given(struct_of(Ruling))
def test_whether_a_condition_is_met_may_be_unknown(ruling: Ruling) -> None:
    assert ruling.met in {True, False, None}
    assert msgspec.json.decode(msgspec.json.encode(ruling), type=Ruling) == ruling


@given(observations)
def test_equal_observations_have_equal_bytes_whatever_the_order_of_their_metrics(
    seen: Observation,
) -> None:
    turned = msgspec.structs.replace(seen, metrics=dict(reversed(list(seen.metrics.items()))))
    assert canonical_bytes(turned) == canonical_bytes(seen)
