"""Where decisions are made: foretold from what is on screen, committed against what is in the log.

Everything heavy (the plan's models, the machine, the writing store) is loaded when a dialog opens
first, not before the first picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rollout.domain.errors import RolloutError
from rollout.domain.state import RolloutState
from rollout.store.reading import open_readonly
from rollout.tui.outcomes import Foretold, Said
from rollout.view.dialogs import Saying
from rollout.view.sentences import sentence

if TYPE_CHECKING:
    from rollout.domain.machine import PlanMachine
    from rollout.domain.plan import Plan
    from rollout.live.deciding import Wish
    from rollout.ports import Clock
    from rollout.store.opening import Store
    from rollout.tui.signing_road import SignerOf


class Desk(Protocol):
    """Who writes decisions into the log. `prepare` and `commit` may take a while: in a thread."""

    place: Sequence[str]

    def prepare(self, plan_sha256: str) -> str: ...

    def foretell(self, said: Saying, state: RolloutState, now: datetime | None) -> Foretold: ...

    def commit(self, said: Saying) -> Said: ...


@dataclass
class StoreDesk:
    """Over a store. `open_for_writing` opens it and its clock; `place` are the options of a command
    line that lead to the same rollout; `signer_of` gives who signs with a key in a file, or with one
    that is looked for."""

    setting: str | Path
    rollout: str | None
    open_for_writing: Callable[[], tuple[Store, Clock | None]]
    place: Sequence[str] = ()
    signer_of: SignerOf | None = None

    def __post_init__(self) -> None:
        self._plans: dict[str, tuple[Plan, PlanMachine]] = {}

    def prepare(self, plan_sha256: str) -> str:
        """Read the plan as it was approved; why that is not possible, empty when it was."""
        if plan_sha256 in self._plans:
            return ""
        from rollout.domain.machine import PlanMachine
        from rollout.engine.approved_plan import plan_of

        try:
            with open_readonly(self.setting) as reader:
                plan = plan_of(_Evidence(reader.evidence), plan_sha256)
        except RolloutError as error:
            return str(error)
        self._plans[plan_sha256] = plan, PlanMachine([p.phase for p in plan.phases])
        return ""

    def foretell(self, said: Saying, state: RolloutState, now: datetime | None) -> Foretold:
        """Quick and pure, once the plan was prepared."""
        from rollout.live.deciding import Refused
        from rollout.live.foretelling import foretell

        known = self._plans.get(state.plan_sha256)
        at = now or state.latest_at
        if known is None or at is None:
            return Foretold(refused="the plan is being read")
        if said.way:
            from rollout.tui import signing_road

            return signing_road.foretold(*known, state, said, at)
        file_sha256 = "0" * 64 if said.file else None
        outcome = foretell(*known, state, _wish(said), at, file_sha256=file_sha256)
        if isinstance(outcome, Refused):
            return Foretold(refused=outcome.reason)
        return Foretold(
            events=[f"#{state.seq + n} {sentence(p)}" for n, p in enumerate(outcome, 1)]
        )

    def commit(self, said: Saying) -> Said:
        """Held against the log as it is at that moment; whatever stands against it comes in words."""
        try:
            store, clock = self.open_for_writing()
            with store:
                return self._said(store, clock, said)
        except RolloutError as error:
            return Said(refused=str(error))

    def _said(self, store: Store, clock: Clock | None, said: Saying) -> Said:
        from rollout.live.deciding import submit
        from rollout.tui import signing_road as road

        if not said.way:
            return road.in_words(submit(store, self.rollout, _wish(said), clock))
        if self.signer_of is None:
            return Said(refused="nobody signs with a key here: use the command")
        return road.signed(store, self.rollout, said, clock, self.signer_of, self.place)


@dataclass(frozen=True)
class _Evidence:
    """A reader's evidence as the port has it."""

    ask: Callable[[str], Any]

    def get(self, digest: str) -> Any:
        return self.ask(digest)


def _wish(said: Saying) -> Wish:
    from rollout.live.deciding import Wish

    return Wish(
        name=said.action,
        by=said.by,
        role=said.role,
        reason=said.reason,
        subject=said.subject,
        answer=said.answer,
        run_id=said.run,
        seen=said.seen_seq,
        file=Path(said.file) if said.file else None,
        seen_head=said.seen_head,
    )


class NoDesk:
    """Of a recorded log, and of whatever else cannot be decided about here."""

    place: Sequence[str] = ()

    def __init__(self, why: str = "nothing can be decided here") -> None:
        self._why = why

    def prepare(self, plan_sha256: str) -> str:
        return self._why

    def foretell(self, said: Saying, state: RolloutState, now: datetime | None) -> Foretold:
        return Foretold(refused=self._why)

    def commit(self, said: Saying) -> Said:
        return Said(refused=self._why)
