"""Fill an empty world to the figures of its spec, in a few DuckDB statements, from a seed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa

from rollout.rehearsal.world_spec import NO_FEATURE_ROW_SHARE, WorldSpec

FLAG_RATES = {"idv": 0.304, "bank": 0.173, "pay": 0.379, "inc": 0.626}
"""Flags on, of all target rows after the rollout (domain, section 2); fraud is Salesforce's own."""

CENSUS_USER = "005Vj00000CENSUSAA"
HUMAN_USER = "005Vj000000HUMANAA"

_ADJECTIVES = (
    "Alder Amber Aspen Autumn Birch Bright Cedar Clear Coral Crystal Eagle Elm Falcon Forest Garden Golden "
    "Granite Harbor Heron Ivory Juniper Lake Laurel Linden Maple Meadow North Oak Pine River Silver Willow"
)
_NOUNS = (
    "Bay Bluff Bridge Brook Canyon Cove Creek Crest Crossing Dale Falls Field Gate Glen Grove Heights Hill Hollow "
    "Island Junction Landing Meadows Mill Park Point Ridge Shore Springs Square Terrace Vale View"
)
_KINDS = "Apartments Commons Court Flats Lofts Place Residences Village"
_TRADES = (
    "Living|Residential|Homes|Communities|Property Group|Management|Partners|Realty|Housing|Capital|"
    "Multifamily|Apartments|Estates|Properties|Investments|Asset Services"
)
_CITIES = (
    "Austin,TX|Boise,ID|Boston,MA|Charlotte,NC|Chicago,IL|Columbus,OH|Dallas,TX|Denver,CO|Houston,TX|"
    "Memphis,TN|Phoenix,AZ|Portland,OR|Raleigh,NC|Reno,NV|Seattle,WA|Tampa,FL"
)

_HERE = Path(__file__).parent


def empty_schema() -> str:
    """The DDL of the world's tables, for a connection with the catalogs rds, crm and sfdc."""
    return (_HERE / "schema.sql").read_text(encoding="utf-8")


def fill(
    connection: duckdb.DuckDBPyConnection, spec: WorldSpec, seed: int, start: datetime
) -> None:
    """Fill RDS and Salesforce; the warehouse's copy of Salesforce is left to the first copy.

    The same spec, seed and start give the same rows, in the same order.
    """
    bounds = _bounds(spec)
    connection.register("rollout_groups", _groups(spec, bounds, Random(f"groups {seed}")))
    wanted = {**bounds, **_rates(spec), **_words(spec), "seed": str(seed), "start": start}
    wanted["shift"] = Random(f"shift {seed}").randrange(1 << 24)
    for statement in connection.extract_statements(
        (_HERE / "generate.sql").read_text(encoding="utf-8")
    ):
        named = {name: wanted[name] for name in statement.named_parameters}
        connection.execute(statement, named or None).fetchall()
    connection.unregister("rollout_groups")


def _bounds(spec: WorldSpec) -> dict[str, Any]:
    updates = spec.create_queue + spec.update_queue
    orphans = updates + spec.orphans
    clean = orphans + spec.clean
    invalid = spec.invalid_updates
    return {
        "high": spec.high_priority,
        "creates": spec.create_queue,
        "awkward": spec.awkward,
        "failed": spec.failed_creates,
        "wrong": spec.wrong_flags,
        "updates": updates,
        "invalid": invalid,
        "gaps": min(spec.company_gaps, spec.update_queue - invalid),
        "orphans": orphans,
        "clean": clean,
        "unlinked": min(500, spec.clean // 4),
        "gone": clean + spec.inactive_in_target,
        "total": spec.properties,
        "featureless": min(spec.inactive_absent, round(spec.properties * NO_FEATURE_ROW_SHARE)),
    }


def _words(spec: WorldSpec) -> dict[str, Any]:
    return {
        "adjectives": _ADJECTIVES.split(),
        "nouns": _NOUNS.split(),
        "kinds": _KINDS.split(),
        "trades": _TRADES.split("|"),
        "cities": _CITIES.split("|"),
        "companies": max(12, min(spec.properties // 13, 4096)),
        "census": CENSUS_USER,
        "human": HUMAN_USER,
    }


def _rates(spec: WorldSpec) -> dict[str, int]:
    """Thresholds of 2**32 for the flags of ordinary rows, so that the whole target meets FLAG_RATES."""
    created = spec.create_queue - spec.awkward
    after = max(1, spec.target_rows + created)
    ordinary = max(1, after - spec.create_queue)
    rates = dict(FLAG_RATES)
    for _ in range(4):
        nothing_on = 1.0
        for rate in rates.values():
            nothing_on *= 1 - rate
        # A high-priority row without a drawn flag gets the most common one.
        forced = {"inc": nothing_on}
        rates = {
            name: min(
                0.99,
                max(0.0, wanted * after - spec.high_priority * (rates[name] + forced.get(name, 0)))
                / ordinary,
            )
            for name, wanted in FLAG_RATES.items()
        }
    return {f"rate_{name}": int(rate * (1 << 32)) for name, rate in rates.items()}


def _group_sizes(shared: int) -> list[int]:
    """Sizes of two to four that add up to `shared`, about one in five larger than a pair.

    >>> sum(_group_sizes(2410)), sum(_group_sizes(3)), _group_sizes(0)
    (2410, 3, [])
    """
    fours, threes = shared // 60, shared // 20
    rest = shared - 4 * fours - 3 * threes
    if rest % 2:
        threes, rest = (threes - 1, rest + 3) if threes else (threes + 1, rest - 3)
    return [4] * fours + [3] * threes + [2] * (rest // 2)


def _groups(spec: WorldSpec, bounds: dict[str, Any], rng: Random) -> pa.Table:
    """Who shares a Salesforce id: columns i, leader, position, active_count, lends.

    The leader's number decides the group's flags. At most one member is in the create queue and
    leads, so that the number of creates with a feature stays what the spec says. Lenders are
    deactivated members: `position` holds their group's leader.
    """
    sizes = _group_sizes(spec.shared_ids)
    creates = bounds["creates"] - bounds["awkward"]
    high, low = range(min(bounds["high"], creates)), range(bounds["high"], creates)
    new = rng.sample(high, min(len(high), len(sizes)) // 8)
    new += rng.sample(low, min(len(low), len(sizes)) // 8)
    queued = range(bounds["creates"], bounds["updates"] - bounds["invalid"])
    right = range(bounds["orphans"], bounds["clean"] - bounds["unlinked"])
    wanted = sum(sizes) - min(len(new), len(sizes))
    from_queue = min(len(queued), max(wanted * 6 // 10, wanted - len(right)))
    others = rng.sample(queued, from_queue) + rng.sample(right, wanted - from_queue)
    rng.shuffle(others)
    rng.shuffle(sizes)
    rows: list[tuple[int, int, int, int, bool]] = []
    leaders: list[int] = []
    for number, size in enumerate(sizes):
        members = [new[number]] if number < len(new) else []
        members += [others.pop() for _ in range(size - len(members))]
        leaders.append(members[0])
        rows += [(i, members[0], place, size, False) for place, i in enumerate(members)]
    lenders = range(bounds["clean"], bounds["gone"])[: min(60, len(leaders))]
    rows += [(i, i, leaders[-1 - n], 1, True) for n, i in enumerate(lenders)]
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[]] * 5
    types = [pa.int64(), pa.int64(), pa.int64(), pa.int64(), pa.bool_()]
    names = ["i", "leader", "position", "active_count", "lends"]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    return pa.table(dict(zip(names, arrays, strict=True)))
