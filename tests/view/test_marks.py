"""Glyphs and words."""

from __future__ import annotations

from rollout.domain.evidence import Decision, Verdict
from rollout.domain.state import STAGES
from rollout.view import marks
from rollout.view.gates import WORST_FIRST
from rollout.view.text import cells


def test_words_are_those_of_the_screen_map() -> None:
    assert list(marks.MARKS) == [
        "PASS", "FAIL", "WARN", "UNKN", "RUN", "WAIT", "TODO", "SKIP", "WAIV",
    ]  # fmt: skip


def test_every_glyph_is_one_cell_and_has_an_ascii_twin() -> None:
    for mark in marks.MARKS.values():
        assert cells(mark.glyph) == 1
        assert mark.ascii.isascii()
        assert len(mark.ascii) == 1


def test_no_two_marks_share_a_sign() -> None:
    found = list(marks.MARKS.values())
    assert len({m.glyph for m in found}) == len({m.ascii for m in found}) == len(found)


def test_no_glyph_is_one_that_terminals_draw_as_an_emoji() -> None:
    assert not {m.glyph for m in marks.MARKS.values()} & set("✔✖▶⚠⏸")


def test_every_stage_has_a_mark() -> None:
    assert set(marks.OF_STAGE) == set(STAGES)


def test_every_word_has_a_rank() -> None:
    assert set(WORST_FIRST) == set(marks.MARKS)


def test_only_a_pass_looks_like_a_pass() -> None:
    for verdict in Verdict:
        for shadow in (True, False):
            for waived in (True, False):
                mark = marks.of_check(verdict, shadow=shadow, waived=waived, samples=1)
                assert (mark is marks.PASS) == (verdict is Verdict.PASS)


def test_absence_is_never_a_pass() -> None:
    for samples in (0, 3):
        mark = marks.of_check(None, shadow=False, waived=False, samples=samples)
        assert mark in {marks.TODO, marks.RUN}


def test_a_shadow_warns_and_a_waiver_shows() -> None:
    assert marks.of_check(Verdict.FAIL, shadow=True, waived=False, samples=1) is marks.WARN
    assert marks.of_check(Verdict.FAIL, shadow=False, waived=True, samples=1) is marks.WAIV
    assert marks.of_check(Verdict.ERROR, shadow=False, waived=False, samples=1) is marks.UNKN


def test_gates_and_runs_have_marks() -> None:
    assert [marks.of_gate(d).word for d in (None, *Decision)] == ["RUN", "PASS", "FAIL", "UNKN"]
    assert marks.of_run("completed") is marks.PASS
    assert marks.of_run("teleported") is marks.UNKN
    assert marks.of_rollout("aborted") is marks.FAIL
    assert marks.of_rollout("") is marks.RUN
