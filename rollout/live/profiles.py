"""Which world a rollout belongs to: production as the plan says it, or a sandbox put in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import Field

from rollout.domain.errors import PlanProblems
from rollout.domain.plan import Model

PROD, SANDBOX = "prod", "sandbox"
PROFILES = (PROD, SANDBOX)
"""What is driven live."""

REHEARSAL = "rehearsal"
"""The profile of a rehearsal's store."""

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Profile:
    """What replaces the plan's own words about its connections: first by the service that a
    connection uses, then by its name. `clock` is where the world's time is read, None for the
    machine's."""

    name: str
    by_service: Mapping[str, Settings] = field(default_factory=dict, repr=False)
    by_name: Mapping[str, Settings] = field(default_factory=dict, repr=False)
    clock: str | None = None

    def replaced(self, connection: str, document: Settings) -> dict[str, Any]:
        """The connection's document as this profile has it."""
        uses = str(document.get("uses", ""))
        return {**document, **self.by_service.get(uses, {}), **self.by_name.get(connection, {})}


PRODUCTION = Profile(PROD)


class SandboxDocument(Model):
    """A profile as a file: for each connection of the plan, what is different in this sandbox."""

    profile: Literal["sandbox"]
    connections: dict[str, dict[str, Any]] = Field(min_length=1)
    clock: str | None = None


class _Ready(msgspec.Struct):
    """The line that `rollout sandbox` prints when it is ready."""

    census: str
    salesforce: str
    warehouse: str
    token: str
    clock: str | None = None
    notify: str | None = None
    extra: dict[str, Any] = {}


def profile_of(env: str, sandbox: Path | None) -> Profile:
    """The profile named `env`, described by `sandbox`: a YAML file, or a file with the ready line
    of `rollout sandbox`.

    Raises: PlanProblems for an unknown name, a sandbox without its file, production with one.
    """
    if env == PROD:
        if sandbox is not None:
            raise PlanProblems(
                [f"{sandbox}: describes a sandbox, and this is {PROD}: leave it out"]
            )
        return PRODUCTION
    if env != SANDBOX:
        raise PlanProblems([f"there is no profile {env!r}: use one of {', '.join(PROFILES)}"])
    if sandbox is None:
        raise PlanProblems(
            [
                "a sandbox needs --sandbox FILE (or ROLLOUT_SANDBOX): a profile in YAML, or the line "
                "that `rollout sandbox` prints when it is ready"
            ]
        )
    if sandbox.suffix in {".yaml", ".yml"}:
        # Late: only this needs the loader; most profiles are production's, or a ready line.
        from rollout.loader.documents import load_document

        document = load_document(sandbox, SandboxDocument)
        return Profile(SANDBOX, by_name=document.connections, clock=document.clock)
    return _from_ready_line(sandbox)


def _from_ready_line(path: Path) -> Profile:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise PlanProblems([f"{path}: cannot be read: {error.strerror}"]) from error
    for line in lines:
        try:
            return _profile(msgspec.json.decode(line, type=_Ready))
        except msgspec.DecodeError:
            continue
    raise PlanProblems([f"{path}: holds no line that `rollout sandbox` prints when it is ready"])


def _profile(ready: _Ready) -> Profile:
    """Only the warehouse speaks TLS, by a certificate of its own."""
    given = ready.extra.get("warehouse")
    warehouse: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    parts = urlsplit(ready.warehouse)
    return Profile(
        SANDBOX,
        by_service={
            "census": {"base_url": ready.census, "token": ready.token},
            "salesforce": {"instance": ready.salesforce, "token": ready.token},
            "databricks": {
                "host": parts.netloc or ready.warehouse,
                "http_path": str(warehouse.get("http_path") or parts.path),
                "token": ready.token,
                "ca_file": warehouse.get("ca_file"),
            },
            "notify": {} if ready.notify is None else {"urls": [ready.notify]},
        },
        clock=None if ready.clock is None else f"{ready.clock.rstrip('/')}/clock",
    )
