"""A folder of reports: one of every evaluation of a gate, and a first page."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from rollout.domain.instants import to_text
from rollout.domain.plan import Plan
from rollout.domain.sign_off import SignerOf, nobody_verifies
from rollout.domain.state import GateState, PhaseState, RolloutState
from rollout.domain.undo_order import undone_phases
from rollout.ports import EvidenceSource
from rollout.reports.foreign import json_text
from rollout.reports.gate_report import Report, gate_report, gate_title
from rollout.reports.junit import gate_junit, junit_document
from rollout.reports.markdown import gate_markdown, index_markdown
from rollout.reports.page import gate_page, index_page
from rollout.reports.series import NOTHING_SEEN, Seen
from rollout.reports.wording import moment_in_words


def report_files(
    state: RolloutState,
    plan: Plan,
    evidence: EvidenceSource,
    *,
    gates: Sequence[GateState] | None = None,
    plans: Callable[[GateState], Plan] | None = None,
    seen: Seen = NOTHING_SEEN,
    signer_of: SignerOf = nobody_verifies,
    show_keys: bool = False,
) -> Iterator[tuple[str, str]]:
    """(file name, text) of an index, of every decided gate in every form, and of `junit.xml`, which
    has the newest round of each.

    `gates`: only these; `plans`: the plan under which each was asked, where it is not `plan`;
    `seen`: what pictures are made of; `signer_of`: what verifies signatures.
    """
    decided = [g for g in (state.gates if gates is None else gates) if g.decision is not None]
    index = _index(state, plan, decided)
    yield "index.html", index_page(index)
    yield "index.md", index_markdown(index)
    newest: list[Report] = []
    for gate in decided:
        its_plan = plans(gate) if plans is not None else plan
        report = gate_report(
            state, its_plan, evidence, gate, seen=seen, signer_of=signer_of, show_keys=show_keys
        )
        yield f"{file_stem(gate)}.html", gate_page(report, index=True)
        yield f"{file_stem(gate)}.md", gate_markdown(report)
        yield f"{file_stem(gate)}.json", json_text(report)
        yield f"{file_stem(gate)}.xml", gate_junit(report)
        if gate is state.gate(gate.phase, gate.attempt, gate.moment, gate.gate):
            newest.append(report)
    yield "junit.xml", junit_document(newest)


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
    undone = undone_phases(state)
    return {
        "title": state.title,
        "outcome": state.outcome.replace("_", " ") or _standing(state),
        "plan": state.plan,
        "plan_sha256": state.plan_sha256,
        "scenario": state.scenario,
        "seed": state.seed,
        "profile": state.profile,
        "timezone": plan.timezone,
        "log_at": to_text(state.latest_at) if state.latest_at is not None else None,
        "events": state.seq,
        "log_head": state.head,
        "phases": [
            {"title": p.title, "state": _stage(p, undone), "attempts": p.attempts_begun}
            for p in state.phases.values()
        ],
        "gates": [
            {
                "decision": gate.decision.value if gate.decision is not None else None,
                "title": gate_title(plan, gate),
                "number": _number(plan, gate),
                "phase": gate.phase,
                "phase_title": plan.phase(gate.phase).title,
                "decided_at": to_text(gate.decided_at) if gate.decided_at is not None else None,
                "moment_in_words": moment_in_words(gate.moment),
                "attempt": gate.attempt,
                "round": gate.round,
                "file": file_stem(gate),
            }
            for gate in gates
        ],
    }


def _stage(phase: PhaseState, undone: Collection[str]) -> str:
    return "undone" if phase.id in undone else phase.stage.replace("_", " ")


def _standing(state: RolloutState) -> str:
    phase = state.current_phase()
    if phase is None:
        return state.status
    return f"{phase.stage.replace('_', ' ')} in {phase.title}"


def _number(plan: Plan, gate: GateState) -> int | None:
    spec = plan.gates.get(gate.gate)
    return spec.number if spec is not None else None
