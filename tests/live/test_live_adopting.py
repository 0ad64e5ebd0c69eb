"""A changed plan beside a controller process: heard while it runs, read again after kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_processes import begin, finished, here, line_with, tiny_plan

WAITS = "waits for a person: attest told"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A store with a tiny rollout that was begun and is driven by nobody."""
    found = tmp_path / "tiny.db"
    code, _, err = here("start", tiny_plan(tmp_path), "--state", found)
    assert code == 0, err
    return found


@pytest.fixture
def controllers() -> Iterator[list[subprocess.Popen[str]]]:
    """Controllers of a test; those still alive at its end are killed."""
    begun: list[subprocess.Popen[str]] = []
    yield begun
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def drive(
    state: Path, controllers: list[subprocess.Popen[str]], **env: str
) -> subprocess.Popen[str]:
    process = begin("run", "--state", state, env=env)
    controllers.append(process)
    return process


def changed(folder: Path, *edits: tuple[str, str], gates: tuple[str, str] | None = None) -> Path:
    """The tiny plan with texts replaced, as a file of its own beside it."""
    text = (folder / "tiny.yaml").read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path = folder / "changed.yaml"
    path.write_text(text)
    if gates is not None:
        file = folder / "gates" / "all.yaml"
        written = file.read_text()
        assert gates[0] in written
        file.write_text(written.replace(*gates))
    return path


def status(state: Path) -> Any:
    return json.loads(here("status", "--state", state, "--json")[1])


def kinds(state: Path) -> list[str]:
    lines = here("log", "--state", state, "--json")[1].splitlines()
    return [json.loads(line)["kind"] for line in lines]


def adopt(plan: Path, state: Path, *more: str) -> tuple[int, str, str]:
    who = () if "--dry-run" in more else ("--by", "ann", "--reason", "the counted figures")
    return here("adopt-plan", plan, "--state", state, *who, *more)


def attest(state: Path) -> None:
    code, _, err = here(
        *("attest", "told", "--yes", "--by", "ann", "--role", "project_lead"),
        *("--note", "told them", "--state", state),
    )
    assert code == 0, err


def go(state: Path) -> None:
    code, _, err = here("decide", "go", "--by", "ann", "--reason", "ready", "--state", state)
    assert code == 0, err


def sign(state: Path, by: str = "bea") -> None:
    code, _, err = here(
        *("sign", "over", "--approve", "--by", by, "--role", "project_lead"),
        *("--reason", "it is over", "--key", state.parent / by, "--state", state),
    )
    assert code == 0, err


