"""The shipped plan as it is lived: a sandbox, a controller and people, each a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from live_people import People
from live_processes import ROOT, begin, line_with, rollout, status

from rollout.adapters.http import HttpClient
from rollout.adapters.salesforce import (
    SalesforceRecordStore,
    salesforce_complaint,
    salesforce_judge,
)
from rollout.domain.durations import parse_duration
from rollout.domain.instants import from_text
from rollout.domain.windows import next_open
from rollout.rehearsal.sandbox.source_changes import SOURCE_CHANGES
from rollout.store.reading import open_readonly
from rollout.wiring import installed_kinds, read_plan

PLAN = ROOT / "plans" / "property_sync.yaml"
NAME = "property-feature-sync"
MARGIN = timedelta(minutes=15)
"""How long before something is due the clock is left to itself again."""
WORTH = timedelta(minutes=45)
"""Less than that is waited for."""
ENOUGH = timedelta(days=17)
"""From the plan's last trigger on: longer than watch and handover."""
_WAITS = re.compile(r"(\S+) ends then")
_CLOSED = re.compile(r"the window of (\S+) is closed")

TARGET = (
    *("Snappt_Property_ID__c", "Name", "Company_Name__c", "Short_ID__c", "IDV_Enabled__c"),
    *("Bank_Linking_Enabled__c", "Payroll_Enabled__c", "Income_Insights_Enabled__c"),
    *("Active_Property_Count__c", "Is_Multi_Property__c"),
)


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def close_pipes(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


class Controller:
    """A `rollout run`, and what it last said that it waits for."""

    def __init__(self, state: object, env: Mapping[str, str]) -> None:
        self.process = begin("run", "--state", state, env=env)
        self.word = ""
        self.said: list[str] = []
        self.awake = threading.Event()
        """It has taken up what was left, and rests for the first time; or it has ended."""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if "drives it" not in line:
                self.word = line.removeprefix("rollout: ").strip()
                self.awake.set()
        self.awake.set()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Wherever it is."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.ended()

    def ended(self, timeout_s: float = 120) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(timeout_s)
        self._reading.join(10)
        close_pipes(self.process)
        return code


@dataclass
class LiveRun:
    """`lock` is held by whoever moves the clock or replaces the controller."""

    folder: Path
    speed: float
    document: dict[str, Any]
    http: httpx.Client
    env: dict[str, str]
    people: People
    controller: Controller
    lock: Any = field(default_factory=threading.RLock)
    over: dict[str, Any] = field(default_factory=dict)
    """The last status, once it was driven to its end."""

    @property
    def state(self) -> Path:
        return self.folder / "rollout.db"

    # The sandbox

    def ask(self, path: str) -> Any:
        answer = self.http.get(self.document["clock"] + path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tell(self, path: str, document: Mapping[str, Any]) -> Any:
        answer = self.http.post(self.document["clock"] + path, json=document)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def clock(self) -> datetime:
        return from_text(self.ask("/clock")["now"])

    def journal(self, **wanted: object) -> list[dict[str, Any]]:
        """Every request that fits, page by page."""
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["seq"] if found else 0
            page = self.ask(f"/journal?after={after}&{query}")["entries"]
            found += page
            if not page:
                return found

    def runs_by_api(self, sync_id: int) -> list[int]:
        """Ids of the runs that a trigger over the API began, as Census lists them."""
        base = f"{self.document['census']}/api/v1/syncs/{sync_id}/sync_runs"
        found: list[int] = []
        page: int | None = 1
        while page is not None:
            answer = self.http.get(
                f"{base}?per_page=100&page={page}",
                headers={"Authorization": f"Bearer {self.document['token']}"},
            ).json()
            found += [
                run["id"]
                for run in answer["data"]
                if (run["sync_trigger_reason"] or {}).get("ui_tag") == "API"
            ]
            page = answer["pagination"]["next_page"]
        return found

    def target_rows(self) -> list[tuple[Any, ...]]:
        """Every record of the target, by its key, without what the clock decides."""
        client = HttpClient(
            self.document["salesforce"],
            service="salesforce",
            token=self.document["token"],
            read_complaint=salesforce_complaint,
            judge=salesforce_judge,
        )
        soql = f"SELECT {', '.join(TARGET)} FROM Product_Property__c"
        rows = SalesforceRecordStore(client).query(soql, max_rows=100_000).rows
        client.close()
        return sorted(rows, key=repr)

    # The rollout

    def drive(self, within_s: float) -> dict[str, Any]:
        """Let people answer and time pass until the rollout has ended; the last status.

        Long waits are not sat through: the sandbox's clock is moved to shortly before their end.
        """
        until = monotonic() + within_s
        while monotonic() < until:
            now = status(self.state)
            if now["outcome"]:
                self.over = now
                return now
            if not self.people.answer(now) and not self.pass_over(now):
                pause(0.5)
        now = status(self.state)
        raise AssertionError(f"not over after {within_s:.0f} s: {self.controller.word}: {now}")

    def pass_over(self, now: Mapping[str, Any]) -> bool:
        """Move the clock on when the controller waits for something far away."""
        with self.lock:
            due = self._due(now)
            if due is None:
                return False
            ahead = due - MARGIN - self.clock()
            if ahead < WORTH:
                return False
            self.tell("/clock", {"skip": ahead.total_seconds()})
            return True

    def _due(self, now: Mapping[str, Any]) -> datetime | None:
        """When the wait ends that the controller speaks of and the log knows."""
        word = self.controller.word
        waits, closed = _WAITS.fullmatch(word), _CLOSED.fullmatch(word)
        if waits is not None:
            running = [
                s for s in now["steps"] if s["step"] == waits[1] and s["status"] == "running"
            ]
            phase = next(
                (p for p in PLANNED.phases if running and p.phase == running[0]["phase"]), None
            )
            spec = next((s for s in phase.steps if s.id == waits[1]), None) if phase else None
            if spec is None or spec.step != "wait":
                return None
            return from_text(running[0]["since"]) + parse_duration(str(spec.inputs["for"]))
        if closed is not None:
            window = PLANNED.phase(closed[1]).window
            assert window is not None
            return next_open(window, PLANNED.timezone, PLANNED.holidays, self.clock())
        return None

    def restart(self) -> None:
        """kill -9 the controller and start another one. The sandbox's time nearly stands still
        meanwhile: at its speed a start of some seconds would be half an hour."""
        with self.lock:
            self.controller.kill()
            self.tell("/clock", {"speed": 1})
            self.controller = Controller(self.state, self.env)
            awake = self.controller.awake.wait(180)
            self.tell("/clock", {"speed": self.speed})
        assert awake, self.controller.said

    def unbound_run(self, effect: str) -> int | None:
        """What a person finds in Census: the newest API run that the log does not know as ours."""
        with open_readonly(self.state) as reader:
            events = reader.events(NAME, kinds=["effect_intended", "effect_resolved"])
        request = next(
            e.payload.request["sync"]
            for e in events
            if getattr(e.payload, "effect", "") == effect and hasattr(e.payload, "request")
        )
        bound = {getattr(e.payload, "value", None) for e in events}
        return next((r for r in self.runs_by_api(int(request)) if r not in bound), None)

    def let_all_change(self) -> None:
        """Move the clock to a fixed time after the source began to change: the same changes have
        then come through in every run, whenever it ended."""
        scripted = {fault["id"]: fault["fired"] for fault in self.ask("/faults")["scenario"]}
        ahead = from_text(scripted[SOURCE_CHANGES]) + ENOUGH - self.clock()
        assert ahead > timedelta(0), "it took too long for that"
        self.tell("/clock", {"skip": ahead.total_seconds()})

    def end_state(self) -> dict[str, Any]:
        """What two runs of the plan must have in common, however often the controller died."""
        self.let_all_change()
        with open_readonly(self.state) as reader:
            events = [(e.payload, e) for e in reader.events(NAME)]
        kinds: dict[str, list[Any]] = {}
        for payload, _ in events:
            kinds.setdefault(type(payload).__name__, []).append(payload)
        ours = {r.run_id: r for r in kinds["RunObserved"] if r.ours}
        now = status(self.state)
        return {
            "outcome": now["outcome"],
            "phases": [(p["id"], p["stage"], p["attempt"]) for p in now["phases"]],
            "gates": sorted(
                {
                    (g.phase, g.attempt, g.moment, g.gate): g.decision.value
                    for g in kinds["GateDecided"]
                }.items()
            ),
            "runs": sorted(
                (r.sync, r.phase, r.attempt, r.status, r.processed, r.accepted, r.failed, r.invalid)
                for r in ours.values()
            ),
            "triggers": Counter(r.sync for r in ours.values()),
            "target": self.target_rows(),
        }


PLANNED = read_plan(PLAN, installed_kinds())


@contextmanager
def live_run(folder: Path, speed: float) -> Iterator[LiveRun]:
    """A sandbox with a new world, the shipped plan begun in a new store, and a controller."""
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "ready.json"
    env = {"ROLLOUT_SANDBOX": str(ready)}
    sandbox: subprocess.Popen[str] | None = None
    run: LiveRun | None = None
    try:
        sandbox = begin("sandbox", "--speed", speed, "--state", folder / "world.jsonl", "--json")
        line = line_with(sandbox.stdout, "census", 120)
        ready.write_text(line)
        state = folder / "rollout.db"
        code, _, err = rollout("start", PLAN, "--env", "sandbox", "--state", state, env=env)
        assert code == 0, err
        with httpx.Client(trust_env=False, timeout=120) as http:
            people = People(state, env)
            controller = Controller(state, env)
            run = LiveRun(folder, speed, json.loads(line), http, env, people, controller)
            people.look = run.unbound_run
            yield run
    finally:
        if run is not None:
            run.controller.kill(signal.SIGTERM)
        if sandbox is not None:
            sandbox.terminate()
            sandbox.wait(60)
            close_pipes(sandbox)
