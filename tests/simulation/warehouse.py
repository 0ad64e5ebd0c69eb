"""The warehouse: the views the syncs read, the numbers the checks ask for, and bad days of both."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from fakes import FakeWarehouse

from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import QueryFailed, ServiceUnreachable
from rollout.domain.evidence import Scalar
from rollout.ports import Table

from .clocks import WorldTime
from .dice import Dice
from .network import Witness

VIEWS = {"crm.queue": "SELECT key FROM crm.things", "crm.second": "SELECT key FROM crm.others"}
NARROWED = "restricted_by_rollout"
_CHECK = re.compile(r"name = '(\w+)'")
_VIEW = re.compile(r"CREATE OR REPLACE VIEW (\S+) AS (.+)", re.DOTALL)
_ODD: dict[str, Sequence[Scalar]] = {
    "check_nan": (float("nan"),),
    "check_null": (None,),
    "check_no_row": (),
    "check_two_rows": (1, 1),
    "check_bad": (0,),
}


class Warehouse(FakeWarehouse):
    """`shown` is what each check was last given: good, or the fault that took its place."""

    def __init__(
        self, time: WorldTime, dice: Dice, witness: Witness, border: Callable[[str], None]
    ) -> None:
        super().__init__(time)  # type: ignore[arg-type]  # a clock is what tells now
        self.views = dict(VIEWS)
        self.dice, self.time, self.witness_, self.border = dice, time, witness, border
        self.shown: dict[str, str] = {}
        self.keys: dict[str, list[str]] = {}

    def reads(self, view: str) -> list[str]:
        """The keys a sync finds in the view now."""
        text = self.views[view]
        keys = self.keys[view]
        return [k for k in keys if f"'{k}'" in text] if NARROWED in text else list(keys)

    def query(
        self, sql: str, parameters: Any = None, *, max_rows: int = 1000, timeout_s: float = 300.0
    ) -> Table:
        self.border("before sql")
        matched = _CHECK.search(sql)
        check = matched[1] if matched else ""
        self._pass()
        self.shown[check] = "no answer"
        if self.dice.fires("warehouse_down"):
            raise ServiceUnreachable("warehouse: stopped")
        if not check:
            view = next(name for name in VIEWS if name in sql)
            return Table(["key"], [(key,) for key in self.reads(view)])
        if self.dice.fires("check_error"):
            raise QueryFailed("no such column", error_class="UNRESOLVED_COLUMN")
        odd = self.dice.one_of(list(_ODD))
        self.shown[check] = odd or "good"
        values = (1,) if odd is None else _ODD[odd]
        self.border("after sql")
        return Table(["value", "rollout_rows_0"], [(value, 3) for value in values])

    def _pass(self) -> None:
        minutes = self.dice.between("slow", 1, 20) if self.dice.fires("slow_port") else 0.0
        self.time.pass_(timedelta(minutes=minutes, seconds=0.2))

    def execute(self, sql: str, *, timeout_s: float = 300.0) -> Answer[int]:
        self.border("before execute")
        view = _VIEW.match(sql)
        intent = self.witness_.sent("replace_view", view[1] if view else "")
        if self.dice.fires("warehouse_down"):
            self.witness_.seemed(intent, "no", 60.0)
            return No("the warehouse is starting", retry_after_s=60.0)
        lost = self.dice.fires("statement_lost")
        if view is not None and (not lost or self.dice.chance("statement", 0.5)):
            self.witness_.took_effect(intent, "replace_view")
            self.views[view[1]] = view[2]
        self.border("after execute")
        self.witness_.seemed(intent, "unknown" if lost else "yes", 0.0)
        return Unknown("the connection broke") if lost else Yes(1)

    def view_definition(self, name: str) -> str:
        self.border("before view")
        if self.dice.fires("warehouse_down"):
            raise ServiceUnreachable("warehouse: stopped")
        return super().view_definition(name)
