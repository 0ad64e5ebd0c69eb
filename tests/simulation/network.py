"""Between the shipped Census adapter and Census: a network on which everything goes wrong.

It stands where the adapter's `httpx.Client` stands, as that library would be a fifth of a run's
time. `over_httpx` puts the library back under the adapter: a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import httpx
import msgspec

from .census import TOKEN, Census, Document, Run, Sync
from .clocks import WorldTime
from .dice import Dice

_PATH = re.compile(r"/api/v1/(syncs|sync_runs)/(\d+)(?:/(\w+))?$")
RETRY_AFTERS = (
    None,
    "0",
    "3",
    "600",
    "3600",
    "1000000000",
    "-5",
    "soon",
    "Wed, 07 Jan 2026 18:00:00 GMT",
)
_NEVER_THERE = ("refused", "lost_request", "late_request", "status_429", "status_503")
_BEFORE = (*_NEVER_THERE, "status_500_before", "token_expired", "token_echoed")
_AFTER = ("lost_answer", "status_500_after", "garbled")
_GARBAGE = (b"<html><body>Sign in</body></html>", b'{"status":"success","da', b"", b"[]", b"\xff{")


_JSON = {"content-type": "application/json"}


class Witness(Protocol):
    """Holds each request that changes something against the log."""

    def sent(self, action: str, target: str) -> str:
        """Before it leaves: the intent behind it."""
        ...

    def took_effect(self, intent: str, action: str) -> None:
        """At the far side, now or later."""
        ...

    def seemed(self, intent: str, answer: str, wait_s: float) -> None:
        """What the client can tell: yes, no or unknown."""
        ...


@dataclass(frozen=True)
class Asked:
    """A request: where to below the host, what it asks and what it says."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Answered:
    """What the adapter uses of an httpx.Response."""

    status_code: int
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def iter_bytes(self) -> Iterator[bytes]:
        yield self.content

    def close(self) -> None:
        """There is nothing to close."""


