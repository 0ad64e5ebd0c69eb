"""How a sign-off is signed: who needs a key, what they can choose, and the command of each way."""

from __future__ import annotations

import shlex
from datetime import datetime

import msgspec
import pytest
from builders import START
from signing_desk import GATE, LEAD, SALLY, Desk
from typer.main import get_command

from rollout.cli.main import app
from rollout.view.actions import action_of
from rollout.view.dialogs import (
    DialogView,
    Filled,
    dialog_view,
    is_addressed,
    missing,
    saying,
    verb,
)
from rollout.view.equivalent import equivalent
from rollout.view.link_state import live_link
from rollout.view.plan_words import plan_words
from rollout.view.signing_ways import key_lines, request_file, signers, ways

SAID = Filled(subject=GATE, answer=True, by="sally", role="sales_ops", reason="it is right")


def form(profile: str = "prod") -> DialogView:
    desk = Desk(profile=profile)
    state = desk.story.state()
    words = plan_words(desk.plan.model_dump(mode="json", by_alias=True))
    return dialog_view(action_of("sign", state, words, live_link(0.0)), state, words)


def by(way: str | None, **given: object) -> Filled:
    return msgspec.structs.replace(SAID, way=way, **given)


@pytest.mark.parametrize(
    ("profile", "people"),
    [("prod", {"lead", "guest"}), ("sandbox", {"lead"}), ("rehearsal", set()), ("other", {"lead", "guest"})],
)  # fmt: skip
def test_who_needs_a_key_is_who_the_domain_says(profile: str, people: set[str]) -> None:
    roles = {"project_lead": [{"person": "lead", "key": LEAD.line}, {"person": "guest"}]}
    assert set(signers(plan_words({"roles": roles}), profile, START)) == people


def test_keys_that_count_are_named_and_no_others() -> None:
    keys = [
        {"key": LEAD.line, "revoked": True},
        {"key": SALLY.line, "valid_until": "2026-03-01T00:00:00Z"},
    ]
    words = plan_words({"roles": {"r": [{"person": "lead", "keys": keys}]}})
    [line] = key_lines(signers(words, "prod", START), "lead")
    assert f"it takes a signature with {SALLY.fingerprint} (until 2026-03-01" in line
    assert LEAD.fingerprint not in line
    later = datetime.fromisoformat("2026-03-01T00:00:00+00:00")
    [line] = key_lines(signers(words, "prod", later), "lead")
    assert "the plan has none of theirs that counts" in line


def test_a_word_is_enough_for_nobody_whom_the_plan_does_not_ask_for_a_key() -> None:
    dialog = form("rehearsal")
    assert (dialog.signers, missing(dialog, SAID), saying(dialog, SAID).way) == ({}, [], "")
    known = {"lead": form().signers["lead"]}
    assert [len(ways(known, who)) for who in ("lead", "guest", "")] == [4, 0, 4]


@pytest.mark.parametrize(
    ("filled", "still", "button"),
    [
        (by(None), ["choose how to sign"], "Sign"),
        (by("own"), [], "Sign"),
        (by("key"), ["name the file of the private key"], "Sign"),
        (by("key", file="id", reason=""), ["write the reason"], "Sign"),
        (by("request"), [], "Write"),
        (Filled(way="import"), ["name the file of the signature (.sig)"], "Take in"),
        (Filled(way="import", file="a.sig"), [], "Take in"),
        (by("dance"), ["choose how to sign"], "Sign"),
    ],
)
def test_each_way_asks_only_for_what_it_needs(
    filled: Filled, still: list[str], button: str
) -> None:
    assert missing(form(), filled) == still
    assert verb(form(), filled) == button
    assert is_addressed(form(), filled)


@pytest.mark.parametrize(
    ("filled", "holds"),
    [
        (by("own"), "--approve"),
        (by("key", file="my key"), "--key 'my key'"),
        (by("request"), f"--request {GATE}-sally.json"),
        (by("request", file="r.json"), "--request r.json"),
        (by("import", file="r.json.sig"), "sign --import r.json.sig --state"),
    ],
)
def test_the_command_of_each_way_is_one_that_the_command_line_takes(
    filled: Filled, holds: str
) -> None:
    line = equivalent(saying(form(), filled), ["--state", "a b.db"])
    assert holds in line
    _, command, *arguments = shlex.split(line)
    found = get_command(app).commands[command]  # type: ignore[attr-defined]  # a group has them
    assert str(found.make_context(command, list(arguments)).params["state"]) == "a b.db"


@pytest.mark.parametrize("name", ["../../etc/x", "", "a b", "ž"])
def test_the_name_of_a_request_file_stays_in_its_folder(name: str) -> None:
    assert "/" not in request_file(GATE, name)
    assert request_file(GATE, name).isascii()
