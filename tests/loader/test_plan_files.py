"""Files that are missing, odd or outside the plan's folder: one clear problem each."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from loader_fakes import READY, gate_of, plan_of, problems_of, write

from rollout.loader.files import Unreadable, confined, read_regular

ONE_PHASE = plan_of("- {phase: pilot, title: Pilot, entry: [ready]}\n")


def gate_with_sql(sql: str) -> str:
    return gate_of(
        f"""
        - {{check: rows, kind: sql, title: Rows, owner: lead, if_it_fails: Look.,
           go: {{n: "= 1"}},
           sql: "{sql}"}}
        """
    )


def plan_problem(path: Path) -> str:
    [problem] = problems_of(path)
    return problem


def test_a_missing_plan_is_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "plans" / "none.yaml"
    assert (
        plan_problem(path) == "plans/none.yaml:1:1: the plan cannot be read: there is no such file"
    )


def test_a_folder_is_no_plan(tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    assert plan_problem(tmp_path / "plans").endswith(
        "plans:1:1: the plan cannot be read: it is a folder, not a file"
    )


def test_a_name_that_no_system_accepts_is_one_problem(tmp_path: Path) -> None:
    assert "its name is too long" in plan_problem(tmp_path / ("x" * 300))
    assert "cannot be read" in plan_problem(tmp_path / "a\0b")


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "the file is empty: nothing but comments or white space"),
        (b"\n  # nothing\n", "the file is empty: nothing but comments or white space"),
        (b"---\n", "the file is empty: nothing but comments or white space"),
        (b"\x7fELF\x02\x01\x01\x00\x80\xff", "not UTF-8 text"),
        (b"- a\n- b\n", "must be a mapping (`key: value`)"),
        (b"just text\n", "must be a mapping (`key: value`)"),
        (b"#" * 70_000, "the plan cannot be read: it is larger than 65536 bytes"),
    ],
)
def test_a_file_that_is_no_plan_is_one_problem(tmp_path: Path, raw: bytes, problem: str) -> None:
    path = write(tmp_path)
    path.write_bytes(raw)
    found = plan_problem(path)
    assert found.startswith("plans/plan.yaml:1:")
    assert found.endswith(problem)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_plan_that_may_not_be_read_is_one_problem(tmp_path: Path) -> None:
    path = write(tmp_path, plan=ONE_PHASE)
    path.chmod(0)
    assert plan_problem(path).endswith("it may not be read: permission denied")


def test_what_the_system_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(Unreadable, match="links go round in a circle"):
        read_regular(loop, 10)
    with pytest.raises(Unreadable, match="links go round in a circle"):
        confined(loop / "x", tmp_path)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty0"])
def test_devices_are_never_read(device: str) -> None:
    if not Path(device).exists():
        pytest.skip(f"no {device} here")
    with pytest.raises(
        Unreadable, match=r"device, not a regular file|may not be read|cannot be read"
    ):
        read_regular(Path(device), 10)


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unreadable, match="a pipe, socket or device"):
        read_regular(tmp_path / "pipe", 10)


def test_a_socket_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # socket paths are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        with pytest.raises(Unreadable, match="socket or a device"):
            read_regular(Path("s"), 10)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../../secret.sql", "`secret.sql` cannot be used: it lies outside the plan's folder"),
        (
            "sql/../../../secret.sql",
            "`secret.sql` cannot be used: it lies outside the plan's folder",
        ),
        ("/etc/x.sql", "`/etc/x.sql` must be a path relative to this file"),
        ("sql/link.sql", "`gates/sql/link.sql` cannot be used: it lies outside the plan's folder"),
        (
            "far/secret.sql",
            "`gates/far/secret.sql` cannot be used: it lies outside the plan's folder",
        ),
        ("sql/folder.sql", "`gates/sql/folder.sql` cannot be used: it is a folder, not a file"),
        ("sql/pipe.sql", "it is a pipe, socket or device, not a regular file"),
        (
            "sql/row.sql",
            "`gates/sql/row.sql` cannot be used: there is no such file; did you mean `rows.sql`?",
        ),
        ("none/row.sql", "`gates/none/row.sql` cannot be used: there is no such file"),
    ],
)
def test_sql_files_stay_inside_the_plans_folder(tmp_path: Path, name: str, problem: str) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    (tmp_path / "secret.sql").write_text("SELECT 'secret'")
    path = write(root, plan=ONE_PHASE, ready=gate_with_sql(name), rows__sql="SELECT 1")
    (root / "gates" / "sql" / "link.sql").symlink_to(tmp_path / "secret.sql")
    (root / "gates" / "far").symlink_to(tmp_path)
    (root / "gates" / "sql" / "folder.sql").mkdir()
    os.mkfifo(root / "gates" / "sql" / "pipe.sql")
    [found] = [line for line in problems_of(path) if line.startswith("gates/ready.yaml:6:9: ")]
    assert found.replace(f"{tmp_path}/", "").endswith(problem)


def test_a_link_within_the_folder_is_fine(tmp_path: Path) -> None:
    path = write(
        tmp_path, plan=ONE_PHASE, ready=gate_with_sql("sql/link.sql"), rows__sql="SELECT ("
    )
    (tmp_path / "gates" / "sql" / "link.sql").symlink_to("rows.sql")
    [found] = problems_of(path)
    assert found.startswith("gates/sql/link.sql:1:8: not Databricks SQL")


def test_a_gate_file_that_is_a_link_to_elsewhere_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    (tmp_path / "outside.yaml").write_text(READY)
    path = write(root, plan=ONE_PHASE)
    (root / "gates" / "ready.yaml").symlink_to(tmp_path / "outside.yaml")
    assert problems_of(path) == [
        "plans/plan.yaml:14:40: `gates/ready.yaml` cannot be used: it lies outside the plan's folder",
    ]


def test_a_gate_file_with_problems_names_them(tmp_path: Path) -> None:
    path = write(tmp_path, plan=ONE_PHASE, ready="gate: ready\nchecks: {")
    assert problems_of(path) == [
        "gates/ready.yaml:2:10: not YAML: expected the node content, but found '<stream end>' "
        "while parsing a flow node",
    ]


def test_sql_files_are_text_without_hidden_characters(tmp_path: Path) -> None:
    path = write(tmp_path, plan=ONE_PHASE, ready=gate_with_sql("sql/rows.sql"), rows__sql="")
    sql = tmp_path / "gates" / "sql" / "rows.sql"
    for raw, problem in [
        (b"SELECT 1\n-- \xe2\x80\xae", ":2:4: a control or invisible character (U+202E)"),
        (b"SELECT '\xe9'", ":1:9: not UTF-8 text"),
        (b"\xff\xfeS\x00", ":1:1: the file is UTF-16"),
        (b"-- nothing\n", ":1:1: there is no SQL statement"),
    ]:
        sql.write_bytes(raw)
        [found] = problems_of(path)
        assert found.startswith(f"gates/sql/rows.sql{problem}")


def test_each_file_is_bounded(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        plan=ONE_PHASE,
        ready=gate_with_sql("sql/rows.sql"),
        rows__sql="SELECT 1" + " " * 70_000,
    )
    [found] = problems_of(path)
    assert found.endswith("`gates/sql/rows.sql` cannot be used: it is larger than 65536 bytes")
