"""The rollouts that are killed: small, and each with another way to its end."""

from __future__ import annotations

from datetime import timedelta

from disk_bench import DiskBench, Scenario
from fakes import CENSUS_USER, FakeRun
from small_plans import Bench, attest, check, gate, phase, plan, step

from rollout.domain.plan import Plan, SamplingPolicy, SignOffRule
from rollout.engine.wake import Need
from rollout.kinds import CheckContext

FIELDS = ["Name", "Flag__c"]


def two_phases() -> Plan:
    """A schedule, a baseline, a gate in the middle, two runs, a sign-off."""
    return plan(
        phase(
            "pilot",
            step("set_schedule", "manual", sync="a", frequency="never"),
            step("capture_baseline", "base", target="Thing__c", key="Key__c", fields=FIELDS),
            step("verify", "preflight", gate="middle"),
            step("run_sync", "pilot_run", sync="a", baseline="base"),
            entry=["in"],
            exit=["out"],
            sign_off=SignOffRule(roles=["project_lead", "sales"]),
        ),
        phase(
            "full",
            step("capture_baseline", "base_full", target="Thing__c", key="Key__c", fields=FIELDS),
            step("run_sync", "full_run", sync="a", baseline="base_full"),
            exit=["done"],
        ),
        gates=[
            gate("in", check("in_ok"), attest("told")),
            gate(
                "middle",
                check("b", sampling=SamplingPolicy(count=2, interval=timedelta(minutes=1))),
            ),
            gate("out"),
            gate("done"),
            back(["base"]),
        ],
    )


def one_phase() -> Plan:
    """The least that writes and can be taken back; for pairs of kills."""
    return plan(
        phase(
            "pilot",
            step("capture_baseline", "base", target="Thing__c", key="Key__c", fields=FIELDS),
            step("run_sync", "pilot_run", sync="a", baseline="base"),
            exit=["out"],
            sign_off=SignOffRule(roles=["sales"]),
        ),
        gates=[gate("out"), back(["base"])],
    )


def back(steps: list[str]):  # type: ignore[no-untyped-def]
    inputs = {"steps": steps, "target": "Thing__c", "users": [CENSUS_USER, "005TOOL"]}
    return gate("back", check("back_rows", kind="baseline", go=None, inputs=inputs))


def world(bench: Bench) -> None:
    """Four rows, an older run of the schedule; each of our runs updates two rows and creates three."""
    for number in range(4):
        bench.salesforce.put(f"k{number}", Name=f"old {number}", Flag__c=False)
    bench.clock.pass_(minutes=1)
    if not bench.census.listed:
        before = bench.census.add_run(trigger="Schedule")
        before.ends_at = bench.clock.now()

    def writes(run: FakeRun) -> None:
        for number in range(2, 7):
            bench.salesforce.put(f"k{number}", CENSUS_USER, Name=f"run {run.id}", Flag__c=True)

    bench.census.on_run = writes


def _world_and(**said: object):  # type: ignore[no-untyped-def]
    def prepare(bench: Bench) -> None:
        world(bench)
        for name, value in said.items():
            if name == "trigger":
                bench.census.script.append(str(value))
            else:
                bench.scripted.answers[name] = value

    return prepare


def _better_next_time(context: CheckContext) -> int:
    """By the attempt, not by how often it was asked: an answer that nobody wrote down was none."""
    return int(context.attempt > 1)


def gives_up(bench: DiskBench) -> bool:
    return False


def waives(bench: DiskBench) -> bool:
    """The lead of day 3: what blocks is waived, and on it goes."""
    phase = bench.state.current_phase()
    if phase is None or phase.stage != "held":
        return False
    if bench.state.waiver(phase.id, phase.attempt, "out_ok") is None:
        bench.say("waive", "out_ok")
    bench.say("resume")
    return True


def rolls_back(bench: DiskBench) -> bool:
    stage = bench.stage()
    if stage in {"held", "rollback_failed"}:
        bench.say("roll_back")
        return True
    if stage == "rolled_back":
        bench.say("end")
        return True
    return False


def retries(bench: DiskBench) -> bool:
    if bench.stage() != "held":
        return False
    bench.say("retry")
    return True


def refuses_to_sign(bench: DiskBench, need: Need) -> bool:
    """One person signs; the lead goes back before the second does, who tries all the same."""
    if need.kind != "sign" or need.detail != "sales":
        return False
    bench.say("roll_back")
    said = bench.refusal("sign", need.subject, role="sales", by="cho")
    assert said
    return True


def settles(bench: DiskBench, need: Need) -> bool:
    """Looks at the service, and says whether the run that answers the request is there."""
    if need.kind != "settle":
        return False
    effect = bench.state.effects[need.subject]
    bound = {e.value for e in bench.state.effects.values() if e.action == "trigger"}
    ours = [
        r.id
        for r in bench.census.listed
        if r.id > (effect.watermark or 0) and r.trigger == "Api" and r.id not in bound
    ]
    bench.say("settle", need.subject, run_id=ours[0] if ours else None)
    return True


def _all(of: str, made) -> list[Scenario]:  # type: ignore[no-untyped-def]
    return [
        Scenario("clean", made, world, settles, gives_up),
        Scenario("day3", made, _world_and(out_ok=0), settles, waives),
        Scenario("rollback", made, _world_and(out_ok=0), settles, rolls_back),
        Scenario("sign_off_during_rollback", made, world, _either, rolls_back),
        Scenario("retry", made, _world_and(out_ok=_better_next_time), settles, retries),
        Scenario("adoption", made, _world_and(trigger="lost"), settles, gives_up),
        Scenario("refused_then_lost", made, _refused_then_lost, settles, gives_up),
    ]


def _either(bench: DiskBench, need: Need) -> bool:
    return refuses_to_sign(bench, need) or settles(bench, need)


def _refused_then_lost(bench: Bench) -> None:
    world(bench)
    bench.census.script.extend(["no", "lost"])


WHOLE = _all("two phases", two_phases)
SMALL = _all("one phase", one_phase)
