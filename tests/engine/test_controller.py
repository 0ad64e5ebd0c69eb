from __future__ import annotations

from small_plans import Bench, gate, phase, plan, step


def test_a_small_plan_runs_to_its_end() -> None:
    bench = Bench(
        plan(
            phase("pilot", step("run_sync", "sync", sync="a"), entry=["in"], exit=["out"]),
            gates=[gate("in"), gate("out")],
        )
    )
    assert bench.go().ended
    assert bench.state.outcome == "completed"
    assert len(bench.census.posts) == 1
