"""Notices over real sockets: delivered, refused, lost; and nothing that holds a token gets out."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from rollout.adapters.notifications import REMEMBERED, AppriseNotifier
from rollout.adapters.redaction import MASK, Redactor
from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import KindMisused, PlanProblems

CANARY = "canary-7f3a9c51"
OTHER = "canary-b8d2e604"


@dataclass
class Receiver:
    """What arrived, and what each path answers: a status, or "hang"."""

    port: int = 0
    says: dict[str, Any] = field(default_factory=dict)
    got: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    released: Event = field(default_factory=Event)

    def url(self, path: str = "ok", scheme: str = "json") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{CANARY}/{path}"

    def bodies(self) -> list[str]:
        return [str(body["message"]) for _, _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {k.lower(): v for k, v in self.headers.items()}
            state.got.append((self.path, headers, body))
            said = state.says.get(self.path.rpartition("/")[2], 200)
            if said == "hang":
                state.released.wait(20)
                return
            self.send_response(said)
            if 300 <= said < 400:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(f"you sent {CANARY}".encode())

        def log_message(self, *args: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    state.released.set()
    server.shutdown()
    server.server_close()


def send(notifier: AppriseNotifier, **given: Any) -> Answer[None]:
    said = {"channel": "team", "title": "Held", "body": "It stopped.", "dedupe": "r/1/held"}
    return notifier.send(**{**said, **given})


def fake_sender(tmp_path: Path, program: str) -> tuple[str, ...]:
    """A sender of our own: it is given standard input, the environment and its arguments."""
    file = tmp_path / "sender.py"
    file.write_text(program)
    return (sys.executable, "-I", str(file))


def test_a_message_arrives_as_plain_text(receiver: Receiver) -> None:
    answer = send(AppriseNotifier({"team": [receiver.url()]}), body="a < b\n*c*")
    assert isinstance(answer, Yes)
    assert answer.detail == "team: taken by json"
    path, _, body = receiver.got[0]
    assert path == f"/{CANARY}/ok"
    assert (body["title"], body["message"]) == ("Held", "a < b\n*c*")
    assert body["type"] == "info"


@pytest.mark.parametrize(
    ("severity", "kind"), [("P0", "failure"), ("P1", "failure"), ("P2", "warning"), ("P3", "info")]
)
def test_a_grave_message_is_loud(receiver: Receiver, severity: str, kind: str) -> None:
    send(AppriseNotifier({"team": [receiver.url()]}), severity=severity)
    assert receiver.got[0][2]["type"] == kind


@pytest.mark.parametrize(
    ("status", "wanted", "again"),
    [
        (403, No, None),
        (404, No, None),
        (302, No, None),
        (429, No, 60.0),
        (500, Unknown, None),
        (503, Unknown, None),
        (408, Unknown, None),
    ],
)
def test_an_error_is_no_or_unknown(
    receiver: Receiver, status: int, wanted: type, again: float | None
) -> None:
    receiver.says["x"] = status
    answer = send(AppriseNotifier({"team": [receiver.url("x")]}))
    assert isinstance(answer, No | Unknown)
    assert type(answer) is wanted
    assert answer.reason == f"team: json answered {status}"
    assert getattr(answer, "retry_after_s", None) == again
    assert len(receiver.got) == 1  # neither sent twice nor redirected


def test_no_connection_is_unknown() -> None:
    answer = send(AppriseNotifier({"team": [f"json://127.0.0.1:1/{CANARY}"]}))
    assert answer == Unknown("team: json gave no answer")


def test_a_channel_that_hangs_is_given_up_in_time(receiver: Receiver) -> None:
    receiver.says["x"] = "hang"
    url = receiver.url("x") + "?rto=300"
    answer = send(AppriseNotifier({"team": [url]}, total_s=1.5))
    assert isinstance(answer, Unknown)
    assert "no answer" in answer.reason


def test_a_url_nobody_knows_is_refused() -> None:
    answer = send(AppriseNotifier({"team": [f"nosuchservice://{CANARY}"]}))
    assert answer == No("team: nosuchservice is no URL that apprise knows")


def test_every_url_of_a_channel_must_take_it_and_none_gets_it_twice(receiver: Receiver) -> None:
    receiver.says["second"] = 500
    notifier = AppriseNotifier({"team": [receiver.url("first"), receiver.url("second")]})
    assert isinstance(send(notifier), Unknown)
    receiver.says["second"] = 200
    assert isinstance(send(notifier), Yes)
    assert send(notifier) == Yes(None, "team: delivered before")
    assert isinstance(send(notifier, dedupe="r/2/held"), Yes)
    paths = [path.rpartition("/")[2] for path, _, _ in receiver.got]
    assert paths == ["first", "second", "second", "first", "second"]


def test_what_was_delivered_is_remembered_within_bounds(tmp_path: Path) -> None:
    program = (
        "import json, sys\n"
        "asked = json.load(sys.stdin)\n"
        "print(json.dumps([{'known': True, 'delivered': True, 'status': None}]))\n"
    )
    notifier = AppriseNotifier({"t": ["json://a"]}, sender=fake_sender(tmp_path, program))
    for number in range(REMEMBERED + 5):
        notifier._remember("t", str(number), [0])
    assert len(notifier._delivered) == REMEMBERED
    assert isinstance(notifier.send("t", "a", "b", dedupe="0"), Yes)


def test_proxies_and_netrc_of_the_machine_are_not_obeyed(
    receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login me password {OTHER}\n")
    (tmp_path / ".netrc").chmod(0o600)
    environ = {
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
        "HOME": str(tmp_path),
        "NETRC": str(tmp_path / ".netrc"),
        "PATH": "/usr/bin:/bin",
    }
    answer = send(AppriseNotifier({"team": [receiver.url()]}, environ=environ))
    assert isinstance(answer, Yes)
    assert "authorization" not in receiver.got[0][1]


def test_the_sender_sees_no_environment_and_no_arguments(tmp_path: Path) -> None:
    out = tmp_path / "seen.json"
    program = (
        "import json, os, sys\n"
        f"json.dump([sys.argv, dict(os.environ), json.load(sys.stdin)], open({str(out)!r}, 'w'))\n"
        "print(json.dumps([{'known': True, 'delivered': True, 'status': None}]))\n"
    )
    environ = {"PATH": "/usr/bin", "CENSUS_TOKEN": OTHER, "HTTPS_PROXY": "http://x", "TZ": "UTC"}
    notifier = AppriseNotifier(
        {"page": [f"pagerduty://{CANARY}@{CANARY}x"]},
        sender=fake_sender(tmp_path, program),
        environ=environ,
    )
    assert isinstance(notifier.send("page", "T", "B", dedupe="r/9/held", severity="P0"), Yes)
    argv, seen, asked = json.loads(out.read_text())
    assert CANARY not in json.dumps([argv, seen])
    assert OTHER not in json.dumps([argv, seen])
    assert {"PATH", "TZ"} <= set(seen)
    assert "HTTPS_PROXY" not in seen
    assert seen["NETRC"] == os.devnull  # without it the home of the user database is looked into
    assert not Path(seen["HOME"]).exists()
    assert asked["urls"] == [f"pagerduty://{CANARY}@{CANARY}x?dedup=r%2F9%2Fheld"]


@pytest.mark.parametrize(
    ("program", "wanted"),
    [
        ("raise SystemExit(1)", Unknown("team: the sender ended without an answer (1)")),
        ("print('no json')", Unknown("team: the sender ended without an answer (0)")),
        ("print('[]')", Unknown("team: the sender ended without an answer (0)")),
        (
            "print('[{\"delivered\": true}]')",
            Unknown("team: the sender ended without an answer (0)"),
        ),
        (
            'print(\'[{"known": true, "delivered": "yes", "status": null}]\')',
            Unknown("team: the sender ended without an answer (0)"),
        ),
        ("raise SystemExit(3)", No("team: the package `apprise` is not installed")),
    ],
)
def test_a_sender_that_breaks_delivers_nothing(
    tmp_path: Path, program: str, wanted: Answer[None]
) -> None:
    notifier = AppriseNotifier({"team": ["json://host"]}, sender=fake_sender(tmp_path, program))
    assert send(notifier) == wanted


def test_a_sender_that_cannot_be_started_is_tried_again_later(tmp_path: Path) -> None:
    notifier = AppriseNotifier({"team": ["json://host"]}, sender=(str(tmp_path / "none"),))
    answer = send(notifier)
    assert isinstance(answer, No)
    assert answer.retry_after_s == 60.0


def test_no_answer_and_no_log_holds_a_part_of_a_url(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.says |= {"a": 403, "b": 500, "c": 302}
    channels = {
        name: [receiver.url(name) + f"?+X-Api={OTHER}&-q={OTHER}"] for name in ("a", "b", "c", "ok")
    }
    channels["down"] = [f"json://user:{CANARY}@127.0.0.1:1/{OTHER}"]
    channels["odd"] = [f"nosuch://{CANARY}"]
    notifier = AppriseNotifier(channels)
    said = [repr(notifier)]
    said += [repr(notifier.send(name, "T", "B", dedupe="k")) for name in channels]
    captured = capfd.readouterr()
    everything = " ".join([*said, caplog.text, captured.out, captured.err])
    assert CANARY not in everything
    assert OTHER not in everything


def test_a_token_in_a_message_does_not_go_out(receiver: Receiver) -> None:
    notifier = AppriseNotifier({"team": [receiver.url()]}, Redactor([OTHER]))
    send(notifier, title=f"Bad {OTHER}", body=f"The server said {CANARY}; \x1b[31mred\x00\u202e")
    body = receiver.got[0][2]
    assert body["title"] == f"Bad {MASK}"
    assert body["message"] == f"The server said {MASK}; [31mred"


def test_a_long_message_is_cut(receiver: Receiver) -> None:
    send(AppriseNotifier({"team": [receiver.url()]}), title="t" * 999, body="b" * 99_999)
    body = receiver.got[0][2]
    assert len(body["title"]) == 250
    assert len(body["message"]) == 10_000


@pytest.mark.parametrize(
    ("urls", "what"),
    [
        ([], "has no URLs"),
        ([CANARY], "URL 1 is no URL"),
        (["json://fine", f"jsons://host/{CANARY}?verify=no"], "URL 2 turns the check"),
        ([f"jsons://host/{CANARY}?redirect=yes"], "URL 1 follows redirects"),
        ([f"json://[{CANARY}"], "URL 1 cannot be read"),
    ],
)
def test_what_is_no_safe_url_is_refused_without_quoting_it(urls: list[str], what: str) -> None:
    with pytest.raises(PlanProblems) as caught:
        AppriseNotifier({"team": urls})
    assert str(caught.value).startswith(f"channel team: {what}")
    assert CANARY not in str(caught.value)


def test_an_unknown_channel_is_a_misuse() -> None:
    with pytest.raises(KindMisused, match="no channel 'nobody'"):
        send(AppriseNotifier({"team": ["json://host"]}), channel="nobody")


def test_apprise_is_never_loaded_into_this_process() -> None:
    program = (
        "import sys, rollout.adapters.notifications\n"
        "assert 'apprise' not in sys.modules and 'requests' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
