"""How long the loader takes: the shipped plan, and the worst of the hostile YAML files.

Prints one JSON object: seconds of processor time, the best of `REPEAT`. Goals: every attack under
0.25 s, a plan with all its gates and SQL under 1 s.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

from rollout.loader.documents import load_plan
from rollout.loader.problems import Problems
from rollout.loader.strict_yaml import read_yaml

PLAN = Path(__file__).parent.parent / "plans" / "property_sync.yaml"
REPEAT = 5
ATTACKS = {
    "alias_bomb": "a0: &a0 [x, x]\n"
    + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 25)),
    "merge_bomb": "a0: &a0 {x: 1}\n"
    + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 25)),
    "brackets_30000": "[" * 30_000,
    "commas_64kB": "a: [" + "1," * 32_000,
    "one_text_64kB": "a\n" * 32_000,
    "keys_6000": "".join(f"k{i}: 1\n" for i in range(6_000)),
}


def best(work: Callable[[], object]) -> float:
    """Least processor time of a few tries, in seconds."""
    spent = []
    for _ in range(REPEAT):
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)
    return round(min(spent), 4)


def _read(raw: bytes) -> None:
    read_yaml(raw, "attack.yaml", Problems())


def main() -> None:
    checks = {e.name: e.load()() for e in entry_points(group="rollout.checks")}
    steps = {e.name: e.load()() for e in entry_points(group="rollout.steps")}
    attacks = {name: best(partial(_read, text.encode())) for name, text in ATTACKS.items()}
    result = {
        "shipped_plan_s": best(lambda: load_plan(PLAN, checks, steps)),
        "attacks_s": attacks,
        "worst_attack_s": max(attacks.values()),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
