"""A person's own keys, read from a file. Apart from the keys: its models cost start-up time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from rollout.domain.errors import PlanProblems
from rollout.domain.plan import Model
from rollout.loader.documents import load_document


class Keymap(Model):
    """A person's own keys as a file: `keys: {app.quit: ctrl+q}`, several comma-separated."""

    keys: dict[str, str]


def keymap_of(path: Path, known: Mapping[str, str]) -> dict[str, str]:
    """A person's own keys, by binding id. `known`: every id with its default keys.

    Raises: PlanProblems with every mistake at once.
    """
    return checked(load_document(path, Keymap).keys, known, str(path))


def checked(written: Mapping[str, str], known: Mapping[str, str], where: str) -> dict[str, str]:
    """The mapping, if every id exists and no key does two things. Raises: PlanProblems."""
    problems = [
        f"{where}: there is no key {name!r}; use one of {', '.join(sorted(known))}"
        for name in written
        if name not in known
    ]
    taken: dict[str, str] = {}
    for name, keys in {**known, **written}.items():
        for key in _split(keys):
            first = taken.setdefault(key, name)
            if first != name and not {first, name}.isdisjoint(written):
                problems.append(f"{where}: {key!r} would be both {first} and {name}")
    if problems:
        raise PlanProblems(problems)
    return dict(written)


def _split(keys: str) -> Iterable[str]:
    return (key.strip() for key in keys.split(",") if key.strip())
