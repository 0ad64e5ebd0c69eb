"""`attest`: a person confirms what no machine can see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, Field

from rollout.domain.evidence import Observation
from rollout.domain.plan import Identifier, Model
from rollout.kinds import CheckContext, Confirmation


class AttestInputs(Model):
    """What is confirmed, by which roles (any one of them), and whether a file must come with it."""

    statement: str = Field(min_length=1)
    roles: list[Identifier] = Field(min_length=1)
    file_required: bool = False


class Attest:
    """Yes or no of somebody who may say so. Nobody has answered yet: nothing is confirmed."""

    kind: ClassVar[str] = "attest"
    Inputs: ClassVar[type[BaseModel]] = AttestInputs
    primary: ClassVar[str | None] = "confirmed"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "confirmed": "true or false as the person answered; nothing while nobody has"
    }
    default_go: ClassVar[Mapping[str, str]] = {"confirmed": "is true"}
    waits: ClassVar[bool] = True
    """The answer comes from a person, so asking again sooner does not help."""

    def observe(self, inputs: AttestInputs, context: CheckContext) -> Observation:
        found = context.facts.confirmation(context.check)
        problem = _problem(inputs, found)
        answer = None if found is None or problem else found.answer
        return Observation(
            metrics={"confirmed": answer},
            source=f"{found.by} ({found.role})" if found else " or ".join(inputs.roles),
            query=inputs.statement,
            as_of=found.at if found else None,
            detail=_detail(found),
            problem=problem,
        )


def _problem(inputs: AttestInputs, found: Confirmation | None) -> str | None:
    may = " or ".join(inputs.roles)
    if found is None:
        return f"waiting for a person: {may} to confirm: {inputs.statement}"
    if found.role not in inputs.roles:
        return f"waiting for a person: {found.by} answered as {found.role}, but {may} must"
    if found.answer and inputs.file_required and not found.file_sha256:
        return f"waiting for a person: {found.by} confirmed without the file that must come with it"
    return None


def _detail(found: Confirmation | None) -> dict[str, object]:
    if found is None:
        return {}
    return {
        "by": found.by,
        "role": found.role,
        "answer": found.answer,
        "note": found.note,
        "file_sha256": found.file_sha256,
    }
