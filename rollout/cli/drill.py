"""`rollout drill`: every fault of the scenarios beside a plan against its gates, and who notices."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rollout.cli import exits
from rollout.cli.drill_jobs import Answer, Job
from rollout.cli.drill_workers import run_jobs
from rollout.loader.problems import suggestion
from rollout.rehearsal.catalogue import named_faults
from rollout.rehearsal.drill.matrix import matrix
from rollout.rehearsal.drill.mutants import Mutant, mutants
from rollout.rehearsal.drill.results import Drill, Drilled, FaultResult, Undisturbed
from rollout.rehearsal.drill.runs import about
from rollout.view.drill_list import fault_documents, fault_lines
from rollout.view.drill_text import drill_lines, said_of
from rollout.wiring import installed_kinds, read_plan, scenarios_beside


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The command's arguments, as written."""

    plan: Path
    listing: bool
    only: tuple[str, ...]
    seed: int | None
    workers: int | None
    as_json: bool
    ascii_only: bool
    plugins: tuple[Path, ...]


def run(wish: Wish) -> int:
    """Raises: PlanProblems, Misuse."""
    if wish.workers is not None and wish.workers < 1:
        raise exits.Misuse(f"--workers {wish.workers}: at least one process has to rehearse")
    plan = read_plan(wish.plan, installed_kinds(wish.plugins))
    chosen = _chosen(_catalogue(wish.plan), wish.only)
    ascii_only = wish.ascii_only or exits.needs_ascii()
    if wish.listing:
        if wish.as_json:
            exits.write_json({"faults": fault_documents(chosen)})
        else:
            exits.write_lines(fault_lines(chosen, exits.columns(), ascii_only=ascii_only))
        return exits.GO
    began = time.perf_counter()
    drilled, undisturbed = _rehearsed(wish, chosen)
    drill = matrix(plan, drilled, undisturbed, time.perf_counter() - began)
    if wish.as_json:
        exits.write_json(drill)
    else:
        exits.write_lines(drill_lines(drill, exits.columns(), ascii_only=ascii_only))
    return code_of(drill)


def code_of(drill: Drill) -> int:
    """0 when every fault that had to be noticed was, and no rehearsal broke."""
    return exits.GO if drill.is_guarded else exits.NO_GO


def _catalogue(plan: Path) -> list[Mutant]:
    found = list(mutants(named_faults(scenarios_beside(plan))))
    if not found:
        raise exits.Misuse(
            f"{plan.parent / 'scenarios'}: no scenario beside the plan has a fault to rehearse; "
            "write one (docs/writing-a-plan.md)"
        )
    return found


def _chosen(known: Sequence[Mutant], only: Sequence[str]) -> list[Mutant]:
    """Those that are named, by their id or their scenario's; all when nothing is. Raises: Misuse."""
    names = {m.id for m in known} | {m.scenario.scenario for m in known}
    for name in only:
        if name not in names:
            raise exits.Misuse(
                f"--only {name}: no such fault{suggestion(name, names)}; `rollout drill --list` shows them"
            )
    return [m for m in known if not only or m.id in only or m.scenario.scenario in only]


def _rehearsed(wish: Wish, chosen: Sequence[Mutant]) -> tuple[list[Drilled], list[Undisturbed]]:
    told: dict[str, Drilled] = {m.id: Drilled(_mending(m)) for m in chosen if m.mends}
    worlds: dict[str, Undisturbed] = {}
    total = len(chosen) - len(told)

    def tell(job: Job, answer: Answer) -> None:
        if job.undisturbed:
            worlds[job.world] = Undisturbed(
                scenarios=_scenarios_of(chosen, job.world, wish.seed),
                outcome=answer.outcome,
                stopped_by=answer.stopped_by,
                error=answer.error,
            )
            return
        told[job.mutant.id] = answer.drilled or Drilled(_failed(job.mutant, answer.error))
        done = sum(not m.mends for m in chosen if m.id in told)
        _progress(f"drill: {done} of {total}: {said_of(told[job.mutant.id].fault)}")

    with TemporaryDirectory(prefix="rollout-drill-") as folder:
        jobs = _jobs(wish, chosen, Path(folder))
        _progress(f"drill: {total} faults, {len(jobs) - total} rehearsals without any")
        run_jobs(jobs, wish.workers or _processors(), tell)
    return [told[m.id] for m in chosen], [worlds[w] for w in _worlds(chosen, wish.seed)]


def _jobs(wish: Wish, chosen: Sequence[Mutant], folder: Path) -> list[Job]:
    """Each world's undisturbed rehearsal just before the first fault that needs it."""
    jobs: list[Job] = []
    begun: set[str] = set()
    for mutant in chosen:
        if mutant.mends:
            continue
        world = mutant.world(wish.seed)
        album = folder / f"{world}.album"
        for undisturbed in [True, False] if world not in begun else [False]:
            jobs.append(Job(wish.plan, wish.plugins, wish.seed, mutant, world, album, undisturbed))
        begun.add(world)
    return jobs


def _worlds(chosen: Sequence[Mutant], seed: int | None) -> dict[str, None]:
    return dict.fromkeys(m.world(seed) for m in chosen if not m.mends)


def _scenarios_of(chosen: Sequence[Mutant], world: str, seed: int | None) -> list[str]:
    same = [m.scenario.scenario for m in chosen if not m.mends and m.world(seed) == world]
    return list(dict.fromkeys(same))


def _mending(mutant: Mutant) -> FaultResult:
    return FaultResult(**about(mutant), came="mends")


def _failed(mutant: Mutant, error: str) -> FaultResult:
    return FaultResult(**about(mutant), came="failed", error=error)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        exits.say(text)


def _processors() -> int:
    return os.cpu_count() or 1
