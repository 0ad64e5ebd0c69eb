"""Append to a store while its disk fails at one place after another; one JSON line a try.

    LD_PRELOAD=io_faults.so python io_child.py FOLDER

Imports once, then forks for each try: the child appends five events and acknowledges each in a pipe;
the parent then opens the store again without faults and says what is there.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from rollout.domain.chain import verify
from rollout.domain.errors import RolloutError
from rollout.domain.events import SoakStarted
from rollout.store.opening import open_store
from rollout.store.reading import open_readonly

AT = datetime(2026, 1, 6, tzinfo=UTC)
EVENTS = 5
CALLS = {"write": 1, "sync": 2, "truncate": 3, "unlink": 4}
ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EDQUOT": errno.EDQUOT}
MOST = 400

shim = ctypes.CDLL(None)


def appended(path: Path, pipe: int) -> None:
    """Each acknowledged event is a byte; an error of the store is a refusal, said in a line."""
    try:
        with open_store(path, create=False) as store:
            for _ in range(EVENTS):
                seq = store.log.head("io").seq
                store.log.append("io", seq, AT, "io", [SoakStarted(phase="p", attempt=seq + 1)])
                os.write(pipe, b"+")
    except RolloutError as refused:
        os.write(pipe, f"!{type(refused).__name__}".encode())


def attempt(
    template: Path, folder: Path, call: str, k: int, error: str, sticky: bool
) -> dict[str, object]:
    work = folder / "io-fault"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    shutil.copy(template, work / "r.db")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            os.close(reader)
            shim.io_arm(CALLS[call], k, ERRORS[error], int(sticky))
            appended(work / "r.db", writer)
            reached = shim.io_seen()
            shim.io_arm(-1, 0, 0, 0)
            os.write(writer, f"?{reached}".encode())
        except BaseException as escaped:  # noqa: BLE001 - told to the parent
            os.write(writer, f"#{type(escaped).__name__}: {escaped}".encode())
            code = 70
        finally:
            os._exit(code)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader, "rb") as said:
        told = said.read().decode()
    return {
        "call": call,
        "k": k,
        "error": error,
        "sticky": sticky,
        "told": told,
        **found(work / "r.db"),
    }


def found(path: Path) -> dict[str, object]:
    """What another process sees afterwards, the disk being well again."""
    with open_store(path, create=False) as store:
        events = len(list(store.log.read("io")))
    with open_readonly(path) as reader:
        return {"events": events, "problems": len(verify(reader.sealed("io"), rollout="io"))}


def main(folder: Path) -> None:
    template = folder / "template.db"
    open_store(template, create=True, profile="test").close()
    for call in CALLS:
        for error in ERRORS if call == "write" else ("EIO",):
            for sticky in (False, True):
                for k in range(1, MOST):
                    result = attempt(template, folder, call, k, error, sticky)
                    print(json.dumps(result), flush=True)  # noqa: T201 - its output
                    if int(str(result["told"]).rpartition("?")[2] or 0) < k:
                        break


if __name__ == "__main__":
    main(Path(sys.argv[1]))
