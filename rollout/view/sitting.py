"""Whether the plan knows who says they sit here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from rollout.view.plan_words import PlanWords


def misseated(
    words: PlanWords, by: str, role: str, near: Callable[[str, Iterable[str]], str]
) -> str:
    """Why nobody could decide from this seat, with the names there are; empty when somebody can, or
    when the plan names nobody. `near` a wrong name says what may have been meant.

    >>> from rollout.view.plan_words import PersonWords
    >>> words = PlanWords(roles={"lead": [PersonWords("ann")], "sales": [PersonWords("sam")]})
    >>> misseated(words, "ann", "lead", lambda *_: ""), misseated(words, "sam", "", lambda *_: "")
    ('', '')
    >>> misseated(words, "ann", "sales", lambda *_: "")
    '--by ann --role sales: ann holds lead; sales is held by sam'
    """
    roles = {name: words.people(name) for name in words.roles}
    people = sorted({person for held in roles.values() for person in held})
    if not people:
        return ""
    if by and by not in people:
        return f"--by {by}: {_unknown('the plan names nobody of that name', by, people, near)}"
    if role and role not in roles:
        return f"--role {role}: {_unknown('the plan has no such role', role, roles, near)}"
    if by and role and by not in roles[role]:
        held = ", ".join(name for name in roles if by in roles[name])
        others = ", ".join(roles[role]) or "nobody"
        return f"--by {by} --role {role}: {by} holds {held}; {role} is held by {others}"
    return ""


def _unknown(
    what: str, word: str, names: Collection[str], near: Callable[[str, Iterable[str]], str]
) -> str:
    """With the guess, and with the names there are unless the guess is them."""
    guess = near(word, names)
    known = "" if guess.startswith("; known") else f"; there is: {', '.join(names)}"
    return f"{what}{guess}{known}"
