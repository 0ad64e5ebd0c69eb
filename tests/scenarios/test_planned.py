"""The shipped plan in a world where nothing goes wrong: the plan's own figures come out."""

from __future__ import annotations

from rehearsing import rehearsed


def test_all_five_phases_pass_and_the_four_counted_gates_are_go() -> None:
    done = rehearsed("planned")
    assert done.summary["outcome"] == "completed"
    assert [p["state"] for p in done.summary["phases"]] == ["passed"] * 5
    counted = {gate.gate: gate.number for gate in done.rehearsal.plan.gates.values() if gate.number}
    assert sorted(counted.values()) == [1, 2, 3, 4]
    assert {name: done.gate(name)["decision"] for name in counted} == dict.fromkeys(counted, "go")


def test_sync_a_creates_1081_and_sync_b_updates_7980_the_pilot_included() -> None:
    runs = rehearsed("planned").summary["runs"]
    ours = {(r["sync"], r["phase"]): r["updated"] for r in runs if r["ours"]}
    assert ours == {
        ("sync_a", "pilot"): 50,
        ("sync_b", "pilot"): 50,
        ("sync_a", "full_sync_a"): 1031,
        ("sync_b", "full_sync_b"): 7930,
    }


def test_the_target_rows_before_plus_created_are_the_rows_after() -> None:
    books = rehearsed("planned").check("a_books_of_the_target")["observed"]
    assert books["before"] + books["created"] == books["after"]
    assert books["unexplained"] == 0


def test_the_high_priority_properties_are_visible_and_the_wrong_flags_right() -> None:
    done = rehearsed("planned")
    assert done.check("high_priority_visible")["observed"]["matched"] == 507
    mended = done.check("wrong_flags_mended")["observed"]
    assert (mended["matched"], mended["mismatched_rows"]) == (799, 0)


def test_accuracy_is_over_99_percent_and_fewer_than_50_properties_are_missing() -> None:
    right = rehearsed("planned").check("green_flags")["observed"]
    assert right["match_rate"] > 0.99
    assert right["missing"] < 50


def test_48_hours_are_watched_with_at_least_95_percent_coverage() -> None:
    done = rehearsed("planned")
    assert done.check("soak_coverage")["observed"]["coverage"] >= 0.95
    assert done.summary["simulated_s"] > 20 * 86_400
