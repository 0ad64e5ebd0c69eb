"""What was copied also goes into a file: a terminal may drop it without a word."""

from __future__ import annotations

import os
from pathlib import Path

from rollout.domain.errors import StoreUnavailable


def keep_copy(text: str, path: Path) -> None:
    """Replace the file's content, for its owner's eyes only. Raises: StoreUnavailable."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        file = os.open(path, flags, 0o600)
        try:
            os.write(file, text.encode(errors="replace"))
        finally:
            os.close(file)
    except OSError as error:
        raise StoreUnavailable(f"{path}: cannot be written: {error.strerror}") from error


def copied_words(text: str, path: Path | None) -> str:
    """What to say afterwards.

    >>> copied_words("a\\nb", None)
    'copied 2 lines'
    """
    count = len(text.splitlines())
    also = f"; also in {path}" if path is not None else ""
    return f"copied {count} line{'' if count == 1 else 's'}{also}"
