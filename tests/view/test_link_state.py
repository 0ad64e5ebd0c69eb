"""How much of what is on screen may be believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.view.environment import environment_of
from rollout.view.link_state import link_text, live_link, lost_link, replay_link


@pytest.mark.parametrize(
    ("age_s", "state", "may_act"),
    [
        (0.0, "LIVE", True),
        (1.99, "LIVE", True),
        (2.0, "LAG", True),
        (9.99, "LAG", True),
        (10.0, "STALE", False),
        (None, "STALE", False),
    ],
)
def test_the_link_is_as_old_as_the_last_sign_of_life(
    age_s: float | None, state: str, may_act: bool
) -> None:
    link = live_link(age_s)
    assert (link.state, link.may_act) == (state, may_act)
    assert bool(link.why) == (state != "LIVE")


def test_a_store_one_may_not_write_is_readonly_but_an_old_one_is_stale_first() -> None:
    assert live_link(0.0, readonly="no right to write").state == "READONLY"
    assert not live_link(0.0, readonly="no right to write").may_act
    assert live_link(11.0, readonly="no right to write").state == "STALE"


def test_nobody_acts_on_what_is_lost_recorded_or_over() -> None:
    for link in (lost_link("gone", 3.0), replay_link(), live_link(0.0, ended=True)):
        assert not link.may_act
        assert link.why
    assert link_text(lost_link("gone", 3.9)) == "✗ LOST 3s"
    assert link_text(replay_link()) == "◇ REPLAY"
    assert not lost_link("gone", None).is_fresh
    assert replay_link().is_fresh


@given(st.one_of(st.none(), st.floats(0, 1e6)), st.booleans())
def test_only_live_and_lag_let_anybody_act(age_s: float | None, ended: bool) -> None:
    link = live_link(age_s, ended=ended)
    assert not link.may_act or link.state in {"LIVE", "LAG"}


def test_what_was_not_read_is_never_taken_for_a_rehearsal() -> None:
    assert environment_of("").word == "UNREAD"
    assert environment_of("rehearsal", "day3").about == "scenario day3"
    badges = {environment_of(p).badge() for p in ("prod", "sandbox", "rehearsal", "")}
    assert len(badges) == 4
