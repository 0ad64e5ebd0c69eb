"""`validate`, `graph` and `schema`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import PLAN, ROOT, here

PLUGIN = '''
from pydantic import BaseModel
from rollout.domain.evidence import Observation

class Inputs(BaseModel):
    pass

class Mine:
    """A kind of one's own."""
    kind = "mine_alone"
    Inputs = Inputs
    primary = "n"
    metrics = {"n": "a number"}
    default_go = {}

    def observe(self, inputs, context):
        return Observation(metrics={"n": 1}, source="here")
'''


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


# validate --------------------------------------------------------------------


def test_the_shipped_plan_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    ended = here(capsys, "validate", PLAN)
    assert (ended.code, ended.err) == (0, "")
    name, digest = ended.out.splitlines()
    assert name.startswith("property-feature-sync: 5 phases, ")
    assert name.endswith(" checks")
    assert len(digest.removeprefix("sha256 ")) == 64


def test_a_fine_plan_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = here(capsys, "validate", "--json").json()
    assert set(found) == {
        "ok", "plan", "title", "sha256", "phases", "gates", "checks", "problems",
    }  # fmt: skip
    assert (found["ok"], found["phases"], found["problems"]) == (True, 5, [])
    assert found["checks"] > found["gates"] > 5


def test_every_problem_is_shown_at_its_place_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("plan: Bad Name\ntitel: x\nphases: []\n", encoding="utf-8")
    ended = here(capsys, "validate", plan)
    assert (ended.code, ended.out) == (2, "")
    *problems, count = ended.err.splitlines()
    assert len(problems) >= 3
    assert all(line.startswith(f"{plan}:") for line in problems)
    assert any(line.startswith(f"{plan}:2:1: ") for line in problems)
    assert count == f"rollout: {len(problems)} problems"
    found = here(capsys, "validate", plan, "--json")
    assert found.code == 2
    assert found.json() == {"ok": False, "problems": problems}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"# nothing\n", "empty"),
        (bytes(range(256)), "UTF-8"),
        ("plan: ünïcode\n".encode("utf-16"), "UTF-16"),
        (b"a: [" * 5000, "deep"),
        (b"plan: &a [*a]\n", "anchor"),
        (b"x: 1\nx: 2\n", "duplicate"),
        (b"plan: \x1b[31mred\n", "control"),
    ],
)
def test_what_is_no_plan_is_2_with_a_place(
    content: bytes | None, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.yaml"
    if content is not None:
        plan.write_bytes(content)
    ended = here(capsys, "validate", plan)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"{plan}:")
    assert "Traceback" not in ended.err
    assert "bug" not in ended.err
    assert word in ended.err


def test_a_folder_is_no_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = here(capsys, "validate", tmp_path)
    assert ended.code == 2
    assert "folder" in ended.err


def test_a_larger_file_can_be_allowed_and_a_smaller_one_demanded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = here(capsys, "validate", PLAN, "--max-bytes", 100)
    assert ended.code == 2
    assert "larger than 100 bytes" in ended.err
    assert here(capsys, "validate", PLAN, "--max-bytes", 1_000_000).code == 0
    assert here(capsys, "validate", PLAN, "--max-bytes", 0).code == 2


def test_a_plugin_gives_its_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN, encoding="utf-8")
    ended = here(capsys, "schema", "--plugins", plugin)
    assert ended.code == 0
    assert "mine_alone" in ended.out
    assert "mine_alone" not in here(capsys, "schema").out
    missing = here(capsys, "validate", PLAN, "--plugins", tmp_path / "none.py")
    assert missing.code == 2
    assert "no such plug-in" in missing.err


# graph -----------------------------------------------------------------------


def test_the_default_drawing_is_mermaid(capsys: pytest.CaptureFixture[str]) -> None:
    ended = here(capsys, "graph", PLAN)
    assert ended.code == 0
    assert "stateDiagram-v2" in ended.out
    assert "full_sync_a" in ended.out


def test_dot_goes_to_a_file_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "plan.dot"
    ended = here(capsys, "graph", PLAN, "--format", "dot", "--out", out)
    assert (ended.code, ended.out) == (0, "")
    assert str(out) in ended.err
    assert out.read_text(encoding="utf-8").startswith("digraph")
    assert [p.name for p in out.parent.iterdir()] == ["plan.dot"]


def test_svg_without_graphviz_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = here(capsys, "graph", PLAN, "--format", "svg")
    assert (ended.code, ended.out) == (2, "")
    assert "install" in ended.err
    assert "--format dot" in ended.err


def _fake_dot(folder: Path, body: str) -> None:
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    program.chmod(0o755)


def test_svg_is_what_graphviz_drew(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stand-in for `dot` that answers only when it is given a graph and asked for svg."""
    _fake_dot(
        tmp_path, '[ "$1" = "-Kdot" ] && [ "$2" = "-Tsvg" ] && grep -q digraph && echo "<svg/>"'
    )
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    ended = here(capsys, "graph", PLAN, "--format", "svg")
    assert (ended.code, ended.out) == (0, "<svg/>\n")


def test_a_graphviz_that_fails_is_no_bug_of_ours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _fake_dot(tmp_path, "cat > /dev/null; echo broken >&2; exit 3")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    ended = here(capsys, "graph", PLAN, "--format", "svg")
    assert ended.code == 2
    assert "could not draw" in ended.err


def test_an_unknown_format_is_refused_before_anything_is_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = here(capsys, "graph", "nowhere.yaml", "--format", "png")
    assert ended.code == 2
    assert "mermaid, dot, svg" in ended.err


def test_a_folder_cannot_be_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, "graph", PLAN, "--out", tmp_path)
    assert ended.code == 2
    assert "name a file" in ended.err


# schema ----------------------------------------------------------------------


def test_the_committed_schema_is_in_step(capsys: pytest.CaptureFixture[str]) -> None:
    """Regenerate with `rollout schema --out docs/plan.schema.json`."""
    ended = here(capsys, "schema", "--check")
    assert ended.code == 0, ended.err


def test_a_schema_out_of_step_is_1_and_says_how_to_mend_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "plan.schema.json"
    assert here(capsys, "schema", "--check", "--out", out).code == 1
    assert here(capsys, "schema", "--out", out).code == 0
    assert here(capsys, "schema", "--check", "--out", out).code == 0
    out.write_text("{}", encoding="utf-8")
    ended = here(capsys, "schema", "--check", "--out", out)
    assert ended.code == 1
    assert f"rollout schema --out {out}" in ended.err
