"""Who says they sit here: somebody the plan knows, in a role they hold, or the screen stays closed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from builders import held_story, make_plan, store_file
from seats import Table, play

from rollout.cli.exits import Misuse
from rollout.cli.seat import Wish, require_seat
from rollout.loader.problems import suggestion
from rollout.view.plan_words import PlanWords, plan_words
from rollout.view.sitting import misseated

WORDS = plan_words(make_plan().model_dump(mode="json"))


@pytest.fixture
def held(tmp_path: Path) -> Path:
    path = tmp_path / "held.db"
    store_file(path, held_story)
    return path


@pytest.mark.parametrize(
    ("by", "role", "said"),
    [
        ("ghost", "", "--by ghost: the plan names nobody of that name; known: `proj`, `sale`"),
        ("sael", "sales_ops", "; did you mean `sale`?; there is: proj, sale"),
        ("", "lead", "--role lead: the plan has no such role"),
        ("proj", "sales_ops", "proj holds project_lead; sales_ops is held by sale"),
    ],
)
def test_a_seat_that_could_decide_nothing_is_refused_with_the_names_there_are(
    held: Path, by: str, role: str, said: str
) -> None:
    with pytest.raises(Misuse, match=r"^--") as refused:
        require_seat(Wish(state=str(held), by=by, role=role))
    assert said in str(refused.value)


@pytest.mark.parametrize(("by", "role"), [("", ""), ("proj", ""), ("sale", "sales_ops")])
def test_who_can_decide_sits_down(held: Path, by: str, role: str) -> None:
    require_seat(Wish(state=str(held), by=by, role=role))
    assert misseated(WORDS, by, role, suggestion) == ""


def test_what_cannot_be_read_yet_is_no_reason_to_refuse(tmp_path: Path) -> None:
    require_seat(Wish(state=str(tmp_path / "none.db"), by="ghost"))
    assert misseated(PlanWords(), "ghost", "", suggestion) == ""
    broken = tmp_path / "held.db"
    store_file(broken, held_story)
    os.truncate(broken, 100)
    require_seat(Wish(state=str(broken), by="ghost"))


def test_where_the_plan_came_later_the_screen_says_so_and_goes_on_saying_it(held: Path) -> None:
    async def script(table: Table) -> None:
        assert "--by ghost" not in table.words()
        await table.look(sign=True)
        assert "--by ghost: the plan names nobody of that name" in table.words()
        await table.press("tab")
        assert "--by ghost: the plan names nobody of that name" in table.words()

    play(held, script, by="ghost", misseated=lambda w: misseated(w, "ghost", "", suggestion))
