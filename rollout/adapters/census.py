"""Census' management API as a SyncService.

Source: reference on the Census API. `completed` does not mean that every record landed; a run
started while another one goes comes back as `skipped`; there is no idempotency key, so a trigger
is one POST and nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from rollout.adapters.census_documents import (
    config_of,
    envelope,
    payload_of,
    record_of,
    run_of,
    said_problem,
    same_schedule,
    schedule_of,
    schedule_patch,
)
from rollout.adapters.documents import Fields
from rollout.adapters.http import HttpClient, Request, Sent
from rollout.adapters.replies import Complaint
from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import PlanProblems, ServiceError, ServiceGarbled, ServiceRefused
from rollout.domain.evidence import Scalar
from rollout.ports import RejectedRecord, Schedule, SyncConfig, SyncRun

Api = Literal["v1", "v2"]

HOSTS: Final = {"us": "app.getcensus.com", "eu": "app-eu.getcensus.com"}
PAGE: Final = 100
"""Most items Census puts on one page."""

NOT_LANDED: Final = ("rejected", "invalid")
AGAIN_AFTER_S: Final = 5.0


def census_base_url(region: str = "us", api: str = "v1") -> str:
    """The base URL of a region.

    Source: reference on the Census API, section 1. Version 1 is retired on 2027-01-15.
    Raises: PlanProblems for a region or version nobody has documented.
    >>> census_base_url("eu", "v2")
    'https://app-eu.getcensus.com/api/v2'
    """
    problems = []
    if region not in HOSTS:
        problems.append(f"census: region {region!r} is not one of {', '.join(HOSTS)}")
    if api not in ("v1", "v2"):
        problems.append(f"census: api {api!r} is neither v1 nor v2")
    if problems:
        raise PlanProblems(problems)
    return f"https://{HOSTS[region]}/api/{api}"


def census_judge(status: int, complaint: Complaint, message: str) -> ServiceError | None:
    """For `HttpClient(judge=…)`: says what Census' own status numbers mean."""
    if status == 410:
        return ServiceRefused(f"{message}; records are kept for 14 days", status=410)
    if status == 401:
        return ServiceRefused(f"{message}; the token is not accepted", status=401)
    return None


