"""How a sign-off is signed: by a word where that is enough, else with a key, here or on another machine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from rollout.domain.roster import KeyTerms, must_be_signed, roster_of
from rollout.view.plan_words import PlanWords
from rollout.view.text import instant, plain

OWN, KEY, REQUEST, IMPORT = "own", "key", "request", "import"


class Way(msgspec.Struct, frozen=True):
    """`verb` stands on the button; `file`: what the file is that it takes, empty when it takes none."""

    id: str
    words: str
    verb: str
    file: str = ""


WAYS = (
    Way(OWN, "sign now, with a key that the SSH agent or ~/.ssh holds", "Sign"),
    Way(KEY, "sign now, with a key in another file", "Sign", "file of the private key"),
    Way(
        REQUEST,
        "write a request file, to be signed on another machine",
        "Write",
        "request file to write",
    ),
    Way(IMPORT, "take in what was signed elsewhere", "Take in", "file of the signature (.sig)"),
)

_HERE = frozenset({OWN, KEY})


class SignerView(msgspec.Struct, frozen=True):
    """Somebody whose word alone is not enough. `keys`: fingerprints of those that count, in words."""

    keys: list[str]


def signers(words: PlanWords, profile: str, at: datetime | None) -> dict[str, SignerView]:
    """By person: who has to sign with a key; whoever is not there signs by a word."""
    roster = roster_of(msgspec.to_builtins(words.roles))
    return {
        person: SignerView([_in_words(k) for k in keys if at is None or k.counts(at)])
        for person, keys in roster.keys.items()
        if must_be_signed(profile, has_key=bool(keys))
    }


def _in_words(key: KeyTerms) -> str:
    until = f" (until {instant(key.valid_until)})" if key.valid_until else ""
    return f"{key.fingerprint}{until}"


def ways(known: Mapping[str, SignerView], by: str) -> Sequence[Way]:
    """What `by` can choose from, before it is said who that is as well; none where a word is enough."""
    return WAYS if known and (not by or by in known) else ()


def way_of(known: Mapping[str, SignerView], by: str, chosen: str | None) -> Way | None:
    """The one that was chosen, where there is anything to choose."""
    return next((way for way in ways(known, by) if way.id == chosen), None)


def missing_file(way: Way | None, file: str) -> list[str]:
    """What is still to be named; a request's file has a name when nobody gives it another."""
    if way is None or not way.file or way.id == REQUEST or file.strip():
        return []
    return [f"name the {way.file}"]


def signs_here(way: str) -> bool:
    """Whether ssh-keygen signs on this machine, and may ask for a passphrase."""
    return way in _HERE


def key_lines(known: Mapping[str, SignerView], by: str) -> list[str]:
    """Why a signature is needed, and with which key."""
    signer = known.get(by)
    if signer is None:
        return []
    name = plain(by)
    if not signer.keys:
        return [f"{name} signs with a key, and the plan has none of theirs that counts: adopt one"]
    return [
        f"{name}'s word is not enough here: it takes a signature with {' or '.join(signer.keys)}"
    ]


def request_file(gate: str, by: str) -> str:
    """The file's name when nobody says another.

    >>> request_file("pilot_verified", "Sally O'Brien")
    'pilot_verified-Sally-O-Brien.json'
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{gate or 'gate'}-{by or 'signer'}") + ".json"
