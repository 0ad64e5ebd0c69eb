from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.errors import LogDamaged
from rollout.store.packing import (
    COMPRESS_FROM,
    MAX_BYTES,
    pack,
    pack_snapshot,
    unpack,
    unpack_snapshot,
)


def digest_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_only_what_shrinks_is_compressed() -> None:
    assert len(pack("x" * COMPRESS_FROM)[1]) < 100
    short = pack("x" * (COMPRESS_FROM - 3))
    assert len(short[1]) == short[2] == COMPRESS_FROM - 1


@given(st.binary(max_size=6_000), st.integers(1, 99))
def test_a_snapshot_comes_back_under_its_own_place_only(body: bytes, seq: int) -> None:
    blob = pack_snapshot("r", seq, "h", body)
    assert unpack_snapshot("r", seq, "h", blob) == body
    assert unpack_snapshot("r", seq + 1, "h", blob) is None
    assert unpack_snapshot("s", seq, "h", blob) is None
    assert unpack_snapshot("r", seq, "i", blob) is None


@pytest.mark.parametrize("blob", [None, "text", b"", b"z" * 60, b"ffffffff" + b"z" * 60])
def test_what_is_no_snapshot_is_none(blob: object) -> None:
    assert unpack_snapshot("r", 1, "h", blob) is None


@given(st.binary(max_size=200), st.integers(0, 300))
def test_bytes_that_are_not_the_document_are_never_handed_out(body: bytes, size: int) -> None:
    with pytest.raises(LogDamaged, match="do not match"):
        unpack("0" * 64, body, size)


def test_a_bomb_is_not_unfolded_beyond_the_size_it_admits() -> None:
    bomb = zlib.compress(b"0" * 100_000_000, 9)
    for size in (len(bomb) + 1, MAX_BYTES, MAX_BYTES * 20, -1):
        with pytest.raises(LogDamaged, match="do not match"):
            unpack(digest_of(b"0"), bomb, size)


def test_bytes_with_the_right_digest_that_are_no_document_are_named() -> None:
    with pytest.raises(LogDamaged, match="not JSON"):
        unpack(digest_of(b"{"), b"{", 1)
