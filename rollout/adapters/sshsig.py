"""Verifies SSH signatures as `ssh-keygen -Y sign` makes them; foreign bytes stop here.

Stricter than ssh-keygen where that only lets weak things through: a signature by a security key needs
its owner's touch, and nothing may follow the signature. Source: OpenSSH's PROTOCOL.sshsig,
PROTOCOL.u2f and PROTOCOL; RFC 8332 (RSA), RFC 5656 (ECDSA), RFC 8709 (Ed25519).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from rollout.domain.errors import SignatureRefused
from rollout.domain.sign_off import NAMESPACE
from rollout.domain.ssh_keys import KeyUnfit, Wire, fingerprint, key_kind

BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"

LONGEST = 32 * 1024
"""Characters of an armored signature; one by the largest RSA key has under six thousand."""

_MAGIC = b"SSHSIG"
_VERSION = 1
_ARMOR = re.compile(rf"{BEGIN}\n([A-Za-z0-9+/=\n]+)\n{END}\n?")
_RSA_HASHES: dict[str, type[HashAlgorithm]] = {"rsa-sha2-256": SHA256, "rsa-sha2-512": SHA512}
_CURVES: dict[str, tuple[type[ec.EllipticCurve], type[HashAlgorithm]]] = {
    "nistp256": (ec.SECP256R1, SHA256),
    "nistp384": (ec.SECP384R1, SHA384),
    "nistp521": (ec.SECP521R1, SHA512),
}
_USER_PRESENT = 0x01


def signer_of(armored: str, message: bytes) -> str:
    """The fingerprint of the key that signed exactly `message` for our namespace.

    Implements `domain.sign_off.SignerOf`. Whose key that is, and whether it counts, is not asked here.
    Raises: SignatureRefused saying what is wrong with it.
    """
    try:
        return _signer(_unarmored(armored), message)
    except KeyUnfit as unfit:
        raise SignatureRefused(f"the signature {unfit}") from None


def _unarmored(armored: str) -> bytes:
    if len(armored) > LONGEST:
        raise SignatureRefused(f"the signature is longer than {LONGEST:,} characters")
    if BEGIN not in armored:
        raise SignatureRefused(f"there is no signature: it begins with {BEGIN}")
    found = _ARMOR.fullmatch(armored)
    if found is None:
        raise SignatureRefused(
            "the signature was changed: there must be nothing but its lines, from BEGIN to END"
        )
    body = found[1].replace("\n", "")
    try:
        blob = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureRefused("the signature was changed: it is no base64") from None
    if base64.b64encode(blob).decode("ascii") != body:
        raise SignatureRefused("the signature was changed: it is not written as base64 is written")
    return blob


def _signer(blob: bytes, message: bytes) -> str:
    wire = Wire(blob)
    if wire.take(len(_MAGIC)) != _MAGIC:
        raise SignatureRefused("the signature is not an SSH signature")
    version = int.from_bytes(wire.take(4), "big")
    if version != _VERSION:
        raise SignatureRefused(f"the signature is of version {version}, and 1 is known")
    key, namespace, reserved = wire.string(), wire.string(), wire.string()
    hash_name, signature = wire.string(), wire.string()
    wire.end()
    if namespace != NAMESPACE.encode():
        raise SignatureRefused(
            f"the signature was made for {namespace[:64].decode('utf-8', 'replace')!r}, not for "
            f"{NAMESPACE}: sign with `ssh-keygen -Y sign -n {NAMESPACE}`"
        )
    hashes = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
    if hash_name not in hashes:
        shown = hash_name[:32].decode("utf-8", "replace")
        raise SignatureRefused(
            f"the signature is over a hash {shown!r}; sha256 and sha512 are known"
        )
    fields = (namespace, reserved, hash_name, hashes[hash_name](message).digest())
    _verify(key, signature, _MAGIC + b"".join(_string(field) for field in fields))
    return fingerprint(key)


def _string(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def _verify(key: bytes, signature: bytes, signed: bytes) -> None:
    """Raises: SignatureRefused, KeyUnfit."""
    kind = key_kind(key)
    wire = Wire(signature)
    algorithm = wire.string().decode("ascii", "replace")
    body = wire.string()
    if kind.startswith("sk-"):
        flags, counter = wire.take(1), wire.take(4)
        if not flags[0] & _USER_PRESENT:
            raise SignatureRefused("the security key was not touched when it signed")
        application = hashlib.sha256(_application(key)).digest()
        signed = application + flags + counter + hashlib.sha256(signed).digest()
    wire.end()
    allowed = tuple(_RSA_HASHES) if kind == "ssh-rsa" else (kind,)
    if algorithm not in allowed:
        raise SignatureRefused(
            f"the signature is by {algorithm[:64]!r}; a {kind} key signs by {' or '.join(allowed)}"
        )
    try:
        _check(kind, key, algorithm, body, signed)
    except InvalidSignature:
        raise SignatureRefused(
            "the signature does not fit: what was signed is not this statement, or was changed since"
        ) from None
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise SignatureRefused(f"the signature's key cannot be used: {problem}") from None


def _check(kind: str, key: bytes, algorithm: str, body: bytes, signed: bytes) -> None:
    """Raises: InvalidSignature; ValueError for a key that is none; KeyUnfit."""
    wire = Wire(key)
    wire.string()
    if kind == "ssh-rsa":
        exponent, modulus = wire.integer(), wire.integer()
        public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        public.verify(body, signed, padding.PKCS1v15(), _RSA_HASHES[algorithm]())
    elif "ecdsa" in kind:
        curve, digest = _CURVES[wire.string().decode("ascii")]
        point = ec.EllipticCurvePublicKey.from_encoded_point(curve(), wire.string())
        pair = Wire(body)
        encoded = encode_dss_signature(pair.integer(), pair.integer())
        pair.end()
        point.verify(encoded, signed, ec.ECDSA(digest()))
    else:
        ed25519.Ed25519PublicKey.from_public_bytes(wire.string()).verify(body, signed)


def _application(key: bytes) -> bytes:
    """The last field of a security key's public key."""
    wire = Wire(key)
    kind = wire.string()
    for _ in range(2 if b"ecdsa" in kind else 1):
        wire.string()
    return wire.string()
