"""A live rollout that waits for signatures, its people's keys, and a clock that the test sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from builders import START, Story, make_plan
from fakes import FakeClock
from ssh_signatures import Key, ed25519_key

from rollout.domain import events as e
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.plan import Plan
from rollout.live.deciding import Recorded, Refused
from rollout.live.signing import Ask, Request, import_signature, request, sign
from rollout.store.opening import Store, open_store

LEAD, DEPUTY, SALLY, SAM, DAN = (ed25519_key(seed) for seed in (1, 2, 3, 4, 5))
STRANGER = ed25519_key(99)
GATE = "verified"


def signed_plan(**given: Any) -> Plan:
    """Lead and deputy lead; sally and sam sell; dan does the data. The pilot is signed by a lead and sales."""
    roles: dict[str, Any] = {
        "project_lead": [
            {"person": "lead", "key": LEAD.line},
            {"person": "deputy", "key": DEPUTY.line},
        ],
        "sales_ops": [
            {"person": "sally", "key": SALLY.line},
            {"person": "sam", "key": SAM.line},
            {"person": "lead"},
        ],
        "data_engineering": [{"person": "dan", "key": DAN.line}],
    }
    return make_plan(**{"roles": roles, **given})


@dataclass
class Desk:
    """The pilot of `plan` at its sign-off, in a store in memory. `decided`: whether the lead has said
    proceed, as they must."""

    plan: Plan = field(default_factory=signed_plan)
    profile: str = "prod"
    where: str = ":memory:"
    store: Store = field(init=False)
    story: Story = field(init=False)
    clock: FakeClock = field(init=False)

    def __post_init__(self) -> None:
        self.store = open_store(self.where, create=True, profile=self.profile, now=START)
        self.story = Story(self.plan, self.store.log, self.store.evidence)
        self.story.begin(profile=self.profile)
        self.story.stage("pilot", "open_entry", "pending", "entry_gate")
        self.story.stage("pilot", "entry_go", "entry_gate", "ready")
        self.story.say("proceed", "pilot", by="lead")
        self.story.stage("pilot", "proceed", "ready", "running").wait(hours=1)
        self.story.stage("pilot", "steps_done", "running", "exit_gate")
        self.story.gate("pilot", "exit", GATE, {"created": Verdict.PASS}, Decision.GO)
        self.story.stage("pilot", "ask_sign_off", "exit_gate", "sign_off")
        self.clock = FakeClock()
        self.clock.at = self.story.now + timedelta(hours=1)

    def ask(self, by: str = "sally", role: str = "sales_ops", **given: Any) -> Ask:
        said: dict[str, Any] = {"gate": GATE, "by": by, "role": role, "reason": "it is right"}
        return Ask(**{**said, **given})

    def asked(self, by: str = "sally", role: str = "sales_ops", **given: Any) -> Request:
        """A request that must be made."""
        found = request(self.store, None, self.ask(by, role, **given), self.clock)
        assert isinstance(found, Request), found
        return found

    def take_in(self, message: bytes, armored: str) -> Recorded | Refused:
        return import_signature(self.store, None, message, armored, self.clock)

    def refusal(self, message: bytes, armored: str) -> str:
        """Why a signature is not taken in; nothing may be appended."""
        before = self.store.log.head(self.plan.plan)
        said = self.take_in(message, armored)
        assert isinstance(said, Refused), "it was taken in"
        assert self.store.log.head(self.plan.plan) == before
        return said.reason

    def sign(self, key: Key, by: str, role: str, **given: Any) -> Recorded | Refused:
        return sign(self.store, None, self.ask(by, role, **given), key, self.clock)

    def signed(self, key: Key, by: str, role: str, **given: Any) -> e.SignedOff:
        """A sign-off that must be recorded."""
        said = self.sign(key, by, role, **given)
        assert isinstance(said, Recorded), said
        payload = said.events[-1].payload
        assert isinstance(payload, e.SignedOff)
        return payload

    def not_signed(self, key: Key, by: str, role: str, **given: Any) -> str:
        said = self.sign(key, by, role, **given)
        assert isinstance(said, Refused), "it was recorded"
        return said.reason

    def at(self) -> datetime:
        return self.clock.at

    def kinds(self) -> list[str]:
        return [e.kind_of(event.payload) for event in self.story.events()]
