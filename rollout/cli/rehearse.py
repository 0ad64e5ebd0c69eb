"""`rollout rehearse`: run the whole plan against a mocked world, and tell what happened."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rollout.cli import exits
from rollout.cli.files import make_folder, write_file
from rollout.cli.held import is_held_by_doubt
from rollout.cli.live import LiveStatus
from rollout.cli.settings import settings
from rollout.domain.state import RolloutState
from rollout.rehearsal.harness import Rehearsal, Watcher
from rollout.rehearsal.summary import summary
from rollout.reports.folder import report_files
from rollout.reports.foreign import json_text
from rollout.reports.series import seen_in_events
from rollout.view.account import Told, account_lines
from rollout.view.plan_words import plan_words
from rollout.wiring import RehearsalRequest, installed_kinds, run_rehearsal


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The command's arguments, as written."""

    plan: Path
    scenario: str
    seed: int | None
    settings: tuple[str, ...]
    state: Path | None
    resume: bool
    out: Path | None
    as_json: bool
    ascii_only: bool
    plugins: tuple[Path, ...]
    speed: float | None = None

    def request(self, watch: Watcher | None) -> RehearsalRequest:
        """Raises: Misuse for a setting that is none."""
        said = settings(self.settings)
        return RehearsalRequest(
            plan=self.plan,
            scenario=self.scenario,
            seed=self.seed,
            params=said.params,
            kinds=installed_kinds(self.plugins),
            state=self.state,
            resume=self.resume,
            watch=watch,
            overrides=said.overrides,
        )


def run(wish: Wish) -> int:
    """Raises: PlanProblems, Misuse, KindMisused, StoreUnavailable, LogDamaged."""
    if wish.resume and wish.state is None:
        raise exits.Misuse("--resume needs --state FILE: a rehearsal in memory is gone")
    if wish.speed is not None:
        raise exits.Misuse("--speed is for a rehearsal that people drive: add --by-hand")
    if wish.out is not None:
        make_folder(wish.out)
    ascii_only = wish.ascii_only or exits.needs_ascii()
    lines: list[str] = []
    result: dict[str, Any] = {}
    began = time.perf_counter()

    def tell(rehearsal: Rehearsal, _store: object) -> None:
        result.update(summary(rehearsal, time.perf_counter() - began))
        if not wish.as_json:
            lines.extend(_account(rehearsal, result, ascii_only=ascii_only))
        if wish.out is not None:
            _write_reports(wish.out, rehearsal, result)

    with _live(ascii_only=ascii_only) as watch:
        done = run_rehearsal(wish.request(watch), tell)
    if wish.as_json:
        exits.write_json(result)
    else:
        exits.write_lines(lines)
    return code_of_outcome(done.outcome, done.state)


def code_of_outcome(outcome: str, state: RolloutState) -> int:
    """0 completed, 3 held by inconclusive gates alone, else 1."""
    if outcome == "completed":
        return exits.GO
    phase = state.current_phase()
    by_doubt = outcome == "held" and phase is not None and is_held_by_doubt(state, phase)
    return exits.INCONCLUSIVE if by_doubt else exits.NO_GO


def _account(rehearsal: Rehearsal, result: Mapping[str, Any], *, ascii_only: bool) -> list[str]:
    told = Told(
        state=rehearsal.state,
        words=plan_words(rehearsal.plan.model_dump(mode="json", by_alias=True)),
        documents=rehearsal.evidence.get,
        faults=result["faults"],
        about={fault.id: fault.about for fault in rehearsal.scenario.faults},
        outcome=rehearsal.outcome,
    )
    return account_lines(told, exits.columns(), ascii_only=ascii_only)


def _write_reports(folder: Path, rehearsal: Rehearsal, result: Mapping[str, Any]) -> None:
    seen = seen_in_events(rehearsal.log.read(rehearsal.state.rollout))
    for name, text in report_files(rehearsal.state, rehearsal.plan, rehearsal.evidence, seen=seen):
        write_file(folder / name, text)
    write_file(folder / "summary.json", json_text(result))


def _live(*, ascii_only: bool) -> LiveStatus | _Silent:
    if sys.stdout.isatty() and sys.stderr.isatty():
        return LiveStatus(ascii_only=ascii_only)
    return _Silent()


class _Silent:
    """Nobody watches a pipe."""

    def __enter__(self) -> Watcher:
        return _ignore

    def __exit__(self, *_: object) -> None:
        pass


def _ignore(_state: RolloutState, _now: datetime) -> None:
    pass
