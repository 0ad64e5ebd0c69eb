"""Signs with a person's own SSH key by `ssh-keygen`; the private key stays with it, or with the agent."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rollout.domain.errors import SignatureRefused
from rollout.domain.sign_off import NAMESPACE
from rollout.domain.ssh_keys import KeyUnfit, parse_public_key

LONGEST_S = 300.0
"""Seconds in which a passphrase is typed or a security key touched."""

AGENT = "SSH_AUTH_SOCK"

_PASSED_ON = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TERM", AGENT, "TMPDIR"),
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),
    *("SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "SSH_SK_PROVIDER"),
)
"""What ssh-keygen needs of our environment; the rest holds secrets of other services."""


@dataclass(frozen=True)
class SshKeygen:
    """Signs by one key: `key` is its private file, or with `from_agent` a key the agent holds. Without
    either it is looked for: first in the agent, then in `~/.ssh`, by the fingerprints of the signer.

    Implements `live.signing.Signer`. A passphrase is asked for on the terminal, by ssh-keygen itself; `tell`
    hears beforehand that it may be.
    """

    key: Path | None = None
    from_agent: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    tell: Callable[[str], None] = lambda _: None

    def sign(self, message: bytes, fingerprints: Collection[str]) -> str:
        """The armored signature over exactly these bytes, by one of the signer's keys.

        Raises: SignatureRefused saying what is missing, or what ssh-keygen said.
        """
        if shutil.which("ssh-keygen", path=self.environ.get("PATH")) is None:
            raise SignatureRefused("ssh-keygen is not installed here: install the OpenSSH client")
        with self._key_file(fingerprints) as path:
            self.tell("ssh-keygen signs: type the passphrase if asked, touch the key if it blinks")
            arguments = ["ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(path)]
            return self._run(arguments, message)

    @contextlib.contextmanager
    def _key_file(self, fingerprints: Collection[str]) -> Iterator[Path]:
        """The file that names the key: private, or of one that the agent holds the public half."""
        if self.key is not None:
            if not self.key.is_file():
                raise SignatureRefused(f"{self.key}: there is no such key")
            yield self.key
            return
        line = self._in_agent(fingerprints)
        if line is not None:
            with tempfile.TemporaryDirectory(prefix="rollout-sign-") as folder:
                public = Path(folder) / "key.pub"
                public.write_text(line + "\n", encoding="utf-8")
                yield public
            return
        if self.from_agent:
            raise SignatureRefused(
                f"the agent holds none of the keys {', '.join(fingerprints) or '(none is in the plan)'}: "
                "add it with `ssh-add`"
            )
        yield self._in_home(fingerprints)

    def _in_agent(self, fingerprints: Collection[str]) -> str | None:
        if not self.environ.get(AGENT):
            if self.from_agent:
                raise SignatureRefused(f"there is no agent here ({AGENT} is not set): use --key")
            return None
        try:
            listed = self._run(["ssh-add", "-L"], b"")
        except SignatureRefused:
            return None  # an agent without keys says so with an error
        return next((n for n in listed.splitlines() if _fingerprint(n) in fingerprints), None)

    def _in_home(self, fingerprints: Collection[str]) -> Path:
        folder = Path(self.environ.get("HOME", "")) / ".ssh"
        for public in sorted(folder.glob("*.pub")):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                private = public.with_suffix("")
                known = _fingerprint(public.read_text(encoding="utf-8")) in fingerprints
                if known and private.is_file():
                    return private
        raise SignatureRefused(
            f"no key of {folder} or the agent is one of {', '.join(fingerprints) or '(none)'}, the "
            "signer's in the plan: name its file with --key"
        )

    def _run(self, arguments: list[str], given: bytes) -> str:
        environ = {k: v for k, v in self.environ.items() if k in _PASSED_ON}
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program, arguments without a shell
                arguments,
                input=given,
                capture_output=True,
                env=environ,
                timeout=LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SignatureRefused(f"{arguments[0]} did not answer in {LONGEST_S:.0f} s") from None
        except OSError as problem:
            raise SignatureRefused(f"{arguments[0]}: {problem.strerror}") from None
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise SignatureRefused(f"{arguments[0]}: {said[-1] if said else 'it failed'}")
        return done.stdout.decode("utf-8", "replace")


def _fingerprint(line: str) -> str:
    try:
        return parse_public_key(line).fingerprint
    except KeyUnfit:
        return ""
