"""`rollout adopt-plan`: show what a changed plan changes, and let the rollout follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.cli import exits
from rollout.cli.live_settings import deciding_clock
from rollout.cli.log import line
from rollout.cli.settings import settings
from rollout.domain.adopting import ADOPT
from rollout.live.adopting import Comparison, adopt_plan, compare, proposal_of
from rollout.live.deciding import Recorded, Refused, Wish
from rollout.live.opening import open_live
from rollout.view.adoption import AdoptionView, adoption_view
from rollout.view.adoption_text import adoption_lines
from rollout.wiring import installed_kinds, read_plan


@dataclass(frozen=True)
class Request:
    """What was asked for. `env` None takes the store's own."""

    plan: Path
    state: str
    rollout: str | None
    env: str | None
    sandbox: Path | None
    by: str
    role: str
    reason: str
    seen: int | None
    written: Sequence[str]
    plugins: Sequence[Path]
    dry_run: bool
    as_json: bool


def run(asked: Request) -> int:
    """Raises: Misuse, PlanProblems, StoreUnavailable, LogDamaged, ServiceError."""
    if not asked.dry_run and not (asked.by and asked.reason):
        raise exits.Misuse("say who adopts the plan and why: --by NAME --reason TEXT, or --dry-run")
    said = settings(asked.written)
    if said.overrides:
        raise exits.Misuse(f"--set {next(iter(said.overrides))}: only a rehearsal has such values")
    kinds = installed_kinds(asked.plugins)
    plan = read_plan(asked.plan, kinds, said.params)
    proposal = proposal_of(plan, kinds.steps)
    wish = Wish(ADOPT, asked.by, asked.role, asked.reason, seen=asked.seen)
    store, profile = open_live(asked.state, asked.env, rehearsed=True)
    with store:
        clock = deciding_clock(profile, asked.sandbox, asked.state)
        compared = compare(store, asked.rollout, proposal, wish, clock)
        recorded: Recorded | Refused | None = None
        if not asked.dry_run and not compared.found.is_empty:
            recorded = adopt_plan(store, asked.rollout, proposal, wish, clock)
    return _tell(asked, compared, recorded)


def _tell(asked: Request, compared: Comparison, recorded: Recorded | Refused | None) -> int:
    refusal = recorded.reason if isinstance(recorded, Refused) else compared.refusal
    if isinstance(recorded, Recorded):
        refusal = ""
    view = adoption_view(
        compared.state,
        compared.old,
        compared.new,
        compared.found,
        compared.effects,
        refusal,
        compared.unsigned,
    )
    if asked.as_json:
        exits.write_json(_document(asked, view, recorded))
    else:
        lines = adoption_lines(view, exits.columns(), ascii_only=exits.needs_ascii())
        exits.write_lines(lines)
        _say(asked, view, recorded)
    return exits.NO_GO if view.refusal else exits.GO


def _say(asked: Request, view: AdoptionView, recorded: Recorded | Refused | None) -> None:
    if isinstance(recorded, Recorded):
        exits.write_lines(["", *(line(event) for event in recorded.events)])
    elif isinstance(recorded, Refused):
        exits.say("rollout: refused, and nothing was recorded")
        for event in recorded.meanwhile:
            exits.say(f"  recorded: {line(event)}")
    elif asked.dry_run and not view.identical:
        exits.say("rollout: a look, nothing was recorded")


def _document(
    asked: Request, view: AdoptionView, recorded: Recorded | Refused | None
) -> dict[str, object]:
    events = recorded.events if isinstance(recorded, Recorded) else ()
    return {
        "dry_run": asked.dry_run,
        "difference": view,
        "recorded": [{"seq": e.seq, "text": line(e)} for e in events],
        "refused": view.refusal or None,
    }
