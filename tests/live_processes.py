"""Real processes for tests: `rollout` beside us, a tiny plan that needs nobody, and people who answer."""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from rollout.__main__ import main

ROOT = Path(__file__).parents[1]

PLAN = """
plan: tiny
title: A tiny rollout
timezone: UTC
roles:
  project_lead: [{person: ann, key: "ANN"}, {person: bea, key: "BEA"}]
phases:
  - phase: only
    title: The only phase
    entry: [ready]
    steps:
      - {step: wait, id: pause, for: 1s}
      - {step: verify, id: clean, gate: clean}
    exit: [over]
    sign_off: {roles: [project_lead]}
rollback: {gates: [clean]}
"""

GATES = """
gates:
  - gate: ready
    title: Ready
    checks:
      - check: told
        kind: attest
        title: Everybody was told
        statement: Everybody was told.
        roles: [project_lead]
        owner: project_lead
        if_it_fails: Tell them.
  - gate: clean
    title: Nothing is open
    checks:
      - {check: none_open, kind: findings, title: Nothing is open, owner: project_lead, if_it_fails: Resolve it.}
  - gate: over
    title: It is over
    checks:
      - {check: still_none, kind: findings, title: Nothing is open, owner: project_lead, if_it_fails: Resolve it.}
"""


def tiny_plan(folder: Path, *, wait: str = "1s") -> Path:
    """A plan of wait, verify, attest and sign: no service is asked. The keys that ann and bea sign
    with lie beside it, under their names."""
    (folder / "gates").mkdir(exist_ok=True)
    (folder / "gates" / "all.yaml").write_text(GATES)
    path = folder / "tiny.yaml"
    text = PLAN.replace("for: 1s", f"for: {wait}")
    for person in ("ann", "bea"):
        text = text.replace(person.upper(), new_key(folder / person))
    path.write_text(text)
    return path


def new_key(path: Path) -> str:
    """An SSH key without a passphrase in `path`; its public line."""
    if not path.exists():
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
        subprocess.run(made, check=True)
    return path.with_name(f"{path.name}.pub").read_text().strip()


def begin(*arguments: object, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A `rollout` process; its streams are pipes, and it hears signals as in a terminal."""
    with _signals_heard():
        return subprocess.Popen(
            [sys.executable, "-m", "rollout", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
        )


@contextlib.contextmanager
def _signals_heard() -> Iterator[None]:
    """Tests that run under `nohup` or in a shell's background ignore SIGHUP or SIGINT, and what they
    start inherits it: the controller then obeys, and is never ended. What is caught here is back at
    its default there. Only the main thread may do so; what another one starts is killed, not asked."""
    is_main = threading.current_thread() is threading.main_thread()
    ignored = [
        number
        for number in (signal.SIGHUP, signal.SIGINT)
        if is_main and signal.getsignal(number) is signal.SIG_IGN
    ]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


def finished(process: subprocess.Popen[str], timeout_s: float = 60) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=timeout_s)
    return process.returncode, out, err


def rollout(*arguments: object, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    return finished(begin(*arguments, env=env))


def here(*arguments: object) -> tuple[int, str, str]:
    """The same in this process: a person's terminal beside a controller that is one of its own."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def line_with(stream: Any, words: str, timeout_s: float = 30) -> str:
    """The next line of a pipe that holds the words. Raises: AssertionError when none comes."""
    until = monotonic() + timeout_s
    read = ""
    while monotonic() < until and select.select([stream], [], [], until - monotonic())[0]:
        byte = os.read(stream.fileno(), 1).decode(errors="replace")
        read += byte
        if byte == "\n":
            if words in read.splitlines()[-1]:
                return read.splitlines()[-1]
        elif not byte:
            break
    raise AssertionError(f"no line with {words!r} came:\n{read}")


def status(state: Path) -> dict[str, Any]:
    code, out, err = here("status", "--state", state, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def kinds(state: Path) -> list[str]:
    """The log's kinds of event, in order."""
    code, out, err = here("log", "--state", state, "--json")
    assert code == 0, err
    return [json.loads(line)["kind"] for line in out.splitlines()]
