"""Who releases what is being done: not to be chosen by whoever drives it, once the phase has begun.

The roster is pinned by the plan. If a changed plan could bring in a signer while a phase is under way, the
lead could let a key of their own sign as somebody else. Taking a key or a person away is always possible.
Source: reference on reliability, fault 69, a roster edited by the operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rollout.domain.adoption import Adoption, phases_of
from rollout.domain.plan import SignOffRule
from rollout.domain.roster import KeyTerms, Roster
from rollout.domain.signable import unsignable

RETRY = "say retry first: a new attempt is as it is then planned"

_FOR_EVER = datetime.max.replace(tzinfo=UTC)


def sign_off(a: Adoption) -> Iterator[str]:
    """Whoever is to sign what is being done now still signs it, and nobody else does."""
    before, phase = phases_of(a.old)[a.phase.id].sign_off, phases_of(a.new).get(a.phase.id)
    if before is None or phase is None or not _pins_signers(a):
        return
    after = phase.sign_off
    for role in before.roles:
        if after is None or role not in after.roles:
            yield f"{role} signs {a.phase.id}, which has begun: leave the role; {RETRY}"
        elif not a.new.roles.get(role):
            yield f"{role} signs {a.phase.id}, and the new plan has nobody in that role: name them"
    yield from _eyes(a, before, after)
    old, new = a.old.roster(), a.new.roster()
    for role in before.roles:
        yield from _signers(a, role, old, new)


def keys(a: Adoption) -> Iterator[str]:
    """A plan whose sign-offs nobody could make is refused, as at the start of a rollout: the keys can be
    added to it. Not while a phase is under way that is signed: then a stolen key must be revoked
    at once, and the one that takes its place may only come later, so that is told and not refused."""
    if not _pins_signers(a):
        yield from without_keys(a)


def without_keys(a: Adoption) -> list[str]:
    """Sign-offs to come that nobody could make under the new plan, a sentence each."""
    signed = {
        p.id for p in a.state.phases.values() if p.stage == "passed" and not a.begins_again(p.id)
    }
    return unsignable(a.new, a.state.profile, a.now, but=signed)


def _pins_signers(a: Adoption) -> bool:
    """Whether those who sign the current phase can be fewer, but no others."""
    is_signed = phases_of(a.old)[a.phase.id].sign_off is not None
    return is_signed and a.phase.running_at is not None and not a.begins_again(a.phase.id)


def _eyes(a: Adoption, before: SignOffRule, after: SignOffRule | None) -> Iterator[str]:
    if before.four_eyes and after is not None and not after.four_eyes:
        yield f"{a.phase.id} has begun and is released by four eyes: leave `four_eyes`; {RETRY}"
    if before.four_eyes and a.old.author not in {None, a.new.author}:
        yield f"{a.phase.id} has begun, and {a.old.author} wrote its plan: leave `author`; {RETRY}"


def _signers(a: Adoption, role: str, old: Roster, new: Roster) -> Iterator[str]:
    known = set(old.people.get(role, []))
    for person in new.people.get(role, []):
        if person not in known:
            yield (
                f"{person} would sign {a.phase.id} as {role}, and it has begun: whoever drives it does "
                f"not choose who releases it; {RETRY}"
            )
        elif any(not _counted(key, old.keys.get(person, [])) for key in new.keys.get(person, [])):
            yield (
                f"{person} signs {a.phase.id} as {role}, and it has begun: a key may be revoked now, "
                f"not added; {RETRY}"
            )


def _counted(key: KeyTerms, before: list[KeyTerms]) -> bool:
    """Whether the key counted at least as long before; one that counts no more needs not to have."""
    if key.revoked:
        return True
    return any(
        k.fingerprint == key.fingerprint
        and not k.revoked
        and (k.valid_until or _FOR_EVER) >= (key.valid_until or _FOR_EVER)
        for k in before
    )
