"""The command line that does the same as a filled form: to copy, to learn, to check."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rollout.view.dialogs import Saying
from rollout.view.signing_ways import IMPORT, KEY, REQUEST
from rollout.view.text import plain

WORDS = {
    "proceed": "go",
    "hold": "hold",
    "resume": "resume",
    "retry": "retry",
    "roll_back": "rollback",
    "abort": "abort",
    "restart": "restart",
    "end": "end",
    "settle": "settle",
    "close_finding": "close",
}
"""The log's name -> the word that people type. Source: `cli/decide.py`; a test compares."""


def equivalent(said: Saying, place: Sequence[str] = ()) -> str:
    """`place`: the options that say where, as `--state FILE`.

    What is not filled in yet stands in capitals.
    """
    who = ["--by", said.by or "NAME", "--role", said.role or "ROLE"]
    seen = ["--seen", str(said.seen_seq)]
    why = said.reason or "TEXT"
    if said.action == "attest":
        file = ["--file", said.file] if said.file else []
        head = ["attest", said.subject, _answer(said, "--yes", "--no")]
        return _line([*head, *who, "--note", why, *file, *seen, *place])
    if said.action == "sign":
        if said.way == IMPORT:
            return _line(["sign", "--import", said.file or "FILE.sig", *place])
        head = ["sign", said.subject, _answer(said, "--approve", "--reject")]
        option = {KEY: "--key", REQUEST: "--request"}.get(said.way)
        file = [option, said.file or "FILE"] if option is not None else []
        return _line([*head, *who, "--reason", why, *file, *seen, *place])
    if said.action == "waive":
        return _line(["waive", said.subject, *who, "--reason", why, *seen, *place])
    about = [said.subject] if said.subject else []
    run = ["--run-id", str(said.run)] if said.run is not None else []
    head = ["decide", WORDS[said.action], *about]
    return _line([*head, *who, "--reason", why, *run, *seen, *place])


def _answer(said: Saying, yes: str, no: str) -> str:
    if not said.answered:
        return f"{yes}-OR{no}".upper()
    return yes if said.answer else no


def _line(words: Sequence[str]) -> str:
    return shlex.join(["rollout", *(plain(word) for word in words)])
