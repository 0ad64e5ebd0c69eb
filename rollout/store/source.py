"""What reading and verifying need from a database, whichever it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from rollout.domain.errors import RolloutError


class Source(Protocol):
    """A store's database, opened for reading only. Statements mark values with `?`."""

    @property
    def where(self) -> str:
        """The store's name, fit to be shown."""
        ...

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """All that the driver raises."""
        ...

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a short read. Raises: the driver's `errors`, as do all below but `failure`."""
        ...

    def stream(self, sql: str) -> Iterator[Any]:
        """Rows of a long read, a few in memory at a time; nothing else meanwhile."""
        ...

    def tables(self) -> set[str]: ...

    def damage(self) -> Iterable[str]:
        """What the database's own check finds."""
        ...

    def guards(self) -> dict[str, str]:
        """Name -> definition of all that guards the log and the evidence."""
        ...

    @property
    def expected_guards(self) -> dict[str, str]: ...

    @property
    def expected_tables(self) -> frozenset[str]: ...

    def failure(self, error: Exception) -> RolloutError:
        """The driver's error in words that say what to do."""
        ...

    def is_unavailable(self, error: Exception) -> bool:
        """True when the error is about reaching the store, not about what is in it."""
        ...

    def close(self) -> None: ...
