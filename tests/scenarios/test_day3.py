"""Day 3: three anomalies, each noticed by a named check, with the figures of that day."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from golden_files import DOCUMENTS, differences
from rehearsing import PLAN, rehearsed
from seats import Table, play

from rollout import wiring
from rollout.store.opening import open_store


def test_the_273_unexplained_rows_are_noticed_right_after_sync_a() -> None:
    done = rehearsed("day3")
    books = done.check("a_books_of_the_target", "full_sync_a")
    assert books["verdict"] == "fail"
    seen = books["observed"]
    assert (seen["before"], seen["created"], seen["after"]) == (17_875, 574, 18_722)
    assert seen["unexplained"] == 273
    assert done.fault("foreign_rows")["detected_by"] == {
        "phase": "full_sync_a",
        "gate": "sync_a_verified",
        "check": "a_books_of_the_target",
    }


def test_the_690_processed_rows_are_574_created_111_updated_and_5_failed() -> None:
    seen = rehearsed("day3").check("a_books_of_the_run")["observed"]
    assert seen["processed"] == 690
    assert (seen["created"], seen["updated"], seen["failed"]) == (574, 111, 5)


def test_the_target_is_off_the_expected_range_and_the_evidence_says_the_range() -> None:
    seen = rehearsed("day3").check("a_rows_as_expected")
    assert seen["verdict"] == "fail"
    assert seen["observed"]["count"] == 18_722
    assert seen["condition"] == "between 18450 and 18560"


def test_the_9141_updates_instead_of_7820_are_noticed_half_an_hour_after_sync_b() -> None:
    done = rehearsed("day3")
    seen = done.check("b_updated_as_planned", "full_sync_b")
    assert seen["verdict"] == "fail"
    assert (seen["observed"]["updated"], seen["observed"]["expected_rows"]) == (9_141, 7_820)


def test_the_524_empty_company_names_are_noticed_with_their_share_of_2_8_percent() -> None:
    done = rehearsed("day3")
    assert done.check("b_names_kept")["observed"]["count"] == 524
    share = done.check("b_names_kept_share")["observed"]
    assert (share["empty_rows"], round(share["empty_share"], 3)) == (524, 0.028)
    assert done.fault("empty_names")["detected_by"]["phase"] == "full_sync_b"


def test_the_rollout_is_held() -> None:
    assert rehearsed("day3").summary["outcome"] == "held"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The day's log and evidence as a store that a lead sits in front of."""
    done, path = rehearsed("day3"), tmp_path / "day3.db"
    began = done.events[0].at
    with open_store(path, create=True, profile="rehearsal", now=began, relaxed=True) as store:
        for event in done.events:
            store.log.append(event.rollout, event.seq - 1, event.at, event.actor, [event.payload])
        for document in done.documents:
            store.evidence.put(document)
    return path


def test_the_pictures_of_the_readme_are_of_this_day(kept: Path) -> None:
    found: list[str] = []

    async def script(table: Table) -> None:
        await table.look(sign=True)
        for key, name in (("1", "mission"), ("2", "gate")):
            await table.press(key)
            await table.look(sign=True)
            await table.work_done()
            drawn = table.app.export_screenshot(title="rollout tui")
            found.append(differences(name, drawn, ".svg", DOCUMENTS))

    play(kept, script, size=(140, 45))
    assert found == ["", ""], "docs/pictures are not what is seen"


@pytest.mark.slow
def test_a_lead_who_waives_everything_still_sees_all_three(tmp_path: Path) -> None:
    """Whatever the lead does with the verdicts, the verdicts are the same."""
    text = (PLAN.parent / "scenarios" / "day3.yaml").read_text(encoding="utf-8")
    waived, count = re.subn(r"on_no_go: \{.*\}", "on_no_go: proceed_with_waiver", text)
    assert count == 1
    regardless = tmp_path / "regardless.yaml"
    regardless.write_text(waived, encoding="utf-8")
    assert wiring.read_scenario(PLAN, str(regardless)).operator.on_no_go == "proceed_with_waiver"
    done = rehearsed(str(regardless))
    for check in ("a_books_of_the_target", "b_updated_as_planned", "b_names_kept"):
        assert done.check(check)["verdict"] == "fail"
