"""An output folder for generated files: whole or not at all, and nowhere else."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rollout.adapters.plan_files import read_below, relative_parts
from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import KindMisused, ServiceRefused

MOST_BYTES = 20 * 1024 * 1024
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_AGAIN_AFTER_S = 60.0


class OutputFiles:
    """Files below `root`, which is made when it is first written to; owner-only (0600, 0700).

    A file is written beside its place, flushed to the disk, then renamed over it. Links inside the
    folder are not followed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str) -> bytes | None:
        """Raises: KindMisused for a path that leads elsewhere; ServiceError when the disk fails."""
        try:
            return read_below(self._root, path, MOST_BYTES).body
        except ServiceRefused:
            return None

    def write(self, path: str, content: bytes) -> Answer[str]:
        """Raises: KindMisused for a path that leads elsewhere."""
        parts = relative_parts(path)
        digest = hashlib.sha256(content).hexdigest()
        try:
            with self._folder(parts[:-1], make=True) as folder:
                _replace(folder, parts[-1], content)
        except OSError as error:
            return _failed(path, error)
        return Yes(digest)

    def remove(self, path: str) -> Answer[None]:
        """Raises: KindMisused for a path that leads elsewhere."""
        parts = relative_parts(path)
        try:
            with self._folder(parts[:-1], make=False) as folder:
                os.unlink(parts[-1], dir_fd=folder)
                os.fsync(folder)
        except FileNotFoundError:
            return Yes(None, "it was not there")
        except OSError as error:
            return _failed(path, error)
        return Yes(None)

    @contextmanager
    def _folder(self, parts: list[str], *, make: bool) -> Iterator[int]:
        """An open folder below the root, each part opened from the one before it."""
        if make:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self._root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            for part in parts:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=folder)
                inner = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)


def _replace(folder: int, name: str, content: bytes) -> None:
    """Raises: OSError; what was there before is then still whole."""
    beside = f".{name}.new"
    handle = os.open(beside, _NEW, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(OSError):
            os.unlink(beside, dir_fd=folder)
        raise
    os.fsync(folder)


def _failed(path: str, error: OSError) -> No | Unknown:
    if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}:
        raise KindMisused(f"{path}: a link, or something else than a file, is in its place")
    if error.errno in {errno.EIO}:
        return Unknown(f"{path}: the disk failed ({error.strerror})")
    return No(f"{path}: it cannot be written ({error.strerror})", _AGAIN_AFTER_S)
