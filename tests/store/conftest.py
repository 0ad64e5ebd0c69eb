"""A small store to break, and the instants to fill it at."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from rollout.domain.events import (
    DecisionMade,
    FindingRaised,
    Measured,
    Payload,
    RolloutCreated,
    SoakStarted,
    StepProgressed,
)
from rollout.domain.evidence import Verdict
from rollout.store.opening import open_store

NOW = datetime(2026, 1, 6, 18, tzinfo=UTC)
Place = TypeVar("Place", Path, str)


class Fill(Protocol):
    """Make a store of `soaks` + 5 events, a snapshot and three documents."""

    def __call__(self, path: Place, soaks: int = 20) -> Place: ...


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def fill() -> Fill:
    return filled


def filled(path: Place, soaks: int = 20) -> Place:
    with open_store(path, create=True, profile="live", now=NOW) as store:
        plan = store.evidence.put({"plan": "p", "phases": ["pilot"]})
        seen = store.evidence.put({"metrics": {"rows": 50}})
        large = store.evidence.put([{"key": f"property {n}", "value": n} for n in range(200)])
        created = RolloutCreated(
            plan="p", title="P", plan_sha256=plan, profile="live", phases=[], params={}
        )
        (first,) = store.log.append("r", 0, NOW, "me", [created])
        finding = FindingRaised(
            finding="f",
            check="c",
            phase="pilot",
            attempt=1,
            severity="major",
            title="t",
            owner="o",
            due_at=None,
            evidence=large,
        )
        payloads: list[Payload] = [
            measured(seen),
            finding,
            decision(first.seq, first.hash),
            StepProgressed(phase="pilot", attempt=1, step="s", memory={"run": 7, "at": "x"}),
        ]
        payloads += [SoakStarted(phase=f"phase {n}", attempt=1) for n in range(soaks)]
        store.log.append("r", 1, NOW, "me", payloads)
        store.log.save_snapshot("r", store.log.head("r"), b"folded" * 900)
    return path


def measured(evidence: str | None) -> Measured:
    return Measured(
        phase="pilot",
        attempt=1,
        moment="exit",
        gate="g",
        round=1,
        check="c",
        verdict=Verdict.PASS,
        reason="50 of 50",
        observed={"rows": 50},
        evidence=evidence,
    )


def decision(seen_seq: int, seen_head: str) -> DecisionMade:
    return DecisionMade(
        decision="proceed",
        phase="pilot",
        attempt=1,
        by="lead",
        role="project_lead",
        reason="green",
        seen_seq=seen_seq,
        seen_head=seen_head,
    )
