"""The sign-offs of a log, verified once more: each against the roster of the plan then in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rollout.domain.events import Event, PlanAdopted, RolloutCreated, SignedOff, SignOffRequested
from rollout.domain.recorded_sign_off import objection
from rollout.domain.roster import REHEARSAL, roster_of
from rollout.domain.sign_off import SignerOf, statement_of

DocumentOf = Callable[[str], Any]
"""A document of the evidence by its digest. Raises: KeyError, LogDamaged."""


@dataclass
class SignOffs:
    """Follows one rollout's events; what is signed is kept until the whole log was read."""

    _profile: str = ""
    _plan_sha256: str = ""
    _asked: dict[str, SignOffRequested] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)
    _found: list[tuple[Event, SignedOff, str, str, str]] = field(default_factory=list)

    def follow(self, event: Event) -> None:
        """Remember what a later sign-off is held against, and the sign-offs themselves."""
        payload = event.payload
        if isinstance(payload, RolloutCreated):
            self._profile, self._plan_sha256 = payload.profile, payload.plan_sha256
        elif isinstance(payload, PlanAdopted):
            self._plan_sha256 = payload.plan_sha256
        elif isinstance(payload, SignOffRequested):
            self._asked.setdefault(payload.nonce, payload)
        elif isinstance(payload, SignedOff) and (payload.signature or self._profile != REHEARSAL):
            wrong = self._wrong(event, payload)
            self._found.append((event, payload, self._profile, self._plan_sha256, wrong))

    def _wrong(self, event: Event, said: SignedOff) -> str:
        """What can be told without the roster."""
        if not said.signature:
            return ""
        asked = self._asked.get(said.nonce)
        if asked is None or statement_of(event.rollout, asked) != statement_of(event.rollout, said):
            return "is not what this log asked for"
        if said.nonce in self._used:
            return "was used before"
        self._used.add(said.nonce)
        return ""

    def problems(self, document_of: DocumentOf, signer_of: SignerOf) -> Iterator[tuple[Event, str]]:
        """Each sign-off that does not count, and why. Raises: LogDamaged."""
        for event, said, profile, plan_sha256, wrong in self._found:
            why: str | None = wrong
            if not wrong:
                try:
                    roster = roster_of(document_of(plan_sha256)["roles"])
                except (KeyError, TypeError):
                    continue  # the plan itself is missing, which is a problem of its own
                if said.signature or roster.keys.get(said.by):  # else of a plan without keys
                    why = objection(event.rollout, profile, said, roster, event.at, signer_of)
            if why:
                yield event, f"the sign-off of {said.by} ({said.role}) {why}"
