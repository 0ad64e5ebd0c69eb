"""`rollout report`: from a store to a page that people read, sign and keep."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollout.cli import exits
from rollout.cli.files import make_folder, write_file
from rollout.cli.place import place
from rollout.cli.report_source import Source, signer_of, without_garbage
from rollout.domain.evidence import Decision
from rollout.domain.state import GateState
from rollout.reports.choice import Wanted, fitting, telling_gate
from rollout.reports.foreign import json_text
from rollout.store.reading import Reader, open_readonly
from rollout.view.stored import choose, folded

if TYPE_CHECKING:
    from rollout.cli.report_requests import Asked, Asking
    from rollout.live.signing import Request

Writer = Callable[[Mapping[str, Any]], str]

FORMS = ("html", "markdown", "json", "junit")
"""How a report can be written."""


def _writer(form: str) -> Writer:
    """What writes it. Late: each brings a library of its own, and one is enough."""
    if form == "html":
        from rollout.reports.page import gate_page

        return gate_page
    if form == "markdown":
        from rollout.reports.markdown import gate_markdown

        return gate_markdown
    if form == "junit":
        from rollout.reports.junit import gate_junit

        return gate_junit
    return json_text


_OF_SUFFIX = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".json": "json",
    ".xml": "junit",
}

_CODES = {
    Decision.GO: exits.GO,
    Decision.NO_GO: exits.NO_GO,
    Decision.INCONCLUSIVE: exits.INCONCLUSIVE,
    None: exits.INCONCLUSIVE,
}


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The command's arguments, as written."""

    state: str
    rollout: str | None
    wanted: Wanted
    at: int | None
    form: str | None
    out: str | None
    every: bool
    show_keys: bool
    by_decision: bool
    as_json: bool
    asking: Asking | None = None


def run(wish: Wish) -> int:
    """Raises: Misuse, PlanProblems, StoreUnavailable, LogDamaged, ServiceError, OSError."""
    if wish.form is not None and wish.form not in FORMS:
        raise exits.Misuse(f"{wish.form!r} is no form of report; use one of {', '.join(FORMS)}")
    asked = None if wish.asking is None else _asked(wish, wish.asking)
    with open_readonly(wish.state) as reader, without_garbage():
        source = _source(reader, wish)
        if wish.every or (wish.out is not None and _is_folder(wish.out)):
            code = _write_folder(source, wish)
        else:
            code = _write_one(source, wish, asked)
    for name, reason in asked.refused if asked is not None else ():
        exits.say(f"rollout: {name} was not asked: {reason}")
    return exits.NO_GO if asked is not None and asked.refused else code


def _source(reader: Reader, wish: Wish) -> Source:
    return Source(reader, folded(reader, choose(reader, wish.rollout), at=wish.at))


def _asked(wish: Wish, asking: Asking) -> Asked:
    """Asks before it reports: the page shows who is asked. Raises: as `run`."""
    if wish.out is None:
        raise exits.Misuse("--ask: the request files lie beside the page: say where with --out")
    if wish.at is not None:
        raise exits.Misuse("--ask: people sign what is so now: leave out --at")
    if not asking.reason:
        raise exits.Misuse(
            "--ask needs --reason TEXT: why they sign, which is part of what is signed"
        )
    # Late: it loads what signatures are verified with.
    from rollout.cli.report_requests import ask, pairs

    with open_readonly(wish.state) as reader:
        source = _source(reader, wish)
        questions = pairs(source.plan(), source.state, _chosen(source, wish.wanted), asking.names)
    return ask(wish.state, wish.rollout, questions, asking)


def _write_one(source: Source, wish: Wish, asked: Asked | None) -> int:
    gate = _chosen(source, wish.wanted)
    form = wish.form or _form_of(wish)
    text = _writer(form)(source.report(gate, show_keys=wish.show_keys))
    if wish.out is None:
        exits.write(text)
    else:
        path = Path(wish.out)
        write_file(path, text)
        now = _questions(source, [gate]) if asked is not None else []
        about = {"gate": _named(gate), "form": form}
        _tell(source, wish, about, [path], [r for r in now if asked and r.seq in asked.seqs])
    return _CODES[gate.decision] if wish.by_decision else exits.GO


