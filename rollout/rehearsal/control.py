"""What people ask of a running rehearsal from another terminal: one JSON line each, in a file beside
its store. The rehearsal reads what was written since it began, and says in its board what came of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

LARGEST = 64 * 1024
"""Bytes of requests read at once."""


class Request(msgspec.Struct, frozen=True, tag_field="do"):
    """Base of all requests; `do` is what is asked for."""


class SetSpeed(Request, frozen=True, tag="speed"):
    """`speed` rehearsed seconds in a real one; 0 is as fast as it goes."""

    speed: float


class Faster(Request, frozen=True, tag="faster"):
    """The next higher speed."""


class Slower(Request, frozen=True, tag="slower"):
    """The next lower speed."""


class Pause(Request, frozen=True, tag="pause"):
    """Time stands still; what is due now is still done."""


class Go(Request, frozen=True, tag="go"):
    """Time passes again."""


class Step(Request, frozen=True, tag="step"):
    """Leap to the next thing that is due."""


class Inject(Request, frozen=True, tag="inject"):
    """Let a fault of the catalogue happen now."""

    fault: str


class Clear(Request, frozen=True, tag="clear"):
    """Take a fault back: as if somebody had mended it."""

    fault: str


AnyRequest = SetSpeed | Faster | Slower | Pause | Go | Step | Inject | Clear

_encoder = msgspec.json.Encoder(order="sorted")
_decoder: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)


def control_path(state: Path) -> Path:
    """The file of requests that belongs to a rehearsal's store."""
    return state.with_name(state.name + ".control.jsonl")


def ask(state: Path, request: AnyRequest) -> int:
    """Append a request; the file's size after it, which the board's `heard` reaches once it was
    carried out. Raises: OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(control_path(state), flags, 0o600)
    try:
        os.write(file, _encoder.encode(request) + b"\n")
        return os.lseek(file, 0, os.SEEK_CUR)
    finally:
        os.close(file)


class Requests:
    """The requests that come from now on. A line that is none of ours is passed over and named."""

    def __init__(self, state: Path) -> None:
        self._path = control_path(state)
        self.heard = self._path.stat().st_size if self._path.exists() else 0

    def new(self) -> Iterator[AnyRequest | str]:
        """Whole lines since the last call; a text says why one could not be read."""
        try:
            with self._path.open("rb") as file:
                file.seek(self.heard)
                body = file.read(LARGEST)
        except FileNotFoundError:
            return
        whole, newline, _ = body.rpartition(b"\n")
        if not newline and len(body) == LARGEST:
            self.heard += len(body)
            yield "a request longer than 64 KiB was passed over"
            return
        self.heard += len(whole) + len(newline)
        for line in whole.split(b"\n") if newline else []:
            try:
                yield _decoder.decode(line)
            except msgspec.DecodeError as problem:
                yield f"a request was not understood: {problem}"
