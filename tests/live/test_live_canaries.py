"""Six secrets from the environment, planted in a live rollout that goes through every kind of trouble:
none of them is found in any file, log, report, event, output or list of processes."""

from __future__ import annotations

import base64
import html
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import pytest
from live_loop import GATES, PLAN
from live_processes import begin, line_with
from sandbox_process import SYNC_A, TOKEN_VARIABLE, SandboxProcess, sandbox, small_scenario

from rollout.store.opening import open_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# A Bearer may hold all of these characters but `=`, which a server takes for a parameter.
WAREHOUSE = 'cnry1/wh+&~"7f3a9c2e5b8d11'
CENSUS = "cnry2/cs+&~<4b8d6f1a0c3e22"
SALESFORCE = "cnry3/sf+&~>9e2c7a5d1f4b33"
AUDIT = "cnry4/au+&='0d5f8b3e6a9c44"
CHAT = "cnry5/ch+&=%3c6e1d9f2a7b55"
PAGER = "cnry6/pg+&=~8a4e0b7d2c5f66"
CANARIES = (WAREHOUSE, CENSUS, SALESFORCE, AUDIT, CHAT, PAGER)

CONNECTIONS = """
connections:
  warehouse: {uses: databricks, host: h, http_path: /p, token: "${env:DATABRICKS_TOKEN}"}
  audit: {uses: databricks, host: h, http_path: /p, client_id: auditor, client_secret: "${env:AUDIT_SECRET}"}
  census: {uses: census, token: "${env:CENSUS_TOKEN}"}
  salesforce: {uses: salesforce, instance: i, client_id: rollout, client_secret: "${env:SALESFORCE_SECRET}"}
  chat: {uses: notify, urls: ["${env:CHAT_URL}"]}
  pager: {uses: notify, urls: ["${env:PAGER_URL}"]}
notifications:
  routes:
    P0: [{channels: [pager, chat]}]
    P1: [{channels: [pager, chat]}]
  occasions:
    person_wanted: {channels: [chat, pager]}
    phase_passed: {channels: [chat]}
"""

AUDIT_CHECK = """
      - check: audit_answers
        kind: sql
        title: The auditor's own connection answers
        "on": audit
        sql: SELECT COUNT(*) AS queued FROM crm.sfdc_dbx.properties_to_create
        of: rds.pg_rds_public.properties
        go: {queued: "<= 100"}
        severity: P1
        shadow: true
        owner: project_lead
        if_it_fails: Look at the auditor's secret.
"""


