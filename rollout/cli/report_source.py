"""A store, as the reports read it: folded once, its plans and measurements at hand."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from typing import Any

from rollout.domain.plan import Plan
from rollout.domain.standing import plan_sha256_at
from rollout.domain.state import GateState, RolloutState
from rollout.engine.approved_plan import plan_to_read
from rollout.reports.gate_report import Report, gate_report
from rollout.reports.series import KINDS, MOST_EVENTS, Seen, seen_in_store
from rollout.store.reading import Reader


@contextmanager
def without_garbage() -> Iterator[None]:
    """Tens of thousands of samples come and stay: to look for garbage among them is time for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def signer_of(armored: str, message: bytes) -> str:
    """domain.sign_off.SignerOf. Late: where nobody signed with a key, no cryptography is loaded."""
    from rollout.adapters.sshsig import signer_of

    return signer_of(armored, message)


class Source:
    """A store, as the reports read it."""

    def __init__(self, reader: Reader, state: RolloutState) -> None:
        self._reader, self.state = reader, state
        self._plan = cache(self._plan_of)

    def get(self, digest: str) -> Any:
        """ports.EvidenceSource."""
        return self._reader.evidence(digest)

    def plan(self, gate: GateState | None = None) -> Plan:
        """The plan that the rollout follows, or that it followed when the gate was decided."""
        seq = gate.decided_seq or self.state.seq if gate is not None else self.state.seq
        return self._plan(plan_sha256_at(self.state, seq))

    def report(self, gate: GateState, *, show_keys: bool) -> Report:
        return gate_report(
            self.state,
            self.plan(gate),
            self,
            gate,
            seen=self.seen,
            signer_of=signer_of,
            show_keys=show_keys,
        )

    @cached_property
    def seen(self) -> Seen:
        """What was measured up to the state."""
        return seen_in_store(
            self._reader.payloads(self.state.rollout, KINDS, until=self.state.seq, most=MOST_EVENTS)
        )

    def _plan_of(self, digest: str) -> Plan:
        return plan_to_read(self, digest)
