"""The one place that chooses concrete classes.

The rehearsal's world (DuckDB, Arrow, the mocked services) is imported by what builds one: a live command
comes here for its kinds and its plan only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.abc import InspectLoader
from importlib.metadata import entry_points
from importlib.util import decode_source, module_from_spec, spec_from_loader
from inspect import getmembers, isclass
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, TypeVar

from rollout.domain.errors import KindMisused, PlanProblems
from rollout.domain.evidence import Scalar
from rollout.domain.plan import Plan
from rollout.kinds import CheckKind, CheckKinds, StepKind, StepKinds
from rollout.loader.documents import load_document, load_plan
from rollout.loader.plugin_files import PluginFile, read_plugin
from rollout.loader.strict_yaml import DEFAULT_LIMITS, Limits
from rollout.steps.assess_changes import AssessChanges
from rollout.steps.end_runs import EndRuns
from rollout.store.opening import Store, open_store

if TYPE_CHECKING:
    from rollout.rehearsal.harness import Ready, Rehearsal, Setup, Watcher
    from rollout.rehearsal.scenario import Fault, Scenario

Result = TypeVar("Result")

CHECKS, STEPS = "rollout.checks", "rollout.steps"


@dataclass(frozen=True)
class Kinds:
    """Every kind of check and step this process knows."""

    checks: CheckKinds
    steps: StepKinds
    plugins: tuple[PluginFile, ...] = ()


def installed_kinds(plugins: Sequence[Path] = ()) -> Kinds:
    """Kinds from entry points, those that every rollback needs, and the plug-in files a user names.

    Raises: PlanProblems for a plug-in file that is not there or gives no kind; KindMisused for a
    kind given twice.
    """
    checks: dict[str, CheckKind] = {}
    steps: dict[str, StepKind] = {}
    for point in entry_points(group=CHECKS):
        _add(checks, point.load()())
    for point in entry_points(group=STEPS):
        _add(steps, point.load()())
    for own in (EndRuns(), AssessChanges()):
        _add(steps, own)
    read = tuple(read_plugin(path) for path in plugins)
    for plugin in read:
        for kind in _kinds_in(plugin):
            if hasattr(kind, "observe"):
                _add(checks, kind)
            else:
                _add(steps, kind)
    return Kinds(checks, steps, read)


def _add(kinds: dict, kind) -> None:  # type: ignore[no-untyped-def,type-arg]
    if kind.kind in kinds:
        raise KindMisused(f"kind {kind.kind!r} is given twice; rename yours")
    kinds[kind.kind] = kind


class _FromBytes(InspectLoader):
    """Runs the bytes that were judged; the file is not read a second time."""

    def __init__(self, plugin: PluginFile) -> None:
        self._plugin = plugin

    def get_source(self, fullname: str) -> str:
        return decode_source(self._plugin.code)

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._plugin.code, str(self._plugin.path))


def _kinds_in(plugin: PluginFile) -> list:  # type: ignore[type-arg]
    path = plugin.path
    spec = spec_from_loader(f"rollout_plugin_{path.stem}", _FromBytes(plugin), origin=str(path))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise PlanProblems([f"{path}: the plug-in cannot be used: {said[:500]}"]) from error
    found = [
        cls()
        for _, cls in getmembers(module, isclass)
        if cls.__module__ == module.__name__ and hasattr(cls, "kind") and hasattr(cls, "Inputs")
    ]
    if not found:
        raise PlanProblems([f"{path}: holds no class with `kind` and `Inputs`"])
    return found


def read_plan(
    path: Path,
    kinds: Kinds,
    params: Mapping[str, Scalar] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Plan:
    """Raises: PlanProblems with everything that is wrong."""
    return load_plan(
        path, kinds.checks, kinds.steps, params=params, limits=limits, plugins=kinds.plugins
    )


def scenario_path(plan: Path, name: str) -> Path:
    """A scenario by name (`scenarios/<name>.yaml` beside the plan) or as a file."""
    as_file = Path(name)
    if as_file.suffix in {".yaml", ".yml"}:
        return as_file
    return plan.parent / "scenarios" / f"{name}.yaml"


def read_scenario(plan: Path, name: str) -> Scenario:
    """Raises: PlanProblems; for an unknown name with the names there are."""
    from rollout.rehearsal.scenario import Scenario

    path = scenario_path(plan, name)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in (plan.parent / "scenarios").glob("*.yaml")))
        raise PlanProblems([f"{path}: no such scenario; there are: {known or 'none'}"])
    return load_document(path, Scenario)


@dataclass(frozen=True)
class RehearsalRequest:
    """What `rollout rehearse` was asked for. `state` None keeps everything in memory."""

    plan: Path
    scenario: str
    seed: int | None
    params: Mapping[str, Scalar]
    kinds: Kinds
    state: Path | None = None
    resume: bool = False
    watch: Watcher | None = None
    overrides: Mapping[str, object] = field(default_factory=dict)
    """Values of the scenario's `operator` and `world` by dotted path."""


