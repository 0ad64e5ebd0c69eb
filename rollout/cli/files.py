"""Files that a command writes where it was told to."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from rollout.cli.exits import Misuse

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def write_file(path: Path, text: str) -> None:
    """Whole or not at all: a reader never sees half a file. A new one is its owner's alone, for it may
    tell of production data; one that is there keeps its mode. Raises: Misuse, OSError.
    """
    write_pieces(path, [text])


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """The same of a text that comes piece by piece. Raises: Misuse, OSError, what the pieces raise."""
    if path.is_dir():
        raise Misuse(f"{path}: is a folder, name a file")
    _make_private(path.parent)
    # Nobody can have put a link in the place of a name that nobody can know.
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.part")
    handle = os.open(part, _NEW, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            os.fchmod(file.fileno(), _mode_of(path))
            file.writelines(pieces)
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def make_folder(path: Path) -> None:
    """Its owner's alone, where it is made. Raises: Misuse when something else has the name, OSError."""
    if path.exists() and not path.is_dir():
        raise Misuse(f"{path}: is a file, name a folder")
    _make_private(path)


def _mode_of(path: Path) -> int:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0o600
    return stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) else 0o600


def _make_private(folder: Path) -> None:
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)
