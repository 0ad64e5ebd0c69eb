"""Who speaks in a plan: people, their keys, and who must sign. With the base of the plan's models."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)

from rollout.domain.durations import format_duration, parse_duration


def _to_duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_to_duration, json_schema_input_type=str),
    PlainSerializer(format_duration, return_type=str),
]


class Model(BaseModel):
    """Frozen, and a misspelt key is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SignOffRule(Model):
    """Which roles must sign the exit gate, each by a different person, and for how long a request stands.

    four_eyes: whoever decided or waived in this attempt signs as project_lead only, and one signature is
    by somebody who neither did that nor wrote the plan. Say false only where there is nobody else.
    """

    roles: list[str] = Field(min_length=1)
    expires: Duration = timedelta(hours=72)
    four_eyes: bool = True


class SigningKey(Model):
    """An OpenSSH public key as in a `.pub` file, and until when what it signs counts."""

    key: str
    valid_until: AwareDatetime | None = None
    revoked: bool = False
    reason: str = ""
    """Why it was revoked."""


class Person(Model):
    """Who holds a role, and the keys they sign with: `key` for one, `keys` for several or with terms.
    None are needed in rehearsals."""

    person: str
    key: str | None = None
    keys: list[SigningKey] = []
