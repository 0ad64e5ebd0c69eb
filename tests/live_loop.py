"""The controller's own loop over real sockets, in this thread, until a test has seen enough."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, cast

from sandbox_process import SandboxProcess

from rollout.domain.events import Event, Payload
from rollout.domain.plan import Plan
from rollout.domain.state import RolloutState
from rollout.live.clocks import PacedClock, clock_of
from rollout.live.connections import LiveConnections
from rollout.live.controller_loop import Drive, Listener, own
from rollout.live.deciding import Recorded, Wish, folded, submit
from rollout.live.opening import start
from rollout.live.profiles import Profile, profile_of
from rollout.live.system_clock import SystemClock
from rollout.live.waiting import Signals
from rollout.store.opening import Store, open_store
from rollout.wiring import installed_kinds, read_plan

PLAN = """
plan: {name}
title: One sync, looked at before and after
timezone: UTC
connections:
  warehouse: {{uses: databricks, host: "${{env:DATABRICKS_HOST}}", http_path: "${{env:DATABRICKS_HTTP_PATH}}", token: "${{env:DATABRICKS_TOKEN}}"}}
  census: {{uses: census, token: "${{env:CENSUS_TOKEN}}"}}
  salesforce: {{uses: salesforce, instance: "${{env:SALESFORCE_INSTANCE}}", token: "${{env:SALESFORCE_TOKEN}}"}}
roles:
  project_lead: [{{person: ann}}, {{person: bea}}]
syncs:
  sync_a:
    title: Sync A
    on: census
    id: 3394022
    operation: upsert
    source: crm.sfdc_dbx.properties_to_create
    target: Product_Property__c
    key: Snappt_Property_ID__c
    user: "005Vj00000CENSUSAA"
phases:
  - phase: only
    title: The only phase
    entry: [ready]
    steps:
      - step: capture_baseline
        id: before
        target: Product_Property__c
        key: Snappt_Property_ID__c
        fields: [Name]
      - step: snapshot
        id: counts
        metrics:
          queue: {{sql: SELECT COUNT(*) AS n FROM crm.sfdc_dbx.properties_to_create}}
      - {{step: run_sync, id: run, sync: sync_a, baseline: before, within: 2h, poll: 20s}}
    exit: [done]
rollback:
  steps: [{{step: pause_sync, id: stop, sync: sync_a}}]
  gates: [back]
  user: "005Vj000000TOOLAAA"
"""

GATES = """
gates:
  - gate: ready
    title: Ready
    checks:
      - check: queue_answers
        kind: sql
        title: The queue can be read
        sql: SELECT COUNT(*) AS queued FROM crm.sfdc_dbx.properties_to_create
        of: rds.pg_rds_public.properties
        go: {queued: "<= 100"}
        owner: project_lead
        if_it_fails: Look at the view.
      - check: sync_as_approved
        kind: census_sync
        title: The sync is as approved
        sync: sync_a
        paused: false
        owner: project_lead
        if_it_fails: Put it back.
  - gate: done
    title: Done
    checks:
      - check: nobody_else
        kind: census_runs
        title: Nobody else ran it
        sync: sync_a
        since: "${{ phase.started_at }}"
        go: {ours: "= 1", foreign: "= 0"}
        owner: project_lead
        if_it_fails: Find out who.
      - check: rows_there
        kind: salesforce
        title: The records are there
        soql: SELECT COUNT() FROM Product_Property__c
        of: Product_Property__c
        go: ">= 330"
        owner: project_lead
        if_it_fails: Look in Salesforce.
      - check: nothing_open
        kind: findings
        title: Nothing is open
        owner: project_lead
        if_it_fails: Resolve it.
  - gate: back
    title: Back
    checks:
      - check: at_baseline
        kind: baseline
        title: Everything is as it was
        target: Product_Property__c
        steps: [before]
        users: ["005Vj00000CENSUSAA", "005Vj000000TOOLAAA"]
        owner: project_lead
        if_it_fails: Look at what differs.
