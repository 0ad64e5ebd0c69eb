"""Rules of who is told: every channel leads somewhere, no URL stands in the plan, P0 pages at once."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rollout.loader.draft import Draft
from rollout.loader.nodes import Node

_READ_FROM = re.compile(r"\$\{(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^}\s]+)\}")
_KEYS = ("uses", "title", "urls")


def report_notifications(draft: Draft) -> None:
    """Every rule of this module."""
    for _, connection in draft.plan.named("connections"):
        if connection.text("uses") == "notify":
            _report_urls(connection)
    notifications = draft.plan.get("notifications")
    if notifications is None:
        return
    known = draft.channels()
    for channels in _channel_lists(notifications):
        for channel in channels.each():
            if isinstance(channel.value, str) and channel.value not in known:
                what = f"no connection `{channel.value}` uses notify"
                channel.problem(what, channel.value, known)
    _report_routes(notifications)


def _report_urls(connection: Node) -> None:
    """A URL of a channel holds its token."""
    for key, child in connection.items():
        if key not in _KEYS:
            child.key_problem(f"a notify connection has no `{key}`", key, _KEYS)
    urls = connection.get("urls")
    if urls is None or not urls.each():
        (urls or connection).problem("a notify connection needs `urls`, a list")
        return
    for url in urls.each():
        if not isinstance(url.value, str) or not _READ_FROM.fullmatch(url.value):
            url.problem("a channel's URL is a secret: write `${env:NAME}` or `${file:PATH}`")


def _channel_lists(notifications: Node) -> Iterator[Node]:
    for _, routes in notifications.named("routes"):
        yield from (c for route in routes.each() if (c := route.get("channels")) is not None)
    for _, told in notifications.named("occasions"):
        channels = told.get("channels")
        if channels is not None:
            yield channels


def _report_routes(notifications: Node) -> None:
    for name, told in notifications.named("occasions"):
        channels = told.get("channels")
        if name == "finding_raised" and channels is not None and channels.each():
            channels.problem("findings go by their severity: name these channels in `routes`")
    routes = notifications.get("routes")
    if routes is None:
        return
    first = routes.members("P0")
    if not any(route.get("after") is None and route.get("weekly") is None for route in first):
        routes.problem("`P0` needs a route without `after` and `weekly`: somebody is paged at once")
    for _, of_severity in routes.items():
        for route in of_severity.each():
            if route.get("after") is not None and route.get("weekly") is not None:
                route.problem("a route is either `after` a while or `weekly`, not both")
