"""What happens beside the rollout: foreign runs, clocks, other operators, the machine itself."""

from __future__ import annotations

import re
import sqlite3
import zlib
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

from rollout.domain.errors import LogDamaged, RolloutError, StoreUnavailable
from rollout.store.opening import open_store
from rollout.store.verification import verify_store

from .plans import NAME
from .violation import Violated, require

if TYPE_CHECKING:
    from .simulation import Simulation

_SEALED = 8 + 32
"""A snapshot begins with its size in hex and the SHA-256 over all of it."""
_FOREIGN = {"foreign_schedule": "Schedule", "foreign_ui": "Manual", "foreign_api": "API"}


class Disturbances:
    """Each is drawn at its own place; none knows of the others."""

    def __init__(self, simulation: Simulation) -> None:
        self.s = simulation
        self.dice = simulation.dice

    def at_border(self) -> None:
        """While a request of the controller is on its way."""
        s = self.s
        if self.dice.calm or s.depth:
            return
        s.depth += 1
        try:
            self._foreign(0.3)
            if self.dice.fires("decides_meanwhile", times=1.0 if s.people.is_running() else 0.2):
                s.people.whim()
            if self.dice.fires("plan_changed", times=0.1):
                s.people.adopt()
            if self.dice.fires("others_edit", times=0.2):
                s.target.edited_by_others()
            if self.dice.fires("second_controller", times=0.1):
                self._knocks()
            if self.dice.fires("lock_file_lost", times=0.05) and s.heir is None:
                self._takes_over()
        finally:
            s.depth -= 1

    def between_steps(self) -> None:
        if self.dice.calm:
            return
        self._foreign(1.0)
        self._time()
        self._people()
        self._store()
        if self.dice.fires("others_edit"):
            self.s.target.edited_by_others()
        if self.dice.fires("sync_touched", times=0.5):
            sync = self.dice.pick("touched", list(self.s.census.syncs.values()))
            self.s.census.patch(sync, {"paused": not sync.paused})
        if self.dice.fires("run_canceled"):
            self._cancel_ours()

    def _foreign(self, times: float) -> None:
        for fault, tag in _FOREIGN.items():
            if self.dice.fires(fault, times=times):
                sync = self.dice.pick("foreign", list(self.s.census.syncs.values()))
                self.s.census.start(sync, tag)

    def _cancel_ours(self) -> None:
        for run in self.s.census.runs.values():
            if run.is_active and run.intent is not None:
                self.s.census.cancel(run)

    def _time(self) -> None:
        wall, time = self.s.wall, self.s.time
        sign = -1 if self.dice.chance("sign", 0.5) else 1
        if self.dice.fires("clock_jumps_a_day", times=0.3):
            wall.skew += timedelta(days=sign)
        if self.dice.fires("clock_jumps_an_hour", times=0.5):
            wall.skew += timedelta(hours=sign)
        if wall.stands_at is not None and self.dice.chance("thaw", 0.3):
            wall.stands_at = None
        elif self.dice.fires("clock_frozen"):
            wall.stands_at = wall.now()
        if wall.skew and self.dice.chance("set right", 0.1):
            wall.skew = timedelta(0)
        time.pass_(timedelta(0))

    def _people(self) -> None:
        people = self.s.people
        if self.dice.fires("whim", times=10 if people.are_kept_waiting() else 1):
            people.whim()
        if self.dice.fires("wrong_person"):
            people.whim()
        if self.dice.fires("plan_changed"):
            people.adopt()
        if self.dice.fires("signs_in_rollback"):
            people.roll_back()
            people.sign_all()

    # the machine ---------------------------------------------------------------------------

    def _store(self) -> None:
        process = self.s.process
        if process is not None and self.dice.fires("disk_full", times=0.3):
            process.fill_disk()
        if self.dice.fires("second_controller"):
            self._knocks()
        if self.dice.fires("snapshot_damaged", times=0.5):
            self._spoil_snapshot()
        if self.dice.fires("snapshot_of_another_log", times=0.5):
            self._plant_snapshot()
        if self.dice.fires("event_edited", times=0.3):
            self._edited_event()

    def _knocks(self) -> None:
        """A second controller must be told that there is one."""
        if self.s.process is None:
            return
        try:
            second = self.s.born()
        except StoreUnavailable:
            self.s.reached["takeover_refused"] += 1
            return
        second.die()
        raise Violated("13", "a second controller owns the store while the first lives")

    def _takes_over(self) -> None:
        """The lock file is gone, so another one takes over; the first wakes up later."""
        s = self.s
        if s.process is None or not s.is_ticking:
            return
        lock = s.house.path.with_name(s.house.path.name + ".lock")
        lock.unlink()
        s.heir = s.born()
        newest = s.effects.epoch
        require(s.heir.owner.epoch > newest, "13", f"the epoch did not grow above {newest}")
        s.reached["takeover"] += 1

    def _spoil_snapshot(self) -> None:
        """A digit of it, so that it can be read as well as before: only its seal is broken."""
        for (blob,) in self.s.house.snapshots():
            seal, plain = blob[:_SEALED], blob[_SEALED:]
            if len(plain) < int(blob[:8], 16):
                plain = zlib.decompress(plain)
            place = self.dice.pick("spoiled", [m.start() for m in re.finditer(rb"[0-9]", plain)])
            digit = b"%d" % (plain[place] % 9 + 1)
            spoiled = plain[:place] + digit + plain[place + 1 :]
            self.s.house.tamper("UPDATE snapshots SET body = ?", (seal + zlib.compress(spoiled),))

    def _plant_snapshot(self) -> None:
        """A snapshot whose head is not in this log, as after an old backup was put back."""
        self.s.house.tamper(
            "UPDATE snapshots SET hash = replace(hash, substr(hash, 1, 1), 'f') WHERE rollout = ?",
            (NAME,),
        )

    def _edited_event(self) -> None:
        """Somebody changes an event of a copy, past all triggers: nobody opens that copy again."""
        place = self.s.house.copied()
        try:
            with closing(sqlite3.connect(place, isolation_level=None)) as connection:
                rows = connection.execute("SELECT count(*) FROM events").fetchone()[0]
                seq = 1 + int(self.dice.between("edited event", 0, rows - 0.01))
                connection.execute("DELETE FROM snapshots")
                connection.execute("DROP TRIGGER events_stay")
                changed = "UPDATE events SET actor = actor || 'x' WHERE seq = ?"
                connection.execute(changed, (seq,))
            self._refused(place)
        finally:
            place.unlink()

    def _refused(self, place: object) -> None:
        from pathlib import Path

        assert isinstance(place, Path)
        try:
            open_store(place, create=False).close()
        except LogDamaged:
            self.s.reached["damage_refused"] += 1
        except RolloutError as other:
            raise Violated("4", f"an edited event is told as {other}") from other
        else:
            raise Violated("4", "a store with an edited event was opened")
        require(not verify_store(place).ok, "4", "`verify` finds nothing wrong with it")
