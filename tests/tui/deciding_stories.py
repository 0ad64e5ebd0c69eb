"""Logs that wait for a person, one for each kind of word."""

from __future__ import annotations

from typing import Any

from builders import PASS, Story

from rollout.domain.events import GateOpened
from rollout.domain.evidence import Decision, Verdict


def ready_story(story: Story | None = None) -> Story:
    """The pilot's entry gate is go: it waits for the lead."""
    story = (story or Story()).begin()
    story.stage("pilot", "open_entry", "pending", "entry_gate")
    fine = dict.fromkeys(("empty_keys", "told", "drift"), Verdict.PASS)
    story.gate("pilot", "entry", "ready", fine, Decision.GO)
    return story.stage("pilot", "entry_go", "entry_gate", "ready")


def attesting_story(story: Story | None = None) -> Story:
    """The entry gate waits for somebody's word."""
    story = (story or Story()).begin()
    story.stage("pilot", "open_entry", "pending", "entry_gate")
    return story.add(
        GateOpened(
            phase="pilot",
            attempt=1,
            moment="entry",
            gate="ready",
            round=1,
            checks=["empty_keys", "told", "drift"],
        )
    )


def signing_story(story: Story | None = None, **begun: Any) -> Story:
    """The pilot's exit gate is go and waits for two signatures."""
    story = (story or Story()).begin(**begun)
    story.stage("pilot", "proceed", "ready", "running")
    story.stage("pilot", "steps_done", "running", "exit_gate")
    story.gate("pilot", "exit", "verified", {"created": PASS}, Decision.GO)
    return story.stage("pilot", "ask_sign_off", "exit_gate", "sign_off")
