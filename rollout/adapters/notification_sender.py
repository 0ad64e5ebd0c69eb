"""Sends one message by `apprise`, as a process of its own: `python -I -m` this module.

It reads one JSON document from standard input (never from argv: URLs hold tokens) and writes one to
standard output: for each URL whether it was delivered, and the HTTP status that was complained of.
A process, because `requests` obeys proxy variables and ~/.netrc, bounds no whole request and holds
whatever is sent back; a clean environment, a memory limit and a kill settle all of that at once.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

NOT_INSTALLED = 3
"""Exit code when there is no apprise."""

MOST_MEMORY = 2 * 1024**3
"""Bytes of address space: an endless answer ends this process, not the machine."""

_STATUS = re.compile(r"error=(\d{3})\b")


def main() -> int:
    _limit_resources()
    asked = json.load(sys.stdin)
    try:
        answers = [_deliver(url, asked) for url in asked["urls"]]
    except ModuleNotFoundError:
        return NOT_INSTALLED
    json.dump(answers, sys.stdout)
    return 0


def _deliver(url: str, asked: dict[str, Any]) -> dict[str, Any]:
    import apprise  # loads slowly, and only here

    asset = apprise.AppriseAsset(
        async_mode=False, http_redirects=False, secure_logging=True, plugin_paths=[]
    )
    service = apprise.Apprise(asset=asset)
    if not service.add(url):
        return {"known": False, "delivered": False, "status": None}
    result = service.notify(
        title=asked["title"],
        body=asked["body"],
        body_format=apprise.NotifyFormat.TEXT,
        notify_type=asked["type"],
        timeout=asked["timeout_s"],
    )
    said = " ".join(entry.message for one in result for entry in one.logs())
    found = _STATUS.search(said)
    return {
        "known": True,
        "delivered": bool(result),
        "status": int(found[1]) if found else None,
    }


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # not on every system
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


if __name__ == "__main__":
    sys.exit(main())
