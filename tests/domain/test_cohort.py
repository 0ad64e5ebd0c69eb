from __future__ import annotations

import subprocess
import sys
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import cohort_questions

from rollout.domain.cohort import (
    Candidate,
    Cohort,
    Member,
    Stratum,
    cohort_sha256,
    select_cohort,
)
from rollout.domain.errors import KindMisused

Question = tuple[dict[str, list[Candidate]], list[Stratum]]

PILOT = [Stratum("with_features", 10), Stratum("without", 10), Stratum("companies", 10, max_per=1)]
POOL: dict[str, list[Candidate]] = {
    "with_features": [f"p{n:03}" for n in range(60)],
    "without": [f"p{n:03}" for n in range(40, 120)],
    "companies": [(f"p{n:03}", f"company {n % 14}") for n in range(200)],
}


def drawn(question: Question, seed: int, exclude: list[str] | None = None) -> Cohort | None:
    try:
        return select_cohort(*question, seed, exclude or [])
    except KindMisused:
        return None


def test_a_pilot_is_drawn_with_exact_counts_and_no_key_twice() -> None:
    cohort = select_cohort(POOL, PILOT, seed=20260106)
    assert Counter(m.stratum for m in cohort.members) == {s.name: s.count for s in PILOT}
    assert len(set(cohort.keys)) == 30
    assert list(cohort.keys) == sorted(cohort.keys)


def test_ten_different_companies_are_ten_different_companies() -> None:
    cohort = select_cohort(POOL, PILOT, seed=20260106)
    company = dict(c for c in POOL["companies"] if isinstance(c, tuple))
    chosen = [company[m.key] for m in cohort.members if m.stratum == "companies"]
    assert len(set(chosen)) == 10


def test_another_seed_draws_others() -> None:
    first, second = (select_cohort(POOL, PILOT, seed) for seed in (1, 2))
    assert first.keys != second.keys
    assert first.sha256 != second.sha256


def test_the_digest_is_over_keys_and_strata_alone() -> None:
    cohort = select_cohort(POOL, PILOT, seed=1)
    assert cohort.sha256 == cohort_sha256(cohort.members[::-1])
    swapped = [Member(m.key, "other") for m in cohort.members]
    assert cohort_sha256(swapped) != cohort.sha256


def test_picks_and_digest_are_pinned_across_versions() -> None:
    cohort = select_cohort({"s": ["a", "b", "c", "d"]}, [Stratum("s", 2)], seed=7)
    assert cohort.keys == ("a", "c")
    assert cohort.sha256 == "68a4c92b61f841ff48e7ab4e137c6abc24e77f79f9cd47e6a688c0a4f7c2cfcb"


def test_the_hash_seed_of_the_interpreter_does_not_matter() -> None:
    program = (
        "from rollout.domain.cohort import *;"
        "s=[Stratum(n,3) for n in 'xyz'];"
        "p={n:{f'k{i}' for i in range(9)} for n in 'xyz'};"
        "print(select_cohort({n: list(k) for n, k in p.items()}, s, 5).sha256)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "2")
    }
    assert len(digests) == 1


def test_excluded_keys_are_not_drawn_so_that_a_second_batch_is_fresh() -> None:
    first = select_cohort(POOL, PILOT, seed=1)
    second = select_cohort(POOL, PILOT, seed=1, exclude=first.keys)
    assert not set(first.keys) & set(second.keys)


def test_one_candidate_less_changes_one_pick() -> None:
    strata = [Stratum("s", 10)]
    pool = [f"k{n}" for n in range(100)]
    before = select_cohort({"s": pool}, strata, seed=3)
    gone = before.keys[0]
    after = select_cohort({"s": [k for k in pool if k != gone]}, strata, seed=3)
    assert len(set(before.keys) & set(after.keys)) == 9


def test_a_scarce_stratum_gets_the_keys_that_only_it_can_use() -> None:
    pool: dict[str, list[Candidate]] = {"rare": ["a", "b"], "many": ["a", "b", "c", "d"]}
    for seed in range(20):
        cohort = select_cohort(pool, [Stratum("many", 2), Stratum("rare", 2)], seed)
        assert cohort.keys == ("a", "b", "c", "d")


def test_a_stratum_hands_a_key_over_when_it_has_another() -> None:
    # None is scarcer than the others, so the first two may leave nothing for the third.
    pool: dict[str, list[Candidate]] = {"one": ["a", "b"], "two": ["b", "c"], "three": ["a", "c"]}
    strata = [Stratum(name, 1) for name in pool]
    for seed in range(50):
        cohort = select_cohort(pool, strata, seed)
        assert cohort.keys == ("a", "b", "c")
        assert all(m.key in pool[m.stratum] for m in cohort.members)


def test_a_stratum_hands_a_key_over_for_another_of_the_same_group() -> None:
    pool: dict[str, list[Candidate]] = {
        "one": [("a", "acme"), ("b", "bolt"), ("c", "acme")],
        "three": ["a", "b"],
        "two": ["a", "b"],
    }
    strata = [Stratum("one", 1, max_per=1), Stratum("two", 1), Stratum("three", 1)]
    for seed in range(50):
        cohort = select_cohort(pool, strata, seed)
        assert [m.key for m in cohort.members if m.stratum == "one"] == ["c"]


