"""References that are answered while the plan runs: each must have somebody to answer it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rollout.domain.references import Path, Reference, references
from rollout.loader.draft import (
    CHECK_KEYS,
    STEP_KEYS,
    Draft,
    GateDraft,
    Moment,
    StepDraft,
    step_nodes,
)
from rollout.loader.nodes import Node
from rollout.loader.wording import keys_of

PHASE = ("started_at", "entered_at", "attempt")
"""What `${{ phase.… }}` knows."""
ENV = ("profile",)
"""What `${{ env.… }}` knows: how the rollout is run, nothing of the process's environment."""

_SNAPSHOT = "snapshot"
_SPACES = ("params", "steps", "snapshots", "phase", "env")
_CONDITIONS = {"go", "no_go"}
_FROM_OUTSIDE = re.compile(r"\$\{(?:env|file):[^}]*\}?")
_SECRET_FORM = re.compile(r"\$\{(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^}\s]+)\}")


def report_references(draft: Draft) -> None:
    """Every rule of this module, over the plan and the gates it uses."""
    plan = _References(draft, {"params"})
    running = set()
    for at, step in step_nodes(draft.plan):
        for key, child in step.items():
            if key not in STEP_KEYS:
                running.add(child.path)
                plan.report(child, references(child.value), [at])
    for gate in draft.gates.values():
        for use in gate.uses:
            for _, value in use.values:
                running.add(value.path)
                plan.report(value, references(value.value), [use.moment])
        _report_gate(gate, _References(draft, {"params", "gate"}))
    plan.report_still(draft.plan, running)
    _report_from_outside(draft)


def _report_gate(gate: GateDraft, rules: _References) -> None:
    """A gate may be used at several moments; its references must be answered at each. Those that
    came with a use are judged there."""
    given = {r.name for use in gate.uses for _, v in use.values for r in references(v.value)}
    moments = sorted({use.moment for use in gate.uses})
    running = set()
    for check in gate.checks:
        for key, child in check.node.items():
            if key not in CHECK_KEYS or key in _CONDITIONS:
                running.add(child.path)
                found = [r for r in references(child.value) if r.name not in given]
                rules.report(child, found, moments)
    rules.report_still(gate.node, running)


class _References:
    """References of one document. `filled` are the spaces that were filled at load: what is left
    of those has been reported."""

    def __init__(self, draft: Draft, filled: set[str]) -> None:
        self._steps = draft.steps
        self._filled = filled

    def report(self, node: Node, found: Iterable[Reference], moments: list[Moment]) -> None:
        """References in a place that is filled while the plan runs."""
        for reference in found:
            if self._is_settled(reference):
                continue
            for moment in moments:
                wrong = self._wrong(reference, moment)
                if wrong is not None:
                    node.below(reference.path).problem(*wrong)
                    break

    def report_still(self, node: Node, running: set[Path]) -> None:
        """References where nothing is filled while the plan runs: titles, keys of a sync, …"""
        for reference in references(node.value):
            path = (*node.path, *reference.path)
            is_running = any(path[: len(inside)] == inside for inside in running)
            if is_running or self._is_settled(reference) or path[:1] == ("params",):
                continue
            node.below(reference.path).problem(
                f"`{reference.name}` is not filled here: only in the inputs of steps and checks, "
                "in conditions and in a gate's `with`"
            )

    def _is_settled(self, reference: Reference) -> bool:
        return reference.name is None or reference.parts[0] in self._filled

    def _wrong(self, reference: Reference, at: Moment) -> tuple[str, str, list[str]] | None:
        """What is wrong with a reference asked at a moment: problem, word, what is there."""
        name, parts = str(reference.name), reference.parts
        root, rest = parts[0], parts[1:]
        if root in {"steps", "snapshots"}:
            return self._wrong_step(name, root, rest, at)
        if root == "phase":
            known = [f"phase.{field}" for field in PHASE]
            return None if name in known else (f"unknown reference `{name}`", name, known)
        if root == "env":
            known = [f"env.{field}" for field in ENV]
            what = (
                f"unknown reference `{name}`; `${{env:NAME}}` reads the environment, in connections"
            )
            return None if name in known else (what, name, known)
        return f"unknown reference `{name}`", root, list(_SPACES)

    def _wrong_step(
        self, name: str, root: str, rest: tuple[str, ...], at: Moment
    ) -> tuple[str, str, list[str]] | None:
        if len(rest) != 2:
            return f"`{name}` must be `{root}.<id>.<name>`", "", []
        asked, output = rest
        steps = [s for s in self._steps if s.id and (root == "steps" or _is_snapshot(s))]
        step = next((s for s in steps if s.id == asked), None)
        what = "step" if root == "steps" else "snapshot step"
        if step is None:
            return f"`{name}`: the plan has no {what} `{asked}`", asked, [s.id for s in steps]
        if step.at >= at:
            return f"`{name}`: {what} `{asked}` is not done yet when this is asked", "", []
        offered = _outputs(step)
        if offered is None or output in offered:
            return None
        return f"`{name}`: step `{asked}` gives no `{output}`", output, offered


def _is_snapshot(step: StepDraft) -> bool:
    return step.node.text("step") == _SNAPSHOT


def _outputs(step: StepDraft) -> list[str] | None:
    """Names a step offers; None when nobody can tell."""
    if step.kind is None:
        return None
    if "*" not in step.kind.outputs:
        return list(step.kind.outputs)
    if "metrics" not in keys_of(step.kind.Inputs):
        return None
    metrics = step.inputs.get("metrics")
    return [*metrics, "evidence"] if isinstance(metrics, dict | list) else None


def _report_from_outside(draft: Draft) -> None:
    """`${env:…}` and `${file:…}` belong into connections, and nowhere else."""
    for node in [draft.plan, *(gate.node for gate in draft.gates.values())]:
        for leaf in _texts(node):
            for match in _FROM_OUTSIDE.finditer(leaf.value):
                if leaf.path[:1] != ("connections",):
                    leaf.problem(f"`{match.group()}` is only read inside `connections`")
                elif not _SECRET_FORM.fullmatch(match.group()):
                    leaf.problem(f"`{match.group()}` must be `${{env:NAME}}` or `${{file:PATH}}`")


def _texts(node: Node) -> Iterable[Node]:
    if isinstance(node.value, str):
        yield node
    for child in [*node.each(), *(child for _, child in node.items())]:
        yield from _texts(child)
