"""Who is told what and when, from the log and the plan alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builders import START, Story, completed_story, held_story, make_plan
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollout.domain import events as e
from rollout.domain.evidence import Decision
from rollout.domain.fold import fold
from rollout.domain.notice_text import MOST_BODY, MOST_TITLE, TEXTS, fill_text
from rollout.domain.outbox import deliveries_due, next_due, notices
from rollout.domain.plan import PLACEHOLDERS, Announcement, Occasion, Plan
from rollout.domain.snapshot import decode_state, encode_state

ROUTES: dict[str, Any] = {
    "P0": [
        {"channels": ["oncall"]},
        {"channels": ["lead"], "after": "15m"},
        {"channels": ["cto"], "after": "30m"},
    ],
    "P1": [{"channels": ["team", "oncall"]}],
    "P2": [{"channels": ["team"]}],
    "P3": [{"channels": ["team"], "weekly": {"day": "mon", "at": "09:00"}}],
}


def telling(*occasions: str, zone: str = "UTC", **given: Any) -> Plan:
    rules = {
        "routes": ROUTES,
        "occasions": {name: {"channels": ["team"]} for name in occasions},
        **given,
    }
    return make_plan(timezone=zone, notifications=rules)


def raised(severity: str = "P0", finding: str = "f1", **given: Any) -> e.FindingRaised:
    said: dict[str, Any] = {
        "check": "created",
        "phase": "pilot",
        "attempt": 1,
        "title": "Rows are missing",
        "owner": "data_engineering",
        "due_at": START + timedelta(hours=2),
        "evidence": None,
        "detail": "47 of 50",
    }
    return e.FindingRaised(finding=finding, severity=severity, **{**said, **given})


def begun(plan: Plan | None = None) -> Story:
    story = Story(plan=plan or telling()).begin()
    return story.stage("pilot", "open_entry", "pending", "entry_gate")


def due(story: Story, **later: float) -> list[tuple[str, str]]:
    """(channel, title) of what is to be sent now or that much later."""
    at = story.now + timedelta(**later)
    return [(d.channel, d.notice.title) for d in deliveries_due(story.state(), story.plan, at)]


def channels(story: Story, **later: float) -> list[str]:
    return [channel for channel, _ in due(story, **later)]


def deliver(story: Story, answer: str = "yes", retry: timedelta | None = None) -> Story:
    """Everything that is due, answered."""
    for d in deliveries_due(story.state(), story.plan, story.now):
        story.add(
            e.NoticeAnswered(
                notice=d.notice.key,
                channel=d.channel,
                severity=d.notice.severity,
                title=d.notice.title,
                answer=answer,
                retry_at=story.now + retry if retry is not None else None,
            )
        )
    return story


# occasions -----------------------------------------------------------------------------------------


def test_a_plan_without_notifications_tells_nobody() -> None:
    story = held_story(Story(plan=make_plan()))
    assert notices(story.state(), story.plan, story.now) == []
    assert next_due(story.state(), story.plan, story.now) is None


def test_only_occasions_that_the_plan_names_are_told() -> None:
    story = held_story(Story(plan=telling("phase_held", routes={})))
    assert due(story) == [("team", "[rehearsal] The pilot is held")]
    assert due(held_story(Story(plan=telling("phase_started", routes={})))) == []


def test_a_whole_rollout_is_told_occasion_by_occasion() -> None:
    wanted = ("phase_started", "phase_passed", "person_wanted", "completed")
    story = completed_story(Story(plan=telling(*wanted, forget_after="4d")))
    titles = [title.removeprefix("[rehearsal] ") for _, title in due(story)]
    assert titles == [
        "The pilot: a person must act",
        "The pilot has begun",
        "The pilot: a person must act",
        "The pilot is passed",
        "Everything: a person must act",
        "Everything has begun",
        "Everything is passed",
        "Two phases is completed",
    ]


def test_a_gate_that_is_not_go_is_told_with_its_reasons() -> None:
    story = held_story(Story(plan=telling("gate_no_go", routes={})))
    [notice] = notices(story.state(), story.plan, story.now)
    assert notice.title.endswith("gate ready is not go")
    assert "no-go: empty_keys fail: empty_keys reason" in notice.body


def test_a_rollback_is_told_from_beginning_to_end() -> None:
    story = begun(telling("rollback", "stopped"))
    story.stage("pilot", "roll_back", "running", "rolling_back", reason="wrong rows")
    story.stage("pilot", "undo_failed", "rolling_back", "rollback_failed", reason="no answer")
    story.stage("pilot", "undone", "rolling_back", "rolled_back")
    story.add(e.RolloutEnded(outcome="rolled_back", reason="ended"))
    titles = [title.removeprefix("[rehearsal] ") for _, title in due(story)]
    assert titles == [
        "The pilot is rolling back",
        "The pilot is rollback failed",
        "The pilot is rolled back",
        "Two phases has ended: rolled back",
    ]


def test_an_effect_that_waits_for_a_person_is_told() -> None:
    story = begun(telling("person_wanted"))
    story.add(
        e.EffectIntended(
            effect="pilot/1/run/trigger",
            phase="pilot",
            attempt=1,
            step="run",
            action="trigger",
            target="sync_a",
            request={},
            idempotent=False,
        ),
        e.EffectResolved(effect="pilot/1/run/trigger", how="needs_human", detail="two candidates"),
    )
    [notice] = notices(story.state(), story.plan, story.now)
    assert "two candidates" in notice.body


def test_a_phase_that_goes_on_after_a_hold_has_not_begun_again() -> None:
    story = begun(telling("phase_started"))
    story.stage("pilot", "resume_running", "held", "running")
    assert due(story) == []


def test_news_that_is_old_is_not_told() -> None:
    story = held_story(Story(plan=telling("phase_held", routes={}, forget_after="6h")))
    assert due(story, hours=6) != []
    assert due(story, hours=6.1) == []


# findings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "told"),
    [("P0", ["oncall"]), ("P1", ["oncall", "team"]), ("P2", ["team"]), ("P3", [])],
)
def test_a_finding_goes_by_its_severity(severity: str, told: list[str]) -> None:
    story = begun().add(raised(severity))
    assert channels(story) == told


def test_a_page_that_nobody_answers_goes_up() -> None:
    story = begun().add(raised("P0"))
    assert channels(story, minutes=14) == ["oncall"]
    assert due(story, minutes=15)[1] == (
        "lead",
        "[rehearsal] Open for 15m: P0 in The pilot: Rows are missing",
    )
    assert channels(story, minutes=30) == ["oncall", "lead", "cto"]
    deliver(story)
    assert next_due(story.state(), story.plan, story.now) == story.now + timedelta(minutes=15)


def test_a_decision_in_the_phase_or_the_end_of_the_finding_stops_it() -> None:
    decided = deliver(begun().add(raised("P0"))).say("hold", "pilot")
    assert channels(decided, hours=1) == []
    closed = deliver(begun().add(raised("P0")))
    closed.add(e.FindingResolved(finding="f1", how="resolved", by="rollout", reason="passed"))
    assert channels(closed, hours=1) == []
    elsewhere = deliver(begun().add(raised("P0"))).say("hold", "full")
    assert channels(elsewhere, hours=1) == ["lead", "cto"]
    before = begun().say("hold", "pilot").add(raised("P0"))
    assert channels(before, hours=1) == ["oncall", "lead", "cto"]


def test_a_finding_that_was_closed_at_once_is_told_all_the_same() -> None:
    story = begun(telling("finding_closed")).add(raised("P0"))
    story.add(e.FindingResolved(finding="f1", how="waived", by="ana", reason="known"))
    assert [title.removeprefix("[rehearsal] ") for _, title in due(story)] == [
        "P0 in The pilot: Rows are missing",
        "Closed in The pilot: Rows are missing",
    ]


def test_a_finding_raised_again_is_told_again_and_only_the_new_one_goes_up() -> None:
    story = deliver(begun().add(raised("P0"))).wait(minutes=10)
    story.add(e.FindingResolved(finding="f1", how="resolved", by="rollout", reason="passed"))
    story.wait(minutes=10).add(raised("P0"))
    assert channels(story) == ["oncall"]
    deliver(story)
    assert channels(story, minutes=14) == []
    assert channels(story, minutes=15) == ["lead"]


def test_an_open_finding_is_no_old_news_and_a_closed_one_is() -> None:
    story = begun().add(raised("P2"))
    assert channels(story, days=3) == ["team"]
    story.add(e.FindingResolved(finding="f1", how="resolved", by="rollout", reason="passed"))
    assert channels(story, days=3) == []


def test_the_gravest_goes_first() -> None:
    story = begun(telling("phase_held")).stage("pilot", "hold", "running", "held")
    story.wait(minutes=1).add(raised("P2", "b")).wait(minutes=1).add(raised("P0", "a"))
    assert channels(story) == ["oncall", "team", "team"]


# delivery ------------------------------------------------------------------------------------------


def test_what_was_delivered_is_not_due_again() -> None:
    story = deliver(begun().add(raised("P1")))
    assert due(story, hours=5) == []
    assert next_due(story.state(), story.plan, story.now) is None


@pytest.mark.parametrize("answer", ["no", "unknown"])
def test_what_was_not_delivered_is_due_again_when_it_says(answer: str) -> None:
    story = deliver(begun().add(raised("P2")), answer, timedelta(minutes=2))
    assert due(story, seconds=119) == []
    assert channels(story, minutes=2) == ["team"]
    assert next_due(story.state(), story.plan, story.now) == story.now + timedelta(minutes=2)


def test_what_was_given_up_is_not_due_again() -> None:
    story = deliver(begun().add(raised("P2")), "no")
    assert due(story, hours=5) == []
    assert next_due(story.state(), story.plan, story.now) is None


def test_sends_are_counted() -> None:
    story = deliver(begun().add(raised("P2")), "no", timedelta(0))
    deliver(story, "unknown", timedelta(0))
    [again] = deliveries_due(story.state(), story.plan, story.now)
    assert again.sends == 2


def test_each_channel_has_a_delivery_of_its_own() -> None:
    story = begun().add(raised("P1"))
    first = deliveries_due(story.state(), story.plan, story.now)[0]
    story.add(
        e.NoticeAnswered(
            notice=first.notice.key, channel=first.channel, severity="P1", title="t", answer="yes"
        )
    )
    assert channels(story) == [c for c in ("oncall", "team") if c != first.channel]


def test_keys_do_not_change_as_the_log_grows() -> None:
    story = held_story(Story(plan=telling(*Occasion.__args__)))  # type: ignore[attr-defined]
    before = {n.key for n in notices(story.state(), story.plan, story.now)}
    story.wait(hours=1).add(raised("P2", "later")).say("retry", "pilot")
    after = [n.key for n in notices(story.state(), story.plan, story.now)]
    assert before < set(after)
    assert len(after) == len(set(after))


def test_a_snapshot_keeps_what_was_told() -> None:
    story = deliver(begun().add(raised("P1")))
    state = decode_state(encode_state(story.state()))
    assert state is not None
    assert deliveries_due(state, story.plan, story.now) == []
    assert state.occasions == story.state().occasions


def test_folding_in_parts_remembers_the_same() -> None:
    events = deliver(held_story(Story(plan=telling("phase_held")))).events()
    for cut in range(len(events)):
        assert fold(events[cut:], fold(events[:cut])) == fold(events)


# the week's list -----------------------------------------------------------------------------------

MONDAY_9 = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)  # START is Monday the 5th, 16:00


def test_small_findings_wait_for_the_weeks_list() -> None:
    story = begun().add(raised("P3", "a"), raised("P3", "b", title="Another"))
    assert due(story) == []
    assert next_due(story.state(), story.plan, story.now) == MONDAY_9
    story.now = MONDAY_9
    [notice] = notices(story.state(), story.plan, story.now)
    assert notice.title == "[rehearsal] P3 of the week: 2 findings"
    assert "- Rows are missing (pilot, data_engineering, open)\n- Another" in notice.body
    assert notice.key == "weekly/P3/0/2026-01-12"
    deliver(story)
    assert due(story, days=6) == []


def test_a_week_without_findings_has_no_list() -> None:
    story = begun()
    assert due(story, days=8) == []
    assert next_due(story.state(), story.plan, story.now) is None


def test_an_open_finding_is_listed_every_week_and_a_closed_one_once() -> None:
    story = begun().add(raised("P3", "open"), raised("P3", "closed"))
    story.add(e.FindingResolved(finding="closed", how="resolved", by="ana", reason="fixed"))
    story.now = MONDAY_9
    assert due(deliver(story)) == []
    story.now = MONDAY_9 + timedelta(days=7)
    assert due(story) == [("team", "[rehearsal] P3 of the week: 1 finding")]


def test_the_end_of_the_rollout_is_the_end_of_the_week() -> None:
    story = begun().add(raised("P3")).wait(hours=1)
    story.add(e.RolloutEnded(outcome="completed"))
    assert due(story) == [("team", "[rehearsal] P3 of the week: 1 finding")]
    assert next_due(deliver(story).state(), story.plan, story.now) is None
    assert due(story, days=8) == []


def test_the_list_goes_out_by_the_plans_own_clock() -> None:
    story = begun(telling(zone="America/Los_Angeles")).add(raised("P3"))
    at = next_due(story.state(), story.plan, story.now)
    assert at == datetime(2026, 1, 5, 17, 0, tzinfo=UTC)  # nine o'clock there
    summer = datetime(2026, 3, 9, 16, 0, tzinfo=UTC)  # the clocks have changed on the 8th
    assert next_due(story.state(), story.plan, summer - timedelta(hours=1)) is not None
    due_then = [n.due_at for n in notices(story.state(), story.plan, summer)]
    assert due_then == [summer]


@given(st.integers(0, 60 * 24 * 400))
def test_a_list_is_never_more_than_a_week_old_and_never_early(minutes: int) -> None:
    story = begun(telling(zone="Europe/Berlin")).add(raised("P3"))
    now = story.now + timedelta(minutes=minutes)
    for notice in notices(story.state(), story.plan, now):
        assert timedelta(0) <= now - notice.due_at < timedelta(days=7, hours=2)


# words ---------------------------------------------------------------------------------------------


def test_every_occasion_has_words_and_every_word_is_known() -> None:
    assert set(TEXTS) == set(Occasion.__args__)  # type: ignore[attr-defined]
    for title, body in TEXTS.values():
        Announcement(title=title, body=body)


def test_the_plans_own_words_are_used() -> None:
    words = {"channels": ["team"], "title": "Stop: {phase}", "body": "{reason} {due}"}
    story = held_story(Story(plan=telling(routes={}, occasions={"phase_held": words})))
    [notice] = notices(story.state(), story.plan, story.now)
    assert notice.title == "[rehearsal] Stop: The pilot"
    assert notice.body.startswith("ready is no_go: empty_keys fail –\n\n")
    assert f"notice {notice.key}" in notice.body


@pytest.mark.parametrize("text", ["{phse}", "{phase.__class__}", "{0}", "{}", "{phase!r}"])
def test_other_placeholders_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="not filled in"):
        Announcement(title=text)


def test_a_real_rollout_is_not_marked() -> None:
    story = Story(plan=telling(routes={}, occasions={"phase_held": {"channels": ["team"]}}))
    story.begin(profile="prod").stage("pilot", "hold", "running", "held")
    assert due(story) == [("team", "The pilot is held")]


FOREIGN = "{title} {{7*7}} ${{ params.x }} @everyone <!channel> \x1b[31m\u202e\r\nBcc: a@b.test"


def test_foreign_text_is_data_and_one_line() -> None:
    story = begun().add(raised("P2", title=FOREIGN, owner=FOREIGN, detail=FOREIGN))
    [notice] = notices(story.state(), story.plan, story.now)
    for text in (notice.title, notice.body):
        assert "@everyone" not in text
        assert "{title}" in text
        assert not [c for c in text if c in "\x1b\u202e\r"]
    assert "\n" not in notice.title
    assert len(notice.body.splitlines()) == 4


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_value_is_never_filled_again(first: str, second: str) -> None:
    filled = fill_text("{reason}", {"reason": f"{{title}}{first}", "title": second + "SECOND"})
    assert "SECOND" not in filled or "SECOND" in first


def test_a_long_text_is_cut() -> None:
    title = "t" * 190
    story = begun(
        telling(occasions={"finding_raised": {"title": "{title}" * 9, "body": "{title}" * 99}})
    )
    story.add(raised("P2", title=title * 9))
    [notice] = notices(story.state(), story.plan, story.now)
    assert len(notice.title) <= MOST_TITLE
    assert len(notice.body) <= MOST_BODY
    assert notice.body.endswith(f"notice {notice.key}")


def test_every_placeholder_is_filled() -> None:
    text = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    story = begun(telling(occasions={"finding_raised": {"body": text}})).add(raised("P2"))
    [notice] = notices(story.state(), story.plan, story.now)
    assert "{" not in notice.body
    assert "–" not in notice.body


def test_an_undecided_gate_is_no_occasion() -> None:
    story = begun(telling("gate_no_go"))
    story.gate("pilot", "entry", "ready", {}, Decision.GO)
    assert due(story) == []
