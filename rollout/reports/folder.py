"""A folder of reports: one of every evaluation of a gate, and a first page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from rollout.domain.plan import Plan
from rollout.domain.state import GateState, RolloutState
from rollout.ports import EvidenceStore
from rollout.reports.gate_report import gate_report
from rollout.reports.markdown import gate_markdown, index_markdown
from rollout.reports.wording import moment_in_words


def report_files(
    state: RolloutState, plan: Plan, evidence: EvidenceStore, *, show_keys: bool = False
) -> Iterator[tuple[str, str]]:
    """(file name, text) of `index.md`, and of a `.md` and a `.json` for every decided gate."""
    decided = [gate for gate in state.gates if gate.decision is not None]
    yield "index.md", index_markdown(_index(state, plan, decided))
    for gate in decided:
        report = gate_report(state, plan, evidence, gate, show_keys=show_keys)
        yield f"{file_stem(gate)}.md", gate_markdown(report)
        yield f"{file_stem(gate)}.json", json_text(report)


def json_text(document: Any) -> str:
    """Indented, in the document's own order; equal documents give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def file_stem(gate: GateState) -> str:
    """phase-attempt-moment-gate-round, in letters that every file system takes.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> file_stem(GateState("watch", 1, "every:12h#3", "daily", 1, at, {}))
    'watch-1-every_12h_3-daily-1'
    """
    parts = (gate.phase, gate.attempt, gate.moment, gate.gate, gate.round)
    return "-".join(re.sub(r"[^A-Za-z0-9]+", "_", str(part)) for part in parts)


def _index(state: RolloutState, plan: Plan, gates: list[GateState]) -> dict[str, Any]:
    return {
        "title": state.title,
        "outcome": state.outcome.replace("_", " ") or _standing(state),
        "plan": state.plan,
        "plan_sha256": state.plan_sha256,
        "scenario": state.scenario,
        "seed": state.seed,
        "events": state.seq,
        "log_head": state.head,
        "phases": [
            {"title": p.title, "state": p.stage.replace("_", " "), "attempts": p.attempt}
            for p in state.phases.values()
        ],
        "gates": [
            {
                "decision": gate.decision.value if gate.decision is not None else None,
                "title": _title(plan, gate),
                "phase": gate.phase,
                "moment_in_words": moment_in_words(gate.moment),
                "attempt": gate.attempt,
                "round": gate.round,
                "file": file_stem(gate),
            }
            for gate in gates
        ],
    }


def _standing(state: RolloutState) -> str:
    phase = state.current_phase()
    if phase is None:
        return state.status
    return f"{phase.stage.replace('_', ' ')} in {phase.title}"


def _title(plan: Plan, gate: GateState) -> str:
    spec = plan.gates.get(gate.gate)
    return spec.title if spec is not None else gate.gate.replace("_", " ")
