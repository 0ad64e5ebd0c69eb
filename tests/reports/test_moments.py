"""Instants in reports: local, in UTC too, and the same wherever they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.instants import to_text
from rollout.reports.moments import age, moment, short_moment, zone

PACIFIC = "America/Los_Angeles"
START = datetime(2026, 1, 14, tzinfo=UTC)


def test_summer_and_winter_have_their_own_names() -> None:
    assert moment("2026-07-14T19:20:00Z", PACIFIC) == "Tue 14 Jul 2026, 12:20 PDT (19:20 UTC)"
    assert moment("2026-01-14T19:20:00Z", PACIFIC) == "Wed 14 Jan 2026, 11:20 PST (19:20 UTC)"


def test_a_zone_nobody_knows_is_utc() -> None:
    for name in ("Nowhere/Land", "../../etc/passwd", "", "a/../b", "America"):
        assert moment("2026-01-14T19:20:00Z", name) == "Wed 14 Jan 2026, 19:20 UTC", name


def test_a_machine_without_zones_gives_the_same_words() -> None:
    script = (
        "import zoneinfo; zoneinfo.reset_tzpath([]);"
        "from rollout.reports.moments import moment;"
        "print(moment('2026-01-14T19:20:00Z', 'America/Los_Angeles'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "Wed 14 Jan 2026, 11:20 PST (19:20 UTC)\n"
    assert zone(PACIFIC).utcoffset(START) == timedelta(hours=-8)


def test_an_axis_needs_no_year() -> None:
    assert short_moment(datetime(2026, 1, 14, 19, 20, tzinfo=UTC), PACIFIC) == "14 Jan, 11:20"


def test_an_age_is_never_negative() -> None:
    assert age("2026-01-14T19:00:00Z", "2026-01-14T19:20:00Z") == "0s"
    assert age(None, "2026-01-14T19:20:00Z") is None


@given(st.integers(0, 2**31 - 1))
def test_every_instant_has_words_in_one_line(seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    said = moment(to_text(at), PACIFIC)
    assert said.isprintable()
    assert f"{at:%H:%M}" in said


def test_neither_locale_nor_time_zone_of_the_process_matters() -> None:
    script = (
        "from rollout.reports.moments import moment;"
        "print(moment('2026-03-14T19:20:00Z', 'America/Los_Angeles'))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "TZ": zone_name, "LC_ALL": locale, "LANG": locale},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone_name, locale in (("Asia/Tokyo", "C"), ("America/Los_Angeles", "de_DE.UTF-8"))
    }
    assert seen == {"Sat 14 Mar 2026, 12:20 PDT (19:20 UTC)\n"}
