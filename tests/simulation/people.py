"""People at their terminals: they answer what is asked of them, and sometimes what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from rollout.domain.state import EffectState, RolloutState
from rollout.engine.wake import Need
from rollout.live.deciding import Wish

from .census import Census
from .dice import Dice
from .doors import Doors
from .plan_changes import CHANGES, InForce

LEAD = "project_lead"
HOLDERS = {LEAD: ("ann", "bea"), "engineer": ("ben",), "sales": ("cho", "ann")}
WHIMS = (
    *("hold", "roll_back", "abort", "waive", "settle", "resume", "retry", "restart"),
    *("proceed", "sign", "attest", "end", "close_finding"),
)


class People:
    """The cooperative ones know their trade; the others try whatever comes to mind."""

    def __init__(
        self,
        doors: Doors,
        plans: InForce,
        census: Census,
        dice: Dice,
        look: Callable[[], RolloutState],
    ) -> None:
        self.doors, self.plans, self.census = doors, plans, census
        self.dice, self.look = dice, look
        self.said: Counter[str] = Counter()
        self.patience: Counter[str] = Counter()

    # answers ---------------------------------------------------------------------------

    def answer(self, needs: Sequence[Need]) -> bool:
        """Somebody answers one of the needs; whether the log moved."""
        if not needs:
            return False
        need = self.dice.pick("need", needs)
        settle = next((n for n in needs if n.kind == "settle"), None)
        wish = self._wish(settle or need)
        if wish is None:
            return False
        if self.dice.fires("two_operators"):
            return self._both(wish)
        return self.say(wish)

    def _wish(self, need: Need) -> Wish | None:
        no = self.dice.fires("says_no")
        if need.kind == "proceed":
            doubts = self.dice.chance("doubts", 0.05) and self._has_written(self.look())
            return _by(LEAD, "roll_back" if doubts else "proceed")
        if need.kind == "attest":
            return _by("engineer", "attest", need.subject, answer=not no)
        if need.kind == "sign":
            by = "cho" if need.detail == "sales" else self.dice.pick("signer", HOLDERS[LEAD])
            return _by(need.detail, "sign", need.subject, answer=not no, by=by)
        if need.kind == "settle":
            return self._settle(need.subject)
        return self._decide(need)

    def _settle(self, effect: str) -> Wish | None:
        """The lead looks at the service itself: a run above the watermark that could be ours."""
        state = self.look()
        known = state.effects.get(effect)
        if known is None:
            return None
        if known.action != "trigger":
            return _by(LEAD, "settle", effect, run_id=1 if self._is_so(known) else None)
        if self.dice.chance("misreads", 0.4):
            wrong = self._wrong_run(effect, state)
            if wrong is not None:
                return _by(LEAD, "settle", effect, run_id=wrong)
        bound = {e.value for e in state.effects.values() if e.action == "trigger"}
        found = [
            run.id
            for run in self.census.runs.values()
            if run.id > (known.watermark or 0)
            and f"sync {run.sync}" == known.target
            and run.intent == effect
            and run.id not in bound
        ]
        return _by(LEAD, "settle", effect, run_id=found[0] if found else None)

    def _is_so(self, effect: EffectState) -> bool:
        """A setting can be seen; of rows and views the lead says that it is done."""
        sync = next((s for s in self.census.syncs.values() if s.name == effect.target), None)
        if sync is None:
            return True
        if effect.action == "set_paused":
            return bool(effect.request["paused"]) == sync.paused
        return bool(effect.request["schedule"]["frequency"] == sync.frequency)

    def _decide(self, need: Need) -> Wish | None:
        """A phase that stopped: try it again, go on, go back, or end it; patience is finite."""
        state = self.look()
        phase = state.phases[need.phase]
        tried = self.patience[f"{phase.id}.{phase.stage}"] = (
            self.patience[f"{phase.id}.{phase.stage}"] + 1
        )
        if phase.stage == "rolled_back":
            if self._further_back(state):
                return _by(LEAD, "roll_back")
            name = "end" if tried > 1 else self.dice.pick("after", ["end", "retry"])
            return _by(LEAD, name)
        if phase.stage == "rollback_failed":
            if tried > 3:
                return _by(LEAD, "abort")
            first = next(iter(state.phases))
            return _by(LEAD, "roll_back", first if self._further_back(state) else "")
        if "paused" in phase.reason and not self.dice.chance("forgets", 0.2):
            self._resume_in_the_ui()
        if tried > 6:
            return _by(LEAD, "roll_back" if tried <= 8 else "abort")
        choices = ["resume", "resume", "retry", "retry", "waive"]
        choices += ["roll_back"] * self._has_written(state)
        choices += ["restart"] * (phase.id != next(iter(state.phases)))
        name = self.dice.pick("decision", choices)
        return _by(LEAD, name, self._subject(name, state))

    def _further_back(self, state: RolloutState) -> bool:
        """A rollback of some phases is followed by one of all, now and then."""
        phase = state.current_phase()
        is_part = phase is not None and phase.undo_from not in {"", next(iter(state.phases))}
        return is_part and self.dice.chance("further back", 0.8)

    def _resume_in_the_ui(self) -> None:
        """A rollback leaves the syncs paused; whoever begins again lets them run."""
        for sync in self.census.syncs.values():
            self.census.patch(sync, {"paused": False})

    # more than was asked for -----------------------------------------------------------

    def whim(self) -> bool:
        state = self.look()
        name = self.dice.pick("whim", WHIMS)
        if self.are_kept_waiting() and self.dice.chance("impatient", 0.4):
            name = self._impatient(state)
        if self.is_running() and self.dice.chance("frightened", 0.4):
            name = "roll_back"
        if name == "roll_back" and not self._has_written(state) and self.dice.chance("wait", 0.8):
            name = "hold"
        role = self.dice.pick("role", list(HOLDERS)) if self.dice.fires("wrong_person") else LEAD
        subject = self._subject(name, state)
        run_id = self._wrong_run(subject, state) if name == "settle" else None
        return self.say(_by(role, name, subject, by=self._somebody(role), run_id=run_id))

    def _impatient(self, state: RolloutState) -> str:
        """Say something of it, or stop everything and begin again."""
        if any(e.how == "needs_human" for e in state.effects.values()):
            return "settle"
        phase = state.current_phase()
        if phase is not None and phase.stage == "held":
            return "retry"
        return self.dice.pick("no patience", ["hold", "roll_back"])

    def _wrong_run(self, subject: str, state: RolloutState) -> int | None:
        """A run that cannot be it: another request's, or one from before."""
        effect = state.effects.get(subject)
        if effect is None or self.dice.chance("says nothing was sent", 0.3):
            return None
        bound = {e.value for e in state.effects.values() if e.action == "trigger"}
        old = effect.watermark or 0
        wrong = [n for n in self.census.runs if n in bound or n <= old]
        return self.dice.pick("wrong run", wrong) if wrong else None

    def _has_written(self, state: RolloutState) -> bool:
        """A rollback of nothing cannot be proven, so it ends in a person's word."""
        return any(e.action == "trigger" for e in state.effects.values())

    def is_running(self) -> bool:
        """A run of ours goes on, as far as the log knows."""
        state = self.look()
        over = {run.run_id for run in state.runs.values() if run.completed_at is not None}
        triggers = [e for e in state.effects.values() if e.action == "trigger"]
        return any(isinstance(e.value, int) and e.value not in over for e in triggers)

    def are_kept_waiting(self) -> bool:
        """Nobody knows yet whether a request landed."""
        effects = self.look().effects.values()
        return any(not e.idempotent and e.how in {None, "needs_human"} for e in effects)

    def adopt(self) -> bool:
        """The lead comes with a changed plan, or with the first one again."""
        number = int(self.dice.between("change", 0, len(CHANGES) + 0.99))
        wish = _by(LEAD, "adopt_plan", by=self._somebody(LEAD))
        refused = self.doors.adopt(self.plans.changed(number), wish)
        self.said["adoption_refused"] += refused is not None
        return refused is None

    def roll_back(self) -> bool:
        if not self._has_written(self.look()) and self.dice.chance("wait", 0.8):
            return False
        return self.say(_by(LEAD, "roll_back", by="bea"))

    def sign_all(self) -> bool:
        """Both signatures at once, whatever the stage."""
        gate = self._subject("sign", self.look())
        given = [_by(LEAD, "sign", gate, by="bea"), _by("sales", "sign", gate, by="cho")]
        first, second = (
            self.say(wish) for wish in given
        )  # the second also when the first is taken
        return first or second

    def _somebody(self, role: str) -> str:
        if self.dice.fires("wrong_person"):
            return self.dice.pick("stranger", ["ann", "bea", "ben", "cho", "eve"])
        return self.dice.pick("holder", HOLDERS[role])

    def _subject(self, name: str, state: RolloutState) -> str:
        phase = state.current_phase()
        if phase is None:
            return ""
        plan = self.plans.now
        spec = plan.phase(phase.id)
        match name:
            case "waive" | "attest":
                gates = [*spec.entry, *spec.exit, "back", "landed"]
                checks = [c.check for g in gates for c in plan.gates[g].checks]
                return self.dice.pick("check", [*checks, "soak_coverage"])
            case "sign":
                return self.dice.pick("gate", spec.exit)
            case "restart":
                order = list(state.phases)
                earlier = order[: order.index(phase.id)] or order
                return self.dice.pick("restart", earlier)
            case "roll_back":
                return self.dice.pick("scope", ["", phase.id])
            case "settle":
                sent = [e for e in state.effects.values() if not e.idempotent]
                waiting = [e.effect for e in sent if e.how == "needs_human"]
                return self.dice.pick("effect", waiting or [e.effect for e in sent] or ["none"])
            case "close_finding":
                still = [f.finding for f in state.findings.values() if f.state == "open"]
                return self.dice.pick("finding", still or ["none"])
        return ""

    # the door --------------------------------------------------------------------------

    def _both(self, wish: Wish) -> bool:
        """Two people look, then both decide: the second by what he saw before the first."""
        seen = self.look().seq
        other = {"ann": "bea", "bea": "ann", "cho": "ann", "ben": "ben"}[wish.by]
        first = self.say(replace(wish, seen=seen))
        self.say(replace(wish, seen=seen, by=other))
        return first

    def say(self, wish: Wish) -> bool:
        """Through one of the doors. Whether it was accepted."""
        if wish.seen is None and self.dice.fires("looked_long_ago"):
            long_ago = max(self.look().seq - 1 - int(self.dice.between("ago", 0, 30)), 1)
            wish = replace(wish, seen=long_ago)
        refused = self.doors.decide(wish)
        self.said["accepted" if refused is None else "refused"] += 1
        self.said["overtaken"] += "quicker" in (refused or "")
        return refused is None


def _by(
    role: str,
    name: str,
    subject: str = "",
    *,
    by: str | None = None,
    answer: bool = True,
    run_id: int | None = None,
) -> Wish:
    return Wish(
        name=name,
        by=by or HOLDERS[role][0],
        role=role,
        reason=f"{name} it is",
        subject=subject,
        answer=answer,
        run_id=run_id,
    )