def _write_folder(source: Source, wish: Wish) -> int:
    if wish.out is None:
        raise exits.Misuse("a report of every gate needs a folder: name one with --out DIR")
    folder = Path(wish.out)
    make_folder(folder)
    written = [folder / name for name in _written(folder, _files(source, wish))]
    gates = fitting(source.state, wish.wanted)
    _tell(source, wish, {"gates": len(gates)}, written, _questions(source, gates))
    return exits.GO


def _questions(source: Source, gates: Sequence[GateState]) -> list[Request]:
    if not source.state.requests:
        return []
    from rollout.cli.report_requests import open_questions

    return open_questions(source.state, source.plan(), gates)


def _files(source: Source, wish: Wish) -> Iterator[tuple[str, str]]:
    from rollout.reports.folder import report_files

    gates = [g for g in fitting(source.state, wish.wanted) if g.decision is not None]
    if not gates:
        raise exits.Misuse(f"{source.state.rollout}: no gate was decided yet")
    return report_files(
        source.state,
        source.plan(),
        source,
        gates=gates,
        plans=source.plan,
        seen=source.seen,
        signer_of=signer_of,
        show_keys=wish.show_keys,
    )


def _written(folder: Path, files: Iterator[tuple[str, str]]) -> Iterator[str]:
    for name, text in files:
        write_file(folder / name, text)
        yield name


def _chosen(source: Source, wanted: Wanted) -> GateState:
    state = source.state
    if wanted.is_anything:
        gate = telling_gate(state)
        if gate is None:
            raise exits.Misuse(f"{state.rollout}: no gate was asked yet")
        return gate
    found = fitting(state, wanted)
    if found:
        return found[-1]
    raise exits.Misuse(_not_there(source, wanted))


def _not_there(source: Source, wanted: Wanted) -> str:
    asked = list(dict.fromkeys(gate.gate for gate in source.state.gates))
    if wanted.gate is None or wanted.gate in asked:
        return "no evaluation fits: leave out --phase, --attempt, --moment or --round"
    known = wanted.gate in source.plan().gates
    why = "was not asked yet" if known else "is no gate of this plan"
    return f"{wanted.gate} {why}; asked so far: {', '.join(asked) or 'none'}"


def _form_of(wish: Wish) -> str:
    if wish.as_json and wish.out is None:
        return "json"
    if wish.out is not None:
        return _OF_SUFFIX.get(Path(wish.out).suffix.lower(), "html")
    if sys.stdout.isatty():
        exits.say("rollout: as Markdown, to be read here; `--out report.html` writes the page")
        return "markdown"
    return "html"


def _is_folder(out: str) -> bool:
    return out.endswith("/") or Path(out).is_dir()


def _named(gate: GateState) -> dict[str, Any]:
    return {
        "gate": gate.gate,
        "phase": gate.phase,
        "attempt": gate.attempt,
        "moment": gate.moment,
        "round": gate.round,
        "decision": gate.decision.value if gate.decision is not None else None,
    }


def _tell(
    source: Source,
    wish: Wish,
    about: dict[str, Any],
    written: list[Path],
    questions: Sequence[Request],
) -> None:
    """What was written; the request files are written here, beside it."""
    files = [str(path) for path in written]
    requests: list[Any] = []
    if questions:
        from rollout.cli.report_requests import document, write_files

        paths = write_files(Path(wish.out or "."), questions)
        files += [str(path) for path in paths]
        sandbox = wish.asking.sandbox if wish.asking is not None else None
        requests = document(questions, paths, place(wish.state, wish.rollout, sandbox))
    if wish.as_json:
        said = {"rollout": source.state.rollout, "seq": source.state.seq, "head": source.state.head}
        exits.write_json({**said, **about, "files": files, "requests": requests})
        return
    exits.write_lines(files)
    for asked in requests:
        exits.say("\n  ".join(["rollout: " + asked["how"][0], *asked["how"][1:]]))
