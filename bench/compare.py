"""What a `compare` costs against one scan of both tables: CPU ratio and peak memory, per form.

    python bench/compare.py --rows 1000000 5000000 --rounds 3

Two parquet files of 12 columns: 1 % of the rows changed, 0.3 % missing, 0.1 % extra, text keys in
no order. Every sample is a fresh process, forms are interleaved, medians are given. JSON lines go
to stdout, the table to stderr. `one_pass` is the same check told never to hash; `compare_400mb`
gives DuckDB that much and a place to spill; `equal*` compares a table with a copy of itself in
another order, `equal_trusted` with keys that are known to be unique. datacompy is measured when it is installed.
Goals: compare <= 2.5 and <= 600 MiB at 5 M rows; equal tables <= 1.3.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from rollout.adapters.duckdb_warehouse import DuckDbWarehouse
from rollout.checks.compare import Compare
from rollout.checks.compare_inputs import CompareInputs
from rollout.domain.plan import Phase, Plan
from rollout.kinds import CheckContext

COLUMNS = [
    "name",
    "company",
    "short",
    "city",
    "idv",
    "bank",
    "payroll",
    "income",
    "units",
    "fee",
    "upd",
]
FORMS = ["scan", "compare", "compare_400mb", "one_pass", "equal", "equal_trusted"]
DATACOMPY = ["datacompy_polars", "datacompy_pandas"]
NOW = datetime(2026, 1, 8, 20, 0, tzinfo=UTC)


def make(folder: Path, rows: int) -> None:
    """Three files: source, target, and the source again in another order."""
    duck = duckdb.connect()
    duck.execute(
        f"""CREATE TABLE src AS SELECT md5(i::VARCHAR) AS id, 'Property ' || (i * 7919 % 1000003) AS name,
        'Company ' || (i % 997) AS company, 'S' || (i % 100000) AS short,
        ['Austin', 'Boston', 'Chicago', 'Denver'][1 + i % 4] AS city, i % 3 = 0 AS idv, i % 5 = 0 AS bank,
        i % 7 = 0 AS payroll, i % 11 = 0 AS income, (i % 9)::INT AS units, i * 0.37::DOUBLE AS fee,
        TIMESTAMP '2024-01-01' + to_seconds(i % 40000000) AS upd FROM range({rows}) r(i) ORDER BY hash(i)"""
    )
    duck.execute(
        f"""CREATE TABLE tgt AS SELECT id, CASE WHEN h % 1000 < 3 THEN name || 'x' ELSE name END AS name,
        CASE WHEN h % 1000 IN (3, 4) THEN NULL ELSE company END AS company, short, city,
        CASE WHEN h % 1000 = 5 THEN NOT idv ELSE idv END AS idv, bank, payroll, income,
        CASE WHEN h % 1000 IN (6, 7) THEN units + 1 ELSE units END AS units,
        CASE WHEN h % 1000 IN (8, 9) THEN fee + 1 ELSE fee END AS fee, upd
        FROM (SELECT *, hash(id, 1) AS h FROM src) WHERE h // 1000 % 1000 >= 3
        UNION ALL SELECT md5('x' || i), 'n', 'c', 's', 'c', true, true, true, true, 1, 1.0,
        TIMESTAMP '2024-01-01' FROM range({rows // 1000}) r(i) ORDER BY hash(id, 2)"""
    )
    for name, query in {
        "src": "src",
        "tgt": "tgt",
        "same": "(SELECT * FROM src ORDER BY hash(id, 5))",
    }.items():
        duck.execute(f"COPY {query} TO '{folder / f'{name}.parquet'}'")


def scan(folder: Path) -> str:
    duck = duckdb.connect()
    sums = []
    for name in ("src", "tgt"):
        listed = ", ".join(["id", *COLUMNS])
        found = duck.execute(
            f"SELECT sum(hash({listed})) FROM '{folder / f'{name}.parquet'}'"
        ).fetchone()
        sums.append(found)
    return f"{len(sums)} sums"


def kind(target: str, options: Mapping[str, Any], limit: str = "") -> Callable[[Path], str]:
    def run(folder: Path) -> str:
        duck = duckdb.connect()
        if limit:
            duck.execute(f"SET memory_limit = '{limit}'; SET temp_directory = '{folder / 'spill'}'")
        for name, file in (("src", "src"), ("tgt", target)):
            duck.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder / f'{file}.parquet'}'")
        warehouse = DuckDbWarehouse(duck.cursor, lambda: NOW)
        inputs = CompareInputs.model_validate(
            {"source": "src", "target": "tgt", "key": "id", "columns": COLUMNS, **options}
        )
        seen = Compare().observe(inputs, _context(warehouse))
        shown = ("matched", "missing", "extra", "mismatched_rows", "duplicate_target_keys")
        return json.dumps(
            {name: seen.metrics[name] for name in shown} | {"examples": len(seen.sample)}
        )

    return run


