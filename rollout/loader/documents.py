"""Documents in, models out: a plan with everything it names, or every problem at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rollout.domain.evidence import Scalar
from rollout.domain.plan import GateSpec, Plan
from rollout.kinds import CheckKinds, StepKinds
from rollout.loader.draft import LATEST, STEP_KEYS, Draft, StepDraft, step_nodes
from rollout.loader.filling import fill
from rollout.loader.gates import add_gates, gate_model
from rollout.loader.inputs import InputReader, split
from rollout.loader.nodes import Node
from rollout.loader.parameters import plan_params
from rollout.loader.problems import Problems
from rollout.loader.rules import report_rules
from rollout.loader.sources import Sources
from rollout.loader.strict_yaml import DEFAULT_LIMITS, Limits
from rollout.loader.wording import report

Document = TypeVar("Document", bound=BaseModel)


def load_plan(
    path: Path,
    check_kinds: CheckKinds,
    step_kinds: StepKinds,
    *,
    params: Mapping[str, Scalar] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    plugins: Sequence[Path] = (),
) -> Plan:
    """Read a plan, the gates it names and the SQL they name, and hold them against every rule.

    `params` replace values of the plan's own parameters, of the same type. `plugins` are the
    files that gave user-written kinds: their digests become part of the plan.
    Raises: PlanProblems with every problem of every file, each as `file:line:column: what`.
    """
    problems = Problems()
    sources = Sources(Path(path), limits, problems)
    written = sources.read_plan()
    problems_so_far = len(problems)
    if written is None:
        problems.raise_if_any()
        raise AssertionError("a plan that cannot be read is a problem")
    known = plan_params(written, params or {})
    draft = Draft(written, sources, check_kinds, step_kinds, known)
    draft.plan = _filled(draft)
    add_gates(draft)
    _add_steps(draft)
    for plugin in plugins:
        sources.remember_plugin(Path(plugin))
    gates = {key: gate_model(gate) for key, gate in draft.gates.items()}
    document = _plan_document(draft)
    _report_shape(draft, document)
    report_rules(draft)
    problems.raise_if_any()
    assert problems_so_far == 0
    return _plan(document, gates, sources.files)


def load_document(path: Path, model: type[Document], *, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read one strict YAML file (a scenario, say) as a model.

    Raises: PlanProblems with every problem, each as `file:line:column: what`.
    """
    problems = Problems()
    node = Sources(Path(path), limits, problems).read_plan()
    if node is not None:
        try:
            read = model.model_validate(node.value)
        except ValidationError as error:
            report(error, node, model, while_filling=False)
        else:
            if not len(problems):
                return read
    problems.raise_if_any()
    raise AssertionError("a document that cannot be read is a problem")
