"""What is different between two plans, as a list of typed changes. It is empty exactly when the plans'
digests are equal: both read the same canonical document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from rollout.domain.canonical import canonical_bytes
from rollout.domain.plan import Plan

What = Literal[
    "plan",
    "parameter",
    "connection",
    "role",
    "sync",
    "phase",
    "gates of the phase",
    "step",
    "watch",
    "sign-off",
    "window",
    "way back",
    "notification",
    "gate",
    "check",
    "condition",
    "file",
]
"""What a change is about, in the plan's words."""

How = Literal["added", "removed", "changed", "moved"]

_ID_OF = {"phases": "phase", "steps": "id", "checks": "check"}
"""Lists whose members have a name of their own: key of the list -> key of the name."""

_PERSON = "person"

Parts = tuple[str, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference. `old` and `new` are JSON values, None where there is none; `moved`: both are the
    members' names in order. `phase`, `step`, `gate` and `check` name what it belongs to, where it does.
    """

    path: str
    what: What
    how: How
    old: Any = None
    new: Any = None
    phase: str = ""
    step: str = ""
    gate: str = ""
    check: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """From the plan `old_sha256` to the plan `new_sha256`; changes in the plan's own order."""

    old_sha256: str
    new_sha256: str
    changes: list[Change]

    @property
    def is_empty(self) -> bool:
        return not self.changes

    def paths(self) -> list[str]:
        return [change.path for change in self.changes]


def difference(old: Plan, new: Plan) -> Difference:
    """Every change that turns `old` into `new`.

    >>> from rollout.domain.plan import Phase
    >>> old = Plan(plan="p", title="Old", timezone="UTC", phases=[Phase(phase="one", title="One")])
    >>> new = old.model_copy(update={"title": "New"})
    >>> [(c.path, c.how, c.old, c.new) for c in difference(old, new).changes]
    [('title', 'changed', 'Old', 'New')]
    >>> difference(old, old).is_empty
    True
    """
    documents = [plan.model_dump(mode="json", by_alias=True) for plan in (old, new)]
    return Difference(
        old_sha256=old.sha256(),
        new_sha256=new.sha256(),
        changes=list(_changes((), *documents)),
    )


def _changes(path: Parts, old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_mappings(path, old, new)
        return
    names = _names(path, old), _names(path, new)
    if names[0] is not None and names[1] is not None:
        yield from _of_members(path, dict(zip(names[0], old, strict=True)), names[1], new)
    elif canonical_bytes(old) != canonical_bytes(new):
        yield _change(path, "changed", old, new)


def _of_mappings(path: Parts, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """In the old one's order, then what is only in the new one."""
    for key in dict.fromkeys((*old, *new)):
        if key not in new:
            yield _change((*path, key), "removed", old[key], None)
        elif key not in old:
            yield _change((*path, key), "added", None, new[key])
        else:
            yield from _changes((*path, key), old[key], new[key])


def _of_members(
    path: Parts, old: Mapping[str, Any], names: Sequence[str], members: Sequence[Any]
) -> Iterator[Change]:
    new = dict(zip(names, members, strict=True))
    yield from _of_mappings(path, old, new)
    before, after = [n for n in old if n in new], [n for n in new if n in old]
    if before != after:
        yield _change(path, "moved", before, after)


def _names(path: Parts, value: Any) -> list[str] | None:
    """The members' names when each has one of its own, else None: then the list is one value."""
    if not isinstance(value, list) or not path:
        return None
    key = _PERSON if path[0] == "roles" and len(path) == 2 else _ID_OF.get(path[-1])
    if key is None:
        return None
    names = [m.get(key) if isinstance(m, dict) else None for m in value]
    if not all(isinstance(n, str) for n in names) or len(set(names)) < len(names):
        return None
    return [str(n) for n in names]


def _change(path: Parts, how: How, old: Any, new: Any) -> Change:
    place = _place(path)
    return Change(path=".".join(path), what=_what(path), how=how, old=old, new=new, **place)


def _place(path: Parts) -> dict[str, str]:
    """Names on the way: `phases.<phase>.steps.<step>`, `gates.<gate>.checks.<check>`."""
    named = dict(zip(path[::2], path[1::2], strict=False))
    place = {"phase": named.get("phases", ""), "gate": named.get("gates", "")}
    if path[0] == "rollback":
        place["step"] = path[2] if path[1:2] == ("steps",) and len(path) > 2 else ""
    elif path[0] == "phases":
        place["step"] = named.get("steps", "")
    elif path[0] == "gates":
        place["check"] = named.get("checks", "")
    return place


_OF_ROOT: dict[str, What] = {
    "params": "parameter",
    "connections": "connection",
    "roles": "role",
    "syncs": "sync",
    "rollback": "way back",
    "notifications": "notification",
    "files": "file",
}
_OF_PHASE: dict[str, What] = {
    "entry": "gates of the phase",
    "exit": "gates of the phase",
    "steps": "step",
    "soak": "watch",
    "sign_off": "sign-off",
    "window": "window",
}


def _what(path: Parts) -> What:
    if path[0] == "phases":
        return _OF_PHASE.get(path[2], "phase") if len(path) > 2 else "phase"
    if path[0] == "gates":
        if path[2:3] != ("checks",):
            return "gate"
        return "condition" if path[4:5] in {("go",), ("no_go",)} else "check"
    return _OF_ROOT.get(path[0], "plan")