def _context(warehouse: Any) -> Any:
    class Opened:
        def warehouse(self, name: str) -> Any:
            return warehouse

    plan = Plan(plan="p", title="P", timezone="UTC", phases=[Phase(phase="p", title="P")])
    facts: Any = None
    opened: Any = Opened()
    return CheckContext(
        check="c",
        phase="p",
        attempt=1,
        now=NOW,
        phase_started_at=NOW - timedelta(hours=1),
        plan=plan,
        connections=opened,
        facts=facts,
        timeout_s=600.0,
    )


def datacompy(engine: str) -> Callable[[Path], str]:
    def run(folder: Path) -> str:
        library: Any = importlib.import_module("datacompy")
        frames: Any = importlib.import_module(engine)
        source, target = (frames.read_parquet(folder / f"{n}.parquet") for n in ("src", "tgt"))
        compared = getattr(library, f"{engine.capitalize()}Compare")(
            source, target, join_columns=["id"]
        )
        return f"report of {len(compared.report())} characters"

    return run


RUNS: dict[str, Callable[[Path], str]] = {
    "scan": scan,
    "compare": kind("tgt", {}),
    "compare_400mb": kind("tgt", {}, limit="400MB"),
    "one_pass": kind("tgt", {"large_from": 10**12}),
    "equal": kind("same", {}),
    "equal_trusted": kind("same", {"trust_unique_keys": True}),
    "datacompy_polars": datacompy("polars"),
    "datacompy_pandas": datacompy("pandas"),
}


def child(form: str, folder: Path) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    found = RUNS[form](folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"form": form, "wall_s": wall, "cpu_s": cpu, "peak_mib": peak, "found": found})
    )


def measure(forms: list[str], folder: Path, rounds: int) -> list[dict[str, Any]]:
    samples: dict[str, list[dict[str, Any]]] = {form: [] for form in forms}
    for _ in range(rounds):
        for form in forms:
            command = [sys.executable, __file__, "--child", form, "--folder", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            samples[form].append(json.loads(done.stdout))
    figures = []
    for form, taken in samples.items():
        medians = {
            name: statistics.median(s[name] for s in taken)
            for name in ("wall_s", "cpu_s", "peak_mib")
        }
        # against the scan of the same round: the machine's mood cancels out
        ratios = [s["cpu_s"] / b["cpu_s"] for s, b in zip(taken, samples["scan"], strict=True)]
        ratio = round(statistics.median(ratios), 2)
        figures.append({"form": form, "cpu_ratio": ratio, **medians, "found": taken[0]["found"]})
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=list(RUNS))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--make", type=int)
    asked = parser.parse_args()
    if asked.make:
        make(asked.folder, asked.make)
        return
    if asked.child:
        child(asked.child, asked.folder)
        return
    forms = [*FORMS, *(DATACOMPY if importlib.util.find_spec("datacompy") else [])]
    for rows in asked.rows:
        with tempfile.TemporaryDirectory() as folder:
            # in a process of its own: a child's peak memory starts at its parent's
            command = [sys.executable, __file__, "--make", str(rows), "--folder", folder]
            subprocess.run(command, check=True)
            figures = measure(forms, Path(folder), asked.rounds)
        for figure in figures:
            figure["rows"] = rows
            print(json.dumps(figure))
            line = "{rows:>9,} {form:<17} {cpu_ratio:>6.2f}x cpu {wall_s:>7.2f} s {peak_mib:>7.0f} MiB  {found}"
            print(line.format(**figure), file=sys.stderr)


if __name__ == "__main__":
    main()
