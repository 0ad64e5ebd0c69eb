"""How documents and snapshots become blobs: compressed when it pays, sealed by a digest."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import msgspec

from rollout.domain.canonical import canonical_bytes
from rollout.domain.errors import KindMisused, LogDamaged

COMPRESS_FROM = 2_000
"""Bytes of canonical JSON from which compression is tried."""

MAX_BYTES = 5_000_000
"""Largest document, in bytes of canonical JSON."""

_SEAL = hashlib.sha256().digest_size
_SNAPSHOT_MAX = 100_000_000


class EvidenceTooLarge(KindMisused):
    """A document over the cap: store counts and a sample instead of every row."""


def pack(document: Any) -> tuple[str, bytes, int]:
    """Digest, body, and size before compression; the body is compressed iff it is shorter than size.

    Raises: EvidenceTooLarge; TypeError for what JSON cannot hold.
    """
    try:
        plain = canonical_bytes(document)
    except RecursionError:
        raise EvidenceTooLarge(
            "a document that is nested this deeply is no evidence: keep its figures instead"
        ) from None
    size = len(plain)
    if size > MAX_BYTES:
        raise EvidenceTooLarge(
            f"a document of {size / 1e6:.1f} MB is over the {MAX_BYTES / 1e6:.0f} MB that evidence "
            "may have: keep counts and a sample of rows instead of all of them"
        )
    return hashlib.sha256(plain).hexdigest(), _squeezed(plain), size


def unpack(digest: str, body: Any, size: Any) -> Any:
    """The document. Raises: LogDamaged when the bytes do not match the digest.

    >>> unpack(*pack({"rows": 50}))
    {'rows': 50}
    """
    plain = unpack_bytes(digest, body, size)
    try:
        return msgspec.json.decode(plain)
    except (ValueError, RecursionError) as error:
        raise LogDamaged(f"evidence {digest}: not JSON: {error}") from error


def unpack_bytes(digest: str, body: Any, size: Any) -> bytes:
    """The canonical JSON. Raises: LogDamaged when it does not match the digest."""
    if not isinstance(body, bytes) or not isinstance(size, int):
        raise LogDamaged(f"evidence {digest}: a column holds the wrong type of value")
    plain = _plain(body, size, MAX_BYTES)
    if plain is None or hashlib.sha256(plain).hexdigest() != digest:
        raise LogDamaged(f"evidence {digest}: the stored bytes do not match the digest")
    return plain


def pack_snapshot(rollout: str, seq: int, head: str, body: bytes) -> bytes:
    """Size, seal over everything, then the body; a snapshot is outside the chain and needs its own."""
    seal = _snapshot_seal(rollout, seq, head, body)
    return b"%08x" % len(body) + seal + _squeezed(body)


def unpack_snapshot(rollout: str, seq: int, head: str, blob: Any) -> bytes | None:
    """The body, or None when it is not what was saved: then the log is folded from the start."""
    if not isinstance(blob, bytes) or len(blob) < 8 + _SEAL:
        return None
    try:
        size = int(blob[:8], 16)
    except ValueError:
        return None
    body = _plain(blob[8 + _SEAL :], size, _SNAPSHOT_MAX)
    if body is None or _snapshot_seal(rollout, seq, head, body) != blob[8 : 8 + _SEAL]:
        return None
    return body


def _snapshot_seal(rollout: str, seq: int, head: str, body: bytes) -> bytes:
    name, digest = _text(rollout), _text(head)
    return hashlib.sha256(
        b"%d:%b,%d,%d:%b,%d:%b" % (len(name), name, seq, len(digest), digest, len(body), body)
    ).digest()


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _squeezed(plain: bytes) -> bytes:
    if len(plain) < COMPRESS_FROM:
        return plain
    squeezed = zlib.compress(plain, 1)
    return squeezed if len(squeezed) < len(plain) else plain


def _plain(body: bytes, size: int, cap: int) -> bytes | None:
    """Undo `_squeezed`; None when that is not possible. Never unfolds more than `size` bytes."""
    if not 0 <= size <= cap:
        return None
    if len(body) >= size:
        return body
    try:
        plain = zlib.decompressobj().decompress(body, size + 1)
    except zlib.error:
        return None
    return plain if len(plain) == size else None
