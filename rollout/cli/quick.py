"""The commands that start quickly: their arguments, and where their work is."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import NoReturn

from rollout.cli import exits

STATE = "state/rollout.db"
"""Where a rollout keeps its log when nobody says otherwise."""

QUICK = {
    "status": "Show where a rollout is, what blocks it and what a person may do next.",
    "log": "Show what happened, one line an event.",
    "verify": "Check that nothing in the log was changed, removed or lost.",
    "checks": "Show every check of a gate against its limit, and one with its evidence.",
    "sync": "Show how one sync's runs go: progress, rejects, and how near they are to their brakes.",
    "monitor": "Show the watch: time left, checkpoints, looks taken and missed, figures and limits.",
    "findings": "Show what is open, whose it is, by when, and what to do.",
    "runbook": "Show what to do now, whom to call, and the way back in outline.",
}
"""Commands answered here, with their help."""


def quick(name: str, argv: Sequence[str]) -> int:
    """One of the commands that start quickly."""
    options = _PARSERS[name]().parse_args(list(argv))
    # Looking for garbage among what was just read is a tenth of the whole command's time.
    was_on = gc.isenabled()
    gc.disable()
    try:
        return _answer(name, options)
    finally:
        if was_on:
            gc.enable()


def _answer(name: str, options: argparse.Namespace) -> int:
    # The module of a command is loaded when the command is asked for, and no other one.
    return int(import_module(f"rollout.cli.{name}").run(options))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line and the way to the help, instead of the whole usage."""
        exits.say(f"{self.prog}: {message}; see `{self.prog} --help`")
        sys.exit(exits.USAGE)


def _parser(name: str) -> _Parser:
    parser = _Parser(prog=f"rollout {name}", description=QUICK[name], allow_abbrev=False)
    parser.add_argument("--state", default=STATE, metavar="FILE", help=f"the store ({STATE})")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    return parser


def _status() -> _Parser:
    parser = _picture("status")
    parser.add_argument(
        "--exit-code",
        action="store_true",
        help="end with 1 when held, rolled back or aborted, 3 when only inconclusive gates hold it",
    )
    return parser


def _log() -> _Parser:
    parser = _parser("log")
    _plain(parser)
    parser.add_argument("--rollout", metavar="NAME", help="which one (the one begun last)")
    parser.add_argument(
        "--kind", action="append", default=[], metavar="K", help="only this kind; may be repeated"
    )
    parser.add_argument(
        "--filter",
        default="",
        metavar="TEXT",
        help="only what has these words; also phase:PHASE, actor:NAME, kind:KIND, as in the TUI",
    )
    parser.add_argument("--after", type=_count, metavar="N", help="only events after #N")
    parser.add_argument(
        "--limit",
        type=_count,
        metavar="N",
        help="at most N events: the newest, or the first ones after --after",
    )
    parser.add_argument(
        "--follow", action="store_true", help="go on with each event as it comes, until Ctrl-C"
    )
    return parser


def _verify() -> _Parser:
    parser = _parser("verify")
    parser.add_argument(
        "--head",
        action="append",
        default=[],
        metavar="SEQ:HASH",
        help="the log must have event SEQ with this hash: shows a cut end and an older copy of the "
        "store; may be repeated. Take both from where the store's file does not reach: from an "
        "earlier `rollout status --json` (events:head) or `verify --json` (heads), from a report "
        "of a gate, from the request or the statement that somebody signed (log_seq:log_head)",
    )
    parser.add_argument(
        "--rollout", metavar="NAME", help="whose heads they are (the one begun last)"
    )
    return parser


def _picture(name: str) -> _Parser:
    """A picture of the rollout, for eyes, for ears, or as data."""
    parser = _parser(name)
    parser.add_argument("--rollout", metavar="NAME", help="which one (the one begun last)")
    parser.add_argument("--ascii", action="store_true", help="no glyphs beyond ASCII")
    parser.add_argument("--width", type=_count, metavar="N", help="columns (those of the terminal)")
    _plain(parser)
    return parser


def _plain(parser: _Parser) -> None:
    parser.add_argument(
        "--plain", action="store_true", help="sentences for a screen reader: nothing drawn"
    )


def _checks() -> _Parser:
    parser = _picture("checks")
    parser.add_argument("gate", nargs="?", metavar="GATE", help="which gate (those that tell)")
    parser.add_argument("--check", metavar="ID", help="this check in full, with its evidence")
    return parser


def _sync() -> _Parser:
    parser = _picture("sync")
    parser.add_argument("name", nargs="?", metavar="NAME", help="which sync (the one run last)")
    return parser


def _findings() -> _Parser:
    parser = _picture("findings")
    parser.add_argument("--all", action="store_true", help="those that are closed, too")
    parser.add_argument("--exit-code", action="store_true", help="end with 1 when any is open")
    return parser


_PARSERS: dict[str, Callable[[], _Parser]] = {
    "status": _status,
    "log": _log,
    "verify": _verify,
    "checks": _checks,
    "sync": _sync,
    "monitor": partial(_picture, "monitor"),
    "findings": _findings,
    "runbook": partial(_picture, "runbook"),
}


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return min(int(text[:18]), 2**53)
