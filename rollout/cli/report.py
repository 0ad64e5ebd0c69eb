"""`rollout report`: from a store to a page that people read, sign and keep."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from rollout.cli import exits
from rollout.cli.files import make_folder, write_file
from rollout.domain.evidence import Decision
from rollout.domain.plan import Plan
from rollout.domain.standing import plan_sha256_at
from rollout.domain.state import GateState, RolloutState
from rollout.engine.approved_plan import plan_to_read
from rollout.reports.choice import Wanted, fitting, telling_gate
from rollout.reports.foreign import json_text
from rollout.reports.gate_report import Report, gate_report
from rollout.reports.series import KINDS, MOST_EVENTS, Seen, seen_in_store
from rollout.store.reading import Reader, open_readonly
from rollout.view.stored import choose, folded

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


def run(wish: Wish) -> int:
    """Raises: Misuse, PlanProblems, StoreUnavailable, LogDamaged, OSError."""
    if wish.form is not None and wish.form not in FORMS:
        raise exits.Misuse(f"{wish.form!r} is no form of report; use one of {', '.join(FORMS)}")
    with open_readonly(wish.state) as reader, _without_garbage():
        name = choose(reader, wish.rollout)
        source = _Source(reader, folded(reader, name, at=wish.at))
        if wish.every or (wish.out is not None and _is_folder(wish.out)):
            return _write_folder(source, wish)
        return _write_one(source, wish)


@contextmanager
def _without_garbage() -> Iterator[None]:
    """Tens of thousands of samples come and stay: to look for garbage among them is time for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _signer_of(armored: str, message: bytes) -> str:
    """domain.sign_off.SignerOf. Late: where nobody signed with a key, no cryptography is loaded."""
    from rollout.adapters.sshsig import signer_of

    return signer_of(armored, message)


class _Source:
    """A store, as the reports read it."""

    def __init__(self, reader: Reader, state: RolloutState) -> None:
        self._reader, self.state = reader, state
        self._plan = cache(self._plan_of)

    def get(self, digest: str) -> Any:
        """ports.EvidenceSource."""
        return self._reader.evidence(digest)

    def plan(self, gate: GateState | None = None) -> Plan:
        """The plan that the rollout follows, or that it followed when the gate was decided."""
        seq = gate.decided_seq or self.state.seq if gate is not None else self.state.seq
        return self._plan(plan_sha256_at(self.state, seq))

    def report(self, gate: GateState, *, show_keys: bool) -> Report:
        return gate_report(
            self.state,
            self.plan(gate),
            self,
            gate,
            seen=self.seen,
            signer_of=_signer_of,
            show_keys=show_keys,
        )

    @cached_property
    def seen(self) -> Seen:
        """What was measured up to the state."""
        return seen_in_store(
            self._reader.payloads(self.state.rollout, KINDS, until=self.state.seq, most=MOST_EVENTS)
        )

    def _plan_of(self, digest: str) -> Plan:
        return plan_to_read(self, digest)


def _write_one(source: _Source, wish: Wish) -> int:
    gate = _chosen(source, wish.wanted)
    form = wish.form or _form_of(wish)
    text = _writer(form)(source.report(gate, show_keys=wish.show_keys))
    if wish.out is None:
        exits.write(text)
    else:
        path = Path(wish.out)
        write_file(path, text)
        _tell(source, wish, {"gate": _named(gate), "form": form}, [path])
    return _CODES[gate.decision] if wish.by_decision else exits.GO


def _write_folder(source: _Source, wish: Wish) -> int:
    if wish.out is None:
        raise exits.Misuse("a report of every gate needs a folder: name one with --out DIR")
    folder = Path(wish.out)
    make_folder(folder)
    written = [folder / name for name in _written(folder, _files(source, wish))]
    _tell(source, wish, {"gates": len(fitting(source.state, wish.wanted))}, written)
    return exits.GO


def _files(source: _Source, wish: Wish) -> Iterator[tuple[str, str]]:
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
        signer_of=_signer_of,
        show_keys=wish.show_keys,
    )


def _written(folder: Path, files: Iterator[tuple[str, str]]) -> Iterator[str]:
    for name, text in files:
        write_file(folder / name, text)
        yield name


def _chosen(source: _Source, wanted: Wanted) -> GateState:
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


def _not_there(source: _Source, wanted: Wanted) -> str:
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


def _tell(source: _Source, wish: Wish, about: dict[str, Any], written: list[Path]) -> None:
    files = [str(path) for path in written]
    if wish.as_json:
        said = {"rollout": source.state.rollout, "seq": source.state.seq, "head": source.state.head}
        exits.write_json({**said, **about, "files": files})
    else:
        exits.write_lines(files)
