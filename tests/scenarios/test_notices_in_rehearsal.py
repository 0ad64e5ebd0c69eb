"""A rehearsal tells people as a live rollout would, and leaves what it told in the log."""

from __future__ import annotations

from pathlib import Path

from rehearsing import PLAN, kinds

from rollout import wiring
from rollout.domain.events import NoticeAnswered

NOTIFICATIONS = """
notifications:
  routes:
    P0: [{channels: [oncall]}]
    P1: [{channels: [oncall]}]
"""


def test_a_finding_is_told_by_severity_and_the_answer_is_in_the_log(tmp_path: Path) -> None:
    root = tmp_path / "copy"
    for folder in ("plans", "gates"):
        _copy(PLAN.parents[1] / folder, root / folder)
    plan = root / "plans" / PLAN.name
    text = plan.read_text(encoding="utf-8")
    channel = 'connections:\n  oncall: {uses: notify, urls: ["${env:ROLLOUT_ONCALL_URL}"]}\n'
    assert text.count("connections:\n") == 1
    plan.write_text(text.replace("connections:\n", channel) + NOTIFICATIONS, encoding="utf-8")
    told: list[NoticeAnswered] = []

    def tell(rehearsal: object, _store: object) -> None:
        told.extend(
            event.payload
            for event in rehearsal.log.read(rehearsal.state.rollout)  # type: ignore[attr-defined]
            if isinstance(event.payload, NoticeAnswered)
        )

    request = wiring.RehearsalRequest(plan, "empty_keys", None, {}, kinds())
    assert wiring.run_rehearsal(request, tell).outcome == "held"
    assert {(notice.channel, notice.answer) for notice in told} == {("oncall", "yes")}
    assert any("sync key" in notice.title for notice in told)


def _copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