def test_a_group_left_has_room_again() -> None:
    # Whatever is drawn first, "one" ends up with c or d, having left acme or bolt on the way.
    pool: dict[str, list[Candidate]] = {
        "one": [("a", "acme"), ("b", "bolt"), ("c", "acme"), ("d", "bolt")],
        "three": ["a", "b", "d"],
        "two": ["a", "b", "c"],
    }
    strata = [Stratum("one", 2, max_per=1), Stratum("two", 1), Stratum("three", 1)]
    for seed in range(50):
        cohort = select_cohort(pool, strata, seed)
        ones = {m.key for m in cohort.members if m.stratum == "one"}
        assert ones in [set(pair) for pair in ("ab", "ad", "cb", "cd")]


def test_too_few_candidates_name_every_short_stratum_wanted_and_available() -> None:
    with pytest.raises(KindMisused) as problem:
        select_cohort({"a": ["x", "y"]}, [Stratum("a", 3), Stratum("b", 1)], seed=1)
    assert str(problem.value) == (
        "too few candidates: stratum a wants 3, available 2; stratum b wants 1, available 0"
    )


def test_a_shortage_says_what_others_took_and_what_groups_forbid() -> None:
    shared: dict[str, list[Candidate]] = {"a": ["x", "y"], "b": ["x", "y"]}
    with pytest.raises(KindMisused, match="wants 1, available 0, 2 more in other strata"):
        select_cohort(shared, [Stratum("a", 2), Stratum("b", 1)], seed=1)
    grouped: dict[str, list[Candidate]] = {"c": [("x", "acme"), ("y", "acme")]}
    with pytest.raises(KindMisused, match=r"available 1 \(at most 1 a group\)$"):
        select_cohort(grouped, [Stratum("c", 2, max_per=1)], seed=1)


@pytest.mark.parametrize(
    ("pool", "strata", "problem"),
    [
        ({"a": ["x"]}, [Stratum("a", 1), Stratum("a", 1)], "given twice"),
        ({"a": ["x"]}, [Stratum("a", -1)], "wants -1"),
        ({"a": ["x"]}, [Stratum("a", 1, max_per=0)], "allows 0 keys a group"),
        ({"a": ["", "x"]}, [Stratum("a", 1)], "empty key"),
    ],
)
def test_a_senseless_question_is_refused(
    pool: dict[str, list[Candidate]], strata: list[Stratum], problem: str
) -> None:
    with pytest.raises(KindMisused, match=problem):
        select_cohort(pool, strata, seed=1)


def test_a_cohort_is_stored_and_read_back_unchanged() -> None:
    cohort = select_cohort(POOL, PILOT, seed=1)
    assert msgspec.json.decode(msgspec.json.encode(cohort), type=Cohort) == cohort


@given(cohort_questions(), st.integers(), st.data())
def test_the_same_seed_draws_the_same_whatever_the_order(
    question: Question, seed: int, data: st.DataObject
) -> None:
    pool, strata = question
    shuffled = {
        name: data.draw(st.permutations(pool[name]))
        for name in data.draw(st.permutations(sorted(pool)))
    }
    turned = data.draw(st.permutations(strata))
    assert drawn((shuffled, turned), seed) == drawn(question, seed)


@given(cohort_questions(), st.integers(0, 99), st.lists(st.sampled_from(["a", "b", "ab"])))
def test_what_is_drawn_is_what_was_asked_for(
    question: Question, seed: int, exclude: list[str]
) -> None:
    cohort = drawn(question, seed, exclude)
    if cohort is None:
        return
    pool, strata = question
    assert len(set(cohort.keys)) == len(cohort.keys)
    assert not set(cohort.keys) & set(exclude)
    for stratum in strata:
        mine = [m.key for m in cohort.members if m.stratum == stratum.name]
        assert len(mine) == stratum.count
        candidates = pool[stratum.name]
        assert set(mine) <= {c if isinstance(c, str) else c[0] for c in candidates}


@given(cohort_questions(), st.integers(0, 99))
def test_no_group_exceeds_its_limit(question: Question, seed: int) -> None:
    pool, strata = question
    # One group a key, so that the group of a pick is certain.
    single = {
        name: list({(c if isinstance(c, str) else c[0]): c for c in listed}.values())
        for name, listed in pool.items()
    }
    cohort = drawn((single, strata), seed)
    if cohort is None:
        return
    for stratum in strata:
        group = dict(c for c in single[stratum.name] if isinstance(c, tuple))
        mine = Counter(
            group[m.key] for m in cohort.members if m.stratum == stratum.name and m.key in group
        )
        assert stratum.max_per is None or max(mine.values(), default=0) <= stratum.max_per


@given(cohort_questions(), st.integers(0, 99))
def test_without_groups_a_refusal_is_always_right(question: Question, seed: int) -> None:
    pool, strata = question
    # First letters only, so that strata quarrel over few keys.
    bare = {
        name: {(c if isinstance(c, str) else c[0])[0] for c in listed}
        for name, listed in pool.items()
    }
    plain = [Stratum(s.name, s.count) for s in strata]
    # Hall's condition: every union of strata has as many keys as they want together.
    enough = True
    for chosen in range(1, 2 ** len(plain)):
        some = [s for n, s in enumerate(plain) if chosen >> n & 1]
        together: set[str] = set().union(*(bare[s.name] for s in some))
        enough = enough and len(together) >= sum(s.count for s in some)
    found = drawn(({name: sorted(keys) for name, keys in bare.items()}, plain), seed)
    assert (found is not None) is enough
