"""What every EvidenceStore promises, held against each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.domain.canonical import sha256_of
from rollout.domain.evidence import Observation
from rollout.ports import EvidenceStore
from rollout.store.memory import MemoryEvidenceStore
from rollout.store.opening import open_store
from rollout.store.packing import MAX_BYTES, EvidenceTooLarge

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=2_500)
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5)
    ),
)


@pytest.fixture(scope="module", params=["memory", "sqlite file", "sqlite in memory", "postgres"])
def evidence(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EvidenceStore]:
    if request.param == "memory":
        yield MemoryEvidenceStore()
        return
    folder = tmp_path_factory.mktemp("evidence")
    place: Path | str = folder / "rollout.db" if request.param == "sqlite file" else ":memory:"
    if request.param == "postgres":
        place = request.getfixturevalue("postgres").new_schema()
    with open_store(place, create=True, relaxed=True) as store:
        yield store.evidence


@settings(max_examples=60, deadline=None)
@given(document=documents)
def test_a_document_comes_back_under_the_digest_of_its_canonical_form(
    evidence: EvidenceStore, document: Any
) -> None:
    digest = evidence.put(document)
    assert digest == sha256_of(document)
    assert evidence.get(digest) == document
    assert evidence.put(document) == digest


def test_key_order_does_not_make_another_document(evidence: EvidenceStore) -> None:
    assert evidence.put({"a": 1, "b": 2}) == evidence.put({"b": 2, "a": 1})


def test_an_observation_is_stored_as_its_fields(evidence: EvidenceStore) -> None:
    digest = evidence.put(Observation(metrics={"rows": 50}, source="warehouse"))
    assert evidence.get(digest)["metrics"] == {"rows": 50}


def test_an_unknown_digest_is_a_key_error(evidence: EvidenceStore) -> None:
    with pytest.raises(KeyError):
        evidence.get("0" * 64)


def test_the_largest_document_fits_and_one_byte_more_says_what_to_do(
    evidence: EvidenceStore,
) -> None:
    fits = "x" * (MAX_BYTES - 2)
    assert evidence.get(evidence.put(fits)) == fits
    with pytest.raises(EvidenceTooLarge, match="keep counts and a sample"):
        evidence.put(fits + "x")


def test_what_json_cannot_hold_is_refused(evidence: EvidenceStore) -> None:
    with pytest.raises(TypeError):
        evidence.put({"a": object()})
