"""Rules of gates: every check is answerable, judged by conditions, and able to say no."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pydantic import ValidationError

from rollout.domain.condition import Condition
from rollout.domain.errors import ConditionProblem
from rollout.domain.plan import SamplingPolicy
from rollout.domain.references import has_references, references
from rollout.loader.draft import CHECK_KEYS, CheckDraft, Draft, GateDraft
from rollout.loader.inputs import validate_inputs
from rollout.loader.nodes import Node
from rollout.loader.rules_names import report_names, report_twice
from rollout.loader.values import duration_of


def report_gates(draft: Draft) -> None:
    """Every rule of this module, over every gate the plan uses."""
    for gate in draft.gates.values():
        report_twice("check", [(check.node, "check") for check in gate.checks])
        for check in gate.checks:
            _report_check(check, draft)
        if gate.checks and not any(_decides(check) for check in gate.checks):
            gate.node.problem(f"gate `{gate.gate}` can never say no: {_why(gate)}")


def _why(gate: GateDraft) -> str:
    if all(_is_shadow(check) for check in gate.checks):
        return "every check of it is `shadow`"
    return "no check of it decides and can fail"


def _decides(check: CheckDraft) -> bool:
    """Whether the check can stop its gate. What cannot be told yet is reported elsewhere."""
    if _is_shadow(check):
        return False
    policy = _policy_of(check.node.get("sampling"))
    return policy is None or not _forgives_all(policy)


def _is_shadow(check: CheckDraft) -> bool:
    shadow = check.node.get("shadow")
    return shadow is not None and shadow.value is True


def _report_check(check: CheckDraft, draft: Draft) -> None:
    node, kind = check.node, check.kind
    for key in ("title", "owner", "if_it_fails"):
        if node.text(key) is not None and not str(node.text(key)).strip():
            (node.get(key) or node).problem(f"`{key}` must say something")
    if kind is None:
        name = node.text("kind")
        if name is not None:
            known = list(draft.check_kinds)
            (node.get("kind") or node).problem(f"unknown kind of check `{name}`", name, known)
    else:
        validate_inputs(node, kind, CHECK_KEYS, check.inputs, draft.flawed_in(node))
        report_names(node, kind, draft)
        if not _has_conditions(node) and not kind.default_go:
            node.problem(f"a `{kind.kind}` check needs a `go` or `no_go` condition")
    for metric, condition in _conditions(node):
        _report_metric(metric, condition, check)
        _report_condition(condition, "no_go" in condition.path)
    _report_sampling(node)
    _report_timeout(node)


def _has_conditions(node: Node) -> bool:
    written = [node.get("go"), node.get("no_go")]
    return any(part is not None and part.value not in (None, {}) for part in written)


def _conditions(node: Node) -> Iterator[tuple[str | None, Node]]:
    """Each condition with the metric it names, None for a bare one."""
    for key in ("go", "no_go"):
        part = node.get(key)
        if part is None:
            continue
        if isinstance(part.value, str):
            yield None, part
        yield from part.items()


def _report_metric(metric: str | None, condition: Node, check: CheckDraft) -> None:
    kind = check.kind
    if kind is None:
        return
    if metric is None and kind.primary is None:
        what = f"a `{kind.kind}` check has several metrics: say which, as `{{metric: condition}}`"
        condition.problem(what)
    elif metric is not None and kind.metrics is not None and metric not in kind.metrics:
        what = f"a `{kind.kind}` check has no metric `{metric}`"
        condition.key_problem(what, metric, kind.metrics)


def _report_condition(condition: Node, is_no_go: bool) -> None:
    text = condition.value
    if not isinstance(text, str):
        return
    waits = has_references(text)
    try:
        parsed = Condition.parse(_with_stand_ins(text) if waits else text)
    except ConditionProblem as problem:
        if not waits or any(r.name is not None for r in references(text)):
            condition.problem(str(problem))
        return
    if not waits and not is_no_go and not parsed.can_fail():
        condition.problem(f"`{text}` can never fail, so it protects nothing")


def _with_stand_ins(text: str) -> str:
    """A reference may stand where a number may: try the grammar with a 1 there."""
    pieces, end = [], 0
    for reference in references(text):
        pieces += [text[end : reference.start], "1"]
        end = reference.end
    return "".join([*pieces, text[end:]])


def _report_sampling(node: Node) -> None:
    sampling = node.get("sampling")
    policy = _policy_of(sampling)
    if sampling is None or policy is None:
        return
    if policy.interval is not None and policy.interval <= timedelta(0):
        (sampling.get("interval") or sampling).problem("`interval` must be longer than nothing")
    if policy.initial_delay < timedelta(0):
        (sampling.get("initial_delay") or sampling).problem("`initial_delay` cannot be negative")
    if policy.effective_count != 1 and policy.interval is None:
        count = (
            "several samples"
            if policy.effective_count
            else "sampling to the gate's end (`count: 0`)"
        )
        sampling.problem(f"{count} need an `interval`")
    if _forgives_all(policy):
        limit = sampling.get("failure_limit") or sampling
        limit.problem("a check that forgives every failure can never fail: lower `failure_limit`")
    if policy.effective_count:
        _report_limits(sampling, policy)


def _report_limits(sampling: Node, policy: SamplingPolicy) -> None:
    if policy.inconclusive_limit >= policy.effective_count:
        (sampling.get("inconclusive_limit") or sampling).problem(
            f"`inconclusive_limit` must be less than the {policy.effective_count} samples taken"
        )
    if policy.consecutive_success_limit > policy.effective_count:
        (sampling.get("consecutive_success_limit") or sampling).problem(
            f"{policy.consecutive_success_limit} passes in a row cannot happen "
            f"in {policy.effective_count} samples"
        )


def _forgives_all(policy: SamplingPolicy) -> bool:
    limit, count = policy.failure_limit, policy.effective_count
    return limit < 0 or 0 < count <= limit


def _policy_of(sampling: Node | None) -> SamplingPolicy | None:
    """None when there is none, or its shape is wrong, which is reported with the gate."""
    if sampling is None or not isinstance(sampling.value, dict):
        return None
    try:
        return SamplingPolicy.model_validate(sampling.value)
    except ValidationError:
        return None


def _report_timeout(node: Node) -> None:
    timeout = duration_of(node.get("timeout"))
    if timeout is not None and timeout <= timedelta(0):
        (node.get("timeout") or node).problem("`timeout` must be longer than nothing")
