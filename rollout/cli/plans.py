"""`validate`, `graph` and `schema`: what can be said of a plan without running it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rollout.cli import exits
from rollout.cli.files import write_file
from rollout.domain.errors import PlanProblems
from rollout.domain.machine import draw
from rollout.domain.plan import Plan
from rollout.loader.schema import schema_text
from rollout.loader.strict_yaml import DEFAULT_LIMITS
from rollout.wiring import installed_kinds, read_plan

FORMATS = ("mermaid", "dot", "svg")

SCHEMA_FILE = Path("docs/plan.schema.json")
"""Where editors look for it, from the project's folder."""


def validate(path: Path, plugins: Sequence[Path], max_bytes: int | None, *, as_json: bool) -> int:
    """Raises: PlanProblems, unless they are asked for as JSON."""
    limits = replace(DEFAULT_LIMITS, file_bytes=max_bytes) if max_bytes else DEFAULT_LIMITS
    try:
        plan = read_plan(path, installed_kinds(plugins), limits=limits)
    except PlanProblems as found:
        if not as_json:
            raise
        exits.write_json({"ok": False, "problems": found.problems})
        return exits.USAGE
    said = _facts(plan)
    if as_json:
        exits.write_json({"ok": True, **said, "problems": []})
        return exits.GO
    counts = ", ".join(f"{said[name]} {name}" for name in ("phases", "gates", "checks"))
    exits.write_lines([f"{said['plan']}: {counts}", f"sha256 {said['sha256']}"])
    return exits.GO


def _facts(plan: Plan) -> dict[str, object]:
    return {
        "plan": plan.plan,
        "title": plan.title,
        "sha256": plan.sha256(),
        "phases": len(plan.phases),
        "gates": len(plan.gates),
        "checks": sum(len(gate.checks) for gate in plan.gates.values()),
    }


def graph(path: Path, plugins: Sequence[Path], form: str, out: Path | None) -> int:
    """Raises: PlanProblems; Misuse for an unknown format or a missing Graphviz."""
    if form not in FORMATS:
        raise exits.Misuse(f"--format {form}: use one of {', '.join(FORMATS)}")
    plan = read_plan(path, installed_kinds(plugins))
    phases = [phase.phase for phase in plan.phases]
    if form == "svg":
        return _deliver(_svg(draw(phases, "dot")), out)
    return _deliver(draw(phases, "mermaid" if form == "mermaid" else "dot"), out)


def _svg(dot: str) -> str:
    import graphviz

    try:
        return str(graphviz.Source(dot).pipe(format="svg", encoding="utf-8"))
    except graphviz.ExecutableNotFound as missing:
        raise exits.Misuse(
            "svg needs the program `dot`: install the package graphviz of your system, "
            "or use --format dot or mermaid"
        ) from missing
    except (graphviz.CalledProcessError, BrokenPipeError) as failed:
        raise exits.Misuse(f"Graphviz could not draw the plan: {failed}") from failed


def schema(plugins: Sequence[Path], out: Path | None, *, check: bool) -> int:
    """`check` compares with the file and writes nothing."""
    kinds = installed_kinds(plugins)
    text = schema_text(kinds.checks, kinds.steps)
    if not check:
        return _deliver(text, out)
    place = out or SCHEMA_FILE
    if place.is_file() and place.read_text(encoding="utf-8") == text:
        exits.write(f"{place}: in step\n")
        return exits.GO
    exits.say(f"rollout: {place}: not in step: run `rollout schema --out {place}`")
    return exits.NO_GO


def _deliver(text: str, out: Path | None) -> int:
    if not text.endswith("\n"):
        text += "\n"
    if out is None:
        exits.write(text)
    else:
        write_file(out, text)
        exits.say(f"wrote {out}")
    return exits.GO
