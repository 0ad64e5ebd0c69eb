"""A rollout in PostgreSQL from its start to its end: every command a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from live_processes import begin, finished, line_with, rollout, tiny_plan
from postgres_server import PASSWORD, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WAITS = "waits for a person: attest told"
Command = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def url(postgres: Server) -> str:
    """An empty database's URL, without the password: that is nobody's to read in the process list."""
    return postgres.new_database().replace(f":{quote(PASSWORD, safe='')}@", "@")


@pytest.fixture
def command(url: str) -> Iterator[Command]:
    """Begin a command on that store; what is left at the end is killed."""
    begun: list[subprocess.Popen[str]] = []

    def run(name: str, *arguments: object) -> subprocess.Popen[str]:
        process = begin(name, *arguments, "--state", url, env={"PGPASSWORD": PASSWORD})
        begun.append(process)
        return process

    yield run
    for process in begun:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.communicate()


def test_a_rollout_lives_in_postgresql(
    command: Command, url: str, postgres: Server, tmp_path: Path
) -> None:
    code, out, err = finished(command("start", tiny_plan(tmp_path)))
    assert code == 0, err
    assert PASSWORD not in out + err

    watcher = command("watch")
    line_with(watcher.stdout, "rollout of plan tiny", 60)
    follower = command("log", "--follow", "--json")
    first = command("run")
    line_with(first.stderr, WAITS, 60)

    # A second one is told who holds it and since when; a frozen one holds it all the same.
    code, _, err = finished(command("run"), 90)
    assert (code, f"process {first.pid} on " in err, " since 20" in err) == (4, True, True)
    first.send_signal(signal.SIGSTOP)
    assert finished(command("run"), 90)[0] == 4
    first.kill()
    first.wait(30)
    second = command("run")
    assert "ownership 2" in line_with(second.stderr, "drives it", 60)
    line_with(second.stderr, WAITS, 60)

    who = ("--by", "ann", "--role", "project_lead")
    code, _, err = finished(command("attest", "told", "--yes", "--note", "told them", *who))
    assert code == 0, err
    line_with(second.stderr, "waits for a person: proceed", 60)

    seen = json.loads(finished(command("status", "--json"))[1])["events"]
    both = [
        command("decide", "go", "--by", by, "--reason", f"{by} says so", "--seen", seen)
        for by in ("ann", "bea")
    ]
    ended = [finished(process, 90) for process in both]
    assert sorted(code for code, _, _ in ended) == [0, 1]
    assert "says so" in next(err for code, _, err in ended if code == 1)

    line_with(second.stderr, "waits for a person: sign over", 60)
    other = "bea" if ended[0][0] == 0 else "ann"  # whoever decided does not sign alone
    approval = ("--approve", "--reason", "it is over", "--key", tmp_path / other)
    code, _, err = finished(
        command("sign", "over", *approval, "--by", other, "--role", "project_lead")
    )
    assert code == 0, err
    assert finished(second)[0] == 0
    assert finished(watcher)[0] == 0

    now = json.loads(finished(command("status", "--json"))[1])
    assert now["outcome"] == "completed"
    code, out, _ = finished(command("log", "--json"))
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert code == 0
    assert (len(kinds), kinds.count("decision_made")) == (now["events"], 1)
    assert "attested" in line_with(follower.stdout, "attested", 30)
    follower.send_signal(signal.SIGTERM)
    assert finished(follower)[0] == 0
    code, out, _ = finished(command("verify", "--json"))
    assert (code, json.loads(out)["ok"]) == (0, True)


def test_a_store_that_is_cut_off_ends_the_controller_and_loses_nothing(
    command: Command, url: str, postgres: Server, tmp_path: Path
) -> None:
    """The server throws everybody out: the controller says so, and another one goes on."""
    assert finished(command("start", tiny_plan(tmp_path)))[0] == 0
    first = command("run")
    line_with(first.stderr, WAITS, 60)
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name LIKE 'rollout%' AND pid <> pg_backend_pid()"
    )
    code, _, err = finished(first, 90)
    assert code == 4
    assert "goes on when `rollout run` starts again" in err
    assert PASSWORD not in err
    line_with(command("run").stderr, WAITS, 60)


def test_a_password_in_the_url_is_refused(postgres: Server) -> None:
    code, out, err = rollout("status", "--state", postgres.new_database())
    assert (code, out) == (2, "")
    assert "PGPASSWORD" in err
    assert PASSWORD not in err
