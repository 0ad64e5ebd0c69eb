"""The runbook as Markdown: what the plan says, in the order in which somebody on call asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rollout.domain.durations import format_duration
from rollout.domain.plan import CheckSpec, GateSpec, Phase, Plan, StepSpec

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!$&@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069]+")

SEVERITIES = (
    (
        "P0",
        "error rate over 10 %; no sync for 2 hours; widespread corruption",
        "page on-call at once",
    ),
    (
        "P1",
        "error rate over 5 %; over 100 properties missing; the workflow does not fire",
        "2 hours",
    ),
    ("P2", "error rate 1-5 %; create queue over 200; accuracy under 95 %", "one business day"),
    ("P3", "under 1 % errors; edge cases; gaps in documents", "the weekly meeting"),
)
"""Severity, examples, response. Source: domain note, section 4."""


def runbook(plan: Plan, alerts: Sequence[Mapping[str, Any]]) -> str:
    """The same plan and alerts give the same text, to the letter.

    Texts of the plan are escaped: none of them can become a heading, a link or markup.
    """
    parts = [
        _head(plan),
        _contacts(plan),
        _severities(plan),
        _alerts(alerts),
        *(_phase(phase, plan) for phase in plan.phases),
        _checks(plan),
        _rollback(plan),
        _commands(plan),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Plain text for Markdown, on one line.

    >>> escaped("a | <b>\\n# [x](y)")
    'a \\\\| \\\\<b\\\\> \\\\# \\\\[x\\\\](y)'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(_UNSHOWN.sub(" ", text).split()))


def _head(plan: Plan) -> str:
    return (
        f"# Runbook: {escaped(plan.title)}\n\n"
        f"Made from the plan `{plan.plan}`, sha256 `{plan.sha256()}`. Times are in {escaped(plan.timezone)}. "
        "Do not edit it: change the plan and publish again."
    )


def _contacts(plan: Plan) -> str:
    rows = [
        (
            escaped(role.replace("_", " ")),
            escaped(", ".join(p.person for p in people)) or "nobody yet",
        )
        for role, people in plan.roles.items()
    ]
    return "## Contacts\n\n" + _table(("Role", "People"), rows)


def _severities(plan: Plan) -> str:
    rules = plan.notifications
    rows = []
    for severity, examples, response in SEVERITIES:
        routes = (
            next((r for name, r in rules.routes.items() if name == severity), []) if rules else []
        )
        told = "; ".join(
            escaped(", ".join(route.channels))
            + (f" after {format_duration(route.after)}" if route.after else "")
            + (" weekly" if route.weekly else "")
            for route in routes
        )
        rows.append((severity, examples, response, told or "not routed"))
    return "## Severities\n\n" + _table(("Severity", "For example", "Response", "Told"), rows)


def _alerts(alerts: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            a["severity"],
            escaped(a["title"]),
            f"{a['fires_when']} {a['threshold']:g} {escaped(a['unit'])}",
            escaped(a["if_it_fires"]),
        )
        for a in alerts
    ]
    heading = "## When a standing alert fires\n\n"
    return heading + _table(("Severity", "Alert", "Fires", "What to do"), rows) if rows else ""


def _phase(phase: Phase, plan: Plan) -> str:
    lines = [f"## Phase: {escaped(phase.title)}", ""]
    if phase.window is not None:
        lines.append(f"- Window: {escaped(_window(phase))}")
    for moment, names in (("Begins", phase.entry), ("Ends", phase.exit)):
        for name in names:
            lines.append(f"- {moment} when gate {escaped(_gate_title(name, plan))} says go.")
    if phase.soak is not None:
        lines.append(f"- Is watched for {format_duration(phase.soak.lasts)}.")
    if phase.sign_off is not None:
        lines.append(f"- Is signed by {escaped(', '.join(phase.sign_off.roles))}.")
    steps = list(_steps(phase.steps))
    if steps:
        lines += ["", *steps]
    return "\n".join(lines)


def _steps(steps: Sequence[StepSpec]) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        title = escaped(step.title or step.step.replace("_", " "))
        last = f" No way back: {escaped(step.irreversible)}" if step.irreversible else ""
        yield f"{number}. {title} (`{step.id}`).{last}"


def _window(phase: Phase) -> str:
    window = phase.window
    assert window is not None
    hours = ""
    if window.between is not None:
        hours = f", {window.between[0]:%H:%M} to {window.between[1]:%H:%M}"
    never = f", not on {', '.join(window.not_on)}" if window.not_on else ""
    return f"{', '.join(window.days)}{hours}{never}"


def _gate_title(name: str, plan: Plan) -> str:
    gate = plan.gates.get(name)
    return gate.title if gate is not None else name


def _checks(plan: Plan) -> str:
    parts = ["## When a check fails"]
    for gate in plan.gates.values():
        parts.append(f"### {escaped(gate.title)}\n\n{_of_gate(gate)}")
    return "\n\n".join(parts) if plan.gates else ""


def _of_gate(gate: GateSpec) -> str:
    return _table(("Severity", "Check", "Owner", "What to do"), [_row(c) for c in gate.checks])


def _row(check: CheckSpec) -> tuple[str, str, str, str]:
    owner = escaped(check.owner.replace("_", " "))
    return check.severity, escaped(check.title), owner, escaped(check.if_it_fails)


def _rollback(plan: Plan) -> str:
    if plan.rollback is None:
        return ""
    gates = "; ".join(escaped(_gate_title(name, plan)) for name in plan.rollback.gates)
    lines = [
        "## Rollback",
        "",
        f"To be done within {format_duration(plan.rollback.within)}. Before anything is undone:",
        "",
        *_steps(plan.rollback.steps),
        "",
        "Then every completed step is undone, the newest first; rows that others changed since are "
        f"left and listed. It is proven by: {gates}.",
    ]
    return "\n".join(lines)


def _commands(plan: Plan) -> str:
    return (
        "## Commands\n\n"
        "- `rollout status`: where the rollout stands, and whom it waits for.\n"
        "- `rollout decide hold --reason …`: stop here.\n"
        "- `rollout decide rollback --reason …`: begin the way back.\n"
        "- `rollout findings`: what is open, whose it is, and by when."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
