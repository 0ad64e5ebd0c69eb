"""Whether a plan's sign-offs can be given at all, with the keys that it pins. Asked before a rollout begins,
and before it follows another plan."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from rollout.domain.four_eyes import LEAD, can_be_signed
from rollout.domain.plan import Phase, Plan
from rollout.domain.roster import Roster, must_be_signed

HOW = "`ssh-keygen -t ed25519` makes one; write the `.pub` file's line as `key:` behind the person"


def unsignable(plan: Plan, profile: str, at: datetime, *, but: Collection[str] = ()) -> list[str]:
    """What is missing, a sentence for each phase; empty where words are enough or keys are there. `but`:
    phases that need not be signed any more."""
    if not must_be_signed(profile, has_key=False):
        return []
    roster = plan.roster()
    found = [_missing(phase, plan, roster, at) for phase in plan.phases if phase.phase not in but]
    return [said for said in found if said]


def _missing(phase: Phase, plan: Plan, roster: Roster, at: datetime) -> str:
    rule = phase.sign_off
    if rule is None:
        return ""
    able = {role: roster.with_key(roster.people.get(role, ()), at) for role in rule.roles}
    keyless = [role for role in rule.roles if not able[role]]
    if keyless:
        return f"phase {phase.phase}: nobody who signs as {' or '.join(keyless)} has a key: {HOW}"
    people = {LEAD: set(roster.people.get(LEAD, ())), **able}
    if can_be_signed(rule.roles, people, four_eyes=rule.four_eyes, author=plan.author):
        return ""
    return f"phase {phase.phase}: too few of those who sign it have a key: {HOW}"
