"""One rehearsal of a drill, wherever it runs: in this process or in one of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from rollout.domain.errors import PlanProblems, RolloutError
from rollout.rehearsal.drill.mutants import Mutant
from rollout.rehearsal.drill.pictures import Album
from rollout.rehearsal.drill.results import Drilled
from rollout.rehearsal.drill.runs import drilled, undisturbed
from rollout.wiring import RehearsalRequest, installed_kinds, run_changed


@dataclass(frozen=True)
class Job:
    """Rehearse `mutant`; or, when `undisturbed`, the same with nothing going wrong, and keep what was
    seen in `album`. Jobs of one `world` share that album."""

    plan: Path
    plugins: tuple[Path, ...]
    seed: int | None
    mutant: Mutant
    world: str
    album: Path
    undisturbed: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job: `drilled` for a fault, `outcome` and `stopped_by` without one, or `error`."""

    drilled: Drilled | None = None
    outcome: str = ""
    stopped_by: list[str] = []
    error: str = ""


def carry_out(job: Job) -> Answer:
    """Rehearse. What breaks a rehearsal (a statement that cannot run, a scripted lead who is refused) is
    told as an error: it says nothing about the gates, and the other faults are still to be rehearsed."""
    try:
        return _rehearsed(job)
    except PlanProblems as problems:
        return Answer(error="; ".join(problems.problems))
    except (RolloutError, RuntimeError) as error:
        return Answer(error=f"{type(error).__name__}: {error}")


def _rehearsed(job: Job) -> Answer:
    request = RehearsalRequest(
        plan=job.plan,
        scenario=job.mutant.scenario.scenario,
        seed=job.seed,
        params={},
        kinds=installed_kinds(job.plugins),
    )
    if job.undisturbed:
        album = run_changed(request, job.mutant.undisturbed(), undisturbed)
        job.album.write_bytes(msgspec.msgpack.encode(album))
        return Answer(outcome=album.outcome, stopped_by=album.stopped_by)
    album = msgspec.msgpack.decode(job.album.read_bytes(), type=Album)
    drive = partial(drilled, mutant=job.mutant, album=album)
    return Answer(drilled=run_changed(request, job.mutant.scenario, drive))
