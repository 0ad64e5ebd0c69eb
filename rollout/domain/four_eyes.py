"""Four eyes: who drove an attempt cannot be the one who releases it.

Signatures are counted by people, never by keys or roles. Source: OWASP ASVS 5.0, 2.3.5; SLSA's
two-party review; docs/adr on sign-offs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rollout.domain.state import DecisionState, RolloutState

LEAD = "project_lead"
"""The role that decides, and the one for which a person who decided may still sign."""

_STOPS = {"hold"}
"""A decision that only stops lets nothing through."""


def drivers(state: RolloutState, phase_id: str) -> dict[str, DecisionState]:
    """People who decided or waived in the phase's current attempt, each with their newest word."""
    attempt = state.phases[phase_id].attempt
    return {
        d.by: d
        for d in state.decisions
        if (d.phase, d.attempt) == (phase_id, attempt) and d.decision not in _STOPS
    }


def is_independent(signed: Iterable[str], drove: Iterable[str], author: str | None) -> bool:
    """Whether one of those who signed neither decided in this attempt nor wrote the plan."""
    return bool(set(signed) - set(drove) - {author or ""})


def can_be_signed(
    roles: Sequence[str],
    people: Mapping[str, set[str]],
    *,
    four_eyes: bool,
    author: str | None = None,
) -> bool:
    """Whether there are people enough: each role another one, and with `four_eyes` one more than
    whoever decides.

    >>> one, two = {LEAD: {"ann"}}, {LEAD: {"ann", "bea"}}
    >>> [can_be_signed([LEAD], p, four_eyes=True) for p in (one, two)]
    [False, True]
    """
    groups = {role: people.get(role, set()) for role in roles}
    if not four_eyes:
        return each_finds_one(list(groups.values()))
    return any(_without_the_driver(groups, lead, author) for lead in people.get(LEAD) or {""})


def _without_the_driver(groups: Mapping[str, set[str]], lead: str, author: str | None) -> bool:
    able = {role: group if role == LEAD else group - {lead} for role, group in groups.items()}
    return any(
        each_finds_one([group - {other} for name, group in able.items() if name != role])
        for role in able
        for other in able[role]
        if is_independent([other], [lead], author)
    )


def each_finds_one(groups: Sequence[set[str]]) -> bool:
    """Whether every group can send a member of its own (a matching, by augmenting paths)."""
    sent: dict[str, int] = {}

    def send(group: int, tried: set[str]) -> bool:
        for person in sorted(groups[group] - tried):
            tried.add(person)
            if person not in sent or send(sent[person], tried):
                sent[person] = group
                return True
        return False

    return all(send(group, set()) for group in range(len(groups)))
