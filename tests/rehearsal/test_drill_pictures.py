"""The target at a place of a rehearsal, and how far two of them are apart."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import pass_time, queue, small, sync

from rollout.rehearsal.drill.pictures import Album, Camera, Seen, wrong_in, wrong_rows
from rollout.rehearsal.world import World

pictures = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(0, 3), min_size=1, max_size=3).map(sorted)
)


@given(pictures, pictures)
def test_nothing_is_wrong_only_where_both_are_the_same(
    found: dict[str, list[int]], wanted: dict[str, list[int]]
) -> None:
    wrong = wrong_rows(found, wanted)
    assert (wrong == {}) == (found == wanted)
    assert wrong == wrong_rows(wanted, found)
    most = sum(max(len(found.get(k, [])), len(wanted.get(k, []))) for k in {*found, *wanted})
    assert sum(wrong.values()) <= most


@given(pictures, pictures, pictures)
def test_a_row_may_be_as_in_any_of_the_wanted_pictures(
    found: dict[str, list[int]], one: dict[str, list[int]], other: dict[str, list[int]]
) -> None:
    either = wrong_rows(found, one, other)
    assert either.keys() == wrong_rows(found, one).keys() & wrong_rows(found, other).keys()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = small()
    yield made
    made.close()


def test_a_camera_sees_each_way_in_which_a_row_can_be_wrong(world: World) -> None:
    camera = Camera(world)
    before = camera.take()
    assert camera.take().rows is before.rows
    assert before.stirred == []
    assert sum(map(len, before.rows.values())) == 330
    for statement, rows in [
        ("UPDATE product_property SET Name = 'x' WHERE Id IN (SELECT Id FROM product_property ORDER BY Id LIMIT 3)", 3),
        ("DELETE FROM product_property WHERE Id = (SELECT max(Id) FROM product_property)", 4),
        ("INSERT INTO product_property (Name, Snappt_Property_ID__c) VALUES ('twice', "
         "(SELECT max(Snappt_Property_ID__c) FROM product_property WHERE NOT IsDeleted))", 5),
        ("INSERT INTO product_property (Name) VALUES ('without a key')", 6),
    ]:  # fmt: skip
        world.run_statement(statement, "salesforce")
        assert sum(wrong_in(camera.take(), before).values()) == rows


def test_a_production_id_counts_when_it_is_there_whatever_it_is(world: World) -> None:
    camera = Camera(world)
    sync(world, queue(world, "create"))
    written = camera.take()
    pass_time(world, hours=1)
    filled = camera.take()
    assert len(wrong_in(filled, written)) >= 40
    world.run_statement(
        "UPDATE product_property SET SF_Property_ID__c = 'another' WHERE SF_Property_ID__c <> ''",
        "salesforce",
    )
    assert camera.take() == filled


def test_a_field_that_is_gone_makes_every_row_wrong(world: World) -> None:
    columns = Camera(world).columns
    there = Camera(world, columns).take()
    gone = Camera(world, [*columns, "Gone__c"]).take()
    assert len(wrong_in(gone, there)) == len(there.rows)


def test_properties_that_change_by_themselves_are_not_compared() -> None:
    made = small(organic=True)
    camera = Camera(made)
    before = camera.take()
    pass_time(made, days=1)
    after = camera.take()
    made.close()
    assert before.stirred == []
    assert len(after.stirred) == 2 * 6
    changed = Seen({key: [*hashes, 1] for key, hashes in after.rows.items()}, after.stirred)
    assert not wrong_in(changed, before).keys() & set(after.stirred)
    assert len(wrong_in(changed, before)) == len(after.rows.keys() - set(after.stirred))


def test_an_album_keeps_what_changed_and_names_every_place() -> None:
    album = Album(["Name"])
    first, second = {"a": [1]}, {"a": [2]}
    album.keep(Seen(first), [])
    album.keep(Seen(first), ["p"])
    album.keep(Seen(second), ["q"])
    album.keep(Seen(second, ["k"]), ["r", "p"])
    album.outcome = "completed"
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(album), type=Album)
    assert (read.pictures, read.stirred) == ([first, second], [[], ["k"]])
    assert (read.at("p"), read.at("q")) == (Seen(second, ["k"]), Seen(second))
    assert read.at("nowhere") is None
    assert read.wanted_after_rollback == read.first == Seen(first)
    read.outcome = "rolled_back"
    assert read.wanted_after_rollback == read.last == Seen(second, ["k"])
