"""Where a sandbox answers and which token it takes, kept beside its state: a restart changes neither."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from rollout.domain.errors import PlanProblems

TOKEN_VARIABLE = "ROLLOUT_SANDBOX_TOKEN"  # noqa: S105 - the variable's name
"""The token to take; without it the one that the state keeps, or a new one. With `_CENSUS`,
`_SALESFORCE`, `_WAREHOUSE` or `_NOTIFY` behind it: that service alone takes another one, and a token
that goes to the wrong service is refused."""
PORTS = ("census", "salesforce", "warehouse", "clock", "notify")
"""In this order from --port-base on."""


class _Kept(msgspec.Struct, frozen=True):
    """A token that came from the environment is not written down."""

    ports: dict[str, int] = {}
    token: str | None = None


@dataclass(frozen=True)
class Addresses:
    """`ports` by service, 0 for any free one; `own` is the token each service takes, `made`
    the one to write down, `asked` whether the ports were asked for."""

    ports: Mapping[str, int]
    token: str
    own: Mapping[str, str]
    path: Path | None
    made: str | None
    asked: bool

    def keep(self, ports: Mapping[str, int]) -> None:
        """Write down what was opened in the end, whole or not at all. Raises: OSError."""
        if self.path is None:
            return
        written = self.path.with_name(self.path.name + ".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        descriptor = os.open(written, flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(_Kept(dict(ports), self.made)) + b"\n")
        written.replace(self.path)

    def taken(self, name: str, why: str) -> PlanProblems:
        """The error of a port that somebody else has."""
        kept = (
            f"; {self.path} keeps it: free it, or give --port-base"
            if self.path and not self.asked
            else ""
        )
        return PlanProblems([f"port {self.ports[name]} for {name}: {why}{kept}"])


def addresses(path: Path | None, port_base: int | None, environ: Mapping[str, str]) -> Addresses:
    """What was asked for goes before what `path` keeps. Raises: PlanProblems."""
    kept = _recalled(path)
    asked = {} if port_base is None else {n: port_base + i for i, n in enumerate(PORTS)}
    given = environ.get(TOKEN_VARIABLE)
    made = kept.token if given or kept.token else f"sandbox-{secrets.token_urlsafe(24)}"
    token = given or made or ""
    return Addresses(
        ports={name: asked.get(name) or kept.ports.get(name, 0) for name in PORTS},
        token=token,
        own={name: environ.get(f"{TOKEN_VARIABLE}_{name.upper()}") or token for name in PORTS},
        path=path,
        made=made,
        asked=bool(asked),
    )


def _recalled(path: Path | None) -> _Kept:
    if path is None or not path.exists():
        return _Kept()
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept)
    except msgspec.DecodeError as error:
        raise PlanProblems(
            [f"{path}: holds no sandbox's addresses ({error}): remove it to be given new ones"]
        ) from error
