"""Documents in, models out: a plan with everything it names, or every problem at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rollout.domain.errors import PlanProblems
from rollout.domain.evidence import Scalar
from rollout.domain.plan import GateSpec, Plan
from rollout.kinds import CheckKinds, StepKinds
from rollout.loader.draft import STEP_KEYS, Draft, StepDraft, step_nodes
from rollout.loader.filling import fill
from rollout.loader.gates import add_gates, gate_model
from rollout.loader.inputs import InputReader, split
from rollout.loader.nodes import Node
from rollout.loader.parameters import plan_params
from rollout.loader.plugin_files import PluginFile
from rollout.loader.problems import Problems
from rollout.loader.rules import report_rules
from rollout.loader.sources import Sources
from rollout.loader.strict_yaml import DEFAULT_LIMITS, Limits
from rollout.loader.wording import report

AnyModel = TypeVar("AnyModel", bound=BaseModel)


def load_plan(
    path: Path,
    check_kinds: CheckKinds,
    step_kinds: StepKinds,
    *,
    params: Mapping[str, Scalar] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    plugins: Sequence[PluginFile] = (),
) -> Plan:
    """Read a plan, the gates it names and the SQL they name, and hold them against every rule.

    `params` replace values of the plan's own parameters, of the same type. `plugins` are the
    files that gave user-written kinds: their digests become part of the plan.
    Raises: PlanProblems with every problem of every file, each as `file:line:column: what`.
    """
    problems = Problems()
    sources = Sources(Path(path), limits, problems)
    written = sources.read_plan()
    if written is None:
        raise PlanProblems(problems.lines())
    known = plan_params(written, params or {})
    draft = Draft(written, sources, check_kinds, step_kinds, known)
    _fill_params(draft)
    add_gates(draft)
    _add_steps(draft)
    for plugin in plugins:
        sources.remember_plugin(plugin)
    gates = {key: gate_model(gate) for key, gate in draft.gates.items()}
    plan = _plan_model(draft, gates)
    report_rules(draft)
    problems.raise_if_any()
    assert plan is not None
    return plan


def load_document(
    path: Path, model: type[AnyModel], *, limits: Limits = DEFAULT_LIMITS
) -> AnyModel:
    """Read one strict YAML file (a scenario, say) as a model.

    Raises: PlanProblems with every problem, each as `file:line:column: what`.
    """
    problems = Problems()
    node = Sources(Path(path), limits, problems).read_plan()
    if node is not None:
        try:
            read = model.model_validate(node.value)
        except ValidationError as error:
            report(error, node, model, references_wait=False)
        else:
            problems.raise_if_any()
            return read
    raise PlanProblems(problems.lines())


def _fill_params(draft: Draft) -> None:
    """Everywhere but in the parameters themselves."""
    own = draft.plan.value.get("params")
    filled = fill(
        draft.plan.holding({k: v for k, v in draft.plan.value.items() if k != "params"}),
        [draft.params_space],
    )
    if own is not None:
        filled.value["params"] = own
    draft.plan = filled


def _add_steps(draft: Draft) -> None:
    reader = InputReader(draft.sources, [draft.params_space], draft.sources.folder, draft.sql)
    for at, node in step_nodes(draft.plan):
        kind = draft.step_kinds.get(node.text("step") or "")
        draft.steps.append(StepDraft(node, at, kind, reader.of_step(node, kind)))


def _plan_model(draft: Draft, gates: Mapping[str, GateSpec | None]) -> Plan | None:
    """The plan as a model; None after its shape was reported."""
    split_steps = {step.node.path: split(step.node, STEP_KEYS, step.inputs) for step in draft.steps}
    document = _with(split_steps, draft.plan)
    made = {
        "gates": {key: gate for key, gate in gates.items() if gate is not None},
        "files": dict(sorted(draft.sources.files.items())),
    }
    if isinstance(document.get("params"), dict):
        document["params"] = {**document["params"], **draft.params}
    try:
        return Plan.model_validate({**document, **made})
    except ValidationError as error:
        report(error, draft.plan, Plan)
        return None


def _with(replaced: Mapping[tuple[str | int, ...], Any], node: Node) -> Any:
    """The node's value with other values at some paths."""
    if node.path in replaced:
        return replaced[node.path]
    if isinstance(node.value, dict):
        return {key: _with(replaced, child) for key, child in node.items()}
    if isinstance(node.value, list):
        return [_with(replaced, child) for child in node.each()]
    return node.value
