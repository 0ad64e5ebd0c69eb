"""Everybody who answers in a live rollout, as commands from terminals of their own."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any

from live_processes import rollout, status

PERSON = {
    "project_lead": "lead",
    "data_engineering": "data-engineer",
    "sales_ops": "sales-operations",
    "salesforce_admin": "salesforce-administrator",
}


def answer_until_over(state: Path, within_s: float, pause: Any) -> dict[str, Any]:
    """Answer what the status waits for, and waive whatever holds it: its clock runs too fast for some
    checks. The last status."""
    until = monotonic() + within_s
    while monotonic() < until:
        now = status(state)
        if now["outcome"]:
            return now
        if not any(_answered(state, now, choice) for choice in _awaited(now)):
            pause(1.0)
    return status(state)


def _awaited(now: dict[str, Any]) -> list[dict[str, Any]]:
    """Waivers first, so that resume comes when nothing blocks any more."""
    if any(p["stage"] == "held" for p in now["phases"]):
        waive = [c for c in now["next"] if c["action"] == "waive"]
        resume = [c for c in now["next"] if c["action"] == "resume"]
        return waive[:1] or resume[:1]
    return [c for c in now["next"] if c["awaited"]]


def _answered(state: Path, now: dict[str, Any], choice: dict[str, Any]) -> bool:
    action, subject, role = choice["action"], choice["subject"], choice["roles"][0]
    who = ("--state", state, "--by", PERSON[role], "--role", role, "--seen", now["events"])
    if action == "attest":
        said = rollout("attest", subject, "--yes", "--note", "seen", *who)
    elif action == "sign":
        said = rollout("sign", subject, "--approve", "--reason", "the evidence shows it", *who)
    elif action == "waive":
        said = rollout("waive", subject, "--reason", "the clock runs too fast", *who)
    elif action in {"proceed", "resume"}:
        word = "go" if action == "proceed" else action
        said = rollout("decide", word, "--reason", "as planned", *who)
    else:
        return False
    return said[0] == 0
