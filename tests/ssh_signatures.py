"""SSH keys and signatures made in Python, so that a test can make every wrong one too.

Security keys are imitated: the same bytes, signed by a key in memory. Source of the formats: OpenSSH's
PROTOCOL.sshsig and PROTOCOL.u2f.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512

from rollout.domain.sign_off import NAMESPACE
from rollout.domain.ssh_keys import fingerprint

BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
APPLICATION = b"ssh:"
_CURVES: dict[str, Any] = {
    "nistp256": (ec.SECP256R1, SHA256),
    "nistp384": (ec.SECP384R1, SHA384),
    "nistp521": (ec.SECP521R1, SHA512),
}
_RSA_HASHES: dict[str, Any] = {
    "rsa-sha2-256": SHA256,
    "rsa-sha2-512": SHA512,
    "ssh-rsa": SHA1,
}


def string(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")


@dataclass(frozen=True)
class Key:
    """`raw` signs a message by an algorithm and gives the signature's body."""

    kind: str
    blob: bytes
    private: Any
    raw: Callable[[bytes, str], bytes]
    algorithm: str

    @property
    def is_sk(self) -> bool:
        return self.kind.startswith("sk-")

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    @property
    def line(self) -> str:
        return f"{self.kind} {base64.b64encode(self.blob).decode()} test"

    def write(self, path: Path) -> Path:
        """The private key as ssh-keygen reads it."""
        body = self.private.private_bytes(
            ser.Encoding.PEM, ser.PrivateFormat.OpenSSH, ser.NoEncryption()
        )
        path.touch(mode=0o600)
        path.write_bytes(body)
        path.with_name(f"{path.name}.pub").write_text(self.line + "\n")
        return path

    def blob_of(
        self,
        message: bytes,
        *,
        namespace: str = NAMESPACE,
        hash_name: str = "sha512",
        algorithm: str | None = None,
        reserved: bytes = b"",
        flags: int = 1,
        counter: int = 7,
        magic: bytes = b"SSHSIG",
        version: int = 1,
        signed_as: str | None = None,
        after: bytes = b"",
    ) -> bytes:
        """A signature's bytes; `signed_as`: the namespace it is really made for."""
        digest = hashlib.new(hash_name, message).digest()
        inner = (signed_as or namespace).encode(), reserved, hash_name.encode(), digest
        to_sign = b"SSHSIG" + b"".join(string(part) for part in inner)
        by, tail = algorithm or self.algorithm, b""
        if self.is_sk:
            tail = bytes([flags]) + counter.to_bytes(4, "big")
            app = hashlib.sha256(APPLICATION).digest()
            to_sign = app + tail + hashlib.sha256(to_sign).digest()
        signature = string(by.encode()) + string(self.raw(to_sign, by)) + tail + after
        outer = self.blob, namespace.encode(), reserved, hash_name.encode(), signature
        return magic + version.to_bytes(4, "big") + b"".join(string(part) for part in outer)

    def sign(self, message: bytes, fingerprints: Collection[str] = (), **odd: Any) -> str:
        """Armored, as ssh-keygen writes it; fits `live.signing.Signer`."""
        return armored(self.blob_of(message, **odd))


def armored(blob: bytes) -> str:
    body = base64.b64encode(blob).decode()
    lines = [body[at : at + 70] for at in range(0, len(body), 70)]
    return "\n".join([BEGIN, *lines, END, ""])


def ed25519_key(seed: int = 1) -> Key:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    raw = private.public_key().public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw)
    kind = "ssh-ed25519"
    return Key(
        kind, string(kind.encode()) + string(raw), private, lambda m, _: private.sign(m), kind
    )


def ecdsa_key(curve: str = "nistp256", secret: int = 12345) -> Key:
    made, digest = _CURVES[curve]
    # OpenSSH takes no private number that is shorter than half the curve
    private = ec.derive_private_key(secret << made().key_size * 3 // 4, made())
    kind = f"ecdsa-sha2-{curve}"
    blob = string(kind.encode()) + string(curve.encode()) + string(_point(private))
    return Key(kind, blob, private, lambda m, _: _pair(private, m, digest()), kind)


def rsa_key(bits: int = 3072) -> Key:
    private = rsa.generate_private_key(65537, bits)
    numbers = private.public_key().public_numbers()
    blob = string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n)

    def raw(message: bytes, algorithm: str) -> bytes:
        return private.sign(message, padding.PKCS1v15(), _RSA_HASHES[algorithm]())

    return Key("ssh-rsa", blob, private, raw, "rsa-sha2-512")


def sk_ed25519_key(seed: int = 9) -> Key:
    plain = ed25519_key(seed)
    kind = "sk-ssh-ed25519@openssh.com"
    raw = plain.private.public_key().public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw)
    blob = string(kind.encode()) + string(raw) + string(APPLICATION)
    return Key(kind, blob, plain.private, plain.raw, kind)


def sk_ecdsa_key(secret: int = 54321) -> Key:
    plain = ecdsa_key("nistp256", secret)
    kind = "sk-ecdsa-sha2-nistp256@openssh.com"
    fields = kind.encode(), b"nistp256", _point(plain.private), APPLICATION
    return Key(kind, b"".join(string(f) for f in fields), plain.private, plain.raw, kind)


def _point(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(ser.Encoding.X962, ser.PublicFormat.UncompressedPoint)


def _pair(private: ec.EllipticCurvePrivateKey, message: bytes, digest: Any) -> bytes:
    r, s = decode_dss_signature(private.sign(message, ec.ECDSA(digest)))
    return mpint(r) + mpint(s)
