"""`rollout check GATE`: ask a gate now, to look or for the record."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rollout.cli import exits
from rollout.cli.live_settings import sandbox_file
from rollout.domain.evidence import Decision
from rollout.engine.record import RolloutRecord
from rollout.live.clocks import clock_of
from rollout.live.connections import LiveConnections
from rollout.live.gate_check import Answer, GateCheck, Overlay, copied
from rollout.live.opening import choose, open_live, plan_in, require_kinds
from rollout.live.profiles import profile_of
from rollout.store.memory import MemoryEvidenceStore
from rollout.view.text import plain
from rollout.wiring import installed_kinds

_CODES = {
    Decision.GO: exits.GO,
    Decision.NO_GO: exits.NO_GO,
    Decision.INCONCLUSIVE: exits.INCONCLUSIVE,
}


def run(
    gate: str,
    state: str,
    rollout: str | None,
    sandbox: Path | None,
    plugins: Sequence[Path],
    *,
    record: bool,
    as_json: bool,
) -> int:
    """Raises: PlanProblems, StoreUnavailable, LogDamaged, ServiceError."""
    kinds = installed_kinds(plugins)
    with ExitStack() as stack:
        store, profile_name = open_live(state, None)
        stack.callback(store.close)
        name = choose(store.log, store.where, rollout)
        plan = plan_in(store, name)
        require_kinds(plan, kinds.checks, kinds.steps, kinds.plugins)
        profile = profile_of(profile_name, sandbox_file(sandbox, profile_name))
        clock = clock_of(profile)
        connections = stack.enter_context(
            LiveConnections(plan, os.environ, Path.cwd(), clock=clock, profile=profile)
        )
        if record:
            kept, evidence = RolloutRecord(store.log, name, clock), store.evidence
            asked = GateCheck(plan, kept, evidence, connections, kinds.checks, clock)
        else:
            looked = Overlay(store.evidence, MemoryEvidenceStore())
            copy = copied(store.log, name, clock)
            asked = GateCheck(plan, copy, looked, connections, kinds.checks, clock)
        before = asked.record.state.seq
        answer = asked.ask(gate)
        recorded = [before + 1, asked.record.state.seq] if record else None
    _tell(answer, recorded, as_json=as_json)
    return _CODES[answer.decision]


def _tell(answer: Answer, recorded: list[int] | None, *, as_json: bool) -> None:
    checks = [
        {
            "id": check_id,
            "verdict": check.verdict.value if check.verdict is not None else None,
            "reason": plain(check.latest_reason),
            "observed": check.observed,
        }
        for check_id, check in answer.gate.checks.items()
    ]
    if as_json:
        exits.write_json(
            {
                "gate": answer.gate.gate,
                "phase": answer.gate.phase,
                "decision": answer.decision.value,
                "recorded": recorded,
                "checks": checks,
            }
        )
        return
    exits.write(f"{answer.gate.gate}: {answer.decision.value.replace('_', '-').upper()}\n")
    exits.write_lines([plain(f"  {c['verdict']}  {c['id']}: {c['reason']}") for c in checks])
    said = f"recorded as #{recorded[0]} to #{recorded[1]}" if recorded else "nothing was recorded"
    exits.say(f"rollout: {said}")
