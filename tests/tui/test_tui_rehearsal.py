"""The Rehearsal screen: the board in sight, and keys that ask the rehearsal's process."""

from __future__ import annotations

from pathlib import Path

import pytest
from boards import NOTICED, board
from builders import held_story, store_file
from golden_files import differences
from seats import Table, play

from rollout.rehearsal import control
from rollout.rehearsal.board import write_board
from rollout.view.text import cells


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


# every state -------------------------------------------------------------------

STATES: dict[str, dict[str, object] | None] = {
    "empty": None,
    "running": {"faults": []},
    "people-asked": {"people_asked": True, "next_at": None, "why": "waits for a person"},
    "paused": {"paused": True, "answer": "paused: as asked"},
    "no-go": {"faults": [*board().faults, NOTICED]},
    "over": {"outcome": "completed", "next_at": None, "faults": [NOTICED]},
}


def test_the_rehearsal_looks_as_it_should_in_every_state(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    store_file(path, held_story)
    wrong: list[str] = []

    async def looked_at(table: Table, state: str) -> None:
        for columns, lines in ((80, 24), (140, 45), (60, 20)):
            await table.resize(columns, lines)
            table.app.screen.look()  # type: ignore[attr-defined]
            for _ in range(3):  # a bar that was needed for the lines of the other width goes
                await table.settle()
            assert max(map(cells, table.screen())) <= columns
            found = differences(f"rehearsal-{state}-{columns}x{lines}", table.text())
            wrong.extend([found] if found else [])

    async def script(table: Table) -> None:
        await table.look(sign=True)
        await table.press("9")
        for state, said in STATES.items():
            if said is not None:
                write_board(path, board(**said))
            table.app.screen.look()  # type: ignore[attr-defined]
            await looked_at(table, state)
        write_board(path, board())
        await table.pass_(75)
        table.app.screen.look()  # type: ignore[attr-defined]
        await looked_at(table, "stale")
        await table.look(lost="r.db: the file is damaged", events=[], opened=None)
        await looked_at(table, "lost")

    play(path, script)
    assert wrong == [], "\n".join(wrong)
