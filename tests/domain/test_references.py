"""References are looked up, never evaluated."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.references import KEEP, Reference, has_references, in_text, references, resolve

PLAIN = st.text(string.ascii_letters + " {}$.%", max_size=20).filter(lambda t: "${{" not in t)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=10,
)


def test_a_whole_scalar_keeps_the_type_of_the_value() -> None:
    values: dict[str, Any] = {"a.n": 50, "a.flag": False, "a.none": None, "a.list": [1, 2]}
    document = {"n": "${{ a.n }}", "f": "${{a.flag}}", "x": " ${{ a.none }} ", "l": "${{ a.list }}"}
    assert resolve(document, values.__getitem__) == {"n": 50, "f": False, "x": None, "l": [1, 2]}


def test_inside_a_longer_text_values_are_written_as_yaml_writes_them() -> None:
    values = {"n": 50, "flag": True, "share": 0.25, "word": "on"}
    text = "${{ n }} / ${{ flag }} / ${{ share }} / ${{ word }}"
    assert resolve(text, values.__getitem__) == "50 / true / 0.25 / on"


def test_a_value_is_never_looked_up_again() -> None:
    assert resolve("= ${{ a }}", {"a": "${{ b }}"}.__getitem__) == "= ${{ b }}"


@pytest.mark.parametrize("value", [None, [1], {"a": 1}])
def test_nothing_and_collections_cannot_stand_inside_a_longer_text(value: Any) -> None:
    with pytest.raises(ValueError, match=r"params\.x is .*cannot stand inside"):
        resolve("= ${{ params.x }}", lambda _: value)


def test_what_the_lookup_does_not_know_is_its_own_error() -> None:
    nothing: dict[str, Any] = {}
    with pytest.raises(KeyError):
        resolve(["${{ steps.a.b }}"], nothing.__getitem__)


@pytest.mark.parametrize(
    "text",
    [
        "${{ }}",
        "${{ a.b",
        "${{ a + b }}",
        "${{ a.b() }}",
        "${{ a['b'] }}",
        "${{ .a }}",
        "${{ a..b }}",
    ],
)
def test_anything_but_a_dotted_name_is_refused(text: str) -> None:
    assert [r.name for r in references(text)] == [None]
    with pytest.raises(ValueError, match="is not a reference"):
        resolve(text, lambda _: pytest.fail("a malformed reference was looked up"))


def test_a_reference_can_be_kept_for_later() -> None:
    document = ["${{ later.x }}", "= ${{ later.x }} of ${{ now.y }}"]
    kept = resolve(document, lambda name: 2 if name == "now.y" else KEEP)
    assert kept == ["${{ later.x }}", "= ${{ later.x }} of 2"]


def test_references_are_found_with_path_and_offsets() -> None:
    found = list(references({"a": [1, "x ${{ p.q }}"], "b": "${{ r }}"}))
    assert found == [
        Reference(("a", 1), "p.q", 2, 12, False),
        Reference(("b",), "r", 0, 8, True),
    ]
    assert found[0].parts == ("p", "q")


def test_keys_are_not_searched() -> None:
    assert not has_references({"${{ a }}": 1})


def test_true_is_written_in_small_letters() -> None:
    assert in_text("x", True) == "true"


@given(DOCUMENTS)
def test_a_document_without_references_comes_back_equal(document: Any) -> None:
    assert not has_references(document)
    assert resolve(document, lambda _: pytest.fail("looked up")) == document


@given(st.text(max_size=60))
def test_any_text_is_resolved_or_refused_with_a_reason(text: str) -> None:
    whole = text + "${{ a.b }}"
    if all(r.name for r in references(whole)):
        assert "${{ a.b }}" not in str(resolve(whole, lambda _: "v"))
    else:
        with pytest.raises(ValueError, match="is not a reference"):
            resolve(whole, lambda _: "v")
