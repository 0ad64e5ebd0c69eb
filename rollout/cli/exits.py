"""What the process says to its caller: exit codes, stdout for data, stderr for talk.

Nobody else decides an exit code or catches everything. Source: the design, section 10.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from rollout.domain.errors import (
    LogConflict,
    LogDamaged,
    PlanProblems,
    RolloutError,
    ServiceError,
    StoreUnavailable,
)
from rollout.reports.foreign import json_text, visible_json
from rollout.view.text import plain, printable

GO = 0
NO_GO = 1
USAGE = 2
INCONCLUSIVE = 3
UNREACHABLE = 4
DAMAGED = 5
BUG = 70
"""Not one of the answers above: the program itself broke (EX_SOFTWARE)."""
INTERRUPTED = 130
PIPE_CLOSED = 141
"""As the shell reports a filter whose reader went away."""

UNBOUNDED = 200
"""Columns where nobody says how many there are."""

DEBUG = "ROLLOUT_DEBUG"
"""Set to 1 to see the traceback of a bug."""

_DAMAGE = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_IOERR")

Command = Callable[[Sequence[str]], int]


class Misuse(RolloutError):
    """The command was asked for something it cannot do; the message says what to ask instead."""


def write(text: str) -> None:
    """Data, to stdout."""
    sys.stdout.write(text)


def write_lines(lines: Sequence[str]) -> None:
    """Each without what would steer a terminal, whatever made it."""
    write("".join(f"{printable(line)}\n" for line in lines))


def write_json(document: Any) -> None:
    """One JSON document, indented; msgspec Structs and instants included."""
    write(json_text(document))


def write_json_line(document: Any) -> None:
    write(visible_json(msgspec.json.encode(document).decode()) + "\n")


def columns() -> int:
    """Columns of the terminal; a pipe has no edge, so that only very long lines are cut."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or UNBOUNDED
    except (OSError, ValueError, AttributeError):
        return UNBOUNDED


def nobody_reads() -> bool:
    """Whether stdout is a pipe whose reader has gone away; else only the next write would tell."""
    try:
        poller = select.poll()
        poller.register(sys.stdout.fileno(), 0)  # what is wrong with it is told unasked
    except (OSError, ValueError, AttributeError):
        return False
    return bool(poller.poll(0))


def needs_ascii() -> bool:
    """Whether stdout cannot carry the glyphs."""
    try:
        "✓".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def say(text: str) -> None:
    """Talk, to stderr; foreign text in it cannot steer the terminal."""
    sys.stderr.write("".join(f"{plain(line)}\n" for line in text.split("\n")))


def code_of(error: RolloutError) -> int:
    """The exit code of an error that was raised on purpose.

    A store that is missing or of another build is a question of usage; one that is locked or
    cannot be read is unreachable; one whose bytes are wrong is damaged.
    """
    if isinstance(error, LogDamaged):
        return DAMAGED
    if isinstance(error, ServiceError):
        return UNREACHABLE
    if isinstance(error, LogConflict):
        return NO_GO
    if isinstance(error, StoreUnavailable) and error.__cause__ is not None:
        name = str(getattr(error.__cause__, "sqlite_errorname", "") or "")
        return DAMAGED if name.startswith(_DAMAGE) else UNREACHABLE
    return USAGE


def guarded(command: Command, argv: Sequence[str]) -> int:
    """Run a command; whatever it raises becomes a message on stderr and an exit code."""
    _tolerate_odd_text()
    try:
        code = command(argv)
        sys.stdout.flush()
    except PlanProblems as problems:
        return _complain_of_all(problems.problems)
    except RolloutError as error:
        say(f"rollout: {error}")
        return code_of(error)
    except BrokenPipeError:
        return PIPE_CLOSED  # nobody reads any more; flushed above, so nothing is left to fail later
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        say(f"rollout: {where}{error.strerror or error}")
        return USAGE
    except KeyboardInterrupt:
        say("rollout: interrupted; what was committed stays")
        return INTERRUPTED
    except SystemExit as ended:  # argparse and Typer end so, after saying why
        return ended.code if isinstance(ended.code, int) else (GO if ended.code is None else USAGE)
    except Exception as bug:  # noqa: BLE001 - the outermost place; everything else is named above
        _own_up(bug)
        return BUG
    return code


def _complain_of_all(problems: Sequence[str]) -> int:
    for problem in problems:
        say(problem)
    say(f"rollout: {len(problems)} problem{'' if len(problems) == 1 else 's'}")
    return USAGE


def _own_up(bug: Exception) -> None:
    say(
        f"rollout: this is a bug in rollout, not in your plan: {type(bug).__name__}: {bug}\n"
        f"  Please report it with the command, `rollout --version` and the traceback that the same "
        f"command shows with {DEBUG}=1."
    )
    if os.environ.get(DEBUG) == "1":
        import traceback

        traceback.print_exception(bug, file=sys.stderr)


def _tolerate_odd_text() -> None:
    """A character the terminal cannot show must not end the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
