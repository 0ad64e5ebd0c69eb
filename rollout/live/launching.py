"""Start a controller as a process of its own, which lives on when whoever started it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.domain.errors import StoreUnavailable

WAIT_S = 4.0
"""So long it is watched for an early end: a store that is owned, a variable that is missing."""

LAST_LINES = 5


@dataclass(frozen=True)
class Launched:
    """`ended` is None while the process goes on, else its exit code; `said` are then the last lines
    of its log."""

    pid: int
    log: Path
    ended: int | None = None
    said: tuple[str, ...] = ()


def launch(arguments: Sequence[str], log: Path, *, wait_s: float = WAIT_S) -> Launched:
    """`rollout` with these arguments, in a session of its own, talking to the end of `log`.

    Raises: StoreUnavailable when the log cannot be written or no process can be made.
    """
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        out = os.open(log, flags, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"{log}: cannot be written: {error.strerror}") from error
    try:
        begun = os.fstat(out).st_size
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, "-m", "rollout", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    except OSError as error:
        raise StoreUnavailable(f"the controller cannot be started: {error.strerror}") from error
    finally:
        os.close(out)
    try:
        ended = process.wait(wait_s)
    except subprocess.TimeoutExpired:
        # A thread, so that the process is no zombie when it ends while we still live.
        threading.Thread(target=process.wait, name="controller", daemon=True).start()
        return Launched(process.pid, log)
    return Launched(process.pid, log, ended, _last(log, begun))


def _last(log: Path, begun: int) -> tuple[str, ...]:
    """What the process itself said, its last lines."""
    with log.open("rb") as file:
        file.seek(begun)
        text = file.read().decode(errors="replace")
    return tuple(line for line in text.splitlines() if line.strip())[-LAST_LINES:]
