"""The outbox as data: which notices the state asks for, and which of them are due now.

Nothing is queued: a notice follows from an occasion in the log and the plan's routes, its key from
the occasion's event. What was delivered is in the log too, so a crash loses and doubles nothing
but the sends that were in the air (at least once; receivers deduplicate by the key).
Source: domain note, section 4 (severities and who answers).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec

from rollout.domain.durations import format_duration
from rollout.domain.fold_notices import delivery_name
from rollout.domain.notice_text import Notice, make_notice, one_line, words_of
from rollout.domain.notices import DeliveryState, OccasionState
from rollout.domain.plan import Announcement, Notifications, Plan, Route, Weekday, Weekly
from rollout.domain.state import FindingState, RolloutState

_WEEK = timedelta(days=7)
_RANK = {"P0": 0, "P1": 1, "P2": 2, "P3": 3}


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One notice to one channel. `sends` so far."""

    notice: Notice
    channel: str
    sends: int = 0

    @property
    def name(self) -> str:
        return delivery_name(self.notice.key, self.channel)


def notices(state: RolloutState, plan: Plan, now: datetime) -> list[Notice]:
    """Everything that is or will be told as things stand at `now`, delivered or not."""
    rules = plan.notifications
    if rules is None:
        return []
    found: list[Notice] = []
    for occasion in state.occasions:
        if occasion.occasion == "finding_raised":
            found += _of_finding(occasion, state, plan, rules, now)
        else:
            found += _announced(occasion, state, plan, rules, now)
    return [*found, *_lists(state, plan, rules, now)]


def deliveries_due(state: RolloutState, plan: Plan, now: datetime) -> list[Delivery]:
    """What is to be sent now: gravest first, then oldest."""
    due = [d for at, d in _outstanding(state, plan, now) if at <= now]
    return sorted(due, key=lambda d: (_RANK.get(d.notice.severity, 4), d.notice.due_at, d.name))


def next_due(state: RolloutState, plan: Plan, now: datetime) -> datetime | None:
    """When something is to be sent next (perhaps in the past); None while nothing is outstanding."""
    waits = [at for at, _ in _outstanding(state, plan, now)]
    return min([*waits, *_next_list(state, plan, now)], default=None)


def _outstanding(
    state: RolloutState, plan: Plan, now: datetime
) -> Iterator[tuple[datetime, Delivery]]:
    """What was not delivered and not given up, with the instant it is to be sent."""
    for notice in notices(state, plan, now):
        for channel in notice.channels:
            known = state.deliveries.get(delivery_name(notice.key, channel))
            if known is None:
                yield notice.due_at, Delivery(notice=notice, channel=channel)
            elif _is_open(known) and known.retry_at is not None:
                yield known.retry_at, Delivery(notice=notice, channel=channel, sends=known.sends)


def _is_open(known: DeliveryState) -> bool:
    return known.answer != "yes"


# single occasions ------------------------------------------------------------------------------


def _announced(
    occasion: OccasionState, state: RolloutState, plan: Plan, rules: Notifications, now: datetime
) -> Iterator[Notice]:
    told = next((a for name, a in rules.occasions.items() if name == occasion.occasion), None)
    if told is None or not told.channels or occasion.at + rules.forget_after < now:
        return
    finding = state.findings.get(occasion.subject)
    severity = finding.severity if finding and occasion.occasion == "finding_closed" else ""
    yield make_notice(
        f"{occasion.seq}/{occasion.occasion}",
        severity,
        told.channels,
        words_of(told, occasion, state, plan),
        occasion.at,
        state,
    )


def _of_finding(
    occasion: OccasionState, state: RolloutState, plan: Plan, rules: Notifications, now: datetime
) -> Iterator[Notice]:
    finding = state.findings.get(occasion.subject)
    if finding is None:
        return
    is_open = finding.state == "open" and finding.raised_at == occasion.at
    if not is_open and occasion.at + rules.forget_after < now:
        return
    waits = is_open and not _somebody_decided(occasion, state)
    told = rules.occasions.get("finding_raised", Announcement())
    for position, route in enumerate(_routes(rules, finding.severity)):
        if route.weekly is not None or (route.after and not waits):
            continue
        title, body = words_of(told, occasion, state, plan)
        if route.after:
            title = f"Open for {format_duration(route.after)}: {title}"
        yield make_notice(
            f"{occasion.seq}/finding_raised/{position}",
            finding.severity,
            route.channels,
            (title, body),
            occasion.at + route.after,
            state,
        )


def _somebody_decided(occasion: OccasionState, state: RolloutState) -> bool:
    """A person who decided something in the phase has seen what was raised there."""
    return any(d.phase == occasion.phase and d.seq > occasion.seq for d in state.decisions)


def _routes(rules: Notifications, severity: str) -> list[Route]:
    return next((found for known, found in rules.routes.items() if known == severity), [])


# the week's list -------------------------------------------------------------------------------


def _lists(
    state: RolloutState, plan: Plan, rules: Notifications, now: datetime
) -> Iterator[Notice]:
    """The newest list of each weekly route that would hold anything; after the end, the last one."""
    ended_at = _ended_at(state)
    for severity, position, route, weekly in _weekly(rules):
        at = ended_at or _last(weekly, plan.timezone, now)
        listed = _listed(state, severity, at)
        if not listed:
            continue
        many = f"{len(listed)} finding{'' if len(listed) == 1 else 's'}"
        lines = [
            f"- {one_line(f.title)} ({f.phase}, {one_line(f.owner)}, {f.state})" for f in listed
        ]
        yield make_notice(
            f"weekly/{severity}/{position}/{at.astimezone(ZoneInfo(plan.timezone)):%Y-%m-%d}",
            severity,
            route.channels,
            (f"{severity} of the week: {many}", "\n".join(lines)),
            at,
            state,
        )


def _next_list(state: RolloutState, plan: Plan, now: datetime) -> Iterator[datetime]:
    if _ended_at(state) is not None:
        return
    for severity, _, _, weekly in _weekly(plan.notifications or Notifications()):
        coming = _last(weekly, plan.timezone, now + _WEEK)
        if _listed(state, severity, coming):
            yield coming


def _ended_at(state: RolloutState) -> datetime | None:
    """Nobody comes back in a week to tell what is left: the end is the last day of the week."""
    ended = (o.at for o in state.occasions if o.occasion in {"completed", "stopped"})
    return next(ended, None)


def _weekly(rules: Notifications) -> Iterator[tuple[str, int, Route, Weekly]]:
    for severity, routes in rules.routes.items():
        for position, route in enumerate(routes):
            if route.weekly is not None:
                yield severity, position, route, route.weekly


def _last(weekly: Weekly, timezone: str, now: datetime) -> datetime:
    """The newest instant at or before `now` at which the list goes out."""
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    back = (today.weekday() - get_args(Weekday).index(weekly.day)) % 7
    for days in (back, back + 7):
        at = datetime.combine(today - timedelta(days=days), weekly.at, zone)
        if at <= now:
            break
    return at


def _listed(state: RolloutState, severity: str, at: datetime) -> list[FindingState]:
    """Raised before `at` and still open then, or raised in the week before it."""
    return [
        f
        for f in state.findings.values()
        if f.severity == severity
        and f.raised_at < at
        and (f.state == "open" or f.raised_at >= at - _WEEK)
    ]
