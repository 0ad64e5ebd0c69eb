from __future__ import annotations

from datetime import timedelta

from fakes import START

from rollout.engine.wake import Need, Wake, earliest

SOON, LATER = START + timedelta(minutes=1), START + timedelta(hours=1)


def test_the_earliest_of_several_waits_carries_the_needs_of_all() -> None:
    attest, sign = Need("attest", "pilot", "told"), Need("sign", "pilot", "out", "sales")
    found = earliest(
        [Wake(LATER, "later", (attest,)), Wake(SOON, "soon"), Wake(None, "never", (sign,))]
    )
    assert (found.at, found.why, found.needs) == (SOON, "soon", (attest, sign))


def test_of_equal_waits_the_first_one_speaks() -> None:
    assert earliest([Wake(SOON, "a"), Wake(SOON, "b")]).why == "a"


def test_waits_that_only_people_can_end_have_no_time() -> None:
    assert earliest([Wake(None, "a"), Wake(None, "b")]) == Wake(None, "a")