class CensusSyncService:
    """Reverse ETL management over Census' REST API, version 1 or 2.

    Reads raise ServiceError. A setting is read back after it was changed: Census can answer 200
    to a PATCH that has no effect, and a lost answer to a PATCH can be resolved by looking.
    """

    def __init__(self, client: HttpClient, *, api: Api = "v1") -> None:
        self._client, self._api = client, api

    def close(self) -> None:
        self._client.close()

    def sync(self, sync_id: int) -> SyncConfig:
        fields = self._sync(sync_id)
        return config_of(fields, self._query_behind(fields))

    def syncs(self, *, limit: int = 1000) -> list[SyncConfig]:
        """Every sync the token can see, without the queries behind datasets."""
        found: dict[int, SyncConfig] = {}
        for page in self._pages("/syncs", {"per_page": PAGE}):
            found.update({c.id: c for c in (config_of(fields, {}) for fields in page)})
            if len(found) >= limit:
                break
        return list(found.values())[:limit]

    def run(self, run_id: int) -> SyncRun:
        what = f"census: run {run_id}"
        run = run_of(self._one(f"/sync_runs/{run_id:d}", what))
        if run.id != run_id:
            raise ServiceGarbled(f"{what}: run {run.id} answered")
        return self._masked(run)

    def runs(
        self, sync_id: int, *, above: int = 0, since: datetime | None = None, limit: int = 100
    ) -> list[SyncRun]:
        """Newest first. A run that moves to the next page while pages are turned is kept once."""
        found: dict[int, SyncRun] = {}
        query: dict[str, str | int] = {"per_page": min(PAGE, max(limit, 1)), "order": "desc"}
        for page in self._pages(f"/syncs/{sync_id:d}/sync_runs", query):
            page_runs = [self._masked(run_of(fields)) for fields in page]
            if any(run.sync_id != sync_id for run in page_runs):
                raise ServiceGarbled(f"census: the runs of sync {sync_id} include another sync's")
            wanted = {
                run.id: run
                for run in page_runs
                if run.id > above and (since is None or run.created_at >= since)
            }
            nothing_new = wanted.keys() <= found.keys()
            found.update(wanted)
            # The page is read to its end before stopping: one run out of order hides nothing.
            if len(wanted) < len(page_runs) or nothing_new or len(found) >= limit:
                break
        return sorted(found.values(), key=lambda run: run.id, reverse=True)[: max(limit, 0)]

    def rejected(self, run_id: int, *, limit: int = 100) -> list[RejectedRecord]:
        records: list[RejectedRecord] = []
        for status in NOT_LANDED:
            query: dict[str, str | int] = {"status": status, "per_page": PAGE}
            for page in self._pages(f"/sync_runs/{run_id:d}/records", query):
                records += [record_of(fields, self._client.redactor) for fields in page]
                if len(records) >= limit:
                    return records[: max(limit, 0)]
        return records

    def sent(self, run_id: int, key: str) -> Mapping[str, Scalar] | None:
        """The newest record of the key that landed; Census keeps records for 14 days."""
        query: dict[str, str | int] = {
            "status": "succeeded",
            "primary_identifier": key,
            "per_page": 1,
        }
        try:
            listed = self._get(f"/sync_runs/{run_id:d}/records", "census: records", query)
        except ServiceRefused as error:
            if error.status in {404, 410}:
                return None
            raise
        return payload_of(listed.objects("data"), key)

    def trigger(self, sync_id: int) -> Answer[int]:
        """One POST without a body. An incremental run is asked for by name, so that a changed
        default of the server cannot turn it into a full one."""
        request = Request(
            "POST", f"/syncs/{sync_id:d}/trigger", params={"force_full_sync": "false"}
        )
        answer = self._client.send_effect(request)
        if not isinstance(answer, Sent):
            return answer
        what = f"census: trigger of sync {sync_id}"
        declined = self._declined(answer, what)
        if declined is not None:
            return declined
        try:
            run_id = Fields(answer.body, what).object("data").integer("sync_run_id")
        except ServiceGarbled as error:
            return Unknown(str(error))
        return Yes(run_id)

    def cancel(self, run_id: int) -> Answer[None]:
        """Yes means that Census took the request; the run is over when its status says so."""
        answer = self._client.send_effect(Request("POST", f"/sync_runs/{run_id:d}/cancel"))
        if not isinstance(answer, Sent):
            return answer
        declined = self._declined(answer, f"census: cancel of run {run_id}")
        return Yes(None, "cancel accepted") if declined is None else declined

    def set_paused(self, sync_id: int, paused: bool) -> Answer[None]:
        word = "paused" if paused else "not paused"
        return self._change(
            sync_id, {"paused": paused}, word, lambda sync: sync.flag("paused") is paused
        )

    def set_schedule(self, sync_id: int, schedule: Schedule) -> Answer[None]:
        try:
            document = self._sync(sync_id).document
        except ServiceGarbled as error:  # nothing was sent, and the next answer may be readable
            return No(str(error), AGAIN_AFTER_S)
        except ServiceError as error:
            return No(str(error), getattr(error, "retry_after_s", None))
        return self._change(
            sync_id,
            schedule_patch(document, schedule),
            f"scheduled {schedule.frequency}",
            lambda sync: same_schedule(schedule, schedule_of(sync)),
        )

    def whoami(self) -> Mapping[str, Scalar]:
        """The workspace of the token; version 2 documents no such call, so its syncs are counted."""
        if self._api == "v2":
            listed = self._get("/syncs", "census: syncs", {"per_page": 1})
            total = listed.object("pagination").optional_integer("total_records")
            return {"api": "v2", "host": self._client.host, "syncs": total}
        workspace = self._one("/workspace", "census: workspace").document
        known = {k: v for k, v in workspace.items() if isinstance(v, str | int | float | None)}
        return {"api": "v1", "host": self._client.host, **known}

    def _change(
        self, sync_id: int, patch: dict[str, Any], word: str, holds: Callable[[Fields], bool]
    ) -> Answer[None]:
        """PATCH, then look: the setting itself is the answer, whatever HTTP said."""
        answer = self._client.send_effect(Request("PATCH", f"/syncs/{sync_id:d}", json=patch))
        if isinstance(answer, No):
            return answer
        what = f"census: sync {sync_id}"
        said = f"{what}: PATCH was answered" if isinstance(answer, Sent) else answer.reason
        declined = self._declined(answer, what) if isinstance(answer, Sent) else None
        if isinstance(declined, No):
            return declined
        try:
            in_effect = holds(self._sync(sync_id))
        except ServiceError as error:
            return Unknown(f"{said}; could not be read back: {error}")
        if in_effect:
            return Yes(None, f"read back: {word}")
        if isinstance(answer, Sent):
            return No(f"{said}, but the sync is still not {word}", AGAIN_AFTER_S)
        return Unknown(f"{said}; read back: still not {word}, it may yet arrive")

    def _declined(self, answer: Sent, what: str) -> No | Unknown | None:
        """A 2xx whose envelope says error is a no; one that is no envelope at all is unknown."""
        if not isinstance(answer.body, dict):
            return Unknown(f"{what}: answered {answer.status} without an object")
        problem = said_problem(answer.body)
        if problem is None:
            return None
        return No(self._client.redactor.line(f"{what}: {problem[1]}"))

    def _sync(self, sync_id: int) -> Fields:
        what = f"census: sync {sync_id}"
        fields = self._one(f"/syncs/{sync_id:d}", what)
        if fields.integer("id") != sync_id:
            raise ServiceGarbled(f"{what}: sync {fields.integer('id')} answered")
        return fields

    def _query_behind(self, sync: Fields) -> dict[str, Any]:
        """The query of a dataset or model: its name may promise another relation than it reads."""
        source = sync.object("source_attributes")
        origin = source.object("object")
        kind, number = origin.text("type"), origin.document.get("id")
        connection = source.optional_integer("connection_id")
        if kind == "dataset" and isinstance(number, int):
            path = f"/datasets/{number:d}"
        elif kind == "model" and isinstance(number, int) and connection is not None:
            path = f"/sources/{connection:d}/models/{number:d}"
        else:
            return {}
        try:
            behind = self._one(path, f"census: {kind} {number}")
        except ServiceRefused as error:
            return {"query": None, "query_problem": str(error)}
        return {"name": behind.document.get("name"), "query": behind.document.get("query")}

    def _pages(self, path: str, query: Mapping[str, str | int]) -> Iterator[list[Fields]]:
        """Page after page. The list of records may come without `pagination`: then a page that
        is not full is the last one."""
        number = 1
        while True:
            listed = self._get(path, f"census: {path}", {**query, "page": number})
            items = listed.objects("data")
            yield items
            pagination = listed.optional_object("pagination")
            if pagination is None:
                following = number + 1 if len(items) >= int(query["per_page"]) else None
            else:
                following = pagination.optional_integer("next_page")
            if following is None or not items:
                return
            if following <= number:
                raise ServiceGarbled(f"census: {path}: page {number} is followed by {following}")
            number = following

    def _one(self, path: str, what: str) -> Fields:
        return self._get(path, what).object("data")

    def _get(self, path: str, what: str, query: Mapping[str, str | int] | None = None) -> Fields:
        return envelope(self._client.get_json(path, query), what, self._client.redactor)

    def _masked(self, run: SyncRun) -> SyncRun:
        if run.error is None:
            return run
        return msgspec.structs.replace(run, error=self._client.redactor.line(run.error, 2000))
