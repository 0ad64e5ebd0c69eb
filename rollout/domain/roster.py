"""Who may sign with which key: the part of a plan that says so, and whether a key counts at an instant.

Read from the plan's document, so that `rollout verify` need not build the whole plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from rollout.domain.canonical import sha256_of
from rollout.domain.instants import to_text
from rollout.domain.ssh_keys import KeyUnfit, parse_public_key

REHEARSAL, SANDBOX = "rehearsal", "sandbox"


class KeyTerms(msgspec.Struct, frozen=True):
    """A person's key and until when it counts; `line` is as in a `.pub` file."""

    line: str
    fingerprint: str
    valid_until: datetime | None = None
    revoked: bool = False
    reason: str = ""

    def counts(self, at: datetime) -> bool:
        return not self.revoked and (self.valid_until is None or at < self.valid_until)


class Roster(msgspec.Struct, frozen=True):
    """`people` by role, `keys` by person: keys belong to people, whatever roles they hold."""

    sha256: str
    people: dict[str, list[str]]
    keys: dict[str, list[KeyTerms]]

    def with_key(self, people: Iterable[str], at: datetime) -> set[str]:
        """Those of `people` who have a key that counts."""
        return {p for p in people if any(k.counts(at) for k in self.keys.get(p, ()))}

    def objection(self, person: str, fingerprint: str, at: datetime) -> str | None:
        """Why the key does not count as `person`'s at that instant; None when it does."""
        terms = next((k for k in self.keys.get(person, ()) if k.fingerprint == fingerprint), None)
        if terms is None:
            owner = next((p for p, ks in self.keys.items() if fingerprint in _prints(ks)), None)
            whose = f"belongs to {owner}" if owner else "is nobody's in this plan"
            return f"the key {fingerprint} {whose}, it is not one of {person}'s"
        if terms.revoked:
            because = f": {terms.reason}" if terms.reason else ""
            return f"the key {fingerprint} of {person} was revoked{because}"
        if not terms.counts(at):
            until = "" if terms.valid_until is None else to_text(terms.valid_until)
            return f"the key {fingerprint} of {person} was valid until {until}, and it is {to_text(at)}"
        return None


def _prints(keys: Iterable[KeyTerms]) -> set[str]:
    return {k.fingerprint for k in keys}


def must_be_signed(profile: str, *, has_key: bool) -> bool:
    """Whether a sign-off needs a signature: never in a rehearsal; in a sandbox from those who have a
    key; everywhere else always.

    >>> [must_be_signed(p, has_key=False) for p in ("rehearsal", "sandbox", "prod")]
    [False, False, True]
    """
    if profile == REHEARSAL:
        return False
    return has_key or profile != SANDBOX


def roster_of(roles: Mapping[str, Iterable[Mapping[str, Any]]]) -> Roster:
    """From the plan's document: its `roles`. A person may stand there several times, with all keys of
    every entry; a key that cannot be read signs nothing (the loader refuses such a plan)."""
    document = {role: [dict(person) for person in people] for role, people in roles.items()}
    keys: dict[str, list[KeyTerms]] = {}
    for people in document.values():
        for person in people:
            known = keys.setdefault(str(person["person"]), [])
            known += [k for k in _keys_of(person) if k not in known]
    return Roster(
        sha256=sha256_of(document),
        people={role: [str(p["person"]) for p in people] for role, people in document.items()},
        keys=keys,
    )


def _keys_of(person: Mapping[str, Any]) -> Iterable[KeyTerms]:
    given: list[Mapping[str, Any]] = list(person.get("keys") or ())
    if person.get("key"):
        given.insert(0, {"key": person["key"]})
    for said in given:
        try:
            line = str(said["key"])
            yield KeyTerms(
                line=line,
                fingerprint=parse_public_key(line).fingerprint,
                valid_until=msgspec.convert(said.get("valid_until"), datetime | None),
                revoked=bool(said.get("revoked")),
                reason=str(said.get("reason") or ""),
            )
        except (KeyUnfit, msgspec.ValidationError):
            continue
