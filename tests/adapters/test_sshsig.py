"""SSH signatures: what counts, every bit that is turned, and ssh-keygen's opinion beside ours."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ssh_signatures import (
    BEGIN,
    END,
    Key,
    armored,
    ecdsa_key,
    ed25519_key,
    rsa_key,
    sk_ecdsa_key,
    sk_ed25519_key,
    string,
)

from rollout.adapters.ssh_keygen import SshKeygen
from rollout.adapters.sshsig import signer_of
from rollout.domain.errors import SignatureRefused
from rollout.domain.sign_off import NAMESPACE

MESSAGE = b'{"decision":"approve"}'
CASES = 1_000

CHEAP: dict[str, Callable[[], Key]] = {
    "ed25519": ed25519_key,
    "p256": ecdsa_key,
    "p384": lambda: ecdsa_key("nistp384"),
    "p521": lambda: ecdsa_key("nistp521"),
    "sk_ed25519": sk_ed25519_key,
    "sk_ecdsa": sk_ecdsa_key,
}


@pytest.fixture(scope="module")
def rsa() -> Key:
    return rsa_key()


def refused(signature: str, message: bytes = MESSAGE) -> str:
    with pytest.raises(SignatureRefused) as caught:
        signer_of(signature, message)
    return str(caught.value)


@pytest.mark.parametrize("make", CHEAP.values(), ids=CHEAP)
@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
def test_a_good_signature_names_its_key(make: Callable[[], Key], hash_name: str) -> None:
    key = make()
    assert signer_of(key.sign(MESSAGE, hash_name=hash_name), MESSAGE) == key.fingerprint
    assert "does not fit" in refused(key.sign(MESSAGE), MESSAGE + b"\n")


def test_rsa_signs_by_sha_2_and_by_nothing_older(rsa: Key) -> None:
    for algorithm in ("rsa-sha2-256", "rsa-sha2-512"):
        assert signer_of(rsa.sign(MESSAGE, algorithm=algorithm), MESSAGE) == rsa.fingerprint
    said = refused(rsa.sign(MESSAGE, algorithm="ssh-rsa"))
    assert (
        "the signature is by 'ssh-rsa'; a ssh-rsa key signs by rsa-sha2-256 or rsa-sha2-512" in said
    )


def test_a_short_rsa_key_is_refused() -> None:
    assert "RSA key of 2048 bits: 3072 are the least" in refused(rsa_key(2048).sign(MESSAGE))


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"namespace": "file"}, "was made for 'file', not for rollout-signoff@v1"),
        ({"namespace": "git", "signed_as": NAMESPACE}, "was made for 'git'"),
        ({"signed_as": "file"}, "does not fit"),
        ({"hash_name": "sha1"}, "over a hash 'sha1'; sha256 and sha512 are known"),
        ({"hash_name": "sha384"}, "over a hash 'sha384'"),
        ({"magic": b"SSHSIX"}, "not an SSH signature"),
        ({"version": 2}, "of version 2"),
        ({"after": b"\0"}, "1 bytes too many at its end"),
        ({"algorithm": "ssh-rsa"}, "by 'ssh-rsa'; a ssh-ed25519 key signs by ssh-ed25519"),
    ],
)
def test_a_signature_made_otherwise_is_refused(odd: dict[str, Any], reason: str) -> None:
    assert reason in refused(ed25519_key().sign(MESSAGE, **odd))


@pytest.mark.parametrize("key", [sk_ed25519_key(), sk_ecdsa_key()], ids=lambda key: str(key.kind))
def test_a_security_key_must_be_touched(key: Key) -> None:
    assert "was not touched" in refused(key.sign(MESSAGE, flags=0))
    assert "was not touched" in refused(key.sign(MESSAGE, flags=4))


def test_a_key_of_another_person_beside_the_right_signature_is_refused() -> None:
    mine, other = ed25519_key(1), ed25519_key(2)
    assert "does not fit" in refused(replace(mine, blob=other.blob).sign(MESSAGE))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: "", "there is no signature"),
        (lambda s: s + "more", "nothing but its lines"),
        (lambda s: s + s, "nothing but its lines"),
        (lambda s: "x" + s, "nothing but its lines"),
        (lambda s: s.replace("\n", "\r\n"), "nothing but its lines"),
        (lambda s: s.replace(END, ""), "nothing but its lines"),
        (lambda s: s.replace("\nU1NI", "\nU1N*"), "nothing but its lines"),
        (lambda s: s.replace("\nU1NI", "\n=U1NI"), "it is no base64"),
        (lambda s: s.replace("\nU1NI", "\n"), "is not an SSH signature"),
        (lambda s: f"{BEGIN}\n{'A' * 40_000}\n{END}\n", "longer than 32,768 characters"),
        (lambda s: f"{BEGIN}\nU1NIU0lH\n{END}\n", "is cut off"),
    ],
)
def test_an_armor_that_was_changed_is_refused(change: Callable[[str], str], reason: str) -> None:
    assert reason in refused(change(ed25519_key().sign(MESSAGE)))


def test_base64_with_bits_that_nobody_reads_is_refused() -> None:
    blob = ed25519_key().blob_of(MESSAGE)
    text = base64.b64encode(blob + b"\0" * ((1 - len(blob)) % 3)).decode()
    assert text.endswith("==")
    loose = text[:-3] + chr(ord(text[-3]) + 1) + "=="
    assert base64.b64decode(loose) == base64.b64decode(text)
    assert "not written as base64 is written" in refused(f"{BEGIN}\n{loose}\n{END}\n")


@pytest.mark.parametrize("name", ["ed25519", "p256", "sk_ed25519"])
def test_no_bit_of_a_signature_can_be_turned(name: str) -> None:
    """But one: a security key's flags carry bits besides the touch, and those are signed too."""
    blob = CHEAP[name]().blob_of(MESSAGE)
    for bit in range(len(blob) * 8):
        turned = bytearray(blob)
        turned[bit // 8] ^= 1 << bit % 8
        refused(armored(bytes(turned)))


def test_no_bit_of_the_message_can_be_turned() -> None:
    signature = ed25519_key().sign(MESSAGE)
    for bit in range(len(MESSAGE) * 8):
        turned = bytearray(MESSAGE)
        turned[bit // 8] ^= 1 << bit % 8
        refused(signature, bytes(turned))


# ssh-keygen beside ours -----------------------------------------------------------


def test_our_ed25519_signature_is_ssh_keygens_byte_for_byte(tmp_path: Path) -> None:
    key = ed25519_key()
    theirs = SshKeygen(key.write(tmp_path / "id")).sign(MESSAGE, [key.fingerprint])
    assert theirs == key.sign(MESSAGE)


@pytest.mark.parametrize("name", ["ed25519", "p256", "p384", "p521"])
def test_what_ssh_keygen_signs_counts(name: str, tmp_path: Path) -> None:
    key = CHEAP[name]()
    signature = SshKeygen(key.write(tmp_path / "id")).sign(MESSAGE, [key.fingerprint])
    assert signer_of(signature, MESSAGE) == key.fingerprint


@dataclass(frozen=True)
class Case:
    key: Key
    signature: str
    message: bytes
    what: str


def cases(keys: list[Key], count: int, seed: int) -> Iterator[Case]:
    """Good signatures, and what an attacker or a bad day makes of them; a third of them good."""
    dice = Random(seed)
    for number in range(count):
        key = dice.choice(keys)
        message = b'{"n":%d}' % number
        what = dice.choice(
            ["good", "good", "bit", "message", "other", "namespace", "cut", "longer"]
        )
        signed_by = dice.choice([k for k in keys if k is not key]) if what == "other" else key
        odd: dict[str, Any] = {"namespace": "file"} if what == "namespace" else {}
        blob = signed_by.blob_of(message, hash_name=dice.choice(["sha256", "sha512"]), **odd)
        if what == "bit":
            turned = bytearray(blob)
            turned[dice.randrange(len(blob))] ^= 1 << dice.randrange(8)
            blob = bytes(turned)
        elif what == "cut":
            blob = blob[: -dice.randrange(1, 40)]
        elif what == "longer":
            blob += b"\0" * dice.randrange(1, 4)
        yield Case(key, armored(blob), message + b"x" * (what == "message"), what)


def ours(case: Case) -> bool:
    try:
        return signer_of(case.signature, case.message) == case.key.fingerprint
    except SignatureRefused:
        return False


def ssh_keygens(case: Case, folder: Path) -> bool:
    (folder / "allowed").write_text(f"me {case.key.line}\n")
    (folder / "sig").write_text(case.signature)
    command = ["ssh-keygen", "-Y", "verify", "-q", "-f", "allowed", "-I", "me", "-n", NAMESPACE]
    done = subprocess.run(
        [*command, "-s", "sig"], input=case.message, cwd=folder, capture_output=True, check=False
    )
    return done.returncode == 0


def disagreements(keys: list[Key], count: int, folder: Path) -> tuple[list[str], int]:
    """What the two see differently, and how many both took."""
    found = [(case, ours(case), ssh_keygens(case, folder)) for case in cases(keys, count, 2026)]
    return [f"{c.what} {c.key.kind}: {a} {b}" for c, a, b in found if a != b], sum(
        a and b for _, a, b in found
    )


def test_ssh_keygen_agrees(tmp_path: Path) -> None:
    different, taken = disagreements([make() for make in CHEAP.values()], 60, tmp_path)
    assert different == []
    assert taken > 5


@pytest.mark.slow
def test_ssh_keygen_agrees_on_a_thousand_cases(tmp_path: Path, rsa: Key) -> None:
    different, taken = disagreements([*(m() for m in CHEAP.values()), rsa], CASES, tmp_path)
    assert different == []
    assert taken > CASES / 5


def test_only_the_untouched_security_key_is_seen_differently(tmp_path: Path) -> None:
    """ssh-keygen takes such a signature; we do not. (`verify-required` and FIDO: PROTOCOL.u2f.)"""
    key = sk_ed25519_key()
    case = Case(key, key.sign(MESSAGE, flags=0), MESSAGE, "untouched")
    assert (ours(case), ssh_keygens(case, tmp_path)) == (False, True)


# the signer's own machine ---------------------------------------------------------


def test_a_key_is_found_in_the_home_by_its_fingerprint(tmp_path: Path) -> None:
    folder = tmp_path / ".ssh"
    folder.mkdir()
    ed25519_key(1).write(folder / "id_other")
    key = ed25519_key(2)
    key.write(folder / "id_mine")
    (folder / "known.pub").write_bytes(b"\xff no key")
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    assert signer_of(SshKeygen(environ=home).sign(MESSAGE, [key.fingerprint]), MESSAGE)
    for keygen, words in (
        (SshKeygen(environ=home), "name its file with --key"),
        (SshKeygen(tmp_path / "none", environ=home), "there is no such key"),
        (SshKeygen(from_agent=True, environ=home), "there is no agent here"),
        (SshKeygen(environ={**home, "PATH": str(tmp_path)}), "ssh-keygen is not installed"),
    ):
        with pytest.raises(SignatureRefused, match=words):
            keygen.sign(MESSAGE, ["SHA256:another"])


def test_an_agent_signs_by_the_key_it_holds(tmp_path: Path) -> None:
    key, socket = ed25519_key(3), tmp_path / "agent"
    path = key.write(tmp_path / "id")
    agent = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert agent.stdout is not None
        agent.stdout.readline()  # it listens
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SSH_AUTH_SOCK": str(socket)}
        with pytest.raises(SignatureRefused, match="the agent holds none of the keys"):
            SshKeygen(from_agent=True, environ=environ).sign(MESSAGE, [key.fingerprint])
        subprocess.run(["ssh-add", "-q", str(path)], env=environ, check=True)
        path.unlink()
        signature = SshKeygen(from_agent=True, environ=environ).sign(MESSAGE, [key.fingerprint])
        assert signer_of(signature, MESSAGE) == key.fingerprint
    finally:
        agent.terminate()
        agent.communicate()


def test_what_ssh_keygen_says_is_passed_on_and_other_secrets_are_not(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("no key")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "ssh-keygen"
    fake.write_text('#!/bin/sh\necho "token is [$DATABRICKS_TOKEN]" >&2\nexit 1\n')
    fake.chmod(0o755)
    environ = {"PATH": f"{tmp_path / 'bin'}:/bin", "DATABRICKS_TOKEN": "canary"}
    with pytest.raises(SignatureRefused, match=r"ssh-keygen: token is \[\]"):
        SshKeygen(tmp_path / "bad", environ=environ).sign(MESSAGE, [])


def test_the_string_of_the_wire_has_its_length_in_front() -> None:
    assert string(b"ab") == b"\0\0\0\2ab"
