"""Secrets of a connection document: `${env:NAME}` and `${file:PATH}`, expanded at the last moment."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollout.domain.errors import PlanProblems

LARGEST_FILE = 64 * 1024
_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PUBLIC_KEYS = frozenset(
    {"type", "base_url", "url", "host", "server_hostname", "http_path", "path", "region", "api"}
    | {"version", "catalog", "schema", "instance_url", "login_url", "ca_file", "name"}
)
"""Values under these keys appear in messages; every other expanded value is masked."""


@dataclass(frozen=True)
class Expanded:
    """The document with its references filled in, and the values that must never be shown."""

    document: Any = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def expand_secrets(
    document: Any, *, connection: str, environ: Mapping[str, str], base: Path
) -> Expanded:
    """Fill in every reference in the texts of a document; keys are left alone.

    A file is read when it is a regular file of at most 64 KiB that only its owner may read
    (0600 or 0400); trailing line ends are dropped; a relative path is relative to `base`.
    A value is taken as it is: references within it are not expanded again.

    Raises: PlanProblems with every missing variable and unusable file of the document at once.
    >>> expand_secrets(
    ...     {"token": "${env:T}"}, connection="census", environ={"T": "x"}, base=Path()
    ... ).document
    {'token': 'x'}
    """
    reader = _Reader(connection, environ, base)
    filled = reader.fill(document, connection, public=False)
    if reader.problems:
        raise PlanProblems(reader.problems)
    return Expanded(filled, tuple(sorted(reader.secrets)))


class _Reader:
    def __init__(self, connection: str, environ: Mapping[str, str], base: Path) -> None:
        self._connection, self._environ, self._base = connection, environ, base
        self.problems: list[str] = []
        self.secrets: set[str] = set()

    def fill(self, node: Any, where: str, *, public: bool) -> Any:
        if isinstance(node, Mapping):
            return {
                key: self.fill(value, f"{where}.{key}", public=key in PUBLIC_KEYS)
                for key, value in node.items()
            }
        if isinstance(node, list):
            return [self.fill(item, f"{where}[{i}]", public=public) for i, item in enumerate(node)]
        if isinstance(node, str):
            return _REFERENCE.sub(lambda found: self._value(found[1], where, public), node)
        return node

    def _value(self, reference: str, where: str, public: bool) -> str:
        scheme, _, rest = reference.partition(":")
        if scheme == "env":
            value = self._from_environment(rest, where)
        elif scheme == "file":
            value = self._from_file(rest, where)
        else:
            self._wrong(where, f"${{{reference}}} is neither ${{env:NAME}} nor ${{file:PATH}}")
            return ""
        if value and not public:
            self.secrets.add(value)
        return value

    def _from_environment(self, name: str, where: str) -> str:
        if not _NAME.fullmatch(name):
            self._wrong(where, f"${{env:{name}}}: that is not a variable's name")
            return ""
        value = self._environ.get(name, "")
        if not value:
            known = "is empty" if name in self._environ else "is not set"
            self._wrong(where, f"the environment variable {name} {known}")
        return value

    def _from_file(self, name: str, where: str) -> str:
        if not name or "\0" in name:
            self._wrong(where, "${file:} needs the path of a file")
            return ""
        try:
            value = _read_private(self._base / name)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            self._wrong(where, f"the secret file {name}: {reason}")
            return ""
        if not value:
            self._wrong(where, f"the secret file {name} is empty")
        return value

    def _wrong(self, where: str, what: str) -> None:
        self.problems.append(f"connection {self._connection}: {where}: {what}")


def _read_private(path: Path) -> str:
    """Look at the opened file, not at the path: nothing can be swapped in between.

    Raises: OSError, ValueError. O_NONBLOCK keeps a named pipe from blocking the opening.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        mode = stat.S_IMODE(status.st_mode)
        if mode not in (0o600, 0o400):
            raise ValueError(f"mode {mode:04o}; must be 0600 or 0400 (chmod 600)")
        if status.st_size > LARGEST_FILE:
            raise ValueError(f"larger than {LARGEST_FILE:,} bytes")
        content = os.read(handle, LARGEST_FILE + 1)
    finally:
        os.close(handle)
    try:
        return content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
