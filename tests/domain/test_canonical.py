from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.canonical import canonical_bytes, sha256_of

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def turned(document: Any) -> Any:
    """The same document with every mapping's keys in the opposite order."""
    if isinstance(document, dict):
        return {k: turned(v) for k, v in reversed(document.items())}
    return [turned(v) for v in document] if isinstance(document, list) else document


@given(values)
def test_key_order_does_not_move_the_bytes(document: Any) -> None:
    assert canonical_bytes(turned(document)) == canonical_bytes(document)


@given(values)
def test_the_bytes_read_back_to_the_document(document: Any) -> None:
    assert json.loads(canonical_bytes(document)) == document


@given(values, values)
def test_different_documents_have_different_bytes(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonical_bytes(one) == canonical_bytes(other)) is same


@given(values)
def test_the_digest_is_the_sha256_of_the_bytes(document: Any) -> None:
    assert sha256_of(document) == hashlib.sha256(canonical_bytes(document)).hexdigest()


def test_a_struct_counts_as_the_mapping_of_its_fields() -> None:
    class Pair(msgspec.Struct):
        b: int
        a: str

    assert canonical_bytes(Pair(b=1, a="x")) == b'{"a":"x","b":1}'


def test_text_is_utf8_and_not_escaped() -> None:
    assert canonical_bytes("é") == '"é"'.encode()
