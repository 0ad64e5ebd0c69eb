"""What the settings of a connection must look like before anything is opened by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from rollout.domain.errors import PlanProblems
from rollout.live.profiles import PROD, SANDBOX, Profile

_PLACES = {
    "databricks": "host",
    "census": "base_url",
    "salesforce": "instance",
    "notify": "urls",
}
"""The setting by which a service is found."""


def not_for_production(profile: Profile, name: str, document: Mapping[str, Any]) -> list[str]:
    """Production speaks https to where the world's certificates lead, and to nowhere else."""
    if profile.name != PROD:
        return []
    problems = []
    if document.get("ca_file"):
        problems.append(
            f"connection {name}: ca_file is for a sandbox, {PROD} takes no certificates"
        )
    for key in ("base_url", "instance", "host"):
        if str(document.get(key, "")).lower().startswith("http://"):
            problems.append(f"connection {name}: {key} is plain http, {PROD} speaks https only")
    return problems


def not_for_a_sandbox(profile: Profile, connections: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The plan's own addresses are production's: a sandbox must say its own for every service that
    holds data or wakes people, or a slip in its file would lead there. `connections` as the plan has them."""
    if profile.name != SANDBOX:
        return []
    problems = [
        f"the sandbox's file describes {name!r}, the plan has no such connection: it has "
        f"{', '.join(connections)}"
        for name in profile.by_name
        if name not in connections
    ]
    for name, document in connections.items():
        uses = str(document.get("uses", ""))
        place = _PLACES.get(uses)
        if place is None:
            continue
        given = {**profile.by_service.get(uses, {}), **profile.by_name.get(name, {})}
        if _is_the_plans(given.get(place), document.get(place)):
            problems.append(
                f"connection {name}: the sandbox's file must say its `{place}`: the plan's own is "
                f"production's{_INSTEAD.get(uses, '')}"
            )
    return problems


_INSTEAD = {
    "notify": " and reaches people; start `rollout sandbox` again and use the line it prints, which "
    "has `notify`, or write `urls` into a profile"
}


def _is_the_plans(given: Any, planned: Any) -> bool:
    """Also when it says nothing, or names one of several addresses again."""
    if isinstance(given, list) and isinstance(planned, list):
        return not given or any(url in planned for url in given)
    return given in (None, "", [], planned)


def required(name: str, said: Mapping[str, Any], key: str) -> str:
    """The setting as text. Raises: PlanProblems when there is none."""
    value = said.get(key)
    if not isinstance(value, str) or not value:
        raise PlanProblems([f"connection {name}: `{key}` is missing: write it in the plan"])
    return value


def with_scheme(instance: str) -> str:
    """The address with https in front, unless it names a scheme itself."""
    return instance if "://" in instance else f"https://{instance}"


def host_and_port(name: str, text: str) -> tuple[str, int | None]:
    """The connector wants the host and the port by themselves. Raises: PlanProblems."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme != "https" or not parts.hostname or parts.username or port == -1:
        raise PlanProblems([f"connection {name}: `host` is a host's name, reached by https"])
    return parts.hostname, port
