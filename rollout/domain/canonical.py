"""One byte form for everything that is hashed: sorted keys, no white space, UTF-8."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")


def canonical_bytes(document: Any) -> bytes:
    """JSON-able data (dataclasses and msgspec Structs included) as canonical JSON.

    >>> canonical_bytes({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    return _encoder.encode(document)


def sha256_of(document: Any) -> str:
    """Hex digest of the canonical bytes.

    >>> sha256_of({})
    '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    """
    return hashlib.sha256(canonical_bytes(document)).hexdigest()
