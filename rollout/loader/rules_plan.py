"""Rules of the plan's head: time zone, holidays, connections and their secrets, syncs."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, available_timezones

from rollout.loader.draft import Draft
from rollout.loader.nodes import Node

_MACHINE = ("client_id", "client_secret")
SETTINGS = {
    "databricks": ("host", "http_path", "token", *_MACHINE, "catalog", "schema", "ca_file"),
    "census": ("token", "region", "api", "base_url", "workspace", "ca_file"),
    "salesforce": ("instance", "token", *_MACHINE, "version", "organization", "ca_file"),
    "notify": ("urls", "url"),
}
"""What each service is told; a word that is none of these would say nothing to it."""

SERVICES = tuple(SETTINGS)
"""What a connection may use."""

CHOICES = {"region": ("us", "eu"), "api": ("v1", "v2")}
"""Of Census. Source: reference on the Census API, section 1."""

_SECRET = re.compile(r"(?:\A|_)(?:token|secret|password|key)\Z")
_READ_FROM = re.compile(r"\$\{(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^}\s]+)\}")


def report_head(draft: Draft) -> None:
    """Every rule of this module."""
    _report_made_here(draft.plan)
    _report_timezone(draft.plan.get("timezone"))
    _report_holidays(draft.plan.get("holidays"))
    for _, connection in draft.plan.named("connections"):
        _report_connection(connection)
    for _, sync in draft.plan.named("syncs"):
        _report_sync(sync, draft)


def _report_made_here(plan: Node) -> None:
    made = {
        "gates": "gates are files of their own, in `gates/`",
        "files": "the files are counted at load",
    }
    for key, why in made.items():
        child = plan.get(key)
        if child is not None:
            child.key_problem(f"`{key}` is not written in a plan: {why}")


def _report_timezone(zone: Node | None) -> None:
    if zone is None or not isinstance(zone.value, str):
        return
    try:
        ZoneInfo(zone.value)
    except (ValueError, OSError, LookupError):
        what = f"unknown time zone `{zone.value}`"
        zone.problem(what, zone.value, available_timezones())


def _report_holidays(country: Node | None) -> None:
    if country is None or not isinstance(country.value, str):
        return
    import holidays  # loads slowly, and only few plans ask

    name, _, subdivision = country.value.partition("-")
    supported = holidays.list_supported_countries(include_aliases=True)
    if name not in supported:
        country.problem(f"no holidays are known for `{name}`", name, supported)
    elif subdivision and subdivision not in supported[name]:
        what = f"no holidays are known for `{subdivision}` in `{name}`"
        country.problem(what, subdivision, supported[name])


def _report_connection(connection: Node) -> None:
    if not isinstance(connection.value, dict):
        return
    uses = connection.get("uses")
    if uses is None:
        connection.problem("missing key `uses`", "", SERVICES)
    elif uses.value not in SERVICES:
        uses.problem(f"unknown service `{uses.value}`", str(uses.value), SERVICES)
    else:
        _report_settings(connection, str(uses.value))
    _report_secrets(connection)


def _report_settings(connection: Node, service: str) -> None:
    known = ("uses", *SETTINGS[service])
    for key, child in connection.items():
        if key not in known:
            child.key_problem(f"unknown key `{key}` of a connection to {service}", key, known)
        elif service == "census" and key in CHOICES and child.value not in CHOICES[key]:
            child.problem(f"unknown {key} `{child.value}`", str(child.value), CHOICES[key])


def _report_secrets(node: Node) -> None:
    """A secret in a plan would be in every copy, log and report of it."""
    for key, child in node.items():
        if _SECRET.search(key) and not isinstance(child.value, dict | list):
            if not isinstance(child.value, str) or not _READ_FROM.fullmatch(child.value):
                child.problem(
                    f"`{key}` is a secret: write `${{env:NAME}}` or `${{file:PATH}}`, never its value"
                )
        else:
            _report_secrets(child)
    for child in node.each():
        _report_secrets(child)


def _report_sync(sync: Node, draft: Draft) -> None:
    on = sync.get("on")
    if on is None or not isinstance(on.value, str):
        return
    connections = dict(draft.plan.named("connections"))
    if on.value not in connections:
        on.problem(f"the plan has no connection `{on.value}`", on.value, connections)
        return
    service = connections[on.value].text("uses")
    if service in SERVICES and service != "census":
        on.problem(f"connection `{on.value}` uses {service}; a sync runs on census")