def run_rehearsal(
    request: RehearsalRequest, then: Callable[[Rehearsal, object], None]
) -> Rehearsal:
    """Rehearse, hand the result and the open store to `then` (reports), close the store.

    Raises: PlanProblems, StoreUnavailable.
    """
    from rollout.rehearsal.harness import rehearse

    with _opened(request) as (setup, store):
        done = rehearse(setup)
        then(done, store)
        return done


def run_by_hand(request: RehearsalRequest, epoch: int, drive: Callable[[Ready], str]) -> str:
    """Build the stage in the store of `request` and let `drive` go through it; what it answers.

    Raises: PlanProblems, StoreUnavailable, LogDamaged.
    """
    from rollout.rehearsal.harness import prepared

    with _opened(request, by_hand=True) as (setup, _), prepared(setup, epoch) as ready:
        return drive(ready)


def run_changed(
    request: RehearsalRequest, scenario: Scenario, drive: Callable[[Ready], Result]
) -> Result:
    """Build the stage of `scenario`, whatever name `request` has for it, and let `drive` play it.

    Raises: PlanProblems, StoreUnavailable.
    """
    from rollout.rehearsal.harness import prepared

    with _opened(request, scenario) as (setup, _), prepared(setup) as ready:
        return drive(ready)


@contextmanager
def _opened(
    request: RehearsalRequest, changed: Scenario | None = None, *, by_hand: bool = False
) -> Iterator[tuple[Setup, Store]]:
    from rollout.rehearsal.harness import PROFILE, Setup
    from rollout.rehearsal.overrides import overridden
    from rollout.rehearsal.sandbox.source_changes import at_peoples_pace
    from rollout.rehearsal.scenario import ANY_ATTEMPT

    read = changed or read_scenario(request.plan, request.scenario)
    scenario = overridden(read, request.overrides)
    plan = read_plan(request.plan, request.kinds, {**scenario.params, **request.params})
    if by_hand:
        scenario = at_peoples_pace(plan, scenario, attempt=ANY_ATTEMPT)
    journal = _journal(request)
    where = ":memory:" if request.state is None else str(request.state)
    store = open_store(where, create=True, profile=PROFILE, relaxed=True, now=scenario.start)
    try:
        yield (
            Setup(
                plan=plan,
                scenario=scenario,
                seed=scenario.seed if request.seed is None else request.seed,
                log=store.log,
                evidence=store.evidence,
                checks=request.kinds.checks,
                steps=request.kinds.steps,
                views=view_files(request.plan),
                journal=journal,
                watch=request.watch,
            ),
            store,
        )
    finally:
        store.close()


def scenario_faults(plan: Path) -> dict[str, Fault]:
    """Every fault of the scenarios beside a plan, by the name under which it can be injected.

    Raises: PlanProblems.
    """
    from rollout.rehearsal.catalogue import catalogue

    return catalogue(scenarios_beside(plan))


def scenarios_beside(plan: Path) -> list[Scenario]:
    """Every scenario beside a plan, by file name. Raises: PlanProblems."""
    from rollout.rehearsal.scenario import Scenario

    paths = _sorted((plan.parent / "scenarios").glob("*.yaml"))
    return [load_document(path, Scenario) for path in paths]


def _journal(request: RehearsalRequest) -> Path | None:
    """Beside the state file. Without --resume an existing state is refused, never overwritten."""
    if request.state is None:
        return None
    journal = request.state.with_name(request.state.name + ".world.jsonl")
    if not request.resume and (request.state.exists() or journal.exists()):
        raise PlanProblems(
            [
                f"{request.state}: holds a rehearsal already; add --resume to go on, or name another file"
            ]
        )
    return journal


def view_files(plan: Path) -> dict[str, str]:
    """The aggregation views that belong to a plan: `sql/*.sql` beside it, by name."""
    folder = plan.parent / "sql"
    return {p.stem: p.read_text(encoding="utf-8") for p in _sorted(folder.glob("*.sql"))}


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths)
