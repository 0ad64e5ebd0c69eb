"""Who a session of Salesforce belongs to, and what it may do with an object's records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rollout.adapters.documents import Fields

USER_INFO: Final = "/services/oauth2/userinfo"
"""Answers for every access token and session id, whatever way it was got; `chatter/users/me` would
want Chatter switched on."""

_RIGHTS = {"createable": "create", "updateable": "edit", "deletable": "delete"}


@dataclass(frozen=True)
class SessionUser:
    """`id` as LastModifiedById has it; `name` is what the user logs in by."""

    id: str
    name: str


def user_of(answer: Fields) -> SessionUser:
    """Source: Salesforce Help, Query for User Information. Raises: ServiceGarbled."""
    return SessionUser(answer.text("user_id"), answer.text("preferred_username"))


def rights_of(description: Fields) -> frozenset[str]:
    """Of create, edit and delete those that an object's description grants.

    Source: Salesforce REST API, sObject Describe: createable, updateable, deletable.
    Raises: ServiceGarbled.
    """
    return frozenset(right for flag, right in _RIGHTS.items() if description.flag(flag))
