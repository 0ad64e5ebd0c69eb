"""A regular file below a folder, read without leaving it: no `..`, no links, no devices."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from rollout.domain.errors import KindMisused, ServiceGarbled, ServiceRefused, ServiceUnreachable
from rollout.ports import Page

_ABSENT = {errno.ENOENT, errno.ENOTDIR}
_ELSEWHERE = {errno.ELOOP, errno.ENXIO, errno.EISDIR}
_HERE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


def read_below(root: Path, place: str, most_bytes: int) -> Page:
    """The file at a relative path with forward slashes.

    Every part is opened from the one before it and no link is followed, so nothing can be swapped
    in between a look and the read.
    Raises: KindMisused for a path that leads elsewhere; ServiceRefused (404) when there is no such
    file; ServiceUnreachable when the disk fails; ServiceGarbled when it is too large.
    """
    parts = relative_parts(place)
    try:
        body = _read(root, parts, most_bytes)
    except OSError as error:
        if error.errno in _ABSENT:
            raise ServiceRefused(f"{place}: there is no such file", status=404) from None
        if error.errno in _ELSEWHERE:
            raise KindMisused(f"{place}: it is a link, a folder or a device, not a file") from None
        raise ServiceUnreachable(f"{place}: it cannot be read ({error.strerror})") from None
    if body is None:
        raise ServiceGarbled(f"{place}: it is larger than {most_bytes:,} bytes")
    return Page(place=place, body=body)


def relative_parts(place: str) -> list[str]:
    """The parts of a relative path. Raises: KindMisused for any other.

    >>> relative_parts("docs/runbook.md")
    ['docs', 'runbook.md']
    """
    parts = place.split("/")
    odd = not place.isprintable() or "\\" in place or ":" in parts[0] or len(place) > 500
    if odd or any(part in {"", ".", ".."} for part in parts):
        raise KindMisused(
            f"{place[:80]!r} is no path below the folder: write it like docs/runbook.md"
        )
    return parts


def _read(root: Path, parts: list[str], most_bytes: int) -> bytes | None:
    folder = os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _HERE | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        handle = os.open(parts[-1], _HERE | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.ENXIO, "not a regular file")
        body = file.read(most_bytes + 1)
    return body if len(body) <= most_bytes else None
