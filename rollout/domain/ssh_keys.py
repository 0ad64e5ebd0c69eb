"""OpenSSH public keys as a plan pins them: their kind, their bytes, their fingerprint.

Only shapes are read here, nothing is computed with a key. Source of the formats: RFC 4253 section
6.6, RFC 5656 section 3.1, RFC 8709 section 4, OpenSSH's PROTOCOL.u2f.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

import msgspec

LEAST_RSA_BITS = 3072
MOST_RSA_BITS = 16384
"""As OpenSSH has it; a larger one only costs time."""

_CURVES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
"""Name of a curve -> bytes of an uncompressed point."""

KINDS = (
    "ssh-ed25519",
    "ssh-rsa",
    *(f"ecdsa-sha2-{curve}" for curve in _CURVES),
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
"""What a sign-off may be signed with. No DSA, no certificates."""

_LONGEST = 8192
_TEXT = re.compile(
    r"(?P<kind>[a-z0-9@.-]+)[ \t]+(?P<body>[A-Za-z0-9+/]+=*)(?:[ \t]+(?P<comment>.*))?"
)


class PublicKey(msgspec.Struct, frozen=True):
    """`blob` is the key on the wire; two keys are the same when their blobs are."""

    kind: str
    blob: bytes
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)


class KeyUnfit(ValueError):
    """A text that is no key a sign-off may be signed with; the message says why."""


class Wire:
    """Reads the fields of SSH's wire format one after the other. Raises: KeyUnfit at the end."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        found = self._body[self._at : self._at + size]
        if len(found) != size:
            raise KeyUnfit("is cut off")
        self._at += size
        return found

    def string(self) -> bytes:
        """The next length-prefixed field."""
        return self.take(int.from_bytes(self.take(4), "big"))

    def integer(self) -> int:
        """The next `mpint`: positive, and written in the one shortest way."""
        body = self.string()
        if not body or body[0] & 0x80 or (body[0] == 0 and not (body[1:2] and body[1] & 0x80)):
            raise KeyUnfit("has a number that is not written the shortest way, or is not positive")
        return int.from_bytes(body, "big")

    def end(self) -> None:
        if self._at != len(self._body):
            raise KeyUnfit(f"has {len(self._body) - self._at} bytes too many at its end")


def fingerprint(blob: bytes) -> str:
    """As `ssh-keygen -l` prints it.

    >>> fingerprint(b"")
    'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU'
    """
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii")
    return f"SHA256:{digest.rstrip('=')}"


def parse_public_key(text: str) -> PublicKey:
    """A line as in `id_ed25519.pub`: kind, base64, and perhaps a comment.

    Raises: KeyUnfit saying what is wrong with it.
    >>> parse_public_key("ssh-dss AAAA").kind
    Traceback (most recent call last):
    rollout.domain.ssh_keys.KeyUnfit: is of the kind ssh-dss; use ssh-ed25519, ssh-rsa from 3072 bits, \
ecdsa-sha2-nistp256, -384 or -521, sk-ssh-ed25519 or sk-ecdsa
    """
    if len(text) > _LONGEST:
        raise KeyUnfit(f"is longer than {_LONGEST} characters")
    if "PRIVATE KEY" in text:
        raise KeyUnfit("is a private key: it must not leave its owner; name the `.pub` file's line")
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise KeyUnfit("is not a line such as `ssh-ed25519 AAAA… name`, as in a `.pub` file")
    kind = found["kind"]
    if kind not in KINDS:
        raise KeyUnfit(
            f"is of the kind {kind}; use ssh-ed25519, ssh-rsa from {LEAST_RSA_BITS} bits, "
            "ecdsa-sha2-nistp256, -384 or -521, sk-ssh-ed25519 or sk-ecdsa"
        )
    try:
        blob = base64.b64decode(found["body"], validate=True)
    except (binascii.Error, ValueError):
        raise KeyUnfit("has a middle part that is no base64") from None
    if base64.b64encode(blob).decode("ascii") != found["body"]:
        raise KeyUnfit("has a middle part that is not written as base64 is written")
    if key_kind(blob) != kind:
        raise KeyUnfit(f"says {kind} and holds {key_kind(blob)}")
    return PublicKey(kind, blob, found["comment"] or "")


def key_kind(blob: bytes) -> str:
    """The kind that a key's bytes say they are. Raises: KeyUnfit for bytes that are no such key."""
    wire = Wire(blob)
    kind = wire.string().decode("ascii", "replace")
    if kind not in KINDS:
        raise KeyUnfit(
            f"holds a key of the kind {kind[:64]!r}, which no sign-off may be signed with"
        )
    if kind == "ssh-rsa":
        _rsa(wire)
    elif "ecdsa" in kind:
        _ecdsa(wire, kind)
    elif len(wire.string()) != 32:
        raise KeyUnfit("holds an ed25519 key that is not 32 bytes long")
    if kind.startswith("sk-") and not wire.string():
        raise KeyUnfit("is a security key's and names no application")
    wire.end()
    return kind


def _rsa(wire: Wire) -> None:
    exponent, modulus = wire.integer(), wire.integer()
    bits = modulus.bit_length()
    if bits < LEAST_RSA_BITS:
        raise KeyUnfit(f"is an RSA key of {bits} bits: {LEAST_RSA_BITS} are the least")
    if bits > MOST_RSA_BITS:
        raise KeyUnfit(f"is an RSA key of {bits} bits: {MOST_RSA_BITS} are the most")
    if exponent < 3 or exponent % 2 == 0:
        raise KeyUnfit(f"is an RSA key with the exponent {exponent}")


def _ecdsa(wire: Wire, kind: str) -> None:
    curve = wire.string().decode("ascii", "replace")
    if curve not in _CURVES or curve not in kind:
        raise KeyUnfit(f"says {kind} and holds a point of {curve[:32]!r}")
    point = wire.string()
    if len(point) != _CURVES[curve] or point[0] != 4:
        raise KeyUnfit(f"holds no uncompressed point of {curve}")