def forms(secret: str) -> dict[str, bytes]:
    """How a secret may show: as it is, in what a library or a server may make of it, and by halves."""
    raw = secret.encode()
    found = {
        "raw": secret,
        "first half": secret[: len(secret) // 2],
        "second half": secret[len(secret) // 2 :],
        "URL": quote(secret, safe=""),
        "URL, slashes kept": quote(secret),
        "form": quote_plus(secret),
        "URL twice": quote(quote(secret, safe=""), safe=""),
        "JSON": json.dumps(secret)[1:-1],
        "JSON twice": json.dumps(json.dumps(secret)[1:-1])[1:-1],
        "HTML": html.escape(secret),
        "Python": repr(secret)[1:-1],
        "base64": base64.b64encode(raw).decode().rstrip("="),
        "base64 for URLs": base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }
    for offset in (1, 2):  # in the middle of something longer, as in HTTP Basic
        shifted = base64.b64encode(b"\0" * offset + raw + b"\0\0").decode()
        found[f"base64 at {offset}"] = shifted[4 : 4 + len(raw) // 3 * 4 - 4]
    return {name: text.encode() for name, text in found.items()}


FORMS = {secret: forms(secret) for secret in CANARIES}


def leaks(where: str, content: bytes) -> list[str]:
    return [
        f"{where}: {secret[:5]} ({name})"
        for secret, shown in FORMS.items()
        for name, form in shown.items()
        if form in content
    ]


def echo() -> str:
    """What a careless server may send back of what it was sent: the secret itself, an address with
    it, a header, its own log line."""
    shown = [
        text
        for secret in CANARIES
        for text in (
            secret,
            quote(secret, safe=""),
            quote_plus(secret),
            html.escape(secret),
            json.dumps({"token": secret}),
            f"https://bearer:{quote(secret, safe='')}@127.0.0.1/x",
            f"Authorization: Basic {base64.b64encode(f'bearer:{secret}'.encode()).decode()}",
            f"curl -u '{base64.b64encode(f'me:{secret}'.encode()).decode()}'",
            f"a{base64.urlsafe_b64encode(f'x{secret}yz'.encode()).decode()}",
            f"Bearer {secret}",
        )
    ]
    return json.dumps({"status": "error", "message": " | ".join(shown)})


class Sink(BaseHTTPRequestHandler):
    """Takes what the chat is told, refuses the pager, and sends everything back."""

    heard: list[str] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = f"{self.path} {self.headers.get('Authorization')}"
        self.heard.append(said)
        answer = json.dumps({"you_sent": said, "body": body.decode()}).encode()
        self.send_response(200 if self.path == "/hook" else 500)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@contextmanager
def sink() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


class Processes(threading.Thread):
    """Reads the list of processes again and again, as anybody on the machine may."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.02):
            for place in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(place.read_bytes())
                except OSError:
                    continue  # it has ended meanwhile

    def end(self) -> None:
        self._over.set()
        self.join()


@dataclass
class Terminal:
    """Commands with the secrets in their environment; everything they say is kept."""

    state: Path
    env: dict[str, str]
    said: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, *arguments: object, codes: tuple[int, ...] = (0,)) -> str:
        process = begin(*arguments, env=self.env)
        out, err = process.communicate(timeout=180)
        assert process.returncode in codes, (
            arguments,
            process.returncode,
            out[-2000:],
            err[-2000:],
        )
        self.keep(" ".join(map(str, arguments[:3])), out, err)
        return out

    def keep(self, name: str, out: str, err: str) -> None:
        self.said[f"{len(self.said)} {name}"] = (out + err).encode()


def planned(folder: Path) -> Path:
    text = PLAN.format(name="canaries")
    begins, ends = text.index("connections:"), text.index("roles:")
    (folder / "gates").mkdir()
    first, _, rest = GATES.partition("  - gate: done")
    (folder / "gates" / "all.yaml").write_text(f"{first.rstrip()}{AUDIT_CHECK}  - gate: done{rest}")
    path = folder / "canaries.yaml"
    path.write_text(text[:begins] + CONNECTIONS.lstrip() + text[ends:])
    return path


def profile(folder: Path, box: SandboxProcess) -> Path:
    """Addresses alone: every secret comes from the plan's own `${env:…}`."""
    place = box.document["extra"]["warehouse"]
    warehouse = {
        "host": f"{place['host']}:{place['port']}",
        "http_path": place["http_path"],
        "ca_file": place["ca_file"],
    }
    connections = {
        "warehouse": warehouse,
        "audit": warehouse,
        "census": {"base_url": box.document["census"]},
        "salesforce": {"instance": box.document["salesforce"]},
        "chat": {"urls": ["${env:SINKS_CHAT_URL}"]},
        "pager": {"urls": ["${env:SINKS_PAGER_URL}"]},
    }
    path = folder / "sandbox.yaml"
    document = {
        "profile": "sandbox",
        "connections": connections,
        "clock": f"{box.document['clock']}/clock",
    }
    path.write_text(json.dumps(document))  # JSON is YAML
    return path


def trouble(box: SandboxProcess) -> None:
    """Everything that may echo a secret, each once."""
    said = {"body": echo()}
    header = {"X-Databricks-Reason-Phrase": f"token {WAREHOUSE} refused"}
    box.order(
        match="ExecuteStatement *queued*", on="warehouse", do="status", headers=header, **said
    )
    box.order(match=f"GET /syncs/{SYNC_A}", do="garbage", **said)
    box.order(match="GET /services/data/*", do="status", status=500, **said)
    box.order(match="GET /services/data/*", nth=3, do="expire_token")
    box.order(match=f"POST /syncs/{SYNC_A}/trigger", do="status_after_effect", status=502, **said)
    box.order(match="GET /sync_runs/*", do="status", status=403, **said)
    box.order(match="GET /sync_runs/*", nth=2, do="html", **said)
    box.order(match="GET /sync_runs/*", nth=3, do="cut_json")
    box.order(match="GET /sync_runs/*", nth=4, do="status", status=429, **said)


def everything_written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, and what a store's file holds once it is unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
    state = folder / "rollout.db"
    with sqlite3.connect(state) as raw:
        digests = [str(row[0]) for row in raw.execute("SELECT digest FROM evidence")]
    with open_store(state, create=False) as store:
        for digest in digests:
            yield f"evidence {digest[:12]}", json.dumps(store.evidence.get(digest)).encode()
            yield f"evidence {digest[:12]}, as it is", str(store.evidence.get(digest)).encode()


def test_no_planted_secret_is_found_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    state, plan = folder / "rollout.db", planned(folder)
    tokens = {"CENSUS": CENSUS, "SALESFORCE": SALESFORCE, "WAREHOUSE": WAREHOUSE}
    scenario = ("--scenario", small_scenario(tmp_path), "--state", folder / "world.jsonl")
    listed = Processes()
    listed.start()
    with (
        sink() as port,
        sandbox(
            *scenario, env={f"{TOKEN_VARIABLE}_{name}": token for name, token in tokens.items()}
        ) as box,
    ):
        env = {
            "DATABRICKS_TOKEN": WAREHOUSE,
            "AUDIT_SECRET": AUDIT,
            "CENSUS_TOKEN": CENSUS,
            "SALESFORCE_SECRET": SALESFORCE,
            "SINKS_CHAT_URL": f"json://bot:{quote(CHAT, safe='')}@127.0.0.1:{port}/hook",
            "SINKS_PAGER_URL": f"json://127.0.0.1:{port}/{quote(PAGER, safe='')}/hook",
            "ROLLOUT_SANDBOX": str(profile(folder, box)),
        }
        terminal = Terminal(state, env)
        terminal("start", plan, "--env", "sandbox", "--state", state)
        trouble(box)
        lived(terminal, box)
        looked_at(terminal, plan, folder)
        box.post("/faults/clear", {})  # their orders quote what they echo
        terminal.keep("sandbox", json.dumps([box.get("/journal"), box.get("/clock")]), "")
        box.end()
        terminal.keep("sandbox", "", "".join(box.err))
    listed.end()
    # They did get where they belong.
    assert any(PAGER in unquote(said) for said in Sink.heard), Sink.heard
    assert any(FORMS[CHAT]["base64 at 1"].decode() in said for said in Sink.heard), Sink.heard
    found = [leak for name, content in everything_written(folder) for leak in leaks(name, content)]
    found += [leak for name, content in terminal.said.items() for leak in leaks(name, content)]
    found += [leak for line in listed.seen for leak in leaks("process list", line)]
    assert found == []
    assert len(listed.seen) > 10
    assert b"[redacted]" in b"".join(terminal.said.values())  # what was echoed did arrive


def lived(terminal: Terminal, box: SandboxProcess) -> None:
    """The rollout to its end: two controllers, the first of them killed, and a person's word."""
    first = begin("run", "--state", terminal.state, env=terminal.env)
    watcher = begin("watch", "--state", terminal.state, env=terminal.env)
    said = line_with(first.stderr, "waits for a person: proceed", 120)
    who = ("--by", "ann", "--reason", "as planned", "--state", terminal.state)
    terminal("decide", "go", *who)
    said += line_with(first.stderr, "asked again in a minute", 120)
    first.kill()
    out, err = first.communicate()
    terminal.keep("run, killed", out, said + err)
    terminal("run", "--state", terminal.state)
    out, err = watcher.communicate(timeout=60)
    terminal.keep("watch", out, err)


def looked_at(terminal: Terminal, plan: Path, folder: Path) -> None:
    """Everything that shows what was kept, and everything that asks the services again."""
    state = ("--state", terminal.state)
    for arguments in (
        ("status", *state),
        ("status", *state, "--json"),
        ("log", *state),
        ("log", *state, "--json"),
        ("verify", *state, "--json"),
        ("report", "--all", "--out", folder / "report", *state),
        ("report", "--gate", "ready", "--format", "json", "--show-keys", *state),
        ("report", "--gate", "ready", "--format", "markdown", *state),
        ("report", "--gate", "ready", "--format", "junit", *state),
    ):
        terminal(*arguments)
    doctor = ("doctor", plan, "--env", "sandbox")
    terminal(*doctor, codes=(2, 4))  # the auditor's secret is wrong
    terminal.env = {**terminal.env, "CENSUS_TOKEN": PAGER, "SALESFORCE_SECRET": CHAT}
    terminal(*doctor, "--json", codes=(2, 4))


def test_the_sweep_would_find_each_form() -> None:
    for secret in CANARIES:
        for name, form in FORMS[secret].items():
            assert leaks("here", b"before " + form + b" after"), (secret, name)
        assert len(FORMS[secret]["base64 at 1"]) >= 16
