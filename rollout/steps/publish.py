"""`publish`: write the dashboard, the standing alerts and the runbook as files."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field, model_validator

from rollout.domain.effects import Answer
from rollout.domain.plan import Duration, Model, Plan
from rollout.kinds import Act, Done, Effect, Failed, Move, Remember, Settled, StepContext
from rollout.steps.operations import Relations, alert_files, alerts, dashboard_files
from rollout.steps.quiet import SentAgain
from rollout.steps.runbook import runbook

Relation = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}$")]
Folder = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*$")]
Reference = Annotated[str, Field(pattern=r"^\s*\$\{\{.+\}\}\s*$")]
Records = Annotated[int, Field(ge=1)]


class PublishInputs(Model):
    """What is written, below `folder` of the output folder.

    `aggregation`: the schema of the aggregation views; `target`: the target's copy; `usual_records`:
    how many records that usually holds; `schedules`: sync -> time between its scheduled runs;
    `thresholds`: standing alert -> another threshold than the usual one.
    """

    what: list[Literal["dashboard", "alerts", "runbook"]] = Field(
        default=["dashboard", "alerts", "runbook"], min_length=1
    )
    folder: Folder = "operations"
    aggregation: Relation = "crm.sfdc_dbx"
    target: Relation = "crm.salesforce.product_property"
    usual_records: Records | Reference | None = None
    schedules: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Duration] = {}
    thresholds: dict[str, float] = {}

    @model_validator(mode="after")
    def _alerts_are_whole(self) -> Self:
        if "alerts" in self.what and (self.usual_records is None or not self.schedules):
            raise ValueError("the standing alerts need `usual_records` and `schedules`")
        if any(every < timedelta(minutes=1) for every in self.schedules.values()):
            raise ValueError("`schedules`: nothing runs more often than once a minute")
        alerts(self.thresholds)
        return self


class Publish(SentAgain):
    """The same plan gives the same files. What is there already is not written again; what was there
    before comes back on the way back, unless somebody changed it since."""

    kind: ClassVar[str] = "publish"
    Inputs: ClassVar[type[BaseModel]] = PublishInputs
    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = True
    outputs: ClassVar[Sequence[str]] = ("files", "written", "evidence")

    def advance(self, inputs: PublishInputs, context: StepContext) -> Move:
        if "files" not in context.memory:
            return Remember({"files": _plan_writes(inputs, context)})
        files: list[dict[str, Any]] = context.memory["files"]
        changed = [f for f in files if f["sha256"] != f["before_sha256"]]
        for file in changed:
            move = _done_or(context, file["name"], _writing(file["name"], file, "content"))
            if move is not None:
                return move
        listed = {f["path"]: f["sha256"] for f in files}
        digest = context.evidence.put({"files": listed})
        return Done({"files": len(files), "written": len(changed), "evidence": digest})

    def undo(self, inputs: PublishInputs, context: StepContext) -> Move:
        restored = left = 0
        for file in context.forward_memory.get("files", []):
            name = f"restore-{file['name']}"
            if name not in context.settled:
                found = _sha256(context.connections.files().read(file["path"]))
                if found == file["before_sha256"]:
                    continue  # it was never written, or it was as it is already
                if found != file["sha256"]:
                    left += 1
                    continue
            move = _done_or(context, name, _writing(name, file, "before"))
            if move is not None:
                return move
            restored += 1
        return Done({"files_restored": restored, "files_left": left})

    def perform(self, effect: Effect, inputs: PublishInputs, context: StepContext) -> Answer[Any]:
        files = context.connections.files()
        if effect.action == "remove_file":
            return files.remove(effect.target)
        document = context.evidence.get(effect.request["document"])
        return files.write(effect.target, b64decode(document["base64"]))


def generated(inputs: PublishInputs, plan: Plan) -> dict[str, str]:
    """Every file by its path, in order."""
    unknown = [name for name in inputs.schedules if name not in plan.syncs]
    if unknown:
        raise ValueError(f"`schedules`: the plan has no sync {unknown[0]!r}")
    made: dict[str, str] = {}
    count = inputs.usual_records
    relations = Relations(
        inputs.aggregation,
        inputs.target,
        count if isinstance(count, int) else 0,
        inputs.schedules,
    )
    if "dashboard" in inputs.what:
        made |= dashboard_files(relations)
    if "alerts" in inputs.what:
        if not relations.usual_records:
            raise ValueError(f"`usual_records` is not known: {count!r}")
        made |= alert_files(relations, inputs.thresholds, plan.timezone)
    if "runbook" in inputs.what:
        standing = alerts(inputs.thresholds) if "alerts" in inputs.what else []
        made["runbook.md"] = runbook(plan, standing)
    return {f"{inputs.folder}/{path}": made[path] for path in sorted(made)}


def _plan_writes(inputs: PublishInputs, context: StepContext) -> list[dict[str, Any]]:
    """What will be written and what is there now, both kept as evidence before anything changes."""
    store = context.connections.files()
    planned = []
    for number, (path, text) in enumerate(generated(inputs, context.plan).items(), 1):
        before = store.read(path)
        planned.append(
            {
                "name": f"write-{number}",
                "path": path,
                "sha256": _sha256(text.encode()),
                "content": _kept(path, text.encode(), context),
                "before_sha256": _sha256(before),
                "before": None if before is None else _kept(path, before, context),
            }
        )
    return planned


def _kept(path: str, content: bytes, context: StepContext) -> str:
    return context.evidence.put({"path": path, "base64": b64encode(content).decode("ascii")})


def _sha256(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _writing(name: str, file: Mapping[str, Any], which: str) -> Effect:
    digest = file[which]
    return Effect(
        name=name,
        action="remove_file" if digest is None else "write_file",
        target=file["path"],
        request={} if digest is None else {"document": digest},
    )


def _done_or(context: StepContext, name: str, effect: Effect) -> Move | None:
    """The effect while it is not settled, a failure when it did not take place, None once it did."""
    settled: Settled | None = context.settled.get(name)
    if settled is None:
        return Act(effect)
    if not settled.took_place:
        return Failed(f"{effect.target} could not be written: {settled.detail}")
    return None
