"""What a rehearsal that people drive says of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rollout.rehearsal.board import Board, CatalogueEntry, FaultOnBoard

BEGAN = datetime(2026, 1, 5, 16, 0, tzinfo=UTC)


def board(**more: object) -> Board:
    said: dict[str, object] = {
        "rollout": "two-phases",
        "scenario": "planned",
        "seed": 1,
        "pid": 1,
        "began": BEGAN,
        "now": BEGAN + timedelta(hours=2),
        "speed": 600.0,
        "paused": False,
        "people_asked": False,
        "next_at": BEGAN + timedelta(hours=3),
        "why": "waits",
        "heard": 0,
        "answer": "",
        "beat": 1,
        "faults": [
            FaultOnBoard(id="quiet", kind="sql", about="", state="active", fired_at=BEGAN),
            FaultOnBoard(id="later", kind="sql", about="", state="waiting"),
        ],
        "catalogue": [
            CatalogueEntry(name="stale_copy", kind="world", about="Fivetran stops"),
            CatalogueEntry(name="view_drift", kind="sql", about="The queue grows"),
        ],
        **more,
    }
    return Board(**said)  # type: ignore[arg-type]


NOTICED = FaultOnBoard(
    id="null_names",
    kind="sql",
    about="Names are emptied",
    state="active",
    fired_at=BEGAN,
    noticed_by="b_names_kept",
    gate="verified",
    phase="pilot",
    after_s=1800.0,
)
