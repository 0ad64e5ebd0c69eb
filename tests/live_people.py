"""Everybody who answers in a live rollout, as commands from terminals of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from live_processes import rollout

PERSON = {
    "project_lead": "lead",
    "data_engineering": "data-engineer",
    "sales_ops": "sales-operations",
    "salesforce_admin": "salesforce-administrator",
}

Look = Callable[[str], int | None]
"""What a person finds in Census for an effect nobody knows the end of: the run, or that there is none."""


def nobody_looks(effect: str) -> int | None:
    raise AssertionError(f"{effect} waits for a person, and nobody was to be asked")


@dataclass
class People:
    """They answer what the status waits for, and waive nothing: whatever holds the rollout ends the
    test. `recorded` are the numbers of the events that their commands said they became."""

    state: object
    env: Mapping[str, str]
    look: Look = nobody_looks
    recorded: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def answer(self, now: Mapping[str, Any]) -> bool:
        """Answer one thing that is awaited; whether anything was recorded."""
        held = [p for p in now["phases"] if p["stage"] in {"held", "rollback_failed"}]
        assert not held, f"{held[0]['id']} is {held[0]['stage']}: {held[0]['reason']}"
        return any(self._answered(now, choice) for choice in now["next"] if choice["awaited"])

    def _answered(self, now: Mapping[str, Any], choice: Mapping[str, Any]) -> bool:
        action, subject, role = choice["action"], choice["subject"], choice["roles"][0]
        words = self._words(action, subject)
        if not words:
            return False
        code, out, err = rollout(
            *words,
            *("--state", self.state, "--by", PERSON[role], "--role", role),
            *("--seen", now["events"], "--json"),
            env=self.env,
        )
        if code != 0:  # the log moved on meanwhile: the next look tells what is awaited then
            self.said.append(f"{action} {subject}: {out or err}")
            return False
        self.recorded += [event["seq"] for event in json.loads(out)["recorded"]]
        self.said.append(f"{action} {subject}")
        return True

    def _words(self, action: str, subject: str) -> tuple[object, ...]:
        """The command that answers; none for what these people leave alone."""
        if action == "attest":
            return ("attest", subject, "--yes", "--note", "seen")
        if action == "sign":
            return ("sign", subject, "--approve", "--reason", "the evidence shows it")
        if action == "proceed":
            return ("decide", "go", "--reason", "as planned")
        return self._settling(subject) if action == "settle" else ()

    def _settling(self, effect: str) -> tuple[object, ...]:
        run_id = self.look(effect)
        found = ("--run-id", run_id) if run_id is not None else ()
        return ("decide", "settle", effect, "--reason", "looked in Census", *found)
