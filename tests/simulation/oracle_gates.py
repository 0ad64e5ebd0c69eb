"""Gates held against what was really observed: absence, errors and old answers never pass."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from rollout.domain.durations import parse_duration
from rollout.domain.events import (
    Attested,
    CheckConcluded,
    DecisionMade,
    Event,
    GateDecided,
    GateOpened,
    Measured,
    SoakStarted,
)
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.plan import CheckSpec, Plan
from rollout.domain.state import SOAK_COVERAGE, RolloutState

from .plan_changes import InForce, meaning, meanings
from .violation import require

Key = tuple[str, int, str, str]
"""phase, attempt, moment, gate."""


@dataclass
class Look:
    """One round of one gate."""

    round: int
    checks: list[str]
    samples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    decision: Decision | None = None
    seq: int = 0
    asked: object = None
    """What it asked when it was decided."""
    evidence: str = ""


class GateOracle:
    """`shown`: what each check was last given, by the warehouse itself."""

    def __init__(self, plans: InForce, shown: Mapping[str, str]) -> None:
        self.plans, self.shown = plans, shown
        self.looks: dict[Key, Look] = {}
        self.attested: dict[tuple[str, int, str], tuple[bool, object]] = {}
        self.waived: dict[tuple[str, int, str], object] = {}
        self.soaks: dict[tuple[str, int], Event] = {}
        self.reached: Counter[str] = Counter()

    def see(self, before: RolloutState, event: Event) -> None:
        match event.payload:
            case GateOpened() as p:
                self._opened(event, p)
            case Measured() as p:
                self._measured(p)
            case CheckConcluded() as p:
                self._concluded(p)
            case GateDecided() as p:
                self._decided(event, p)
            case Attested() as p:
                said = (p.answer, self._meaning(p.check))
                self.attested[p.phase, p.attempt, p.check] = said
            case DecisionMade(decision="waive") as p:
                self.waived[p.phase, p.attempt, p.subject] = self._meaning(p.subject)
            case SoakStarted() as p:
                self.soaks[p.phase, p.attempt] = event

    def is_go(self, phase: str, attempt: int, moment: str, gate: str) -> bool:
        """Decided, and by what the plan in force asks."""
        look = self.looks.get((phase, attempt, moment, gate))
        if look is None or look.decision is not Decision.GO:
            return False
        return look.asked == meanings(self.plan.gates.get(gate))

    @property
    def plan(self) -> Plan:
        return self.plans.now

    def _meaning(self, check: str) -> object:
        specs = (c for g in self.plan.gates.values() for c in g.checks if c.check == check)
        return next((meaning(c) for c in specs), None)

    def _is_waived(self, phase: str, attempt: int, check: str) -> bool:
        key = (phase, attempt, check)
        return key in self.waived and self.waived[key] == self._meaning(check)

    def look(self, phase: str, attempt: int, moment: str, gate: str) -> Look | None:
        return self.looks.get((phase, attempt, moment, gate))

    def _opened(self, event: Event, p: GateOpened) -> None:
        key = (p.phase, p.attempt, p.moment, p.gate)
        known = self.looks.get(key)
        require(p.round == (known.round + 1 if known else 1), "8", f"{key} skips a round")
        if p.gate != SOAK_COVERAGE:
            wanted = [c.check for c in self.plan.gates[p.gate].checks]
            require(p.checks == wanted, "9", f"{p.gate} asks {p.checks}, the plan {wanted}")
        self.looks[key] = Look(p.round, p.checks)
        if p.moment.startswith("every:"):
            self._on_time(event, p)

    def _on_time(self, event: Event, p: GateOpened) -> None:
        """A slot of a soak that was slept through is not taken later."""
        age, _, number = p.moment.removeprefix("every:").partition("#")
        interval = parse_duration(age)
        soak = self.plan.phase(p.phase).soak
        started = self.soaks[p.phase, p.attempt].at
        due = started + int(number) * interval
        if soak is not None and due >= started + soak.lasts:
            return  # the look at the very end has no later one to make it obsolete
        late = event.at - due
        require(late < interval, "10", f"{p.moment} of {p.gate} was taken {late} late")

    def _measured(self, p: Measured) -> None:
        look = self.looks[p.phase, p.attempt, p.moment, p.gate]
        require(p.round == look.round, "8", f"a sample of round {p.round} in {look.round}")
        kind = self._kind(p.gate, p.check)
        if kind == "sql":
            shown = self.shown.get(p.check, "nothing")
            self.reached[f"shown_{shown}"] += 1
            allowed = {"good": "pass", "check_bad": "fail"}.get(shown)
            fits = p.verdict == allowed if allowed else p.verdict not in {"pass", "fail"}
            require(fits, "10", f"{p.check} was shown {shown} and is {p.verdict.value}")
        if kind == "attest" and p.verdict is Verdict.PASS:
            said = self.attested.get((p.phase, p.attempt, p.check))
            confirmed = said == (True, self._meaning(p.check))
            require(confirmed, "10", f"{p.check} passes, and nobody confirmed it")
        look.samples[p.check].append(p.verdict.value)

    def _concluded(self, p: CheckConcluded) -> None:
        look = self.looks[p.phase, p.attempt, p.moment, p.gate]
        require(p.check not in look.verdicts, "8", f"{p.check} is concluded twice")
        look.verdicts[p.check] = p.verdict
        if p.verdict is not Verdict.PASS or p.gate == SOAK_COVERAGE:
            return
        spec = self._spec(p.gate, p.check)
        samples, policy = look.samples[p.check], spec.sampling
        counted = [s for s in samples if s != "error"]
        wanted = policy.effective_count or 1
        enough = len(counted) >= wanted and "pass" in counted
        clean = (
            counted.count("fail") <= policy.failure_limit
            and counted.count("inconclusive") <= policy.inconclusive_limit
        )
        require(enough and clean, "10", f"{p.check} passes with {samples} of {wanted} wanted")

    def _decided(self, event: Event, p: GateDecided) -> None:
        key = (p.phase, p.attempt, p.moment, p.gate)
        look = self.looks[key]
        require(look.decision is None, "8", f"{key} is decided twice")
        look.decision, look.seq, look.evidence = p.decision, event.seq, p.evidence_sha256
        look.asked = meanings(self.plan.gates.get(p.gate))
        require(bool(p.evidence_sha256), "9", f"{key} is decided without evidence")
        if p.decision is not Decision.GO:
            require(bool(p.reasons), "10", f"{key} is {p.decision.value} without a reason")
            return
        if p.gate == SOAK_COVERAGE:
            self._covered(p)
            return
        deciding = [c for c in self.plan.gates[p.gate].checks if not c.shadow]
        for check in deciding:
            if look.verdicts.get(check.check) is not Verdict.PASS:
                waived = self._is_waived(p.phase, p.attempt, check.check)
                require(waived, "9", f"{key} is go although {check.check} did not pass")
                self.reached["waived_through"] += 1

    def _covered(self, p: GateDecided) -> None:
        """At least the plan's share of the looks came to an answer."""
        if self._is_waived(p.phase, p.attempt, SOAK_COVERAGE):
            return
        soak = self.plan.phase(p.phase).soak
        assert soak is not None
        expected = len(soak.checkpoints) + sum(
            int(soak.lasts / parse_duration(age)) for age in soak.every
        )
        taken = [
            key
            for key, look in self.looks.items()
            if key[:2] == (p.phase, p.attempt)
            and key[2].partition(":")[0] in {"every", "after"}
            and look.decision in {Decision.GO, Decision.NO_GO}
        ]
        share = len(taken) / expected
        require(share >= 0.75, "10", f"a soak counts as watched with {share:.0%} of its looks")

    def _spec(self, gate: str, check: str) -> CheckSpec:
        return next(c for c in self.plan.gates[gate].checks if c.check == check)

    def _kind(self, gate: str, check: str) -> str:
        return "" if gate == SOAK_COVERAGE else self._spec(gate, check).kind
