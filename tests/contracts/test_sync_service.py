"""The Census adapter keeps the contract against the smallest server that answers like Census."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sync_service import CONTRACT, Bench

from rollout.adapters.census import CensusSyncService, census_base_url, census_judge
from rollout.adapters.http import HttpClient

SYNC = {
    "id": 7101,
    "label": "Accounts",
    "operation": "upsert",
    "paused": False,
    "source_attributes": {
        "connection_id": 31,
        "object": {"type": "table", "table_catalog": "c", "table_schema": "s", "table_name": "t"},
    },
    "destination_attributes": {"connection_id": 44, "object": "Account"},
    "mappings": [
        {"from": {"type": "column", "data": "uid"}, "to": "Uid__c", "is_primary_identifier": True}
    ],
    "mode": {"type": "triggered", "triggers": {"schedule": {"frequency": "never"}}},
}


class SmallCensus:
    """One sync, runs that last until `finish`."""

    def __init__(self) -> None:
        self.sync: dict[str, Any] = json.loads(json.dumps(SYNC))
        self.runs: dict[int, dict[str, Any]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        asked = f"{request.method} {path}"
        for pattern, answer in (
            (r"GET /workspace", self.workspace),
            (r"GET /syncs/7101", self.show),
            (r"PATCH /syncs/7101", self.patch),
            (r"POST /syncs/7101/trigger", self.trigger),
            (r"GET /syncs/7101/sync_runs", self.listed),
            (r"GET /sync_runs/(\d+)", self.run),
            (r"POST /sync_runs/(\d+)/cancel", self.cancel),
            (r"GET /sync_runs/\d+/records", self.records),
        ):
            if found := re.fullmatch(pattern, asked):
                return answer(request, *map(int, found.groups()))
        return httpx.Response(404, json={"status": 404})

    def workspace(self, _: httpx.Request) -> httpx.Response:
        return said("success", {"id": 3, "name": "Production", "organization_id": 9})

    def show(self, _: httpx.Request) -> httpx.Response:
        return said("success", self.sync)

    def patch(self, request: httpx.Request) -> httpx.Response:
        self.sync.update(json.loads(request.content))
        return said("updated", self.sync)

    def trigger(self, request: httpx.Request) -> httpx.Response:
        assert request.content == b""
        assert request.url.query == b"force_full_sync=false"
        number = 990_001 + len(self.runs)
        self.runs[number] = {
            "id": number,
            "sync_id": 7101,
            "status": "queued",
            "created_at": f"2026-02-03T06:15:{len(self.runs):02}.000Z",
        }
        return said("success", {"sync_run_id": number})

    def listed(self, request: httpx.Request) -> httpx.Response:
        size, page = int(request.url.params["per_page"]), int(request.url.params["page"])
        newest = sorted(self.runs.values(), key=lambda run: -run["id"])
        items = newest[(page - 1) * size : page * size]
        following = page + 1 if page * size < len(newest) else None
        return said("success", items, pagination={"page": page, "next_page": following})

    def run(self, _: httpx.Request, number: int) -> httpx.Response:
        if number not in self.runs:
            return httpx.Response(404, json={"status": 404})
        return said("success", self.runs[number])

    def cancel(self, _: httpx.Request, number: int) -> httpx.Response:
        if number not in self.runs:
            return httpx.Response(404, json={"status": 404})
        self.runs[number]["canceled"] = True
        return said("cancelled", {})

    def records(self, _: httpx.Request) -> httpx.Response:
        return said("success", [])

    def finish(self) -> None:
        for run in self.runs.values():
            if run["status"] == "queued":
                run.update(status="completed", completed_at="2026-02-03T06:20:00.000Z")
                run.update(records_processed=60, records_updated=57, records_failed=3)


def said(status: str, data: Any, **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"status": status, "data": data, **more})


@pytest.mark.parametrize("holds", CONTRACT, ids=lambda function: function.__name__)
def test_the_census_adapter_keeps_the_contract(holds: Callable[[Bench], None]) -> None:
    census = SmallCensus()
    client = HttpClient(
        census_base_url("us", "v1"),
        service="census",
        token="secret-token:abc",
        transport=httpx.MockTransport(census),
        judge=census_judge,
    )
    holds(Bench(CensusSyncService(client), 7101, census.finish))
