"""Beginning a rollout, and keeping production and sandbox apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_processes import here, tiny_plan


def test_the_first_event_pins_the_plan_and_the_store_holds_it(tmp_path: Path) -> None:
    plan, state = tiny_plan(tmp_path), tmp_path / "s.db"
    code, out, err = here("start", plan, "--state", state, "--json")
    assert code == 0, err
    begun = json.loads(out)
    assert begun["plan_sha256"] == json.loads(here("validate", plan, "--json")[1])["sha256"]
    plan.unlink()  # nothing needs the file any more
    assert here("check", "clean", "--state", state)[0] == 0


def test_a_rollout_is_begun_once(tmp_path: Path) -> None:
    plan, state = tiny_plan(tmp_path), tmp_path / "s.db"
    assert here("start", plan, "--state", state)[0] == 0
    code, _, err = here("start", plan, "--state", state)
    assert code == 2
    assert "holds a rollout 'tiny' already" in err


def test_a_store_of_production_is_not_driven_as_a_sandbox(tmp_path: Path) -> None:
    plan, state = tiny_plan(tmp_path), tmp_path / "s.db"
    assert here("start", plan, "--state", state)[0] == 0
    code, _, err = here("run", "--env", "sandbox", "--state", state)
    assert code == 2
    assert "belongs to the profile 'prod', not 'sandbox'" in err


def test_a_rehearsal_is_not_driven_live(tmp_path: Path) -> None:
    from rollout.store.opening import open_store

    open_store(tmp_path / "r.db", create=True, profile="rehearsal").close()
    code, _, err = here("run", "--state", tmp_path / "r.db")
    assert code == 2
    assert "rehearsal" in err


def test_a_sandbox_without_its_file_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUT_SANDBOX", "")
    code, _, err = here(
        *("start", tiny_plan(tmp_path), "--env", "sandbox", "--state", tmp_path / "s.db")
    )
    assert code == 2
    assert "--sandbox FILE" in err


def test_an_unknown_decision_names_those_there_are(tmp_path: Path) -> None:
    code, _, err = here(
        "decide", "maybe", "--by", "ann", "--reason", "x", "--state", tmp_path / "s.db"
    )
    assert code == 2
    assert "go, hold, resume" in err


def test_production_does_not_begin_without_the_keys_of_those_who_sign(tmp_path: Path) -> None:
    plan, state = tiny_plan(tmp_path), tmp_path / "s.db"
    lines = plan.read_text().splitlines()
    plan.write_text(
        "\n".join(
            "  project_lead: [{person: ann}, {person: bea}]" if "ann" in line else line
            for line in lines
        )
    )
    code, _, err = here("start", plan, "--state", state)
    assert code == 2
    assert "phase only: nobody who signs as project_lead has a key" in err
