"""What a person would type for a choice that is shown."""

from __future__ import annotations

import shlex

from rollout.view.model import ChoiceView

_WORDS = {"proceed": "go", "roll_back": "rollback"}
"""The log's word -> the one that people type. Source: `cli/decide.py`."""


def command_of(choice: ChoiceView) -> str:
    """The command, with a word in capitals for each thing that only the person knows.

    >>> command_of(ChoiceView(action="attest", subject="told", roles=["sales_ops"], why="", awaited=True))
    'rollout attest told --yes --by NAME --role sales_ops --note TEXT'
    """
    subject = shlex.quote(choice.subject) if choice.subject else ""
    role = shlex.quote(choice.roles[0]) if choice.roles else "ROLE"
    who = f"--by NAME --role {role}"
    if choice.action == "attest":
        return f"rollout attest {subject} --yes {who} --note TEXT"
    if choice.action == "sign":
        return f"rollout sign {subject} --approve {who} --reason TEXT"
    if choice.action == "waive":
        return f"rollout waive {subject} {who} --reason TEXT"
    if choice.action == "adopt_plan":
        return f"rollout adopt-plan PLAN {who} --reason TEXT"
    word = _WORDS.get(choice.action, choice.action)
    if choice.action == "settle":
        return f"rollout decide settle {subject} --run-id N --by NAME --reason TEXT"
    about = f" {subject}" if choice.action == "restart" else ""
    return f"rollout decide {word}{about} --by NAME --reason TEXT"
