"""What the mocked Census keeps about a sync between its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rollout.rehearsal.services.census_runs import Outcome, Record, Run, Selection, SourceRow
from rollout.rehearsal.services.census_syncs import MockSync, stamp
from rollout.rehearsal.services.schedules import Timetable

_REASONS = {"NULL": "the sync key is empty", "DUPLICATE": "the sync key is not unique"}


@dataclass
class SyncState:
    """A sync in motion. `sent` is what Census believes the target has, by key."""

    setup: MockSync
    document: dict[str, Any]
    timetable: Timetable
    runs: list[Run] = field(default_factory=list)
    active: Run | None = None
    sent: dict[str, SourceRow] = field(default_factory=dict)
    version: int | None = None  # the world's version when the source was last read
    found_nothing: bool = False  # and whether there was anything to send then
    source: object = None  # shape and relation of the last selection
    selection: Selection | None = None
    backfill: bool = False  # the mappings changed: the next run sends everything

    @property
    def due(self) -> datetime | None:
        """When it starts by itself."""
        return None if self.document["paused"] else self.timetable.due

    def adopt(self, document: dict[str, Any], now: datetime) -> None:
        """Put a changed document in place. The timetable starts anew when schedule or pause
        changed; changed mappings make the next run a full one."""
        before = self.document
        self.document = {**document, "updated_at": stamp(now)}
        schedule = document["mode"]["triggers"]["schedule"]
        if schedule != before["mode"]["triggers"]["schedule"] or (
            document["paused"] != before["paused"]
        ):
            self.timetable = Timetable(schedule, now)
        if document["mappings"] != before["mappings"]:
            self.backfill = True

    def is_idle(self, source: object, version: int) -> bool:
        """Whether the last run found nothing to do in this very source, and nothing has happened
        since that a view could show."""
        return self.found_nothing and self.known(source, version) is not None

    def known(self, source: object, version: int) -> Selection | None:
        """What reading this source again would give, None when it has to be read."""
        same = self.version == version and self.source == source
        return self.selection if same else None

    def take_nothing(self, run: Run, at: datetime) -> None:
        """What a run of an idle sync finds."""
        assert self.selection is not None
        run.source_updates = run.source_deletes = 0
        self._count(run, self.selection, at)

    def take(self, run: Run, selection: Selection, source: object, at: datetime) -> None:
        """Compare a source with what was sent before: new, changed and once rejected rows go."""
        self.source, self.selection = source, selection
        if run.full_sync or not self.setup.remembers:
            self.sent = {}
        gone = self.sent.keys() - selection.rows.keys()
        for key in gone:
            del self.sent[key]
        sent = self.sent
        run.to_send = [(key, row) for key, row in selection.rows.items() if sent.get(key) != row]
        run.source_updates, run.source_deletes = len(run.to_send), len(gone)
        self._count(run, selection, at)

    def _count(self, run: Run, selection: Selection, at: datetime) -> None:
        run.source_rows, run.invalids = selection.total, len(selection.invalid)
        run.records += [
            Record(key, row, status, _REASONS[status], at, at)
            for key, status, row in selection.invalid
        ]

    def remember(self, outcomes: Sequence[Outcome], rows: Sequence[tuple[str, SourceRow]]) -> None:
        """Rows the target took are not sent again until they change; rejected ones are."""
        for outcome, (key, row) in zip(outcomes, rows, strict=True):
            if outcome.result == "rejected":
                self.sent.pop(key, None)
            else:
                self.sent[key] = row
