"""Begin a rollout in a store, and find it again there: the plan comes from the log's own evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.domain.errors import LogConflict, PlanProblems, StoreUnavailable
from rollout.domain.events import RolloutCreated
from rollout.domain.plan import Phase, Plan, StepSpec
from rollout.domain.signable import unsignable
from rollout.engine.approved_plan import plan_of
from rollout.engine.outline import outline
from rollout.engine.record import RolloutRecord
from rollout.kinds import CheckKinds, StepKinds
from rollout.live.clocks import SystemClock
from rollout.live.profiles import PROD, PROFILES, REHEARSAL
from rollout.loader.plugin_files import PluginFile
from rollout.ports import Clock, EventLog
from rollout.rehearsal.board import Board, read_board
from rollout.store.address import located
from rollout.store.opening import Store, open_store

ACTOR = "rollout"


@dataclass(frozen=True)
class Started:
    """What was begun: the first event's number, and the digest of the plan it carries."""

    rollout: str
    plan_sha256: str
    profile: str
    seq: int


def start(store: Store, plan: Plan, steps: StepKinds, profile: str, clock: Clock) -> Started:
    """Append the first event; the plan itself goes into the evidence, under its own digest.

    Raises: PlanProblems when the store has a rollout of that name, or when people must sign and have
    no key; StoreUnavailable.
    """
    name = plan.plan
    keyless = unsignable(plan, profile, clock.now())
    if keyless:
        raise PlanProblems(keyless)
    taken = PlanProblems(
        [
            f"{store.where}: holds a rollout {name!r} already: `rollout run` goes on with it; to begin "
            "another one, rename the plan or name another store"
        ]
    )
    if store.log.head(name).seq:
        raise taken
    digest = store.evidence.put(plan.model_dump(mode="json", by_alias=True))
    created = RolloutCreated(
        plan=name,
        title=plan.title,
        plan_sha256=digest,
        profile=profile,
        phases=outline(plan, steps),
        params=plan.params,
        scenario=None,
        seed=None,
    )
    try:
        events = store.log.append(name, 0, clock.now(), ACTOR, [created])
    except LogConflict:
        raise taken from None  # somebody else began it between our look and our append
    return Started(name, digest, profile, events[-1].seq)


def open_live(
    setting: str | Path, env: str | None, *, rehearsed: bool = False
) -> tuple[Store, str]:
    """The store of a rollout that was started, and its profile; `env`, if given, must be that one.
    `rehearsed`: a rehearsal that people drive is as good.

    Raises: StoreUnavailable; PlanProblems for a store that holds a rehearsal otherwise.
    """
    store = open_store(setting, create=False, profile=env)
    profile = store.info.profile or PROD
    if rehearsed and profile == REHEARSAL and board_of(setting) is not None:
        return store, profile
    if profile not in PROFILES:
        store.close()
        raise PlanProblems(
            [
                f"{store.where}: belongs to the profile {profile!r}, and only "
                f"{' and '.join(PROFILES)} are driven live: name another store"
            ]
        )
    return store, profile


def board_of(setting: str | Path) -> Board | None:
    """Where a rehearsal that people drive stands; None for every other store."""
    address = located(setting)
    return read_board(address) if isinstance(address, Path) else None


def choose(log: EventLog, where: str, asked: str | None) -> str:
    """The rollout asked for, else the one begun last. Raises: StoreUnavailable."""
    names = log.rollouts()
    if not names:
        raise StoreUnavailable(f"{where}: the store holds no rollout yet: start one first")
    if asked is None:
        return names[-1]
    if asked not in names:
        raise StoreUnavailable(f"{where}: has no rollout {asked!r}; it has {', '.join(names)}")
    return asked


def require_kinds(
    plan: Plan, checks: CheckKinds, steps: StepKinds, plugins: Sequence[PluginFile] = ()
) -> None:
    """What decides and acts must be what was approved.

    Raises: PlanProblems naming every kind that the plan uses and this process does not have, and every
    plug-in whose code is not the plan's.
    """
    problems = [*_other_plugins(plan, plugins), *_missing_kinds(plan, checks, steps)]
    if problems:
        raise PlanProblems(problems)


def _other_plugins(plan: Plan, plugins: Sequence[PluginFile]) -> Iterator[str]:
    approved = {name: digest for name, digest in plan.files.items() if name.endswith(".py")}
    for plugin in plugins:
        if plugin.sha256 not in approved.values():
            yield (
                f"{plugin.path}: is not the plug-in that the plan was approved with: put that one back, "
                "or adopt a plan with this one"
            )
    given = {plugin.sha256 for plugin in plugins}
    for name, digest in approved.items():
        if digest not in given:
            yield f"the plan's plug-in {name} ({digest[:12]}) is not here: name it with --plugins"


def _missing_kinds(plan: Plan, checks: CheckKinds, steps: StepKinds) -> list[str]:
    wanted_checks = {c.kind for gate in plan.gates.values() for c in gate.checks}
    wanted_steps = {step.step for step in _steps(plan)}
    missing = [
        *(f"check kind {kind!r} is not installed" for kind in sorted(wanted_checks - set(checks))),
        *(f"step kind {kind!r} is not installed" for kind in sorted(wanted_steps - set(steps))),
    ]
    return [f"{said}: name its file with --plugins" for said in missing]


def _steps(plan: Plan) -> Iterator[StepSpec]:
    phases: list[Phase] = plan.phases
    for phase in phases:
        yield from phase.steps
    if plan.rollback is not None:
        yield from plan.rollback.steps


def plan_in(store: Store, rollout: str) -> Plan:
    """The plan that a rollout follows now. Raises: StoreUnavailable, LogDamaged, PlanProblems."""
    state = RolloutRecord(store.log, rollout, SystemClock()).state
    return plan_of(store.evidence, state.plan_sha256)
