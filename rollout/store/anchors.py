"""Heads noted outside the store, held against its log: a cut tail and an old backup show by them alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from rollout.ports import Head


class Anchor(msgspec.Struct, frozen=True):
    """An event's number and hash as somebody saw them; of the rollout begun last when unnamed."""

    head: Head
    rollout: str | None = None


class Anchors:
    """Notices the anchors' hashes while a log is read; says afterwards which are not there."""

    def __init__(self, anchors: Sequence[Anchor]) -> None:
        self._anchors = anchors
        self._seqs = {anchor.head.seq for anchor in anchors}
        self._found: dict[tuple[str, int], str] = {}

    def follow(self, rollout: str, seq: int, digest: str) -> None:
        if seq in self._seqs:
            self._found[rollout, seq] = digest

    def problems(
        self, heads: Mapping[str, Head], last: str | None
    ) -> Iterator[tuple[str, str, int]]:
        """What, which rollout, at which event. `heads`: where each log ends; `last`: begun last."""
        for anchor in self._anchors:
            name = last if anchor.rollout is None else anchor.rollout
            what = self._problem(anchor.head, name, heads)
            if what is not None:
                yield what, name or "", anchor.head.seq

    def _problem(self, wanted: Head, name: str | None, heads: Mapping[str, Head]) -> str | None:
        if name is None or name not in heads:
            known = f"it has {', '.join(sorted(heads))}" if heads else "it holds no rollout"
            return (
                f"the log is gone, though a head of it was noted as {_in_short(wanted)} ({known}): "
                "unless the name is wrong, this is another store or an older copy"
            )
        if self._found.get((name, wanted.seq)) == wanted.hash:
            return None
        owner = self._owner(wanted)
        if owner is not None:
            return f"the head {_in_short(wanted)} is of another rollout: say `--rollout {owner}`"
        if wanted.seq > heads[name].seq:
            return (
                f"is missing: it was noted as {_in_short(wanted)}, and the log ends at "
                f"#{heads[name].seq}: its end was cut off, or this is an older copy of the store"
            )
        return (
            f"was noted as {_in_short(wanted)} and has the hash "
            f"{self._found.get((name, wanted.seq), 'nothing')[:12]}… here: the log was rewritten, "
            "or the head is of another store"
        )

    def _owner(self, wanted: Head) -> str | None:
        for (name, seq), digest in self._found.items():
            if seq == wanted.seq and digest == wanted.hash:
                return name
        return None


def _in_short(head: Head) -> str:
    return f"{head.seq}:{head.hash[:12]}…"
