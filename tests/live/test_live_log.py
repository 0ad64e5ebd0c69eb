"""What the owner's log lets through while the process is ending."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fakes import START
from small_plans import NAME, Bench, phase, plan, step

from rollout.domain.effects import No, Yes
from rollout.domain.events import EffectAnswered, EffectResolved, StepStarted
from rollout.live.controller_loop import Listener, OwnedLog, Stopping
from rollout.store.memory import MemoryEventLog


def owned(inner: Any, *, stopping: bool) -> OwnedLog:
    owner: Any = SimpleNamespace(confirm=lambda: None)
    signals: Any = SimpleNamespace(stopping=stopping)
    return OwnedLog(inner, owner, signals, Listener(lambda event: None, lambda word: None))


@pytest.mark.parametrize(
    ("payload", "kept"),
    [
        (EffectResolved(effect="e", how="done"), True),
        (EffectAnswered(effect="e", answer="unknown", detail=""), True),
        (EffectAnswered(effect="e", answer="resent", detail=""), False),
        (StepStarted(phase="p", attempt=1, step="s"), False),
    ],
)
def test_while_ending_only_what_came_back_from_outside_is_kept(payload: Any, kept: bool) -> None:
    log = owned(MemoryEventLog(), stopping=True)
    if kept:
        assert len(log.append("r", 0, START, "rollout", [payload])) == 1
    else:
        with pytest.raises(Stopping):
            log.append("r", 0, START, "rollout", [payload])
    assert len(owned(MemoryEventLog(), stopping=False).append("r", 0, START, "a", [payload])) == 1


def test_a_refused_request_is_not_sent_again_once_a_signal_came() -> None:
    bench = Bench(plan(phase("pilot", step("poke", "poke", idempotent=False))))
    bench.poke.answers = [No("429", 60.0), Yes(1)]
    bench.tick()
    bench.say("proceed")
    bench.tick()
    bench.clock.pass_(minutes=2)
    inner: Any = bench.log.inner
    bench.log.inner = owned(inner, stopping=True)  # type: ignore[assignment]
    with pytest.raises(Stopping):
        bench.controller().tick()
    assert bench.poke.sent == ["poke"]
    bench.log.inner = inner
    assert bench.controller().tick().ended
    assert inner.head(NAME).seq == bench.state.seq
