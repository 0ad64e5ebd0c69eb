"""The Rehearsal screen: the board in sight, and keys that ask the rehearsal's process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from builders import held_story, store_file
from seats import Table, play

from rollout.rehearsal import control
from rollout.rehearsal.board import Board, CatalogueEntry, FaultOnBoard, write_board

BEGAN = datetime(2026, 1, 5, 16, 0, tzinfo=UTC)


def board(**more: object) -> Board:
    said: dict[str, object] = {
        "rollout": "two-phases",
        "scenario": "planned",
        "seed": 1,
        "pid": 1,
        "began": BEGAN,
        "now": BEGAN + timedelta(hours=2),
        "speed": 600.0,
        "paused": False,
        "people_asked": False,
        "next_at": BEGAN + timedelta(hours=3),
        "why": "waits",
        "heard": 0,
        "answer": "",
        "beat": 1,
        "faults": [
            FaultOnBoard(id="quiet", kind="sql", about="", state="active", fired_at=BEGAN),
            FaultOnBoard(id="later", kind="sql", about="", state="waiting"),
        ],
        "catalogue": [
            CatalogueEntry(name="stale_copy", kind="world", about="Fivetran stops"),
            CatalogueEntry(name="view_drift", kind="sql", about="The queue grows"),
        ],
        **more,
    }
    return Board(**said)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "r.db"
    store_file(path, held_story)
    write_board(path, board())
    return path


def asked(store: Path) -> list[object]:
    """What the screen asked so far."""
    requests = control.Requests(store)
    requests.heard = 0
    return list(requests.new())


@pytest.mark.parametrize("size", [(80, 24), (140, 45), (60, 20)])
def test_time_faults_and_what_can_be_injected_are_in_sight(
    store: Path, size: tuple[int, int]
) -> None:
    async def script(table: Table) -> None:
        await table.look()
        await table.press("9")
        seen = table.text()
        assert "x600" in seen
        assert "✗ FAIL  quiet" in seen
        assert "stale_copy" in seen
        assert "noticed by nobody yet" in table.words()
        assert all(len(line) <= size[0] for line in table.screen())

    play(store, script, size=size)


def test_keys_set_the_pace_and_inject_and_clear_what_is_under_the_cursor(store: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        await table.press("9", "greater_than_sign", "less_than_sign", "full_stop", "space")
        await table.press("down", "i", "shift+tab", "x")
        assert asked(store) == [
            control.Faster(),
            control.Slower(),
            control.Step(),
            control.Pause(),
            control.Inject("view_drift"),
            control.Clear("quiet"),
        ]
        write_board(store, board(paused=True, answer="paused: as asked"))
        table.app.screen.look()  # type: ignore[attr-defined]
        await table.settle()
        assert "paused: as asked" in table.text()
        await table.press("space")
        assert asked(store)[-1] == control.Go()

    play(store, script)


def test_without_a_board_it_says_how_to_begin_one_and_asks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    store_file(path, held_story)

    async def script(table: Table) -> None:
        await table.look()
        await table.press("9")
        assert "rehearse --tui" in table.words()
        await table.press("space")
        assert not control.control_path(path).exists()
        assert "nobody drives this rehearsal by hand" in table.words()

    play(path, script)


def test_the_screen_does_not_exist_in_production(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    store_file(path, lambda story: story.begin(profile="prod", scenario=None, seed=None))

    async def script(table: Table) -> None:
        await table.look()
        await table.press("9")
        assert "rehearsal exists in REHEARSAL only" in table.words()
        assert "To inject" not in table.text()

    play(path, script)
