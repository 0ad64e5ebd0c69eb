"""Rules of phases: when they may write, how long they watch, who signs, what has no way back."""

from __future__ import annotations

import re
from datetime import date, timedelta

from pydantic import TypeAdapter, ValidationError

from rollout.domain.condition import Condition
from rollout.domain.errors import ConditionProblem
from rollout.domain.four_eyes import LEAD, can_be_signed
from rollout.domain.plan import Window
from rollout.loader.draft import STEP_KEYS, Draft, StepDraft
from rollout.loader.inputs import validate_inputs
from rollout.loader.nodes import Node
from rollout.loader.rules_names import report_names
from rollout.loader.values import duration_of, duration_of_text

_DAYS_WITHOUT_NAME = ("holidays", "quarter_end")
_WINDOW = TypeAdapter(Window)


def report_phases(draft: Draft) -> None:
    """Every rule of this module, over every phase and the way back."""
    for step in draft.steps:
        _report_step(step, draft)
    for number, phase in enumerate(draft.phases()):
        steps = [step for step in draft.steps if step.at[0] == number]
        _report_guard(phase, steps)
        _report_soak(phase)
        _report_window(phase, draft)
        _report_sign_off(phase, draft)


def _report_step(step: StepDraft, draft: Draft) -> None:
    node, kind = step.node, step.kind
    if kind is None:
        name = node.text("step")
        if name is not None:
            known = list(draft.step_kinds)
            (node.get("step") or node).problem(f"unknown kind of step `{name}`", name, known)
        return
    validate_inputs(node, kind, STEP_KEYS, step.inputs, draft.flawed_in(node))
    report_names(node, kind, draft, step.at)
    reason = node.get("irreversible")
    if reason is not None and isinstance(reason.value, str) and not reason.value.strip():
        reason.problem("`irreversible` must say why there is no way back")
    elif reason is None and kind.writes and not kind.has_undo:
        node.problem(
            f"a `{kind.kind}` step writes and has no undo: say `irreversible: <reason>`, "
            "or use a step that can be undone"
        )


def _report_guard(phase: Node, steps: list[StepDraft]) -> None:
    """What a phase changed must be looked at before the next one begins."""
    if not any(step.kind is not None and step.kind.writes for step in steps):
        return
    if not phase.members("exit") and not _soak_gates(phase):
        (phase.get("phase") or phase).problem(
            f"phase `{phase.text('phase')}` writes, but no `exit` gate looks at the result"
        )


def _soak_gates(phase: Node) -> list[Node]:
    soak = phase.get("soak")
    sections = ("checkpoints", "every")
    return [
        g
        for key in sections
        for _, gates in (soak.named(key) if soak else [])
        for g in gates.each()
    ]


def _report_soak(phase: Node) -> None:
    soak = phase.get("soak")
    if soak is None or not isinstance(soak.value, dict):
        return
    lasts = duration_of(soak.get("for"))
    if lasts is not None and lasts <= timedelta(0):
        (soak.get("for") or soak).problem("a soak must be longer than nothing")
    for section in ("checkpoints", "every"):
        for label, gates in soak.named(section):
            _report_label(section, label, gates, lasts)
    if not _soak_gates(phase):
        soak.problem("a soak without gates watches nothing: give `checkpoints` or `every`")
    _report_coverage(soak.get("min_coverage"))


def _report_label(section: str, label: str, gates: Node, lasts: timedelta | None) -> None:
    age = duration_of_text(label)
    if age is None:
        gates.key_problem(f"`{label}` is not a duration such as 30m, 4h or 2d")
    elif age <= timedelta(0):
        gates.key_problem(f"`{label}` must be longer than nothing")
    elif lasts is not None and age > lasts > timedelta(0):
        gates.key_problem(f"`{label}` lies after the end of the soak")
    if gates.value == []:
        gates.problem(f"there is no gate {'at' if section == 'checkpoints' else 'every'} {label}")


def _report_coverage(coverage: Node | None) -> None:
    if coverage is None or not isinstance(coverage.value, str):
        return
    try:
        able = Condition.parse(f">= {coverage.value}").can_fail()
    except ConditionProblem:
        able = False
    share = re.match(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*\Z", coverage.value)
    if not able or share is None or float(share.group(1)) > 100:
        coverage.problem(f"`{coverage.value}` must be a share above 0 %, such as 95 %")


def _report_window(phase: Node, draft: Draft) -> None:
    window = phase.get("window")
    if window is None or not isinstance(window.value, dict):
        return
    days = window.get("days")
    if days is not None and days.value == []:
        days.problem("a window without days never opens")
    for entry in window.members("not_on"):
        _report_day(entry, draft)
    try:
        between = _WINDOW.validate_python(window.value).between
    except ValidationError:
        return  # its shape is reported with the plan
    if between is None:
        return
    where = window.get("between") or window
    if between[0].tzinfo or between[1].tzinfo:
        where.problem('times are in the plan\'s own time zone, written like "10:00"')
    elif between[0] >= between[1]:
        where.problem(
            f"the window closes ({between[1]:%H:%M}) before it opens ({between[0]:%H:%M})"
        )


def _report_day(entry: Node, draft: Draft) -> None:
    day = entry.value
    if not isinstance(day, str):
        return
    if day == "holidays" and draft.plan.text("holidays") is None:
        entry.problem("`holidays` needs the plan to say whose: `holidays: US` at its top")
    if day in _DAYS_WITHOUT_NAME:
        return
    try:
        date.fromisoformat(day)
    except ValueError:
        what = f'`{day}` is neither holidays, quarter_end nor a date such as "2026-12-24"'
        entry.problem(what, day, _DAYS_WITHOUT_NAME)


def _report_sign_off(phase: Node, draft: Draft) -> None:
    sign_off = phase.get("sign_off")
    if sign_off is None:
        return
    if not phase.members("exit"):
        sign_off.key_problem("`sign_off` needs an `exit` gate: people sign what a gate found")
    expires = duration_of(sign_off.get("expires"))
    if expires is not None and expires <= timedelta(0):
        (sign_off.get("expires") or sign_off).problem("`expires` must be longer than nothing")
    people = {role: _people(node) for role, node in draft.plan.named("roles")}
    asked: dict[str, set[str]] = {}
    for role in sign_off.members("roles"):
        if not isinstance(role.value, str):
            continue
        if role.value not in people:
            role.problem(f"the plan has no role `{role.value}`", role.value, people)
        elif not people[role.value]:
            role.problem(f"nobody has the role `{role.value}`")
        elif role.value in asked:
            role.problem(f"role `{role.value}` is asked twice")
        else:
            asked[role.value] = people[role.value]
    _report_too_few(sign_off, asked, people.get(LEAD, set()), draft.plan.text("author"))


def _report_too_few(
    sign_off: Node, asked: dict[str, set[str]], leads: set[str], author: str | None
) -> None:
    where = sign_off.get("roles") or sign_off
    if not can_be_signed(list(asked), asked, four_eyes=False):
        where.problem("each role must be signed for by a different person, and there are too few")
        return
    four_eyes = sign_off.get("four_eyes")
    if not asked or (four_eyes is not None and four_eyes.value is False):
        return
    people = {LEAD: leads, **asked}
    if not can_be_signed(list(asked), people, four_eyes=True, author=author):
        where.problem(
            "nobody could sign who does not also decide or write the plan: add a role or a person, or "
            "say `four_eyes: false`"
        )


def _people(role: Node) -> set[str]:
    return {name for person in role.each() if (name := person.text("person"))}
