"""`drill`: a small plan of one sync against a fault of each sort, in a small world."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path
from typing import Any

import live_processes
import pytest
from commands import Ended, here
from drills import SCENARIOS, drilled_folder

from rollout.cli.drill_jobs import Answer, Job
from rollout.cli.drill_workers import run_jobs
from rollout.rehearsal.catalogue import named_faults
from rollout.rehearsal.drill.mutants import mutants
from rollout.wiring import scenarios_beside

CONTRACT = ["id", "detected", "phase", "gate", "check", "after_s", "wrong_rows", "restored"]
"""The design, section 10."""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drilled_folder(tmp_path_factory.mktemp("drill"), *SCENARIOS)


@pytest.fixture(scope="module")
def ended(plan: Path) -> Ended:
    return Ended(*live_processes.here("drill", plan, "--json", "--workers", 1))


def faults(ended: Ended) -> dict[str, dict[str, Any]]:
    return {fault["id"]: fault for fault in ended.json()["faults"]}


def checks(ended: Ended) -> dict[str, dict[str, Any]]:
    return {check["id"]: check for check in ended.json()["checks"]}


def test_json_keeps_the_contract_and_a_pipe_hears_nothing_else(ended: Ended) -> None:
    found = ended.json()
    assert (ended.code, ended.err) == (1, "")
    assert list(found)[:5] == ["faults", "checks", "detected", "total", "wall_s"]
    assert all(list(fault)[:8] == CONTRACT for fault in found["faults"])
    assert all(list(check)[:3] == ["id", "notices", "sole_guard_of"] for check in found["checks"])
    assert (found["detected"], found["total"], found["to_notice"]) == (4, 10, 7)
    assert (found["missed"], found["failed"]) == (["odd.odd", "renamed"], ["broken"])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("grown", ["before", "queue_size", 0.0, 0, None]),  # noticed before anything was written
        ("foreign", ["after", "target_rows", 25 * 60.0, 3, False]),  # others' rows are left alone
        (
            "shouted",
            ["after", "names_right", 35 * 60.0, 40, True],
        ),  # created rows are deleted again
    ],
)
def test_a_fault_is_noticed_measured_and_taken_back(
    ended: Ended, name: str, told: list[object]
) -> None:
    fault = faults(ended)[name]
    assert (fault["came"], fault["detected"], fault["phase"]) == ("noticed", True, "only")
    assert [fault[key] for key in CONTRACT[3:]] == told


def test_a_step_that_gives_up_counts_as_detected_without_a_check(ended: Ended) -> None:
    fault = faults(ended)["refused"]
    assert (fault["came"], fault["detected"], fault["step"]) == ("stopped_by_step", True, "full")
    assert (fault["gate"], fault["check"], fault["wrong_rows"]) == (None, None, 0)


def test_what_nobody_notices_is_named_with_the_rows_it_left_wrong(ended: Ended) -> None:
    fault = faults(ended)["renamed"]
    assert (fault["came"], fault["detected"], fault["outcome"]) == ("unnoticed", False, "completed")
    assert (fault["wrong_rows"], fault["restored"]) == (40, None)


def test_what_must_be_lived_with_is_not_undetected(ended: Ended) -> None:
    found = faults(ended)
    came = {name: found[name]["came"] for name in ("lost.lost", "odd.never", "lost.mended")}
    assert list(came.values()) == ["survived", "never_happened", "mends"]
    assert found["lost.lost"]["wrong_rows"] == 0


def test_a_rehearsal_that_breaks_is_an_error_of_its_fault(ended: Ended) -> None:
    fault = faults(ended)["broken"]
    assert (fault["came"], fault["detected"]) == ("failed", False)
    assert "nowhere.at" in fault["error"]


def test_a_check_that_says_no_without_any_fault_has_noticed_nothing(ended: Ended) -> None:
    assert faults(ended)["odd.odd"]["came"] == "unnoticed"
    worlds = {w["scenarios"][0]: w for w in ended.json()["undisturbed"]}
    assert worlds["odd"]["stopped_by"] == ["only/before/queue_size"]
    assert worlds["broken"]["stopped_by"] == []
    assert worlds["broken"]["outcome"] == "completed"


def test_each_check_knows_what_it_guards(ended: Ended) -> None:
    found = checks(ended)
    guards = {name: c["sole_guard_of"] for name, c in found.items() if c["sole_guard_of"]}
    assert guards == {
        "queue_size": ["grown"],
        "target_rows": ["foreign"],
        "names_right": ["shouted"],
    }
    silent = [name for name, c in found.items() if c["asked"] and not c["notices"]]
    assert silent == ["queue_small", "queue_empty", "seen_only"]
    assert found["seen_only"]["shadow"]
    assert found["back_rows"]["asked"] == 0


def test_words_fit_80_columns_and_a_terminal_sees_progress(
    plan: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    capsys.readouterr()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ended = here(capsys, "drill", plan, "--only", "odd", "--ascii", "--workers", 1)
    assert ended.code == 1
    assert all(len(line) <= 80 for line in ended.out.splitlines())
    assert "X FAIL  odd.odd" in ended.out
    assert "Unguarded: no gate notices odd.odd." in ended.out
    assert ended.err.splitlines() == [
        "drill: 2 faults, 1 rehearsals without any",
        "drill: 1 of 2: odd.odd: noticed by nobody; it ended held",
        "drill: 2 of 2: odd.never: never happened: its moment did not come",
    ]


def test_a_list_is_the_faults_of_the_scenarios(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = here(capsys, "drill", plan, "--list", "--json").json()["faults"]
    assert [f["id"] for f in listed] == [
        "broken", "foreign", "grown", "lost.lost", "lost.mended", "odd.odd", "odd.never", "refused",
        "renamed", "shouted",
    ]  # fmt: skip
    assert {"id", "kind", "where", "title", "at"} <= set(listed[0])
    words = here(capsys, "drill", plan, "--list", "--only", "foreign")
    assert (words.code, words.out.splitlines()) == (
        0,
        ["foreign  sql", "    rows of somebody else", "    in only, 5m after step copied began"],
    )


def test_a_scenarios_name_stands_for_all_its_faults(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = here(capsys, "drill", plan, "--list", "--json", "--only", "lost", "--only", "lost.lost")
    assert [f["id"] for f in some.json()["faults"]] == ["lost.lost", "lost.mended"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--only", "grwon"], "no such fault; did you mean `grown`?"),
        (["--only", "xyz123"], "drill --list"),
        (["--workers", 0], "--workers 0"),
        (["--workers", "many"], "--workers"),
    ],
)
def test_a_mistake_is_2_and_says_what_to_do(
    plan: Path, arguments: list[object], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, "drill", plan, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert word in ended.err


def test_without_a_fault_beside_the_plan_there_is_nothing_to_drill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, "drill", drilled_folder(tmp_path))
    assert (ended.code, ended.out) == (2, "")
    assert "no scenario beside the plan has a fault" in ended.err
    assert here(capsys, "drill", tmp_path / "none.yaml").code == 2


def _jobs(plan: Path, folder: Path, *plugins: Path) -> list[Job]:
    """The undisturbed rehearsal and a fault of one world."""
    mutant = next(m for m in mutants(named_faults(scenarios_beside(plan))) if m.id == "odd.odd")
    world, album = f"{folder.name}", folder / "world.album"
    return [Job(plan, plugins, None, mutant, world, album, first) for first in (True, False)]


def test_a_worker_answers_one_may_die_and_an_interrupt_leaves_none_behind(
    plan: Path, tmp_path: Path
) -> None:
    plugins = {
        "deadly": "import os\nos._exit(9)\n",
        "stuck": "import threading\nthreading.Event().wait()\n",
        "good": "",
    }
    jobs = []
    for name, code in plugins.items():
        (tmp_path / name).mkdir()
        plugin = tmp_path / f"{name}.py"
        plugin.write_text(code)
        undisturbed, mutant = _jobs(plan, tmp_path / name, *([plugin] if code else []))
        jobs += [undisturbed, mutant] if code else [undisturbed]
    told: list[tuple[Job, Answer]] = []

    def tell(job: Job, answer: Answer) -> None:
        told.append((job, answer))
        if len(told) == 3:
            raise KeyboardInterrupt

    before = multiprocessing.active_children()
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs, 3, tell)
    assert multiprocessing.active_children() == before
    died, given_up = (answer.error for job, answer in told if job.plugins)
    assert "exit code 9" in died
    assert given_up == f"the rehearsal without the fault broke: {died}"
    (good,) = (answer for job, answer in told if not job.plugins)
    assert (good.error, good.stopped_by) == ("", ["only/before/queue_size"])


def test_a_broken_world_is_told_of_each_of_its_faults_in_one_process_too(
    plan: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    run_jobs(
        _jobs(plan, tmp_path, tmp_path / "none.py"), 1, lambda _, answer: told.append(answer.error)
    )
    assert len(told) == 2
    assert "none.py" in told[0]
    assert told[1] == f"the rehearsal without the fault broke: {told[0]}"
