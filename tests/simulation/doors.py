"""The two doors through which people decide: a terminal of their own, or a controller beside theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rollout.domain.adopting import Proposal
from rollout.domain.command import Command
from rollout.domain.errors import StoreUnavailable
from rollout.domain.events import Payload
from rollout.domain.plan import Plan
from rollout.engine.controller import Controller, Services
from rollout.live import adopting
from rollout.live.deciding import Refused, Wish, submit
from rollout.ports import Connections

from .clocks import Wall
from .dice import Dice
from .house import House
from .oracle_log import LogOracle
from .plan_changes import InForce
from .plans import CHECKS, NAME, STEPS
from .process import WatchedLog


class Doors:
    """`meanwhile` is called before an append of theirs: somebody else may be quicker."""

    def __init__(
        self,
        house: House,
        plans: InForce,
        wall: Wall,
        dice: Dice,
        log: LogOracle,
        connections: Connections,
        meanwhile: Callable[[], None],
    ) -> None:
        self.house, self.plans, self.wall, self.dice = house, plans, wall, dice
        self.log, self.connections, self.meanwhile = log, connections, meanwhile
        self._beside: Controller | None = None
        self._proposals: dict[str, Proposal] = {}

    def decide(self, wish: Wish) -> str | None:
        """None when it was accepted, else why not."""
        try:
            if wish.seen is None and self.dice.chance("door", 0.6):
                return self._beside_the_controller(wish)
            return self._from_outside(wish)
        except StoreUnavailable as problem:
            return str(problem)

    def _beside_the_controller(self, wish: Wish) -> str | None:
        """What a rehearsal and the tests of the engine do: a record that is kept up to date."""
        door = self._beside = self._beside or self._controller()
        door.record.refresh()
        if door.plan is not self.plans.now:
            door.follow(self.plans.now)
        command = Command(
            name=wish.name,
            by=wish.by,
            role=wish.role,
            reason=wish.reason,
            seen_seq=door.state.seq,
            seen_head=door.state.head,
            subject=wish.subject,
            answer=wish.answer,
            run_id=wish.run_id,
        )
        refusal = door.submit(command)
        self.log.catch_up()
        self.log.compare(door.state)
        return None if refusal is None else refusal.reason

    def adopt(self, plan: Plan, wish: Wish) -> str | None:
        """As `rollout adopt-plan` does it."""
        log: Any = self._watched()
        store = replace(self.house.guest(), log=log)
        try:
            outcome = adopting.adopt_plan(store, NAME, self._proposal(plan), wish, self.wall)
        except StoreUnavailable as problem:
            return str(problem)
        return outcome.reason if isinstance(outcome, Refused) else None

    def _proposal(self, plan: Plan) -> Proposal:
        if plan.sha256() not in self._proposals:
            self._proposals[plan.sha256()] = adopting.proposal_of(plan, STEPS)
        return self._proposals[plan.sha256()]

    def _from_outside(self, wish: Wish) -> str | None:
        """As `rollout decide` does it: the log is folded, then the decision appended."""
        log: Any = self._watched()
        store = replace(self.house.guest(), log=log)
        outcome = submit(store, NAME, wish, self.wall)
        return outcome.reason if isinstance(outcome, Refused) else None

    def _watched(self) -> WatchedLog:
        return WatchedLog(self.house.guest().log, self._around, lambda events: None)

    def _around(self, when: str, payloads: Sequence[Payload]) -> None:
        if when == "before" and self.dice.fires("decides_meanwhile"):
            self.meanwhile()

    def _controller(self) -> Controller:
        services = Services(
            log=self._watched(),
            evidence=self.house.guest().evidence,
            connections=self.connections,
            clock=self.wall,
            checks=CHECKS,
            steps=STEPS,
            workers=0,
        )
        return Controller(self.plans.now, NAME, services)