"""

NAME = "small-live"
RUN = "only/1/run/trigger-1"
"""The effect that triggers the sync."""


def small_live_plan(folder: Path, name: str = NAME) -> Path:
    """A plan that reads the warehouse, runs Sync A once, and asks Census and Salesforce."""
    (folder / "gates").mkdir(parents=True, exist_ok=True)
    (folder / "gates" / "all.yaml").write_text(GATES)
    path = folder / "small.yaml"
    path.write_text(PLAN.format(name=name))
    return path


class Watch:
    """In the place of `Signals`: the loop ends when `enough` holds; `between` may act before."""

    def __init__(self, between: Callable[[], None], enough: Callable[[], bool], until: float):
        self._between, self._enough, self._until = between, enough, until
        self.stopping = False

    def wait(self, seconds: float) -> None:
        if self._enough():
            self.stopping = True
        elif monotonic() > self._until:
            raise AssertionError("the test waits for something that does not come")
        else:
            self._between()
            threading.Event().wait(min(seconds, 0.02))


@dataclass
class Loop:
    """One rollout; each `until` is a controller of its own on the same store."""

    box: SandboxProcess
    plan: Plan
    store: Store
    where: Path
    clock: PacedClock
    profile: Profile
    words: list[str] = field(default_factory=list)
    on_event: Callable[[Payload], None] = lambda _payload: None
    before: int = 0
    """The sandbox's newest request when this rollout was begun."""
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> RolloutState:
        return folded(self.store.log, self.plan.plan)

    def events(self, kind: type[Payload] | None = None) -> list[Any]:
        return [
            e.payload
            for e in self.store.log.read(self.plan.plan)
            if kind is None or isinstance(e.payload, kind)
        ]

    def say(self, name: str, subject: str = "", **more: Any) -> None:
        wish = Wish(name, "ann", "project_lead", f"{name} it is", subject, **more)
        said = submit(self.store, self.plan.plan, wish, self.clock)
        assert isinstance(said, Recorded), said

    def until(
        self, enough: Callable[[RolloutState], bool], *, proceed: bool = True, within_s: float = 90
    ) -> RolloutState:
        """Drive until `enough` holds of the state between two ticks, or the rollout has ended."""
        kinds = installed_kinds()

        def between() -> None:
            phase = self.state.current_phase()
            if proceed and phase is not None and phase.stage == "ready":
                self.say("proceed")

        watch = Watch(between, lambda: enough(self.state), monotonic() + within_s)
        with own(self.where, self.plan.plan, SystemClock().now()) as owner:
            Drive(
                store=self.store,
                rollout=self.plan.plan,
                connect=self._connect,
                clock=self.clock,
                checks=kinds.checks,
                steps=kinds.steps,
                owner=owner,
                signals=cast(Signals, watch),
                tell=Listener(event=self._heard, word=self.words.append),
            ).run()
        return self.state

    def _connect(self, plan: Plan, *, at_once: bool) -> LiveConnections:
        return LiveConnections(
            plan,
            self.environ,
            self.where.parent,
            clock=self.clock,
            profile=self.profile,
            tell=self.words.append,
        )

    def _heard(self, event: Event) -> None:
        self.on_event(event.payload)

    def to_the_end(self, **more: Any) -> RolloutState:
        state = self.until(lambda state: bool(state.outcome) or _is_held(state), **more)
        assert state.outcome == "completed", state.current_phase()
        return state

    def settle_wanted(self) -> RolloutState:
        """Drive until a named person must say what became of an effect."""
        return self.until(lambda s: any(e.how == "needs_human" for e in s.effects.values()))


def _is_held(state: RolloutState) -> bool:
    phase = state.current_phase()
    return phase is not None and phase.stage == "held"


@contextmanager
def small_rollout(
    box: SandboxProcess, folder: Path, path: Path | None = None, **environ: str
) -> Iterator[Loop]:
    """A new rollout of the small plan, or of the one at `path`, in a store of its own, against a
    running sandbox."""
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "ready.json"
    ready.write_text(json.dumps(box.document))
    profile = profile_of("sandbox", ready)
    kinds = installed_kinds()
    plan = read_plan(path or small_live_plan(folder), kinds)
    where = folder / "rollout.db"
    with ExitStack() as stack:
        clock = clock_of(profile)
        store = open_store(where, create=True, profile="sandbox", now=clock.now())
        stack.callback(store.close)
        start(store, plan, kinds.steps, "sandbox", clock)
        yield Loop(box, plan, store, where, clock, profile, environ=environ)
