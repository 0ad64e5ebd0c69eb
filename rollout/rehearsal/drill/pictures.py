"""The target's whole table at places of a rehearsal, read in the world itself: no adapter, no API, no
check in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from rollout.rehearsal.truth_sql import SYSTEM_FIELDS
from rollout.rehearsal.world import World

Picture = Mapping[str, Sequence[int]]
"""Lower-case sync key (the record's id where that is empty) -> a hash of each live row that has it,
in ascending order."""

KEY = "Snappt_Property_ID__c"
FILLED_LATER = "sf_property_id__c"
"""Made from the record's id, which depends on the order of creation: only whether it is there counts."""


class Album(msgspec.Struct):
    """Pictures of an undisturbed rehearsal: `places` names of each the picture taken there last.

    `outcome` is how it ended; `stopped_by` names gates' checks and steps that stopped it, as
    `phase/gate/check` or `phase/step`: without any fault there should be none.
    """

    columns: list[str]
    pictures: list[dict[str, list[int]]] = []
    places: dict[str, int] = {}
    outcome: str = ""
    stopped_by: list[str] = []

    def at(self, place: str) -> Picture | None:
        number = self.places.get(place)
        return None if number is None else self.pictures[number]

    @property
    def first(self) -> Picture:
        return self.pictures[0]

    @property
    def last(self) -> Picture:
        return self.pictures[-1]

    @property
    def wanted_after_rollback(self) -> Picture:
        """As the world was built; as this rehearsal left it, when its lead went back too (and perhaps
        undid a part only)."""
        return self.last if self.outcome == "rolled_back" else self.first

    def keep(self, picture: dict[str, list[int]], places: Sequence[str]) -> None:
        """Add a picture, unless nothing has changed since the newest one."""
        if not self.pictures or self.pictures[-1] is not picture:
            self.pictures.append(picture)
        self.places.update(dict.fromkeys(places, len(self.pictures) - 1))


class Camera:
    """Takes pictures of one world; while nothing changes there, the same object again."""

    def __init__(self, world: World, columns: Sequence[str] | None = None) -> None:
        self._truth = world.truth
        self.columns = list(columns) if columns is not None else self._all()
        self._seen: Sequence[object] | None = None
        self._picture: dict[str, list[int]] = {}

    def take(self) -> dict[str, list[int]]:
        row = self._row()
        digest = (
            f"SELECT count(*), sum(CAST({row} % 4294967296 AS BIGINT)) FROM live_product_property"  # noqa: S608 - names from the object's own description
        )
        seen = self._truth.select(digest).rows[0]
        if seen != self._seen:
            key = f"lower(coalesce(nullif(\"{KEY}\", ''), Id))"
            table = self._truth.select(
                f"SELECT {key} AS key, {row} AS value FROM live_product_property ORDER BY ALL"  # noqa: S608 - the same names
            )
            self._picture = {}
            for found, value in table.rows:
                self._picture.setdefault(str(found), []).append(int(str(value)))
            self._seen = seen
        return self._picture

    def _row(self) -> str:
        there = {name.lower() for name in self._all()}
        parts = [f'"{name}"' if name.lower() in there else "NULL" for name in self.columns]
        filled = f"coalesce(\"{FILLED_LATER}\", '') <> ''" if FILLED_LATER in there else "NULL"
        kept = [p for p in parts if p.strip('"').lower() != FILLED_LATER]
        return f"hash({', '.join([*kept, filled])})"

    def _all(self) -> list[str]:
        """Every field but those that the system itself keeps."""
        names = self._truth.select("SELECT * FROM live_product_property LIMIT 0").columns
        return [name for name in names if name.lower() not in SYSTEM_FIELDS]


def wrong_rows(found: Picture, *wanted: Picture) -> dict[str, int]:
    """Key -> rows of it that are in none of the wanted pictures as they are in `found`: other values,
    too many, or missing. Units: rows, of the wanted picture that comes nearest.

    >>> wrong_rows({"a": [1], "b": [2, 2], "c": [4]}, {"a": [1], "b": [2], "d": [5]})
    {'b': 1, 'c': 1, 'd': 1}
    >>> wrong_rows({"a": [1]}, {"a": [2]}, {"a": [1]})
    {}
    """
    keys = dict.fromkeys([*found, *(key for picture in wanted for key in picture)])
    counts = {key: min(_apart(found.get(key, ()), w.get(key, ())) for w in wanted) for key in keys}
    return {key: counts[key] for key in sorted(counts) if counts[key]}


def _apart(found: Sequence[int], wanted: Sequence[int]) -> int:
    if found == wanted:
        return 0
    there, asked = Counter(found), Counter(wanted)
    return max((there - asked).total(), (asked - there).total())
