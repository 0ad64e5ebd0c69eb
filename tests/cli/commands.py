"""Run `rollout` in this process or in its own, and look at what came out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rollout.__main__ import main

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "plans" / "property_sync.yaml"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def here(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ended:
    """In this process."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    found = capsys.readouterr()
    return Ended(code, found.out, found.err)


def alone(*arguments: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """As a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "rollout", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **(env or {})},
        cwd=cwd or ROOT,
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def is_one_clear_message(err: str, *words: str) -> bool:
    lines = err.strip().splitlines()
    return "Traceback" not in err and len(lines) <= 2 and all(word in err for word in words)


def modules_after(arguments: Sequence[object], code: int = 0) -> set[str]:
    """Top-level modules that a command leaves loaded which ends with that code."""
    script = (
        "import sys, io, contextlib\n"
        "from rollout.__main__ import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    code = main({[str(a) for a in arguments]!r})\n"
        f"assert code == {code}, code\n"
        "print(' '.join(sorted({m.partition('.')[0] for m in sys.modules})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())