def test_a_running_controller_goes_on_by_the_plan_that_another_terminal_adopts(
    tmp_path: Path, state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    controller = drive(state, controllers)
    line_with(controller.stderr, WAITS)
    plan = changed(
        tmp_path,
        ("- {step: wait, id: pause, for: 1s}", "- {step: wait, id: longer, for: 0s}"),
        ("title: The only phase", "title: The only phase there is"),
    )
    code, out, err = adopt(plan, state)
    assert code == 0, err
    assert "step pause of only: removed" in out
    assert "adopted a changed plan" in out.splitlines()[-1]
    line_with(controller.stderr, "goes on by the plan")
    attest(state)
    line_with(controller.stderr, "waits for a person: proceed")
    go(state)
    line_with(controller.stderr, "waits for a person: sign over")
    sign(state)
    assert finished(controller)[0] == 0
    now = status(state)
    assert (now["outcome"], now["phases"][0]["title"]) == ("completed", "The only phase there is")
    assert (now["plan_number"], kinds(state).count("plan_adopted")) == (2, 1)
    assert here("verify", "--state", state)[0] == 0


def test_a_changed_gate_is_asked_again_while_the_controller_runs(
    tmp_path: Path, state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    controller = drive(state, controllers)
    line_with(controller.stderr, WAITS)
    attest(state)
    line_with(controller.stderr, "waits for a person: proceed")
    statement = ("statement: Everybody was told.", "statement: Everybody was told twice.")
    plan = changed(tmp_path, ("title: A tiny rollout", "title: A tiny rollout"), gates=statement)
    code, out, _ = adopt(plan, state)
    assert code == 0
    assert "asked anew: ready" in out
    assert "what people said of these checks is void: told" in out
    line_with(controller.stderr, WAITS)
    assert status(state)["phases"][0]["stage"] == "entry_gate"


def test_a_controller_that_was_killed_comes_back_with_the_adopted_plan(
    tmp_path: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    state = tmp_path / "slow.db"
    assert here("start", tiny_plan(tmp_path, wait="1h"), "--state", state)[0] == 0
    first = drive(state, controllers)
    line_with(first.stderr, WAITS)
    attest(state)
    line_with(first.stderr, "waits for a person: proceed")
    os.kill(first.pid, signal.SIGKILL)
    first.wait(timeout=30)
    plan = changed(tmp_path, ("for: 1h", "for: 0s"))
    assert adopt(plan, state)[0] == 0  # nobody drives it: the log is all there is
    second = drive(state, controllers)
    line_with(second.stderr, "waits for a person: proceed")
    go(state)
    line_with(second.stderr, "waits for a person: sign over")
    assert kinds(state).count("step_started") == 2


def test_a_plan_that_a_begun_step_stands_against_is_refused_and_nothing_moves(
    tmp_path: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    state = tmp_path / "slow.db"
    assert here("start", tiny_plan(tmp_path, wait="1h"), "--state", state)[0] == 0
    controller = drive(state, controllers)
    line_with(controller.stderr, WAITS)
    attest(state)
    line_with(controller.stderr, "waits for a person: proceed")
    go(state)
    line_with(controller.stderr, "pause ends then")
    before = status(state)["events"]
    code, out, err = adopt(changed(tmp_path, ("for: 1h", "for: 0s")), state)
    assert code == 1
    assert "step pause of only (running) is another one now" in out
    assert "say retry first" in out
    assert "refused, and nothing was recorded" in err
    assert status(state)["events"] == before


def test_a_look_shows_everything_and_records_nothing(tmp_path: Path, state: Path) -> None:
    same = changed(tmp_path)
    same.write_text("# only a comment\n" + same.read_text())
    code, out, _ = adopt(same, state, "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["difference"]["identical"] is True
    code, out, _ = adopt(same, state)
    assert (code, kinds(state)) == (0, ["rollout_created"])
    assert "nothing to adopt" in out
    code, out, err = adopt(
        changed(tmp_path, ("title: A tiny", "title: A very tiny")), state, "--dry-run"
    )
    assert (code, kinds(state)) == (0, ["rollout_created"])
    assert "title: A tiny rollout -> A very tiny rollout" in out
    assert "nothing was recorded" in err


CONNECTED = (
    "timezone: UTC",
    'timezone: UTC\nconnections: {oncall: {uses: notify, urls: ["${env:TOLD}"]}}',
)


def test_a_controller_without_the_new_connections_variable_says_so_and_ends(
    tmp_path: Path, state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    controller = drive(state, controllers)
    line_with(controller.stderr, WAITS)
    assert adopt(changed(tmp_path, CONNECTED), state)[0] == 0
    code, _, err = finished(controller)
    assert code == 2
    assert "TOLD" in err
    assert "start `rollout run` again" in err
    line_with(drive(state, controllers, TOLD="json://127.0.0.1:9").stderr, WAITS)


def test_a_controller_that_has_the_variable_reconnects(
    tmp_path: Path, state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    controller = drive(state, controllers, TOLD="json://127.0.0.1:9")
    line_with(controller.stderr, WAITS)
    assert adopt(changed(tmp_path, CONNECTED), state)[0] == 0
    line_with(controller.stderr, "goes on by the plan")
    assert controller.poll() is None


PLUGIN = """
from typing import ClassVar
from pydantic import BaseModel
from rollout.domain.evidence import Observation

class Inputs(BaseModel):
    pass

class Always:
    kind: ClassVar = "always"
    Inputs: ClassVar = Inputs
    primary: ClassVar = "value"
    metrics: ClassVar = {"value": "one"}
    default_go: ClassVar = {"value": "= 1"}

    def observe(self, inputs, context):
        return Observation(metrics={"value": 1}, source="here", as_of=context.now)
"""


def test_a_controller_without_a_kind_of_the_new_plan_says_so_and_ends(
    tmp_path: Path, state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    plugin = tmp_path / "always.py"
    plugin.write_text(PLUGIN)
    controller = drive(state, controllers)
    line_with(controller.stderr, WAITS)
    plan = changed(
        tmp_path, gates=("{check: none_open, kind: findings,", "{check: none_open, kind: always,")
    )
    code, _, err = adopt(plan, state, "--plugins", str(plugin))
    assert code == 0, err
    code, _, err = finished(controller)
    assert code == 2
    assert "check kind 'always' is not installed" in err
    assert "start `rollout run` again" in err


def test_of_two_terminals_that_adopt_at_once_one_wins_and_the_other_is_told(
    tmp_path: Path, state: Path
) -> None:
    plans = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.yaml"
        path.write_text((tmp_path / "tiny.yaml").read_text().replace("A tiny", f"A {name}"))
        plans.append(path)
    both = [
        begin(
            *("adopt-plan", path, "--state", state, "--by", by, "--reason", "mine"),
            *("--seen", "1", "--json"),
        )
        for path, by in zip(plans, ("ann", "bea"), strict=True)
    ]
    ended = [finished(process) for process in both]
    assert sorted(code for code, _, _ in ended) == [0, 1]
    loser = next(json.loads(out) for code, out, _ in ended if code == 1)
    assert "somebody was quicker" in loser["refused"]
    assert kinds(state) == ["rollout_created", "plan_adopted"]
