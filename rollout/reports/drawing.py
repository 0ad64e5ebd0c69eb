"""Pictures of a report as SVG: no style, no script, no identifier of its own making; the page's style
sheet colours them by class, so that they follow light, dark and paper.

drawsvg escapes every text; attributes here are numbers and names of classes only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import drawsvg
from markupsafe import Markup

from rollout.domain.condition import Condition
from rollout.domain.instants import from_text
from rollout.reports.foreign import one_line
from rollout.reports.moments import short_moment
from rollout.reports.plain_words import condition_of, observed_in_words
from rollout.reports.scales import Scale, ticks

WIDTH, HEIGHT = 360, 156
LEFT, RIGHT, TOP, BOTTOM = 58, 350, 16, 126
ROW = 36
DOTS = 40
"""Samples up to which each gets a dot."""

MOST_CROSSES = 60
_ROOM = 0.08
"""Share of the span left free above and below a line."""


def drawn(picture: Mapping[str, Any], timezone: str, title: str) -> Markup:
    """One picture; `title` is what it shows, for those who hear it. Empty for what needs none."""
    draw = _DRAW.get(picture["kind"])
    if draw is None:
        return Markup("")
    height = _height(picture)
    drawing = drawsvg.Drawing(WIDTH, height, role="img", **{"class": picture["kind"]})
    drawing.append_title(one_line(title))
    draw(drawing, picture, timezone)
    svg = drawing.as_svg(header="", skip_css=True, skip_js=True)
    return Markup(svg)  # noqa: S704 - drawsvg escaped the texts


def _height(picture: Mapping[str, Any]) -> int:
    return 40 + ROW * len(picture["columns"]) if picture["kind"] == "columns" else HEIGHT


# A figure over its samples ---------------------------------------------------------------------


def _trend(drawing: Any, picture: Mapping[str, Any], timezone: str) -> None:
    condition = condition_of(picture["condition"])
    points = _points(picture)
    bounds = [bound for limit in picture["limits"] for bound in limit["at"]]
    y = _upright([value for _, value in points] + bounds, condition)
    x = _along(points)
    _outside(drawing, picture, y)
    _axis(drawing, y, lambda value: observed_in_words(_whole(value), condition), condition)
    _time_axis(drawing, picture, timezone)
    for limit in picture["limits"]:
        _limit(drawing, limit, y, points)
    _curve(drawing, points, x, y)
    _marks(drawing, picture, points, x, y)


def _points(picture: Mapping[str, Any]) -> list[tuple[float, float]]:
    return [(from_text(at).timestamp(), value) for at, value in picture["points"]]


def _upright(values: Sequence[float], condition: Condition | None) -> Scale:
    low, high = min(values), max(values)
    room = (high - low) * _ROOM or abs(high) * _ROOM or 1.0
    bottom, top = low - room, high + room
    if low >= 0:
        bottom = max(bottom, 0.0)
    if condition is not None and condition.unit == "%" and high <= 1:
        top = min(top, 1.0 + room / 2)
    return Scale(bottom, top, BOTTOM, TOP)


def _along(points: Sequence[tuple[float, float]]) -> Scale:
    return Scale(points[0][0], points[-1][0], LEFT, RIGHT)


def _outside(drawing: Any, picture: Mapping[str, Any], y: Scale) -> None:
    """Shade where the condition is not met."""
    high, low = picture["high"], picture["low"]
    if high is not None and y(high) > TOP:
        _shade(drawing, TOP, y(high))
    if low is not None and y(low) < BOTTOM:
        _shade(drawing, y(low), BOTTOM)


def _shade(drawing: Any, top: float, bottom: float) -> None:
    drawing.append(
        drawsvg.Rectangle(LEFT, top, RIGHT - LEFT, round(bottom - top, 1), class_="outside")
    )


def _axis(
    drawing: Any, y: Scale, said: Callable[[float], str], condition: Condition | None
) -> None:
    seconds = condition is not None and condition.unit == "s"
    for value in ticks(y.low, y.high, seconds=seconds):
        drawing.append(drawsvg.Line(LEFT, y(value), RIGHT, y(value), class_="grid"))
        _text(drawing, said(value), LEFT - 5, y(value) + 3.5, "end")


def _time_axis(drawing: Any, picture: Mapping[str, Any], timezone: str) -> None:
    drawing.append(drawsvg.Line(LEFT, BOTTOM, RIGHT, BOTTOM, class_="axis"))
    begin, end = from_text(picture["from"]), from_text(picture["to"])
    _text(drawing, short_moment(begin, timezone), LEFT, BOTTOM + 15, "start")
    _text(drawing, short_moment(end, timezone), RIGHT, BOTTOM + 15, "end")


def _limit(
    drawing: Any, limit: Mapping[str, Any], y: Scale, points: Sequence[tuple[float, float]]
) -> None:
    """Its line, or two; the words stand at the end where the curve is farther away."""
    for bound in limit["at"]:
        drawing.append(drawsvg.Line(LEFT, y(bound), RIGHT, y(bound), class_="limit"))
    if not limit["at"]:
        return
    place = min(y(bound) for bound in limit["at"])
    first, last = (abs(y(value) - place) for value in (points[0][1], points[-1][1]))
    x, anchor = (LEFT + 3, "start") if first > last else (RIGHT, "end")
    place = place - 4 if place > TOP + 10 else place + 12
    _text(drawing, one_line(limit["in_words"], 44), x, place, anchor, "limit-words")


def _curve(drawing: Any, points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> None:
    path = drawsvg.Path(class_="series", fill="none")
    for n, (at, value) in enumerate(points):
        (path.M if n == 0 else path.L)(x(at), y(value))
    drawing.append(path)


def _marks(
    drawing: Any,
    picture: Mapping[str, Any],
    points: Sequence[tuple[float, float]],
    x: Scale,
    y: Scale,
) -> None:
    """A cross on what was not met, a dot on the newest; on every sample while they are few."""
    low, high = picture.get("low"), picture.get("high")
    crossed = 0
    for n, (at, value) in enumerate(points):
        is_out = (low is not None and value < low) or (high is not None and value > high)
        if is_out and crossed < MOST_CROSSES:
            crossed += 1
            _cross(drawing, x(at), y(value))
        elif n == len(points) - 1:
            drawing.append(drawsvg.Circle(x(at), y(value), 3.5, class_="newest"))
        elif len(points) <= DOTS:
            drawing.append(drawsvg.Circle(x(at), y(value), 2, class_="dot"))


def _cross(drawing: Any, x: float, y: float) -> None:
    path = drawsvg.Path(class_="cross", fill="none")
    path.M(round(x - 3, 1), round(y - 3, 1)).L(round(x + 3, 1), round(y + 3, 1))
    path.M(round(x - 3, 1), round(y + 3, 1)).L(round(x + 3, 1), round(y - 3, 1))
    drawing.append(path)


# How far a run came ----------------------------------------------------------------------------


def _run(drawing: Any, picture: Mapping[str, Any], timezone: str) -> None:
    points = _points(picture)
    rows = picture["source_rows"]
    top = max([value for _, value in points] + ([float(rows)] if rows is not None else []))
    x, y = _along(points), Scale(0.0, top * (1 + _ROOM) or 1.0, BOTTOM, TOP)
    _axis(drawing, y, lambda value: f"{value:,.0f}", None)
    _time_axis(drawing, picture, timezone)
    if rows is not None:
        _limit(drawing, {"at": [float(rows)], "in_words": f"{rows:,} rows to send"}, y, points)
    _curve(drawing, points, x, y)
    _marks(drawing, {}, points, x, y)


# Before and after, by column -------------------------------------------------------------------


def _columns(drawing: Any, picture: Mapping[str, Any], _timezone: str) -> None:
    columns = picture["columns"]
    shares = [c[key] for c in columns for key in ("before", "after", "low") if c[key] is not None]
    low = min(shares)
    bottom = max(low - max((1 - low) * 0.15, 0.002), 0.0)
    x = Scale(bottom, 1.0, 14, RIGHT - 12)
    end = 14 + ROW * len(columns)
    share = Condition.parse("<= 100 %")
    for value in ticks(bottom, 1.0):
        drawing.append(drawsvg.Line(x(value), 10, x(value), end, class_="grid"))
        _text(drawing, observed_in_words(_whole(value), share), x(value), end + 14, "middle")
    for n, column in enumerate(columns):
        _column(drawing, column, x, 14 + ROW * n)


def _column(drawing: Any, column: Mapping[str, Any], x: Scale, top: float) -> None:
    middle = top + 20
    if column["low"] is not None:
        drawing.append(
            drawsvg.Line(x(column["low"]), top + 13, x(column["low"]), top + 27, class_="limit")
        )
    before, after = column["before"], column["after"]
    said = column["after_in_words"]
    if before is not None:
        said = f"{column['before_in_words']} → {said}"
        drawing.append(drawsvg.Line(x(before), middle, x(after), middle, class_="way"))
        drawing.append(drawsvg.Circle(x(before), middle, 3.5, class_="before"))
    is_out = column["low"] is not None and after < column["low"]
    if is_out:
        _cross(drawing, x(after), middle)
    else:
        drawing.append(drawsvg.Circle(x(after), middle, 4, class_="newest"))
    _text(drawing, one_line(column["in_words"], 34), 14, top + 9, "start", "name")
    _text(drawing, said, RIGHT - 4, top + 9, "end", "figure")


def _text(drawing: Any, said: str, x: float, y: float, anchor: str, class_: str = "label") -> None:
    drawing.append(
        drawsvg.Text(one_line(said), 11, x, round(y, 1), text_anchor=anchor, class_=class_)
    )


def _whole(value: float) -> int | float:
    return int(value) if float(value).is_integer() else value


_DRAW: dict[str, Callable[[Any, Mapping[str, Any], str], None]] = {
    "trend": _trend,
    "run": _run,
    "columns": _columns,
}
