"""What a small statement costs over the unmodified connector, against a bare request to the same door.

Both go over TLS to one `rollout sandbox`, in turns; prints one JSON line. The ratio is the median of
paired rounds.

    python bench/sandbox.py --rounds 200
"""

from __future__ import annotations

import argparse
import json
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from databricks import sql

ROOT = Path(__file__).parents[1]
SCENARIO = """\
scenario: small
title: A small world
world: {properties: 400, target_rows: 330, create_queue: 40, update_queue: 90, high_priority: 20,
  wrong_flags: 15, shared_ids: 41, company_gaps: 7, organic: false}
expect: {outcome: completed}
"""


def took_ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e3


def measure(ready: dict[str, Any], rounds: int) -> dict[str, float]:
    """Milliseconds of each, and how many bare requests a statement takes."""
    place = ready["extra"]["warehouse"]
    context = ssl.create_default_context(cafile=place["ca_file"])
    bare: list[float] = []
    statement: list[float] = []
    with (
        httpx.Client(verify=context, trust_env=False) as client,
        sql.connect(
            server_hostname=place["host"],
            http_path=place["http_path"],
            access_token=ready["token"],
            enable_telemetry=False,
            _port=place["port"],
            _tls_trusted_ca_file=place["ca_file"],
        ) as connection,
        connection.cursor() as cursor,
    ):

        def ask() -> None:
            cursor.execute("SELECT 1 AS n")
            cursor.fetchall()

        url = f"https://{place['host']}:{place['port']}/nothing"
        for _ in range(rounds):
            bare.append(took_ms(lambda: client.get(url)))
            statement.append(took_ms(ask))
    ratio = median(s / b for s, b in zip(statement, bare, strict=True))
    return {
        "bare_ms": round(median(bare), 2),
        "statement_ms": round(median(statement), 2),
        "ratio": round(ratio, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scenario = Path(name) / "small.yaml"
        scenario.write_text(SCENARIO, encoding="utf-8")
        plan = str(ROOT / "plans" / "property_sync.yaml")
        command = [sys.executable, "-m", "rollout", "sandbox", plan, "--json"]
        box = subprocess.Popen(
            [*command, "--scenario", str(scenario)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        try:
            assert box.stdout is not None
            ready = json.loads(box.stdout.readline())
            print(json.dumps(measure(ready, options.rounds)))
        finally:
            box.terminate()
            box.wait(60)


if __name__ == "__main__":
    main()
