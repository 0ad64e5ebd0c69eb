"""One run: a plan, a world, a seed. After every step the invariants are looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from fakes import SYNC

from rollout.domain.errors import LogDamaged, StoreUnavailable
from rollout.domain.events import Payload
from rollout.domain.state import RolloutState
from rollout.engine.wake import Wake

from .census import TOKEN, Census, Sync
from .clocks import STARTS, Wall, WorldTime
from .dice import Dice
from .disturbances import Disturbances
from .doors import Doors
from .house import House, snapshots_every
from .network import Network
from .oracle_effects import EffectOracle
from .oracle_gates import GateOracle
from .oracle_log import LogOracle
from .oracle_rules import RuleOracle
from .oracle_stages import OrderOracle, StageOracle
from .oracle_world import WorldOracle
from .people import People
from .plan_changes import InForce
from .plans import CHOICES, NAME, SECOND, plan_named
from .process import Connections, Process
from .target import QUEUE, SECOND_QUEUE, Target
from .violation import Killed, Violated, require
from .warehouse import Warehouse

STEPS = 70
"""In a disturbed world."""
CALM_STEPS = 400
"""Once all faults have stopped: by then it is over, or waits for somebody."""
MOST_EVENTS = 4000
MOST_REQUESTS = 6000


@dataclass
class Report:
    """What a run came to."""

    seed: int
    plan: str
    fired: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    violation: Violated | None = None
    end: str = ""
    events: int = 0
    head: str = ""
    steps: int = 0


class Simulation:
    """The world of one seed."""

    def __init__(self, seed: int, house: House) -> None:
        self.dice = Dice(seed)
        self.plan_name = plan_of(self.dice)
        self.plan = plan_named(self.plan_name)
        start = self.dice.pick("start", range(len(STARTS)))
        self.house = house
        house.begin(self.plan_name, start)
        self.time = WorldTime(STARTS[start])
        self.wall = Wall(self.time)
        self.reached: Counter[str] = Counter()
        self.depth = 0
        self.process: Process | None = None
        self.heir: Process | None = None
        self.wake = Wake(None, "")
        self._build()

    def _build(self) -> None:
        syncs = {
            SYNC: self._sync(SYNC, "a", "upsert", "crm.queue"),
            SECOND: self._sync(SECOND, "b", "update", "crm.second"),
        }
        census = self.census = Census(self.time, self.dice, syncs)
        self.log = LogOracle(NAME, self.house.rows)
        self.plans = InForce(self.plan)
        self.effects = EffectOracle(self.log, census, self.wall, self.dice)
        self.target = Target(self.time, self.dice, self.effects, self.border)
        self.warehouse = Warehouse(self.time, self.dice, self.effects, self.border)
        self.warehouse.keys = {"crm.queue": list(QUEUE), "crm.second": list(SECOND_QUEUE)}
        self.network = Network(census, self.time, self.dice, self.effects, self.border)
        self.connections = Connections(self.network, self.wall, self.target, self.warehouse)
        self.gates = GateOracle(self.plans, self.warehouse.shown)
        self.stages = StageOracle(self.plans, self.gates)
        world = WorldOracle(self.plan, census, self.target, self.warehouse, self.dice)
        self.rules = RuleOracle(self.plans)
        order = OrderOracle(self.plan)
        judges = (self.effects, self.stages, world, self.gates, self.rules)
        # Gates before stages: a stage is judged by what its gates came to. The plan goes first, as
        # an adoption is judged by the plan it brings; who may adopt is the same in all of them.
        self.log.watchers += [self.plans, self.gates, *judges[:3], order, self.rules]
        self.counts = [judge.reached for judge in judges]
        doors = Doors(
            self.house,
            self.plans,
            self.wall,
            self.dice,
            self.log,
            self.connections,
            self._meanwhile,
        )
        self.people = People(doors, self.plans, census, self.dice, self.look)
        self.disturbances = Disturbances(self)

    def _sync(self, number: int, name: str, operation: str, source: str) -> Sync:
        return Sync(
            id=number,
            name=name,
            operation=operation,
            source=source,
            reads=lambda: self.warehouse.reads(source),
            lands=lambda key: self.target.lands(key, name),
        )

    def look(self) -> RolloutState:
        self.log.catch_up()
        return self.log.state

    # the controller ----------------------------------------------------------------------

    def border(self, place: str) -> None:
        """At the edge of every request: a process may die here, and others act."""
        if self.dice.fires("kill_at_port", times=0.15):
            self.reached["killed"] += 1
            raise Killed(place)
        self.disturbances.at_border()

    def around(self, when: str, payloads: Sequence[Payload]) -> None:
        """At the edge of every commit of the controller."""
        is_alone = when == "before" and self.depth == 0
        if is_alone and self.dice.fires("decides_meanwhile", times=0.3):
            self._nested(self.people.whim)
        if when == "after":
            self.log.catch_up()
        if self.dice.fires("kill_at_append", times=0.1):
            self.reached["killed"] += 1
            raise Killed(f"{when} an append")

    def _meanwhile(self) -> None:
        """While a person is about to append, the controller or somebody else is quicker."""
        if self.depth == 0:
            self._nested(self.tick if self.dice.chance("rival", 0.5) else self.people.whim)

    def _nested(self, act: object) -> None:
        self.depth += 1
        try:
            if callable(act):
                act()
        finally:
            self.depth -= 1

    def born(self) -> Process:
        """A new controller on the same store."""
        return Process(
            self.house,
            self.plans.now,
            self.wall,
            self.connections,
            self.around,
            self.log.acknowledge,
        )

    def tick(self) -> Wake | None:
        """The controller does what is due, or dies in it."""
        if self.process is not None and self.depth and self.is_ticking:
            return None
        try:
            if self.process is None:
                self.process = self.born()
                self.reached["started"] += 1
            self.is_ticking = True
            before, asked = self.log.state.seq, self.network.requests
            wake = self.process.tick()
        except Killed:
            self._ends("killed")
            return None
        except StoreUnavailable:
            self.reached["store_unavailable"] += 1
            self._ends("store")
            return None
        except LogDamaged as damage:
            raise Violated("4", f"the controller sees damage: {damage}") from damage
        finally:
            self.is_ticking = False
        self.log.catch_up()
        require(self.log.state.seq - before < MOST_EVENTS, "L2", "a tick wrote thousands of events")
        require(self.network.requests - asked < MOST_REQUESTS, "L2", "a tick asked without end")
        self.log.compare(self.process.controller.state)
        self.wake = wake
        if wake.replanned:
            self.reached["followed_a_plan"] += 1
            self.process.controller.follow(self.plans.now)
        is_told = self.wall.stands_at is None and not self.network.is_dark
        if is_told and not wake.replanned:
            self.rules.rest(self.log.state, self.wall.now())
        return wake

    is_ticking = False

    def _ends(self, how: str) -> None:
        if self.process is not None:
            open_effects = any(e.how is None for e in self.log.state.effects.values())
            self.reached[f"{how}_with_an_open_effect"] += open_effects
            self.process.die()
        self.process, self.heir = self.heir, None

    # the run -----------------------------------------------------------------------------

    def run(self) -> None:
        """Raises: Violated."""
        for _ in range(STEPS):
            self.disturbances.between_steps()
            if self._step(cooperative=not self.dice.chance("absent", 0.1)):
                break
        self._calm_down()
        self.log.close()
        if self.process is not None:
            self.log.compare(self.process.controller.state)
            self.process.die()
        self.house.guest().close()
        require(TOKEN.encode() not in self.house.bytes(), "14", "the token is in the store")

    def _step(self, *, cooperative: bool) -> bool:
        """Tick, then answer or sleep. Whether the rollout has ended."""
        wake = self.tick()
        if wake is None:
            self.time.pass_(timedelta(seconds=20))
            return False
        if wake.ended:
            return True
        if cooperative and self.people.answer(wake.needs):
            return False
        self._sleep(wake)
        return False

    def _sleep(self, wake: Wake) -> None:
        """Until the controller wants to be woken, or somebody comes by."""
        now = self.wall.now()
        wanted = wake.at - now if wake.at is not None else timedelta(minutes=30)
        if self.dice.fires("lid_closed"):
            wanted += timedelta(hours=self.dice.between("lid", 1, 30))
        if self.wall.stands_at is not None:
            wanted = min(wanted, timedelta(minutes=20))
        self.time.pass_(max(wanted, timedelta(seconds=1)))

    def _calm_down(self) -> None:
        """No fault any more: it comes to an end, or waits for a named person with a reason."""
        self.dice.calm = True
        self.wall.set_right()
        is_attended = self.dice.chance("attended", 0.7)
        for _ in range(CALM_STEPS):
            if self._step(cooperative=is_attended):
                self.reached["ended"] += 1
                return
            needs = self.wake.needs
            if not is_attended and self.process is not None and self.wake.at is None:
                require(bool(needs) and bool(self.wake.why), "L1", f"it waits for {needs}")
                self.reached["waits_for_a_person"] += 1
                return
        state = self.look()
        phase = state.current_phase()
        where = f"{phase.id}.{phase.stage}" if phase else state.outcome
        raise Violated("L1", f"after {CALM_STEPS} calm steps it is {where}: {self.wake.why}")


def plan_of(dice: Dice) -> str:
    """The plan of a run is its first choice."""
    return dice.pick("plan", CHOICES)


def simulate(seed: int, house: House) -> Report:
    """One run of one seed, and what came of it."""
    simulation = Simulation(seed, house)
    report = Report(seed, simulation.plan_name)
    every = simulation.dice.pick("snapshots", [7, 23, 2000])
    try:
        with snapshots_every(every):
            simulation.run()
    except Violated as violation:
        report.violation = violation
    except Exception as bug:  # noqa: BLE001 - what gets out is a bug, and the soak goes on
        report.violation = Violated("bug", f"{type(bug).__name__}: {bug}")
    log = simulation.log
    report.fired = simulation.dice.fired
    for counter in (simulation.reached, *simulation.counts):
        report.reached.update(counter)
    report.reached.update(simulation.people.said)
    report.events, report.head = log.state.seq, log.state.head
    phase = log.state.current_phase()
    report.end = log.state.outcome or (f"{phase.id}.{phase.stage}" if phase else "")
    if simulation.process is not None:
        simulation.process.die()
    return report
