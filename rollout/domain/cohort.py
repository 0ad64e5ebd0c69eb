"""A pilot's cohort: stratified, reproducible from a seed whatever the input's order, and hashed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from rollout.domain.canonical import sha256_of
from rollout.domain.errors import KindMisused

Candidate = str | tuple[str, str]
"""A key, or a key and the group it belongs to (its company) for `max_per`."""


class Stratum(msgspec.Struct, frozen=True):
    """`count` keys of one kind; `max_per` = how many of them may share a group (None: any)."""

    name: str
    count: int
    max_per: int | None = None


class Member(msgspec.Struct, frozen=True, order=True):
    key: str
    stratum: str


class Cohort(msgspec.Struct, frozen=True):
    """The frozen list, sorted by key. `sha256` is over keys and strata alone, so that an exported
    list can be checked without knowing how it was drawn."""

    members: tuple[Member, ...]
    seed: int
    sha256: str

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(m.key for m in self.members)


class _Pool:
    """What one stratum may draw from, best rank first, and what it holds so far."""

    def __init__(self, stratum: Stratum, ranked: Sequence[tuple[str, str]]) -> None:
        self.stratum = stratum
        self.ranked = ranked
        self.group_of = dict(ranked)
        self.held: set[str] = set()
        self.per_group: Counter[str] = Counter()

    def has_room(self, key: str) -> bool:
        limit = self.stratum.max_per
        return limit is None or self.per_group[self.group_of[key]] < limit

    def take(self, key: str) -> None:
        self.held.add(key)
        self.per_group[self.group_of[key]] += 1

    def give_up(self, key: str) -> None:
        self.held.remove(key)
        self.per_group[self.group_of[key]] -= 1


def select_cohort(
    candidates: Mapping[str, Sequence[Candidate]],
    strata: Sequence[Stratum],
    seed: int,
    exclude: Collection[str] = (),
) -> Cohort:
    """Draw every stratum's keys from its candidates; no key twice, none of `exclude`.

    Keys are ranked by sha256 of seed and key, so the same seed gives the same picks whatever the
    order of the input, and a few candidates more or less move few picks. Strata with the fewest
    keys to spare draw first; a stratum that runs short takes a key over from one that finds
    another. Without groups a refusal is therefore always right; with them a rare swap through
    two groups of one stratum is not tried.

    >>> strata = [Stratum("with_features", 1), Stratum("without", 1)]
    >>> pool = {"with_features": ["a", "b"], "without": ["b", "c"]}
    >>> select_cohort(pool, strata, seed=7) == select_cohort(pool, strata[::-1], seed=7)
    True

    Raises: KindMisused that names each stratum with too few candidates, wanted and available.
    """
    _check(strata, candidates)
    left_out = frozenset(exclude)
    pools = [_Pool(s, _ranked(candidates.get(s.name, ()), seed, left_out)) for s in strata]
    pools.sort(key=lambda p: (_available(p) - p.stratum.count, p.stratum.name))
    owner: dict[str, _Pool] = {}
    short: list[str] = []
    for pool in pools:
        while len(pool.held) < pool.stratum.count and _draw(pool, owner, frozenset()):
            pass
        if len(pool.held) < pool.stratum.count:
            short.append(_shortage(pool, owner))
    if short:
        raise KindMisused("too few candidates: " + "; ".join(sorted(short)))
    members = tuple(sorted(Member(key, pool.stratum.name) for key, pool in owner.items()))
    return Cohort(members, seed, cohort_sha256(members))


def cohort_sha256(members: Sequence[Member]) -> str:
    """Of the sorted keys with their strata."""
    return sha256_of([[m.key, m.stratum] for m in sorted(members)])


def _check(strata: Sequence[Stratum], candidates: Mapping[str, Sequence[Candidate]]) -> None:
    names = Counter(s.name for s in strata)
    problems = [f"stratum {name} is given twice" for name, n in names.items() if n > 1]
    problems += [f"stratum {s.name} wants {s.count} keys" for s in strata if s.count < 0]
    problems += [
        f"stratum {s.name} allows {s.max_per} keys a group"
        for s in strata
        if s.max_per is not None and s.max_per < 1
    ]
    for name in names:
        keys = [c if isinstance(c, str) else c[0] for c in candidates.get(name, ())]
        if "" in keys:
            problems.append(f"stratum {name} has a candidate with an empty key")
    if problems:
        raise KindMisused("; ".join(problems))


def _ranked(
    candidates: Sequence[Candidate], seed: int, left_out: frozenset[str]
) -> list[tuple[str, str]]:
    # A key without a group is a group of its own; of a repeated key the first in sort order stays.
    pairs = sorted(
        (c, "key:" + c) if isinstance(c, str) else (c[0], "group:" + c[1]) for c in candidates
    )
    unique: dict[str, str] = {}
    for key, group in pairs:
        if key not in left_out:
            unique.setdefault(key, group)
    return sorted(unique.items(), key=lambda pair: _rank(seed, pair[0]))


def _rank(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed}:{key}".encode()).digest()


def _available(pool: _Pool) -> int:
    limit = pool.stratum.max_per
    if limit is None:
        return len(pool.ranked)
    return sum(min(limit, n) for n in Counter(pool.group_of.values()).values())


def _draw(pool: _Pool, owner: dict[str, _Pool], asked: frozenset[str]) -> bool:
    """One more key for the pool: a free one, or one whose owner finds another.

    `asked` names the pools already waiting for this key: an augmenting path visits each once.
    """
    for key, _ in pool.ranked:
        if key not in owner and pool.has_room(key):
            pool.take(key)
            owner[key] = pool
            return True
    asked |= {pool.stratum.name}
    for key, _ in pool.ranked:
        other = owner.get(key)
        if other is None or other.stratum.name in asked or not pool.has_room(key):
            continue
        other.give_up(key)  # first, so that its group has room for the replacement
        if _draw(other, owner, asked):
            pool.take(key)
            owner[key] = pool
            return True
        other.take(key)
        asked |= {other.stratum.name}
    return False


def _shortage(pool: _Pool, owner: Mapping[str, _Pool]) -> str:
    stratum = pool.stratum
    said = f"stratum {stratum.name} wants {stratum.count}, available {len(pool.held)}"
    if stratum.max_per is not None:
        said += f" (at most {stratum.max_per} a group)"
    elsewhere = sum(owner.get(key, pool) is not pool for key, _ in pool.ranked)
    return said + (f", {elsewhere} more in other strata" if elsewhere else "")
