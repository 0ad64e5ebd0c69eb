"""docs/live.md in step with the code: its plan can be read, its profile fits the plan, its faults exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

from fakes import FakeClock
from live_processes import ROOT

from rollout.domain.plan import PLACEHOLDERS, Occasion
from rollout.live.connections import LiveConnections
from rollout.live.profiles import profile_of
from rollout.rehearsal.sandbox.fault_board import Order
from rollout.wiring import installed_kinds, read_plan

PAGE = (ROOT / "docs" / "live.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

REST = """
plan: page
title: The page's own plan
timezone: UTC
roles: {project_lead: [{person: ann}]}
phases:
  - phase: only
    title: The only phase
    exit: [over]
rollback: {gates: [over]}
"""

GATE = """
gate: over
title: It is over
checks:
  - {check: none_open, kind: findings, title: Nothing is open, owner: project_lead, if_it_fails: Resolve it.}
"""


def test_the_pages_plan_and_profile_fit_each_other(tmp_path: Path) -> None:
    connections, profile, notifications = BLOCKS
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates" / "over.yaml").write_text(GATE)
    (tmp_path / "page.yaml").write_text(REST + connections + notifications)
    (tmp_path / "sandbox.yaml").write_text(profile)
    plan = read_plan(tmp_path / "page.yaml", installed_kinds())
    sandbox = profile_of("sandbox", tmp_path / "sandbox.yaml")
    assert set(sandbox.by_name) == set(plan.connections)
    LiveConnections(plan, {}, tmp_path, clock=FakeClock(), profile=sandbox).close()


def test_the_page_names_every_occasion_placeholder_and_fault() -> None:
    kinds = get_args(get_type_hints(Order)["do"])
    assert len(kinds) > 10
    for word in (*get_args(Occasion), *kinds, *(f"{{{name}}}" for name in PLACEHOLDERS)):
        assert f"`{word}`" in PAGE, word
