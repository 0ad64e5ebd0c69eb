"""Speed and time left in words."""

from __future__ import annotations

from rollout.view.progress import Eta, Progress
from rollout.view.text import figure


def progress_words(progress: Progress) -> str:
    """How far, how fast, how long: `774 of 1,031 rows, 0.86/s, ETA 5m (4m30s to 6m)`."""
    of = f" of {figure(progress.total)}" if progress.total is not None else ""
    parts = [f"{figure(progress.done)}{of} rows"]
    if progress.rate is not None:
        parts.append(rate_words(progress.rate))
    left = eta_words(progress)
    return ", ".join([*parts, *([left] if left else [])])


def eta_words(progress: Progress) -> str:
    """The time left, or why there is none to be told; nothing once it is over."""
    if progress.pace == "over":
        return ""
    if progress.pace == "stalled":
        quiet = f"no news for {span(progress.quiet_s)}"
        return f"{quiet}, ETA {_range(progress.eta)}" if progress.eta else quiet
    if progress.eta is not None:
        return f"ETA {_range(progress.eta)}"
    return {"waiting": "not moving yet", "estimating": "estimating", "finishing": "finishing"}.get(
        progress.pace, ""
    )


def _range(eta: Eta) -> str:
    soonest, latest = span(eta.soonest_s), span(eta.latest_s)
    if soonest == latest:
        return span(eta.likely_s)
    return f"{span(eta.likely_s)} ({soonest} to {latest})"


def rate_words(rate: float) -> str:
    """Rows a second; slower than one in ten seconds, rows a minute or an hour.

    >>> rate_words(1240.2), rate_words(2.2), rate_words(0.05), rate_words(0.0)
    ('1,240/s', '2.2/s', '3/min', '0/s')
    """
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if rate * seconds >= 0.1 or unit == "h" or not rate:
            found = rate * seconds
            return f"{figure(round(found) if found >= 100 else round(found, 1))}/{unit}"
    raise AssertionError("an hour is always the last resort")


def span(seconds: float) -> str:
    """A length of time as exact as one needs it to be, and never `0s` for what is not nothing.

    >>> span(0.2), span(31), span(754), span(4000), span(200_000)
    ('1s', '31s', '12m30s', '1h07m', '2d08h')
    """
    whole = max(round(seconds), 1 if seconds > 0 else 0)
    if whole < 90:
        return f"{whole}s"
    tens, minutes = round(whole / 10) * 10, round(whole / 60)
    if tens < 3600:
        return _two(tens, 60, "m", "s")
    if minutes < 24 * 60:
        return _two(minutes, 60, "h", "m")
    return _two(round(whole / 3600), 24, "d", "h")


def _two(count: int, of: int, large: str, small: str) -> str:
    whole, left = divmod(count, of)
    return f"{whole}{large}{left:02d}{small}" if left else f"{whole}{large}"
