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


class Seen(msgspec.Struct, frozen=True):
    """The target at one moment, and the keys of properties that had changed in the source by themselves
    by then: which ones do depends on what the target looks like, so that they cannot be compared."""

    rows: dict[str, list[int]]
    stirred: list[str] = []


class Album(msgspec.Struct):
    """What was seen in an undisturbed rehearsal: `places` names of each place the picture, and the keys
    that had changed by themselves, that were seen there last.

    `outcome` is how it ended; `stopped_by` names gates' checks and steps that stopped it, as
    `phase/gate/check` or `phase/step`: without any fault there should be none.
    """

    columns: list[str]
    pictures: list[dict[str, list[int]]] = []
    stirred: list[list[str]] = []
    places: dict[str, tuple[int, int]] = {}
    outcome: str = ""
    stopped_by: list[str] = []

    def at(self, place: str) -> Seen | None:
        numbers = self.places.get(place)
        if numbers is None:
            return None
        return Seen(self.pictures[numbers[0]], self.stirred[numbers[1]])

    @property
    def first(self) -> Seen:
        return Seen(self.pictures[0], self.stirred[0])

    @property
    def last(self) -> Seen:
        return Seen(self.pictures[-1], self.stirred[-1])

    @property
    def wanted_after_rollback(self) -> Seen:
        """As the world was built; as this rehearsal left it, when its lead went back too (and perhaps
        undid a part only)."""
        return self.last if self.outcome == "rolled_back" else self.first

    def keep(self, seen: Seen, places: Sequence[str]) -> None:
        """Add what was seen, unless nothing has changed since the newest."""
        if not self.pictures or self.pictures[-1] is not seen.rows:
            self.pictures.append(seen.rows)
        if not self.stirred or self.stirred[-1] != seen.stirred:
            self.stirred.append(seen.stirred)
        newest = (len(self.pictures) - 1, len(self.stirred) - 1)
        self.places.update(dict.fromkeys(places, newest))


_STIRRED = """
SELECT lower(id) FROM rds.pg_rds_public.properties WHERE updated_at > $since
UNION SELECT lower(property_id) FROM rds.pg_rds_public.property_features WHERE updated_at > $since
ORDER BY ALL
"""


class Camera:
    """Takes pictures of one world; while nothing changes there, the same object again."""

    def __init__(self, world: World, columns: Sequence[str] | None = None) -> None:
        self._world, self._truth = world, world.truth
        self._built_at = world.clock.now()
        self.columns = list(columns) if columns is not None else self._all()
        self._seen: Sequence[object] | None = None
        self._picture: dict[str, list[int]] = {}

    def take(self) -> Seen:
        return Seen(self._rows(), self._stirred())

    def _stirred(self) -> list[str]:
        """Whatever changes by itself says so in its row; what a fault changes does not."""
        found = (
            self._world.warehouse_cursor().execute(_STIRRED, {"since": self._built_at}).fetchall()
        )
        return [key for (key,) in found]

    def _rows(self) -> dict[str, list[int]]:
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


def wrong_in(found: Seen, *wanted: Seen) -> dict[str, int]:
    """Key -> rows of it that are wrong; keys that changed by themselves in any of them left out."""
    stirred = set(found.stirred).union(*(seen.stirred for seen in wanted))
    wrong = wrong_rows(found.rows, *(seen.rows for seen in wanted))
    return {key: count for key, count in wrong.items() if key not in stirred}


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