class Network:
    """`border` is called with a place before and after each request: a process may die there, and
    others act. A request that is lost may yet arrive: the world goes on without us."""

    def __init__(
        self,
        census: Census,
        time: WorldTime,
        dice: Dice,
        witness: Witness,
        border: Callable[[str], None],
    ) -> None:
        self.census, self.time, self.dice = census, time, dice
        self.witness, self.border = witness, border
        self.requests = 0
        self._is_old = self.is_dark = False
        """The last request had no good answer: nobody can be blamed for not knowing."""
        self._refused_until = time.at
        self._answers: dict[str, tuple[int, Document]] = {}
        self._triggered: list[Document] = []

    def build_request(
        self, method: str, url: httpx.URL, *, params: Mapping[str, Any] | None, json: Any, **_: Any
    ) -> Asked:
        query = {name: str(value) for name, value in (params or {}).items()}
        return Asked(method, url.path, query, {} if json is None else json)

    def send(self, asked: Asked, *, stream: bool = True) -> Answered:
        """Raises: httpx.ConnectError, httpx.ReadTimeout."""
        self.requests += 1
        call = Call(asked, self.census)
        self.border(f"before {call.name}")
        intent = self.witness.sent(call.action, call.target) if call.action else ""
        self.time.pass_(timedelta(seconds=self.dice.between("latency", 0.05, 1.5)))
        self._is_old = self.census.showed_old = False
        answer = self.answer(call, intent)
        self.is_dark = self._is_old or self.census.showed_old or not _is_good(answer)
        self.border(f"after {call.name}")
        if isinstance(answer, str):
            error = httpx.ConnectError if answer == "refused" else httpx.ReadTimeout
            raise error(answer)
        return answer

    def answer(self, call: Call, intent: str) -> Answered | str:
        """A response, or the word for there being none."""
        fault = "" if self._refuses() else self.dice.one_of(_BEFORE) or ""
        if self._refuses() or fault == "token_expired":
            return self._unauthorized(intent, fault)
        if fault in {"refused", "status_429", "status_503", "status_500_before", "token_echoed"}:
            return self._declined(fault, intent)
        if fault in {"lost_request", "late_request"}:
            if fault == "late_request" and call.action:
                after = timedelta(minutes=self.dice.between("late", 0.1, 8))
                self.census.later(after, lambda: self._handle(call, intent) and None)
            self._seemed(intent, "unknown")
            return "lost"
        status, document = self._handle(call, intent)
        return self._after(call, intent, status, document)

    def _refuses(self) -> bool:
        return self.time.at < self._refused_until and not self.dice.calm

    def _unauthorized(self, intent: str, fault: str) -> Answered:
        if fault:
            minutes = self.dice.between("token", 0.5, 6)
            self._refused_until = self.time.at + timedelta(minutes=minutes)
        self._seemed(intent, "no")
        return _json(401, {"status": 401})

    def _declined(self, fault: str, intent: str) -> Answered | str:
        if fault == "refused":
            self._seemed(intent, "no", 5.0)
            return "refused"
        if fault == "status_429":
            wait = self.dice.pick("retry-after", RETRY_AFTERS)
            self._seemed(intent, "no", _at_least(wait))
            headers = {} if wait is None else {"retry-after": wait}
            return _json(429, {"status": "error", "message": "slow down"}, headers)
        if fault == "token_echoed":
            self._seemed(intent, "no")
            return _json(400, {"status": "error", "message": f"Bearer {TOKEN} said what?"})
        self._seemed(intent, "unknown")
        if fault == "status_503":
            return _json(503, {"status": "error"}, {"retry-after": "20"})
        return Answered(500, b"Internal Server Error")

    def _after(self, call: Call, intent: str, status: int, document: Document) -> Answered | str:
        """What happens to the answer on its way back."""
        fault = self.dice.one_of(_AFTER)
        if fault is not None:
            self._seemed(intent, "unknown")
        if fault == "lost_answer":
            return "lost"
        if fault == "status_500_after":
            return Answered(502, b"Bad Gateway")
        if fault == "garbled":
            return Answered(200, self.dice.pick("garbage", _GARBAGE))
        if call.action == "trigger" and status == 200:
            self._triggered.append(document)
            if len(self._triggered) > 1 and self.dice.fires("old_trigger_answer", times=5):
                document = self._triggered[-2]
        if call.is_about_runs:
            known = self._answers.get(call.name)
            self._answers[call.name] = (status, document)
            if known is not None and self.dice.fires("old_answer"):
                status, document = known
                self._is_old = True
        if call.sync is not None and call.verb == "sync_runs":
            self._listed(call.sync.id, int(call.query.get("page", 1)), document)
        self._seemed(intent, "yes" if status < 400 else "no")
        return _json(status, document)

    def _listed(self, sync: int, page: int, document: Document) -> None:
        if page == 1:
            self.census.listing[sync] = {}
        shown = self.census.listing[sync]
        shown.update((run["id"], run["sync_trigger_reason"]["ui_tag"]) for run in document["data"])

    def _seemed(self, intent: str, answer: str, wait_s: float = 0.0) -> None:
        if intent:
            self.witness.seemed(intent, answer, wait_s)

    def _handle(self, call: Call, intent: str) -> tuple[int, Document]:
        """What Census does with a request that reached it."""
        if call.run is not None:
            return self._of_run(call, call.run, intent)
        if call.sync is None:
            return 404, {"status": 404}
        return self._of_sync(call, call.sync, intent)

    def _of_run(self, call: Call, run: Run, intent: str) -> tuple[int, Document]:
        if call.verb == "cancel":
            if run.is_active and not self.dice.fires("cancel_ignored", times=20):
                self.witness.took_effect(intent, "cancel")
                self.census.cancel(run)
            return 200, {"status": "cancelled", "data": {}}
        if call.verb == "records":
            rejected = [{"identifier": key, "status": "rejected"} for key in run.rejected]
            wanted = rejected if call.query.get("status") == "rejected" else []
            return 200, {"status": "success", "data": wanted}
        return 200, {"status": "success", "data": self.census.see(run)}

    def _of_sync(self, call: Call, sync: Sync, intent: str) -> tuple[int, Document]:
        if call.verb == "trigger":
            if sync.paused:
                return 422, {"status": "error", "message": "the sync is paused"}
            self.witness.took_effect(intent, "trigger")
            run = self.census.start(sync, "API", intent)
            return 200, {"status": "success", "data": {"sync_run_id": run.id}}
        if call.verb == "sync_runs":
            page, size = int(call.query.get("page", 1)), int(call.query.get("per_page", 25))
            items, following = self.census.listed(sync, page, size)
            listed = {"status": "success", "data": items, "pagination": {"next_page": following}}
            return 200, listed
        if call.method == "PATCH":
            if not self.dice.fires("setting_ignored", times=5):
                self.witness.took_effect(intent, call.action)
                self.census.patch(sync, call.body)
            return 200, {"status": "updated", "data": sync.document()}
        return 200, {"status": "success", "data": sync.document()}


class Call:
    """One request, read: `action` names what it would change, `target` what, in the log's words."""

    def __init__(self, asked: Asked, census: Census) -> None:
        self.method, path = asked.method, asked.path
        matched = _PATH.match(path)
        kind, number, verb = matched.groups() if matched else ("", "0", "")
        self.verb: str = verb or ""
        self.query, self.body = asked.query, asked.body
        self.run = census.runs.get(int(number)) if kind == "sync_runs" else None
        self.sync = census.syncs.get(int(number)) if kind == "syncs" else None
        self.name = f"{self.method} {path} {self.query.get('page', '')}".strip()
        self.action, self.target = self._change(number)

    def _change(self, number: str) -> tuple[str, str]:
        if self.verb in {"trigger", "cancel"}:
            return self.verb, f"sync {number}" if self.verb == "trigger" else f"run {number}"
        if self.method == "PATCH" and self.sync is not None:
            return "set_paused" if "paused" in self.body else "set_schedule", self.sync.name
        return "", ""

    @property
    def is_about_runs(self) -> bool:
        return self.method == "GET" and (self.run is not None or self.verb == "sync_runs")


def _is_good(answer: Answered | str) -> bool:
    if isinstance(answer, str) or answer.status_code != 200:
        return False
    return answer.headers.get("content-type") == _JSON["content-type"]


def _json(status: int, document: Document, headers: Mapping[str, str] | None = None) -> Answered:
    said = _JSON if headers is None else {**_JSON, **headers}
    return Answered(status, msgspec.json.encode(document), said)


def _at_least(retry_after: str | None) -> float:
    """Seconds a client must wait; by its own cap of an hour at most."""
    if retry_after is None or not retry_after.isdigit():
        return 1.0
    return float(min(int(retry_after), 3600))
