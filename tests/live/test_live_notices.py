"""What a sandbox's rollout tells people arrives in the sandbox, and nowhere else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from live_loop import GATES, small_live_plan, small_rollout
from sandbox_process import SandboxProcess, sandbox, small_scenario

from rollout.domain.events import NoticeAnswered

ONCALL = """connections:
  oncall: {uses: notify, urls: ["${env:PAGER_URL}"]}
"""
ROUTES = """notifications:
  routes: {P0: [{channels: [oncall]}], P1: [{channels: [oncall]}], P2: [{channels: [oncall]}]}
roles:
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    scenario = small_scenario(tmp_path_factory.mktemp("sandbox"))
    with sandbox("--scenario", scenario) as running:
        yield running


def plan_that_pages(folder: Path) -> Path:
    """Its first gate finds more rows than it allows."""
    path = small_live_plan(folder)
    text = path.read_text().replace("connections:\n", ONCALL).replace("roles:\n", ROUTES)
    path.write_text(text)
    (folder / "gates" / "all.yaml").write_text(GATES.replace('"<= 100"', '"<= 1"', 1))
    return path


def test_a_findings_notice_arrives_in_the_sandbox_and_no_other_address_is_asked(
    box: SandboxProcess, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as people:
        people.settimeout(0)
        pager = f"json://127.0.0.1:{people.getsockname()[1]}/page"
        path = plan_that_pages(tmp_path)
        with small_rollout(box, tmp_path, path, PAGER_URL=pager) as loop:
            loop.until(lambda _: bool(loop.events(NoticeAnswered)))
            (answered,) = loop.events(NoticeAnswered)
        with pytest.raises(BlockingIOError):
            people.accept()
    (taken,) = box.journal(service="notify")
    assert answered.answer == "yes"
    assert taken["notice"].startswith("[sandbox] ")
    assert (taken["method"], taken["path"], taken["status"]) == ("POST", "/inbox", 200)
    assert (taken["auth"], taken["tls"]) == ("basic", False)


@pytest.mark.parametrize(
    ("method", "path", "password", "body", "status"),
    [
        ("POST", "/inbox", "wrong", b"{}", 401),
        ("POST", "/elsewhere", "", b"{}", 404),
        ("GET", "/inbox", "", b"", 405),
        ("POST", "/inbox", "", b"not json", 400),
    ],
)
def test_what_is_no_notice_is_refused_and_kept_in_the_journal(
    box: SandboxProcess, method: str, path: str, password: str, body: bytes, status: int
) -> None:
    before = box.get("/journal?limit=1")["last"]
    place = httpx.URL(box.document["notify"].replace("json://", "http://"))
    url = f"http://{place.host}:{place.port}{path}"
    answer = box.http.request(method, url, content=body, auth=("box", password or box.token))
    assert answer.status_code == status
    (kept,) = box.journal(service="notify", after=before)
    assert (kept["status"], kept["notice"]) == (status, None)
