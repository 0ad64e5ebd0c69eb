"""`--set key=value`: parameters of the plan, and dotted values of the scenario."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rollout.cli.exits import Misuse
from rollout.domain.evidence import Scalar
from rollout.loader.scalars import typed


@dataclass(frozen=True)
class Settings:
    """`params` go to the plan; `overrides`, whose keys have a dot, to the scenario."""

    params: dict[str, Scalar] = field(default_factory=dict)
    overrides: dict[str, Scalar] = field(default_factory=dict)


def settings(written: Iterable[str]) -> Settings:
    """The last one wins when a key is set twice. Raises: Misuse for a text without `=`."""
    found = Settings()
    for text in written:
        key, separator, value = text.partition("=")
        key = key.strip()
        if not separator or not key:
            raise Misuse(f"--set {text}: write key=value")
        (found.overrides if "." in key else found.params)[key] = scalar(value.strip())
    return found


def scalar(word: str) -> Scalar:
    """A number, true, false or null as YAML has them; anything else, and what is quoted, is text.

    >>> scalar("740"), scalar("2.5"), scalar("true"), scalar("'740'"), scalar("no")
    (740, 2.5, True, '740', 'no')
    """
    if len(word) >= 2 and word[0] == word[-1] and word[0] in "'\"":
        return word[1:-1]
    try:
        return typed(word)
    except ValueError:
        # Readers of YAML disagree about it; the plan knows which type it wants and says so.
        return word
