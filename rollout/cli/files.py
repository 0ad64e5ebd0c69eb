"""Files that a command writes where it was told to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rollout.cli.exits import Misuse


def write_file(path: Path, text: str) -> None:
    """Whole or not at all: a reader never sees half a file. Raises: Misuse, OSError."""
    write_pieces(path, [text])


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """The same of a text that comes piece by piece. Raises: Misuse, OSError, what the pieces raise."""
    if path.is_dir():
        raise Misuse(f"{path}: is a folder, name a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Raises: Misuse when something else has the name, OSError."""
    if path.exists() and not path.is_dir():
        raise Misuse(f"{path}: is a file, name a folder")
    path.mkdir(parents=True, exist_ok=True)
