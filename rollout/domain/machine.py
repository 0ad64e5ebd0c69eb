"""The state machine of a plan: which triggers are legal where. Deciding is not done here.

`transitions` holds the table, answers look-ups and draws the graph; it is never driven. No
callbacks, no guards, no automatic transitions: a rule that refuses must say why, and lives in
`decide.py`. Source: the design, section 4; hazards of the library: reference `style.md` section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from transitions.extensions.nesting import HierarchicalMachine, NestedState

from rollout.domain.state import STAGES


class _DottedState(NestedState):
    separator = "."


class _Machine(HierarchicalMachine):
    state_cls = _DottedState


TRANSITIONS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("open_entry", ("pending",), "entry_gate"),
    ("entry_go", ("entry_gate",), "ready"),
    ("entry_no_go", ("entry_gate",), "held"),
    ("proceed", ("ready",), "running"),
    ("steps_done", ("running",), "exit_gate"),
    ("step_failed", ("running",), "held"),
    ("gate_no_go", ("running",), "held"),
    ("exit_go", ("exit_gate",), "passed"),
    ("ask_sign_off", ("exit_gate",), "sign_off"),
    ("exit_no_go", ("exit_gate",), "held"),
    ("signed", ("sign_off",), "passed"),
    ("sign_off_refused", ("sign_off",), "held"),
    ("hold", ("entry_gate", "ready", "running", "exit_gate", "sign_off"), "held"),
    ("resume_entry_gate", ("held",), "entry_gate"),
    ("resume_ready", ("held",), "ready"),
    ("resume_running", ("held",), "running"),
    ("resume_exit_gate", ("held",), "exit_gate"),
    ("resume_sign_off", ("held",), "sign_off"),
    ("retry", ("held", "rolled_back"), "pending"),
    (
        "roll_back",
        (
            *("entry_gate", "ready", "running", "exit_gate", "sign_off", "held"),
            *("rolled_back", "rollback_failed"),  # further back than before
        ),
        "rolling_back",
    ),
    ("ask_again", ("ready",), "entry_gate"),
    ("ask_again", ("sign_off",), "exit_gate"),
    ("plan_changed", ("running", "exit_gate", "sign_off"), "held"),
    ("undone", ("rolling_back",), "rolled_back"),
    ("undo_failed", ("rolling_back",), "rollback_failed"),
    ("retry_rollback", ("rollback_failed",), "rolling_back"),
)
"""(trigger, source stages, target stage) within one phase. Between phases: `next_phase` from
`passed` to the following phase's `pending`, `restart` from `held` or `rolled_back` to an earlier
phase's `pending`, `abort` from wherever a person may act to `aborted`, `end` from `rolled_back`."""

_MAY_ABORT = ("ready", "held", "sign_off", "entry_gate", "exit_gate", "rollback_failed")


class PlanMachine:
    """The table of one plan, nested `<phase>.<stage>`."""

    def __init__(self, phases: Sequence[str]) -> None:
        self.phases = list(phases)
        self._machine = _Machine(
            states=_states(self.phases),
            transitions=_table(self.phases),
            initial=f"{self.phases[0]}.pending",
            auto_transitions=False,
            send_event=False,
            model=None,
        )

    def target(self, phase: str, stage: str, trigger: str) -> str | None:
        """Where `trigger` leads from `<phase>.<stage>`, as a state name; None when it is not legal.

        >>> PlanMachine(["pilot"]).target("pilot", "ready", "proceed")
        'pilot.running'
        >>> PlanMachine(["pilot"]).target("pilot", "pending", "proceed") is None
        True
        """
        found = self._machine.get_transitions(trigger, f"{phase}.{stage}")
        return str(found[0].dest) if found else None

    def legal(self, phase: str, stage: str) -> list[str]:
        """Triggers that are legal in `<phase>.<stage>`, in the table's order.

        >>> PlanMachine(["pilot"]).legal("pilot", "rollback_failed")
        ['roll_back', 'retry_rollback', 'abort']
        """
        return [t for t in self._triggers() if self.target(phase, stage, t) is not None]

    def _triggers(self) -> list[str]:
        return list(dict.fromkeys(t["trigger"] for t in _table(self.phases)))


def _states(phases: Iterable[str]) -> list[Any]:
    nested: list[Any] = [
        {"name": phase, "children": list(STAGES), "initial": "pending"} for phase in phases
    ]
    return [*nested, "completed", "ended_rolled_back", "aborted"]


def _table(phases: Sequence[str]) -> list[dict[str, str]]:
    rows = [
        {"trigger": trigger, "source": f"{phase}.{source}", "dest": f"{phase}.{target}"}
        for phase in phases
        for trigger, sources, target in TRANSITIONS
        for source in sources
    ]
    for position, phase in enumerate(phases):
        following = phases[position + 1] if position + 1 < len(phases) else None
        rows.append(
            {
                "trigger": "next_phase",
                "source": f"{phase}.passed",
                "dest": f"{following}.pending" if following else "completed",
            }
        )
        rows += [
            {
                "trigger": f"restart_{earlier}",
                "source": f"{phase}.{stage}",
                "dest": f"{earlier}.pending",
            }
            for earlier in phases[:position]
            for stage in ("held", "rolled_back")
        ]
        rows += [
            {"trigger": "abort", "source": f"{phase}.{stage}", "dest": "aborted"}
            for stage in _MAY_ABORT
        ]
        rows.append(
            {"trigger": "end", "source": f"{phase}.rolled_back", "dest": "ended_rolled_back"}
        )
    return rows


def draw(phases: Sequence[str], output: Literal["mermaid", "dot"]) -> str:
    """The machine as text. `output`: `mermaid` (a state diagram) or `dot` (Graphviz).

    Restarts are left out of the drawing: one edge per pair of phases hides everything else.
    """
    from transitions.extensions.diagrams import HierarchicalGraphMachine

    class _GraphMachine(HierarchicalGraphMachine):
        state_cls = _DottedState

    machine = _GraphMachine(
        states=_states(phases),
        transitions=[r for r in _table(phases) if not r["trigger"].startswith("restart_")],
        initial=f"{phases[0]}.pending",
        auto_transitions=False,
        graph_engine="mermaid" if output == "mermaid" else "graphviz",
        title="rollout",
    )
    return str(machine.get_graph().source)
