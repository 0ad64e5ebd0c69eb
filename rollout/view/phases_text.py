"""The phases one below the other, with who signed what of the current one."""

from __future__ import annotations

from rollout.domain.state import RolloutState
from rollout.view.marks import MARKS, PASS, WAIT
from rollout.view.model import StatusView
from rollout.view.plan_words import PlanWords
from rollout.view.text import clip, wrap


def phases_lines(
    view: StatusView,
    state: RolloutState,
    words: PlanWords,
    width: int,
    *,
    ascii_only: bool = False,
) -> list[str]:
    """At most `width` columns a line; the stage of each phase that has begun."""
    lines: list[str] = []
    for number, phase in enumerate(view.phases, 1):
        mark = MARKS[phase.word].shown(ascii_only=ascii_only)
        first, *rest = wrap(f"{number} {phase.title}", width, " " * 8)
        lines += [f"{mark}".ljust(8) + first.lstrip(), *rest]
        if phase.stage != "pending" and not phase.is_passed:
            done = f", {phase.steps_done}/{phase.steps_total} steps"
            steps = done if phase.steps_total and not phase.undone else ""
            again = f", attempt {phase.attempt}" if phase.attempt > 1 else ""
            lines.append(f"{' ' * 10}{phase.in_words()}{steps}{again}")
    lines += _sign_offs(state, words, ascii_only=ascii_only)
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def _sign_offs(state: RolloutState, words: PlanWords, *, ascii_only: bool) -> list[str]:
    phase = state.current_phase()
    rule = words.phase(phase.id).sign_off if phase is not None else None
    if phase is None or rule is None:
        return []
    given = {
        s.role: s.by
        for s in state.signatures
        if (s.phase, s.attempt, s.approve) == (phase.id, phase.attempt, True)
    }
    lines = ["", f"Sign-offs of {phase.id}: {len(given)}/{len(rule.roles)}"]
    for role in rule.roles:
        mark = (PASS if role in given else WAIT).shown(ascii_only=ascii_only)
        lines.append(f"{mark}".ljust(8) + " ".join(filter(None, [role, given.get(role, "")])))
    return lines
