"""A headless Chromium, spoken to over a pipe: what a page looks like to people, measured.

The pipe (`--remote-debugging-pipe`, messages ended by NUL on descriptors 3 and 4) needs no port and no
library.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip


def installed() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Chromium:
    """One browser with one page."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self._process, self._to, self._back = process, to, back
        self._buffer, self._number, self._session = b"", 0, ""
        self.told: list[dict[str, Any]] = []
        """Everything it said unasked: console messages, requests, refusals of the policy."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._number:
                assert "error" not in said, f"{method}: {said['error']}"
                result: dict[str, Any] = said["result"]
                return result

    def open(self, path: Path, width: int, height: int = 900, *, media: str = "screen") -> None:
        """Show a file at a width in CSS pixels and wait until it is there."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        self.ask("Emulation.setEmulatedMedia", media=media)
        self.told.clear()
        self.ask("Page.navigate", url=path.absolute().as_uri())
        while not any(said.get("method") == "Page.loadEventFired" for said in self.told):
            self._next()

    def value(self, expression: str) -> Any:
        """What JavaScript of ours says about the page; the page itself has none."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def dark(self, *, on: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path, clip: tuple[int, int, int, int] | None = None) -> None:
        """A PNG of the whole page, or of x, y, width, height of it."""
        params: dict[str, Any] = {"format": "png", "captureBeyondViewport": True}
        if clip is not None:
            x, y, width, height = clip
            params["clip"] = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", **params)["data"]))

    def paper(self, path: Path) -> None:
        """A PDF as it would be printed, on A4."""
        self.ask("Emulation.setEmulatedMedia", media="")
        printed = self.ask(
            "Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True
        )
        path.write_bytes(base64.b64decode(printed["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            more = os.read(self._back, 1 << 16)
            assert more, f"the browser ended with {self._process.wait(10)}"
            self._buffer += more
        message, _, self._buffer = self._buffer.partition(b"\0")
        said: dict[str, Any] = json.loads(message)
        if "method" in said:
            self.told.append(said)
        return said


@contextmanager
def browser(folder: Path) -> Iterator[Chromium]:
    """A browser with a profile of its own in `folder`."""
    program = installed()
    assert program is not None, "there is no Chromium"
    their_in, our_out = os.pipe()
    our_in, their_out = os.pipe()
    command = [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(
        # bash puts the two ends where the browser looks for them
        ["bash", "-c", f'exec "$@" 3<&{their_in} 4>&{their_out}', "bash", *command],
        pass_fds=(their_in, their_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(their_in)
    os.close(their_out)
    try:
        yield Chromium(process, our_out, our_in)
    finally:
        os.close(our_out)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()
        os.close(our_in)
