"""A rehearsal told from beginning to end: every gate, then findings, faults, runs and the outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from rollout.domain.durations import format_duration
from rollout.domain.evidence import Decision
from rollout.domain.state import DecisionState, GateState, RolloutState, SignatureState
from rollout.domain.undo_order import undone_phases
from rollout.view.gate_text import gate_lines
from rollout.view.gates import Documents, gate_view
from rollout.view.marks import FAIL, PASS, SKIP, WARN, Mark
from rollout.view.model import GateView
from rollout.view.plan_words import PlanWords
from rollout.view.status import findings, rollback_view, run_view
from rollout.view.status_text import rollback_lines, run_line
from rollout.view.text import clip, instant, plain, table, wrap


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an account is made of. `faults` and `outcome` are those of the rehearsal's summary."""

    state: RolloutState
    words: PlanWords
    documents: Documents
    faults: Sequence[Mapping[str, Any]]
    about: Mapping[str, str]
    """What each fault does, by its id."""
    outcome: str


def account_lines(told: Told, width: int, *, ascii_only: bool = False) -> list[str]:
    """At most `width` columns a line; the last line says how it ended."""
    lines: list[str] = []
    for part in (
        _gates(told, width, ascii_only=ascii_only),
        _decisions(told),
        _findings(told),
        _faults(told, width, ascii_only=ascii_only),
        _runs(told, ascii_only=ascii_only),
        _rollback(told, width, ascii_only=ascii_only),
    ):
        found = list(part)
        if found:
            lines += found if found[-1] == "" else [*found, ""]
    lines = [clip(line, width, ascii_only=ascii_only) for line in lines]
    return [*lines, outcome_line(told)]


def outcome_line(told: Told) -> str:
    """`outcome completed: 5 of 5 phases passed; gate 1 go, gate 2 go`."""
    phases = list(told.state.phases.values())
    undone = undone_phases(told.state)
    passed = sum(p.stage == "passed" and p.id not in undone for p in phases)
    said = f"outcome {told.outcome}: {passed} of {len(phases)} phases passed"
    back = len(undone) + sum(p.stage == "rolled_back" for p in phases)
    said += f", {back} undone" if back else ""
    numbered = _numbered(told)
    if numbered:
        gates = [
            f"gate {n} {decision or 'not decided'}" for n, decision in sorted(numbered.items())
        ]
        said += f"; {', '.join(gates)}"
    return said


def _numbered(told: Told) -> dict[int, str]:
    """The newest decision of every gate that stakeholders count."""
    found: dict[int, str] = {}
    for gate in told.state.gates:
        number = told.words.gate(gate.gate).number
        if number is not None:
            found[number] = gate.decision.value if gate.decision is not None else ""
    return found


def _gates(told: Told, width: int, *, ascii_only: bool) -> Iterator[str]:
    """Looks of one series that were all go are told in one line."""
    for series in _series(told.state.gates):
        views = [gate_view(gate, told.state, told.words, told.documents) for gate in series]
        quiet = [v for v in views if v.decision is Decision.GO]
        if len(series) > 1 and quiet:
            yield _quiet_line(views, quiet, ascii_only=ascii_only)
            views = [v for v in views if v.decision is not Decision.GO]
        for view in views:
            yield from (*gate_lines(view, width, ascii_only=ascii_only), "")


def _quiet_line(views: Sequence[GateView], quiet: Sequence[GateView], *, ascii_only: bool) -> str:
    counts = Counter(v.decision.value if v.decision else "not decided" for v in views)
    said = ", ".join(f"{count} {what.replace('_', '-')}" for what, count in counts.items())
    first = quiet[0]
    of = first.moment.partition("#")[0].partition(":")[2]
    mark = (PASS if len(quiet) == len(views) else WARN).shown(ascii_only=ascii_only)
    return f"{mark}  gate {first.gate} ({first.phase}, every {of}): {len(views)} looks, {said}"


def _series(gates: Sequence[GateState]) -> list[list[GateState]]:
    """Evaluations in the order of their opening; repeated looks of one gate lie together."""
    found: dict[tuple[Any, ...], list[GateState]] = {}
    for number, gate in enumerate(gates):
        start, repeated, _ = gate.moment.partition("#")
        key = (gate.phase, gate.attempt, start, gate.gate) if repeated else (number,)
        found.setdefault(key, []).append(gate)
    return list(found.values())


def _decisions(told: Told) -> Iterator[str]:
    said = [(d.at, _decision(d)) for d in told.state.decisions]
    said += [(s.at, _signature(s)) for s in told.state.signatures]
    if said:
        yield "Decisions"
    for _, line in sorted(said, key=lambda pair: pair[0]):
        yield f"  {line}"


def _decision(decision: DecisionState) -> str:
    about = f" {decision.subject}" if decision.subject else ""
    said = decision.decision.replace("_", " ")
    return plain(
        f"{instant(decision.at)} {decision.by} ({decision.role}) said {said}{about} "
        f"in {decision.phase}: {decision.reason}"
    )


def _signature(signature: SignatureState) -> str:
    said = "signed" if signature.approve else "refused to sign"
    return plain(
        f"{instant(signature.at)} {signature.by} ({signature.role}) {said} {signature.gate}: "
        f"{signature.reason}"
    )


def _findings(told: Told) -> Iterator[str]:
    found = findings(told.state, only_open=False)
    if found:
        still_open = sum(f.state == "open" for f in found)
        yield f"Findings: {len(found)}, of which {still_open} open"
    for f in found:
        yield f"  {f.severity} {f.state}  {f.check} ({f.phase}, {f.owner}): {f.title}"


def _faults(told: Told, width: int, *, ascii_only: bool) -> Iterator[str]:
    if told.faults:
        noticed = sum(f["detected_by"] is not None for f in told.faults)
        yield f"Faults: {len(told.faults)}, of which {noticed} were noticed"
    rows = [_fault(fault, ascii_only=ascii_only) for fault in told.faults]
    for row, fault in zip(table(rows, width - 2, ascii_only=ascii_only), told.faults, strict=True):
        yield f"  {row}"
        about = plain(told.about.get(str(fault["id"]), ""))
        if about:
            yield from wrap(about, width, "      ")


def _fault(fault: Mapping[str, Any], *, ascii_only: bool) -> list[str]:
    mark: Mark = PASS
    by = fault["detected_by"]
    if not fault["fired"]:
        mark, said = SKIP, "never came to it"
    elif by is None:
        mark, said = FAIL, "nobody noticed"
    else:
        after = format_duration(timedelta(seconds=round(fault["after_s"])))
        where = f"gate {by['gate']} of {by['phase']}"
        said = f"noticed by {by['check']} in {where}, {after} after"
    return [mark.shown(ascii_only=ascii_only), str(fault["id"]), said]


def _runs(told: Told, *, ascii_only: bool) -> Iterator[str]:
    if told.state.runs:
        yield "Runs"
    for run in told.state.runs.values():
        yield f"  {run_line(run_view(run), ascii_only=ascii_only)}  ({run.phase})"


def _rollback(told: Told, width: int, *, ascii_only: bool) -> Iterator[str]:
    lines = list(rollback_lines(rollback_view(told.state), width - 2, ascii_only=ascii_only))
    if lines:
        yield "Rollback"
    yield from (f"  {line}" for line in lines)
