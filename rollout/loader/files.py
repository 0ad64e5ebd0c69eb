"""Files of a plan: regular, bounded, and below the plan's root after every link is followed."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_WORDS = {
    errno.ENOENT: "there is no such file",
    errno.ENOTDIR: "there is no such file",
    errno.EACCES: "it may not be read: permission denied",
    errno.EPERM: "it may not be read: permission denied",
    errno.ELOOP: "its links go round in a circle",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ENXIO: "it is a socket or a device, not a regular file",
}


_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class Unreadable(Exception):
    """A file that cannot be used; the message says why, without the path."""


def read_regular(path: Path, most: int, *, links: bool = True) -> bytes:
    """The bytes of a regular file of at most `most` bytes; without `links` the name itself is no link.

    Opened without blocking and looked at before it is read, so that a pipe or a device neither
    hangs nor answers for ever. Raises: Unreadable.
    """
    try:
        handle = os.open(path, _FLAGS if links else _FLAGS | os.O_NOFOLLOW)
    except (OSError, ValueError) as error:
        if not links and isinstance(error, OSError) and error.errno == errno.ELOOP:
            raise Unreadable("it is a link: name the file itself") from error
        raise Unreadable(_in_words(error)) from error
    try:
        raw = _bounded(handle, most)
    except OSError as error:
        raise Unreadable(_in_words(error)) from error
    finally:
        os.close(handle)
    if len(raw) > most:
        raise Unreadable(f"it is larger than {most} bytes")
    return raw


def confined(path: Path, root: Path) -> Path:
    """The path with all links followed. Raises: Unreadable when it leaves `root` (resolved)."""
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise Unreadable(_in_words(error)) from error
    if not resolved.is_relative_to(root):
        raise Unreadable("it lies outside the plan's folder")
    return resolved


def _bounded(handle: int, most: int) -> bytes:
    mode = os.fstat(handle).st_mode
    if stat.S_ISDIR(mode):
        raise Unreadable("it is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise Unreadable("it is a pipe, socket or device, not a regular file")
    parts = []
    left = most + 1
    while left > 0 and (part := os.read(handle, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _WORDS:
        return _WORDS[error.errno]
    if isinstance(error, RuntimeError):
        return _WORDS[errno.ELOOP]
    return f"it cannot be read: {str(error)[:80]}"
