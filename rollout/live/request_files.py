"""What goes to a signer's own machine and what comes back from it, as files."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rollout.domain.errors import PlanProblems
from rollout.domain.sign_off import LONGEST, NAMESPACE
from rollout.live.signing import Request

SUFFIX = ".sig"
"""What ssh-keygen puts behind the name of a file that it signed."""


def write_request(asked: Request, path: Path) -> None:
    """The bytes to sign and nothing else; a file that asks the same already stays.

    Raises: PlanProblems when the file is there already or cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.write(asked.message)
    except FileExistsError:
        if path.read_bytes() != asked.message:
            raise PlanProblems(
                [f"{path}: is there already and asks something else: name another file"]
            ) from None
    except OSError as error:
        raise PlanProblems([f"{path}: cannot be written: {error.strerror}"]) from error


def read_signed(path: Path, longest: int = LONGEST) -> bytes:
    """A request or a signature somebody sent. Raises: PlanProblems."""
    try:
        with path.open("rb") as file:
            body = file.read(longest + 1)
    except OSError as error:
        raise PlanProblems([f"{path}: cannot be read: {error.strerror}"]) from error
    if len(body) > longest:
        raise PlanProblems([f"{path}: is larger than {longest:,} bytes: this is another file"])
    return body


def read_answer(signed: Path, asking: Path | None = None) -> tuple[bytes, str]:
    """What somebody was asked to sign, and their signature. `asking` None takes the file that ssh-keygen
    signed: beside the signature, without its suffix. Raises: PlanProblems."""
    if asking is None:
        if signed.suffix != SUFFIX:
            raise PlanProblems(
                [
                    f"{signed}: no signature of ssh-keygen, whose name ends in {SUFFIX}: name also what "
                    "was signed, with --request FILE"
                ]
            )
        asking = signed.with_suffix("")
    return read_signed(asking), read_signed(signed).decode("utf-8", "replace")


def how_to_answer(asked: Request, path: Path) -> list[str]:
    """What the signer does with the file, and what comes back; a line each."""
    said = asked.statement
    keys = " or ".join(asked.fingerprints) or "a key that the plan does not have yet"
    return [
        f"{path} is what {said.by} signs, until {said.expires}, with {keys}",
        "Send it to them with the gate's report. On their machine, in the folder of the file, they run",
        ssh_command(path.name),
        f"which writes {path.name}{SUFFIX}; that comes back to you.",
    ]


def import_command(path: Path, place: Sequence[str] = ()) -> str:
    """What takes the signature in, once it came back; `place` are the options that lead to the rollout."""
    return shlex.join(["rollout", "sign", "--import", f"{path}{SUFFIX}", *place])


def ssh_command(path: str, key: str = "~/.ssh/id_ed25519") -> str:
    """What the signer types on their own machine, in the folder of the request."""
    shown = key if key.startswith("~") else shlex.quote(key)
    return f"ssh-keygen -Y sign -n {NAMESPACE} -f {shown} {shlex.quote(path)}"
