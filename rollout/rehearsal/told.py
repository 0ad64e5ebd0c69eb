"""The rehearsal's people and pages: channels that take every message, documents kept in memory."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rollout.domain.effects import Answer, Yes
from rollout.domain.errors import ServiceRefused
from rollout.ports import Page


@dataclass(frozen=True)
class Told:
    """One message that would have reached people."""

    channel: str
    title: str
    body: str
    dedupe: str


@dataclass
class RehearsalNotifier:
    """Tells nobody; `told` holds each message once, as a receiver that deduplicates shows it."""

    told: dict[tuple[str, str], Told] = field(default_factory=dict)

    def send(
        self, channel: str, title: str, body: str, *, dedupe: str, severity: str = ""
    ) -> Answer[None]:
        self.told.setdefault((channel, dedupe), Told(channel, title, body, dedupe))
        return Yes(None, "rehearsed")


@dataclass
class RehearsalFiles:
    """An output folder in memory. `journal` is told of each change, for a resume."""

    kept: dict[str, bytes] = field(default_factory=dict)
    journal: Callable[[dict[str, str]], None] = lambda entry: None

    def read(self, path: str) -> bytes | None:
        return self.kept.get(path)

    def write(self, path: str, content: bytes) -> Answer[str]:
        self.journal({"kind": "file", "path": path, "content": b64encode(content).decode()})
        self.kept[path] = content
        return Yes(hashlib.sha256(content).hexdigest())

    def remove(self, path: str) -> Answer[None]:
        self.journal({"kind": "file", "path": path})
        self.kept.pop(path, None)
        return Yes(None)

    def restore(self, entry: Mapping[str, object]) -> None:
        """Do again what the journal says was done."""
        if "content" in entry:
            self.kept[str(entry["path"])] = b64decode(str(entry["content"]))
        else:
            self.kept.pop(str(entry["path"]), None)


@dataclass
class RehearsalPages:
    """Pages by their place; any other is not there."""

    pages: dict[str, Page] = field(default_factory=dict)

    def read(
        self,
        place: str,
        *,
        hosts: Sequence[str] = (),
        private: bool = False,
        timeout_s: float = 30.0,
    ) -> Page:
        if place not in self.pages:
            raise ServiceRefused(f"the rehearsal has no page {place}", status=404)
        return self.pages[place]
