"""`rollout verify`: is the log what it was written as?"""

from __future__ import annotations

import argparse
import re

from rollout.cli import exits
from rollout.ports import Head
from rollout.store.anchors import Anchor
from rollout.store.verification import Verification, verify_store
from rollout.view.text import plain

_HEAD = re.compile(r"([1-9][0-9]{0,15}):([0-9a-f]{64})", re.ASCII)
_EXAMPLE = f"25:{'9f86d081' * 8}"


def _signer_of(armored: str, message: bytes) -> str:
    from rollout.adapters.sshsig import signer_of  # late: most logs hold no signature

    return signer_of(armored, message)


def run(options: argparse.Namespace) -> int:
    """Raises: Misuse, StoreUnavailable when there is no store to verify."""
    anchors = _anchors(options.head, options.rollout)
    found = verify_store(options.state, anchors=anchors, signer_of=_signer_of)
    if options.json:
        _as_json(found)
    else:
        _in_words(found, anchors)
    return exits.GO if found.ok else exits.DAMAGED


def _as_json(found: Verification) -> None:
    exits.write_json(
        {
            "ok": found.ok,
            "events": found.events,
            "head": found.head.hash if found.head is not None else None,
            "heads": found.heads,
            "problems": [plain(str(problem)) for problem in found.problems],
        }
    )


def _in_words(found: Verification, anchors: list[Anchor]) -> None:
    if found.ok:
        head = f"{found.head.seq}:{found.head.hash}" if found.head is not None else "-"
        noted = f", {len(anchors)} noted before {'is' if len(anchors) == 1 else 'are'} in it"
        exits.write(
            f"ok: {found.events:,} events, nothing was changed, head {head}"
            f"{noted if anchors else ''}\n"
        )
        return
    exits.write_lines([plain(str(problem)) for problem in found.problems])
    count = len(found.problems)
    advice = "trust nothing after the first one; restore a backup"
    if anchors:
        advice += " that has every head you gave, and decide nothing on this store until then"
    exits.say(f"rollout: {count} problem{'' if count == 1 else 's'}: {advice}")


def _anchors(heads: list[str], rollout: str | None) -> list[Anchor]:
    """Raises: Misuse."""
    if rollout is not None and not heads:
        raise exits.Misuse(
            "--rollout says whose heads are given: add `--head SEQ:HASH`, or leave it out "
            "(the whole store is verified in any case)"
        )
    return [Anchor(_head(text), rollout) for text in heads]


def _head(text: str) -> Head:
    """Raises: Misuse."""
    found = _HEAD.fullmatch(text.strip().lower())
    if found is None:
        raise exits.Misuse(
            f"--head {text!r} is not SEQ:HASH, the number of an event (from 1 up) and the 64 "
            f"hexadecimal digits of its hash, e.g. {_EXAMPLE}; `rollout status --json` gives them "
            "as `events` and `head`"
        )
    return Head(seq=int(found[1]), hash=found[2])
