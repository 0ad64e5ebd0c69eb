"""Keys and names of people in a plan: every mistake is found before anybody must sign."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from live_processes import GATES, PLAN
from ssh_signatures import ecdsa_key, ed25519_key

from rollout.domain.errors import PlanProblems
from rollout.domain.plan import Plan
from rollout.wiring import installed_kinds, read_plan

ANN, BEA = ed25519_key(1), ecdsa_key()


def load(folder: Path, roles: str, **changes: str) -> Plan:
    (folder / "gates").mkdir(exist_ok=True)
    (folder / "gates" / "all.yaml").write_text(GATES)
    lines = [f"  project_lead: {roles}" if "ANN" in n else n for n in PLAN.splitlines()]
    text = "\n".join(lines)
    for before, after in changes.items():
        text = text.replace(before, after)
    (folder / "tiny.yaml").write_text(text)
    return read_plan(folder / "tiny.yaml", installed_kinds())


def problem(folder: Path, roles: str, **changes: str) -> str:
    with pytest.raises(PlanProblems) as caught:
        load(folder, roles, **changes)
    assert all(re.search(r"tiny\.yaml:\d+:\d+: ", said) for said in caught.value.problems)
    return " | ".join(caught.value.problems)


def two(first: str, second: str = "") -> str:
    return f"[{{person: ann, {first}}}, {{person: bea{', ' if second else ''}{second}}}]"


def test_good_keys_are_the_roster(tmp_path: Path) -> None:
    plan = load(
        tmp_path, two(f'key: "{ANN.line}"', f'keys: [{{key: "{BEA.line}", revoked: true}}]')
    )
    keys: dict[str, list[Any]] = dict(plan.roster().keys)
    assert keys["ann"][0].fingerprint == ANN.fingerprint
    assert (keys["bea"][0].revoked, keys["bea"][0].fingerprint) == (True, BEA.fingerprint)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("key: nonsense", "", "the key of ann is not a line such as `ssh-ed25519 AAAA… name`"),
        ('key: "ssh-dss AAAA"', "", "is of the kind ssh-dss; use ssh-ed25519"),
        ('key: "ssh-ed25519 AAAA"', "", "is cut off"),
        ('key: "ssh-ed25519 AAA!"', "", "is not a line such as"),
        (f'key: "ssh-rsa {ANN.line.split()[1]}"', "", "says ssh-rsa and holds ssh-ed25519"),
        ('key: "-----BEGIN OPENSSH PRIVATE KEY-----"', "", "must not leave its owner"),
        (f'key: "{ANN.line}"', f'key: "{ANN.line}"', "the key of bea is ann's too"),
        (
            f'key: "{ANN.line}", keys: [{{key: "{ANN.line}", revoked: true}}]',
            "",
            "the key of ann is given twice, with different terms",
        ),
    ],
)
def test_a_key_that_cannot_sign_is_found_at_its_place(
    tmp_path: Path, first: str, second: str, reason: str
) -> None:
    assert reason in problem(tmp_path, two(first, second))


@pytest.mark.parametrize("name", ["'*'", "'a*'", "'a,b'", "'!a'", "' a'"])
def test_a_name_that_could_mean_others_is_refused(tmp_path: Path, name: str) -> None:
    assert "must name one person" in problem(tmp_path, f"[{{person: {name}}}, {{person: bea}}]")


def test_a_lead_alone_is_told_that_nobody_else_looks(tmp_path: Path) -> None:
    assert "nobody could sign who does not also decide" in problem(tmp_path, "[{person: ann}]")
    alone = {"roles: [project_lead]}": "roles: [project_lead], four_eyes: false}"}
    assert load(tmp_path, "[{person: ann}]", **alone).phases[0].sign_off is not None


def test_an_author_holds_a_role_and_is_not_the_only_other_one(tmp_path: Path) -> None:
    both = "[{person: ann}, {person: bea}]"
    said = problem(tmp_path, both, **{"timezone: UTC": "timezone: UTC\nauthor: bee"})
    assert "the author `bee` holds no role; did you mean `bea`?" in said
