"""Kill at every place, and at every pair of places; what came of it against the run nobody killed."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from disk_bench import BROKE, KILLED, DiskBench, Far, Scenario, in_process
from small_plans import NAME

from rollout.domain.chain import verify
from rollout.domain.events import EffectAnswered, EffectIntended, EffectResolved
from rollout.domain.fold import fold
from rollout.store.opening import open_store
from rollout.store.reading import open_readonly


@dataclass
class Loop:
    """One scenario's loop. `template` is an empty store, `folder` is where processes work."""

    scenario: Scenario
    template: Path
    folder: Path
    processes: int = 0
    kills: int = 0
    places: list[str] = field(default_factory=list)
    wanted: dict[str, Any] = field(default_factory=dict)

    def calm(self) -> int:
        """The run nobody kills; how many places there are to die."""
        work = self._fresh("calm")
        assert self._process(work, frozenset()) == 0
        self.wanted = came_to(self.scenario, work)
        self.places = (work / "places.txt").read_text().splitlines()
        return len(self.places)

    def every_place(self, nth: int = 1) -> None:
        """Die at each place, or at every `nth`."""
        for place in range(1, self.calm() + 1, nth):
            work = self._fresh(f"k{place}")
            self._killed(work, place)
            self._goes_on(work, f"killed at {place}: {self.places[place - 1]}")
            shutil.rmtree(work)

    def every_pair(self, nth: int = 1) -> None:
        """Die at each place, or at every `nth`, and again at each place of the recovery."""
        for first in range(1, self.calm() + 1, nth):
            died = self._fresh(f"f{first}")
            self._killed(died, first)
            second = 0
            while True:
                second += 1
                work = self.folder / f"f{first}s{second}"
                shutil.copytree(died, work)
                if self._process(work, frozenset({second})) != KILLED:
                    self._compare(work, f"killed at {first}")
                    shutil.rmtree(work)
                    break
                self.kills += 1
                self._goes_on(work, f"killed at {first}, then at {second}")
                shutil.rmtree(work)
            shutil.rmtree(died)

    def _killed(self, work: Path, place: int) -> None:
        code = self._process(work, frozenset({place}))
        assert code == KILLED, (place, self.places[place - 1])
        self.kills += 1

    def _goes_on(self, work: Path, what: str) -> None:
        assert self._process(work, frozenset()) == 0, what
        self._compare(work, what)

    def _compare(self, work: Path, what: str) -> None:
        found = came_to(self.scenario, work)
        assert found == self.wanted, f"{self.scenario.name}, {what}"

    def _process(self, work: Path, kill_at: frozenset[int]) -> int:
        def run() -> None:
            bench = DiskBench(self.scenario, work, kill_at)
            bench.play()
            bench._save()
            (work / "places.txt").write_text("\n".join(bench.crashes.seen))
            bench.store.close()

        self.processes += 1
        complaint = work / "complaint.txt"
        code = in_process(run, complaint)
        assert code != BROKE, complaint.read_text()
        return code

    def _fresh(self, name: str) -> Path:
        work = self.folder / name
        work.mkdir()
        shutil.copy(self.template, work / "r.db")
        return work


def came_to(scenario: Scenario, work: Path) -> dict[str, Any]:
    """What must not depend on where the process died; asserts what must hold in every log."""
    far = msgspec.json.decode((work / "far.json").read_bytes(), type=Far)
    with open_store(work / "r.db", create=False) as store:
        events = list(store.log.read(NAME))
    with open_readonly(work / "r.db") as reader:
        sealed = reader.sealed(NAME)
    assert verify(sealed, rollout=NAME) == []
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    _sound(events, far)
    state = fold(events)
    return {
        "outcome": state.outcome,
        "phases": {p.id: (p.stage, p.attempt) for p in state.phases.values()},
        "steps": {name: s.status for name, s in state.steps.items()},
        "gates": [(g.phase, g.attempt, g.moment, g.gate, g.round, g.decision) for g in state.gates],
        "decisions": [
            (d.decision, d.phase, d.subject) for d in state.decisions if d.decision != "settle"
        ],
        "runs": [(r.id, r.trigger) for r in far.runs],
        "triggers": len(far.posts),
        "rows": {str(r["Key__c"]): r.get("Name") for r in far.rows.values()},
        "schedule": far.schedule,
        "paused": far.paused,
        # the digest of the assessment holds instants, which depend on where the process died
        "rollback": {k: v for k, v in (state.rollback or {}).items() if k != "assessment"},
    }


def _sound(events: list[Any], far: Far) -> None:
    """One resolution per intent, one intent per trigger, no request without its intent."""
    payloads = [e.payload for e in events]
    resolved = Counter(
        p.effect
        for p in payloads
        if isinstance(p, EffectResolved) and p.how not in {"settled", "never_sent"}
    )
    assert max(resolved.values(), default=1) == 1
    intents = [
        p.effect for p in payloads if isinstance(p, EffectIntended) and p.action == "trigger"
    ]
    assert len(set(intents)) == len(intents)
    resent = [
        p
        for p in payloads
        if isinstance(p, EffectAnswered) and p.answer == "resent" and p.effect in intents
    ]
    assert len(far.posts) <= len(intents) + len(resent)
