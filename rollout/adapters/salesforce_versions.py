"""Which versions of its REST API a Salesforce instance offers, and which of them to speak."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rollout.domain.errors import ServiceGarbled

TRIED: Final = "v62.0"
"""The version that the adapter was tried with."""

_VERSION = re.compile(r"([0-9]{1,3})\.0")


def offered(document: Any) -> list[str]:
    """Oldest first, from the answer to `GET /services/data`.

    Source: Salesforce REST API, Versions. Raises: ServiceGarbled.
    >>> offered([{"label": "Fall", "url": "/services/data/v63.0", "version": "63.0"}, {"version": "9.0"}])
    ['v9.0', 'v63.0']
    """
    listed = document if isinstance(document, list) else []
    said = [item.get("version") for item in listed if isinstance(item, Mapping)]
    found = [_VERSION.fullmatch(text) for text in said if isinstance(text, str)]
    numbers = sorted({int(match[1]) for match in found if match is not None})
    if not numbers:
        raise ServiceGarbled("salesforce: the answer names no version of its API")
    return [f"v{number}.0" for number in numbers]


def to_speak(versions: Sequence[str]) -> str:
    """The one that was tried, or else the nearest: a newer one before an older one. `versions` are
    oldest first.

    >>> to_speak(["v61.0", "v62.0", "v63.0"]), to_speak(["v64.0", "v65.0"]), to_speak(["v50.0"])
    ('v62.0', 'v64.0', 'v50.0')
    """
    newer = [version for version in versions if _number(version) >= _number(TRIED)]
    return newer[0] if newer else versions[-1]


def _number(version: str) -> int:
    return int(version.removeprefix("v").removesuffix(".0"))
