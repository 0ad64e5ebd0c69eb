"""`rollout sandbox` as a process of its own, and what a client needs to speak to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from rollout.adapters.census import CensusSyncService, census_judge
from rollout.adapters.databricks import DatabricksWarehouse
from rollout.adapters.databricks_sessions import DatabricksOptions
from rollout.adapters.http import HttpClient
from rollout.adapters.salesforce import (
    SalesforceRecordStore,
    salesforce_complaint,
    salesforce_judge,
)
from rollout.domain.instants import from_text

ROOT = Path(__file__).parents[1]
PLAN = ROOT / "plans" / "property_sync.yaml"
SYNC_A, SYNC_B = 3394022, 3394041
TOKEN_VARIABLE = "ROLLOUT_SANDBOX_TOKEN"
SMALL_WORLD = """\
scenario: small
title: A small world
world: {properties: 400, target_rows: 330, create_queue: 40, update_queue: 90, high_priority: 20,
  wrong_flags: 15, shared_ids: 41, company_gaps: 7, organic: false}
expect: {outcome: completed}
"""


@dataclass
class SandboxProcess:
    """A running sandbox; `document` is its ready line, `err` what it said on stderr by the end."""

    process: subprocess.Popen[str]
    document: dict[str, Any]
    http: httpx.Client
    err: list[str] = field(default_factory=list)

    @property
    def token(self) -> str:
        return str(self.document["token"])

    def now(self) -> datetime:
        return from_text(self.get("/clock")["now"])

    def get(self, path: str) -> Any:
        answer = self.http.get(self.document["clock"] + path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, document: Mapping[str, Any]) -> httpx.Response:
        return self.http.post(self.document["clock"] + path, json=document)

    def order(self, **order: Any) -> str:
        """Order a fault; its id."""
        answer = self.post("/faults", order)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def journal(self, **wanted: object) -> list[dict[str, Any]]:
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        entries: list[dict[str, Any]] = self.get(f"/journal?{query}")["entries"]
        return entries

    def connection(self, **more: Any) -> dict[str, Any]:
        """Arguments of `databricks.sql.connect`."""
        place = self.document["extra"]["warehouse"]
        return {
            "server_hostname": place["host"],
            "http_path": place["http_path"],
            "access_token": self.token,
            "enable_telemetry": False,
            "_port": place["port"],
            "_tls_trusted_ca_file": place["ca_file"],
            "_retry_stop_after_attempts_count": 1,
            **more,
        }

    def warehouse(self, **more: Any) -> DatabricksWarehouse:
        place = self.document["extra"]["warehouse"]
        options = DatabricksOptions(
            host=place["host"],
            http_path=place["http_path"],
            token=more.pop("token", self.token),
            extra={"_port": place["port"], "_tls_trusted_ca_file": place["ca_file"]},
        )
        return DatabricksWarehouse(options, **more)

    def census(self) -> CensusSyncService:
        base = self.document["census"] + "/api/v1"
        client = HttpClient(base, service="census", token=self.token, judge=census_judge)
        return CensusSyncService(client)

    def salesforce(self) -> SalesforceRecordStore:
        client = HttpClient(
            self.document["salesforce"],
            service="salesforce",
            token=self.token,
            read_complaint=salesforce_complaint,
            judge=salesforce_judge,
        )
        return SalesforceRecordStore(client)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def sandbox(
    *arguments: object, speed: float = 600, env: Mapping[str, str] | None = None
) -> Iterator[SandboxProcess]:
    """Run until the block ends; whatever happens in it, the process is gone afterwards."""
    process = subprocess.Popen(
        command("--speed", speed, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    err: list[str] = []
    reading = threading.Thread(target=lambda: err.extend(process.stderr or ()), daemon=True)
    reading.start()
    try:
        line = process.stdout.readline()
        assert line, f"no ready line: {process.wait(15)}"
        with httpx.Client(trust_env=False, timeout=20) as client:
            yield SandboxProcess(process, json.loads(line), client, err)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(15)
        reading.join(5)
        process.stdout.close()
        process.stderr.close()


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "rollout", "sandbox", str(PLAN), "--json", *map(str, arguments)]


def small_scenario(folder: Path) -> Path:
    """A scenario file with a world that is there at once."""
    path = folder / "small.yaml"
    path.write_text(SMALL_WORLD, encoding="utf-8")
    return path
