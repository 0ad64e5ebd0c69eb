"""YAML that attacks, surprises or is cut off is refused with places, quickly; plain YAML is data."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rollout.loader.problems import Place, Problems
from rollout.loader.scalars import typed
from rollout.loader.strict_yaml import Document, Limits, read_yaml


def read(text: str | bytes, **limits: int) -> tuple[Document | None, list[str]]:
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    problems = Problems()
    document = read_yaml(raw, "f.yaml", problems, Limits(**limits))
    return document, problems.lines()


def data(text: str) -> Any:
    document, problems = read(text)
    assert problems == []
    assert document is not None
    return document.data


def refused(text: str | bytes, **limits: int) -> list[str]:
    _, problems = read(text, **limits)
    assert problems
    return problems


ALIAS_BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 25)
)
MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 25)
)
ATTACKS = {
    "alias bomb": (ALIAS_BOMB, "an anchor (&a0) is not allowed"),
    "merge bomb": (MERGE_BOMB, "a merge key (<<) is not allowed"),
    "self reference": ("a: &a [*a]\n", "an alias (*a) is not allowed"),
    "64 kB of commas": ("a: [" + "1," * 32_000, "more than 5000 keys and values"),
    "64 kB of commas, unbracketed": ("1," * 32_000, "a text of more than 4096 characters"),
    "30,000 brackets": ("[" * 30_000, "nested more than 16 levels deep"),
    "30,000 braces": ("{" * 30_000, "nested more than 16 levels deep"),
    "30,000 explicit keys": ("? " * 30_000, "a key must be a single word"),
    "30,000 dashes": ("- " * 30_000, "nested more than 16 levels deep"),
    "deep block": ("".join(" " * i + "a:\n" for i in range(300)), "nested more than 16 levels"),
    "6,000 keys": ("".join(f"k{i}: 1\n" for i in range(6_000)), "more than 5000 keys and values"),
    "long text": ('"' + "a" * 5_000 + '"', "a text of more than 4096 characters"),
    "long key": ('"' + "a" * 1_000 + '"' + "b" * 60_000, "not YAML"),
    "escapes": ('"' + "\\x41" * 16_000 + '"', "a text of more than 4096 characters"),
    "long block": ("a: |\n" + " x\n" * 20_000, "a text of more than 4096 characters"),
    "open quote": ('a: "' + "x" * 60_000, "not YAML: found unexpected end of stream"),
    "python tag": ("a: !!python/object/apply:os.system [ls]", "a tag (tag:yaml.org,2002:python"),
    "local tag": ("a: !secret x", "a tag (!secret) is not allowed"),
    "many tags": ("!" * 60_000, "a tag"),
    "directive": ("%YAML 1.2\n---\na: 1", "YAML directives (%…) are not allowed"),
    "tag directive": ("%TAG ! tag:x,2000:\n---\na: 1", "YAML directives (%…) are not allowed"),
    "huge version": ("%YAML 1." + "9" * 5_000 + "\n---\na: 1", "not YAML: Exceeds the limit"),
    "impossible escape": ('a: "\\U99999999"', "not YAML"),
    "second document": ("a: 1\n---\nb: 2", "a second document: one file holds one"),
    "duplicate key": ("a: 1\na: 2", "duplicate key `a`, first given on line 1"),
    "duplicate after quoting": ('a: 1\n"a": 2', "duplicate key `a`, first given on line 1"),
    "list as key": ("? [a]\n: 1", "a key must be a single word or text"),
    "NUL": ("a: b\0c", "(U+0000) is not allowed"),
    "escaped NUL": ('a: "b\\0c"', "(U+0000) is not allowed"),
    "escape sequence": ("a: \x1b[2J", "(U+001B) is not allowed"),
    "bidi override": ("a: \u202eb", "(U+202E) is not allowed"),
    "escaped bidi override": ('a: "\\u202e"', "(U+202E) is not allowed"),
    "zero width": ("pass\u200bword: x", "(U+200B) is not allowed"),
    "line separator": ("a: b\u2028c: d", "(U+2028) is not allowed"),
    "half a pair": ('a: "\\ud800"', "(U+D800) is not allowed"),
    "empty": ("", "the file is empty"),
    "comments only": ("# a\n# b\n", "the file is empty"),
    "tab indentation": ("a:\n\tb: 1", "not YAML: found character '\\t'"),
    "undefined alias": ("a: *b", "an alias (*b) is not allowed"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_is_refused_with_its_reason_and_without_hanging(attack: str) -> None:
    text, reason = ATTACKS[attack]
    before = time.process_time()
    problems = refused(text)
    spent = time.process_time() - before
    assert any(reason in problem for problem in problems), problems
    assert spent < 3  # the figure is bench/loader.py's; a bomb that goes off takes minutes


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\xff\xfea\x00:\x00", "f.yaml:1:1: the file is UTF-16: save it as UTF-8"),
        ("a: b".encode("utf-16-be"), "f.yaml:1:2: a control or invisible character"),
        (b"a: 1\nb: \xe9\n", "f.yaml:2:4: not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n", "f.yaml:1:1: not UTF-8 text"),
        (b"a: " + b"x" * 70_000, "f.yaml:1:1: the file is larger than 65536 bytes"),
        ("a: \ud800".encode("utf-8", "surrogatepass"), "f.yaml:1:4: not UTF-8 text"),
    ],
)
def test_bytes_that_are_no_utf8_text_are_refused(raw: bytes, reason: str) -> None:
    _, problems = read(raw)
    if raw.startswith(b"\x00"):
        reason = "f.yaml:1:1: a control or invisible character (U+0000) is not allowed: remove it"
    assert problems[0].startswith(reason)


def test_a_byte_order_mark_of_utf8_is_forgiven() -> None:
    assert read(b"\xef\xbb\xbfa: 1")[0] is not None


def test_limits_can_be_adjusted() -> None:
    assert refused("[[[1]]]", depth=2) == ["f.yaml:1:3: nested more than 2 levels deep"]
    assert refused("[1, 2, 3]", nodes=3) == ["f.yaml:1:8: more than 3 keys and values in one file"]
    assert read("a: [" + "1," * 32_000 + "]", nodes=40_000)[1] == []


def test_problems_stop_being_counted_at_their_limit() -> None:
    assert len(refused("[" + "yes, " * 500 + "]", problems=7)) == 7


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("3394022", 3394022),
        ("0.5", 0.5),
        ("-2.50", -2.5),
        ("95 %", "95 %"),
        (">= 99 %", ">= 99 %"),
        ("4h", "4h"),
        ("48h30m", "48h30m"),
        ("1.2.3", "1.2.3"),
        ("crm.sfdc_dbx.view", "crm.sfdc_dbx.view"),
        ("yesterday", "yesterday"),
        ("nothing", "nothing"),
        ("18,450", "18,450"),
        ("-", "-"),
    ],
)
def test_unquoted_words_mean_what_they_say(text: str, value: Any) -> None:
    found = typed(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "word",
    [
        "yes", "No", "on", "OFF", "y", "N", "True", "FALSE", "Null", "NULL",
        "010", "00", "-007", "01.5", "0x1f", "0o17", "0b101", "1_000", "1_000.5", "+5", "+1.5", "-0",
        "1:30", "12:30:45", "1:30.5", "2026-01-06", "2026-1-6", "2026-01-06T10:00:00Z",
        "2026-01-06 10:00:00", "1e5", "1.5E-3", ".5", "5.", "-.5", ".inf", "-.INF", ".nan", ".NaN",
        "=", "<<", "9" * 19, "9" * 400 + ".0",
    ],
)  # fmt: skip
def test_words_that_yaml_readers_disagree_about_must_be_quoted(word: str) -> None:
    with pytest.raises(ValueError, match="quote it"):
        typed(word)
    if word != "<<":
        assert data(f'a: "{word}"') == {"a": word}


@given(st.from_regex(r"[-+0-9a-zA-Z_.:~= ]{0,8}", fullmatch=True))
def test_no_unquoted_word_means_something_else_to_pyyaml(word: str) -> None:
    try:
        ours = typed(word.strip())
    except ValueError:
        return
    try:
        theirs = yaml.safe_load(f"[{word.strip()}]")
    except (yaml.YAMLError, ValueError):
        return
    if theirs and len(theirs) == 1 and not isinstance(theirs[0], dict):
        assert theirs[0] == ours


def test_keys_are_text_as_written() -> None:
    text = "on: a\n4h: b\n1: c\nyes: d\n'': e\n"
    assert data(text) == {"on": "a", "4h": "b", "1": "c", "yes": "d", "": "e"}


@pytest.mark.parametrize("text", ["~: 1", "null: 1", "? \n: 1"])
def test_a_missing_key_is_refused(text: str) -> None:
    assert [p.partition(": ")[2] for p in refused(text)] == ["a key is missing before the colon"]


def test_every_key_and_value_has_its_place() -> None:
    document, _ = read("plan: x\nphases:\n  - phase: pilot\n    entry: [a, 'b']\n")
    assert document is not None
    assert document.keys[("phases", 0, "entry")] == Place(4, 5)
    assert document.values[("phases", 0, "entry", 1)] == Place(4, 16)
    assert document.values[("phases", 0)] == Place(3, 5)
    assert document.place(("phases", 0, "nowhere", 3)) == Place(3, 5)
    assert document.place(("phases",), of_key=True) == Place(2, 1)


def test_all_problems_of_one_file_come_together_and_the_first_value_of_a_key_stays() -> None:
    document, problems = read("a: {b: 1}\nb: yes\na: {b: 010}\nc: &x !!str 1\nd: [1,, 2]\n")
    assert document is None
    assert problems == [
        "f.yaml:2:4: `yes` could be text or a yes-or-no (true, false): quote it if it is text",
        "f.yaml:3:1: duplicate key `a`, first given on line 1",
        "f.yaml:3:8: `010` could be text or a number with a leading zero: quote it if it is text",
        "f.yaml:4:4: a tag (tag:yaml.org,2002:str) is not allowed",
        "f.yaml:4:4: an anchor (&x) is not allowed",
        "f.yaml:5:7: not YAML: expected the node content, but found ',' while parsing a flow node",
    ]
    again, _ = read("a: {b: 1}\na: {b: 2, c: [3]}\n")
    assert again is not None
    assert again.data == {"a": {"b": 1}}
    assert again.values[("a", "b")] == Place(1, 8)


PLAIN_KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9)
    | st.text("abcäß\n\"'#: %{}[]-&*!|>", max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLAIN_KEYS, inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@given(st.dictionaries(PLAIN_KEYS, DATA, min_size=1, max_size=4))
def test_json_reads_back_as_itself(document: Any) -> None:
    assert data(json.dumps(document, ensure_ascii=False)) == document


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda t: t.encode("utf-8", "surrogatepass"))
    | st.text("ab:-[]{},&*!|>'\"%@`?#<\n \t\\0u", max_size=200).map(str.encode)
)
@settings(max_examples=600, deadline=None)
@example(b'"\\U00110000"')
@example(b"%YAML 1.1\n%YAML 1.1\n---\n")
@example(b"!<> a")
@example(b"- ? : \n")
def test_any_bytes_give_a_document_or_problems(raw: bytes) -> None:
    document, problems = read(raw)
    assert document is not None or problems
    for problem in problems:
        place = problem.split(":")
        assert place[0] == "f.yaml"
        assert int(place[1]) >= 1
        assert int(place[2]) >= 1
    if document is not None and not problems:
        json.dumps(document.data).encode()
