from __future__ import annotations

import inspect
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from rollout.adapters.http import HttpClient, HttpLimits, Request, Sent
from rollout.adapters.replies import LONGEST_WAIT_S, Reply, Unreadable, read_json, retry_after
from rollout.domain.effects import No, Unknown
from rollout.domain.errors import (
    PlanProblems,
    ServiceError,
    ServiceGarbled,
    ServiceRefused,
    ServiceUnreachable,
)

TOKEN = "secret-token:CanaryCanaryCanary42"
BASE = "https://api.example.test/api/v1"
TRIGGER = Request("POST", "/syncs/7/trigger", {"force_full_sync": "false"})
Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler, **options: Any) -> HttpClient:
    transport = httpx.MockTransport(handler)
    return HttpClient(BASE, service="api", token=TOKEN, transport=transport, **options)


def answering(status: int = 200, **content: Any) -> HttpClient:
    return client(lambda _: httpx.Response(status, **content))


def raising(error: Exception) -> HttpClient:
    def handler(_: httpx.Request) -> httpx.Response:
        raise error

    return client(handler)


def test_a_get_carries_the_token_and_returns_the_json() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"ok": True})

    assert client(handler).get_json("/x", {"page": 2}) == {"ok": True}
    assert str(seen[0].url) == f"{BASE}/x?page=2"
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert seen[0].headers["accept-encoding"] == "identity"


def test_an_effect_with_a_readable_answer_is_sent() -> None:
    assert answering(200, json={"id": 1}).send_effect(TRIGGER) == Sent(200, {"id": 1})
    assert answering(204).send_effect(TRIGGER) == Sent(204, None)


def httpx_exceptions() -> list[type[Exception]]:
    named = [getattr(httpx, name) for name in dir(httpx)]
    return [kind for kind in named if inspect.isclass(kind) and issubclass(kind, Exception)]


def instance_of(kind: type[Exception]) -> Exception:
    wanted = inspect.signature(kind).parameters
    request = httpx.Request("POST", BASE)
    if kind is httpx.HTTPStatusError:
        return httpx.HTTPStatusError(TOKEN, request=request, response=httpx.Response(500))
    return kind(TOKEN) if "message" in wanted else kind()


NO_EFFECT = {
    "ConnectError": 5.0,
    "ConnectTimeout": 5.0,
    "PoolTimeout": 5.0,
    "ProxyError": 5.0,
    "UnsupportedProtocol": None,
    "LocalProtocolError": None,
}


def test_httpx_has_the_exceptions_this_mapping_was_made_for() -> None:
    assert len(httpx_exceptions()) == 28
    assert set(NO_EFFECT) < {kind.__name__ for kind in httpx_exceptions()}


@pytest.mark.parametrize("kind", httpx_exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_becomes_no_or_unknown(kind: type[Exception]) -> None:
    answer = raising(instance_of(kind)).send_effect(TRIGGER)
    if kind.__name__ in NO_EFFECT:
        assert isinstance(answer, No)
        assert answer.retry_after_s == NO_EFFECT[kind.__name__]
    else:
        assert isinstance(answer, Unknown)
    assert TOKEN not in answer.reason
    assert kind.__name__ in answer.reason


@pytest.mark.parametrize("kind", httpx_exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_in_a_read_becomes_a_service_error(kind: type[Exception]) -> None:
    with pytest.raises(ServiceError) as caught:
        raising(instance_of(kind)).get_json("/x")
    assert TOKEN not in str(caught.value)
    # The foreign exception holds the request with its headers: it must not travel along.
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_a_read_that_got_no_answer_may_be_asked_again() -> None:
    with pytest.raises(ServiceUnreachable) as caught:
        raising(httpx.ReadTimeout("late")).get_json("/x")
    assert caught.value.retry_after_s == 5.0


@pytest.mark.parametrize("error", [OSError("reset"), ConnectionResetError(), UnicodeError()])
def test_a_bare_error_of_the_operating_system_leaves_an_effect_unknown(error: Exception) -> None:
    assert isinstance(raising(error).send_effect(TRIGGER), Unknown)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422])
def test_a_declined_effect_is_no_and_is_not_to_be_repeated(status: int) -> None:
    answer = answering(status, json={"status": "error", "message": "not allowed"})
    outcome = answer.send_effect(TRIGGER)
    assert isinstance(outcome, No)
    assert outcome.retry_after_s is None
    assert outcome.reason == (f"api: POST /syncs/7/trigger answered {status}: not allowed")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 408, 499, 302, 303])
def test_an_answer_that_may_hide_a_done_effect_is_unknown(status: int) -> None:
    assert isinstance(answering(status, text="oops").send_effect(TRIGGER), Unknown)


@pytest.mark.parametrize("status", [301, 307, 308])
def test_an_effect_that_was_sent_elsewhere_did_not_happen(status: int) -> None:
    there = {"location": "https://evil.example.test/"}
    outcome = answering(status, headers=there).send_effect(TRIGGER)
    assert isinstance(outcome, No)
    assert "redirect was not followed" in outcome.reason


def test_a_redirect_to_nowhere_readable_leaves_an_effect_unknown() -> None:
    outcome = answering(302, headers={"location": "https://[half"}).send_effect(TRIGGER)
    assert isinstance(outcome, Unknown)


DATE = "Tue, 06 Jan 2026 18:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, 30.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 1.0),
        ({"retry-after": "3600"}, 3600.0),
        ({"retry-after": "1000000000"}, LONGEST_WAIT_S),
        ({"retry-after": "9" * 5000}, LONGEST_WAIT_S),
        ({"retry-after": "-5"}, 30.0),
        ({"retry-after": "soon"}, 30.0),
        ({"retry-after": "nan"}, 30.0),
        ({"retry-after": "inf"}, 30.0),
        ({"retry-after": "٧"}, 30.0),
        ({"retry-after": "Tue, 06 Jan 2026 18:00:30 GMT", "date": DATE}, 30.0),
        ({"retry-after": "Tue, 06 Jan 2026 18:02:00 GMT", "date": DATE}, 120.0),
        ({"retry-after": "Tue, 06 Jan 2026 17:00:00 GMT", "date": DATE}, 1.0),
        ({"retry-after": "Fri, 06 Jan 2029 17:00:00 GMT", "date": DATE}, LONGEST_WAIT_S),
        ({"retry-after": "Tue, 06 Jan 2026 18:02:00 GMT"}, 30.0),
        ({"retry-after": "Tue, 99 Jan 2026 18:02:00 GMT", "date": DATE}, 30.0),
    ],
)
def test_retry_after_is_read_in_every_form_and_bounded(
    headers: dict[str, str], wait: float
) -> None:
    assert retry_after(headers) == wait


def test_a_retry_after_date_without_a_date_header_is_held_against_the_callers_now() -> None:
    headers = {"retry-after": "Tue, 06 Jan 2026 18:02:00 GMT"}
    now = datetime(2026, 1, 6, 18, 1, 15, tzinfo=UTC)
    assert retry_after(headers, now) == 45.0
    answer = client(lambda _: httpx.Response(429, headers=headers), now=lambda: now)
    outcome = answer.send_effect(TRIGGER)
    assert isinstance(outcome, No)
    assert outcome.retry_after_s == 45.0


def test_a_rate_limited_read_says_when_to_come_back() -> None:
    with pytest.raises(ServiceUnreachable) as caught:
        answering(429, headers={"Retry-After": "12"}).get_json("/x")
    assert caught.value.retry_after_s == 12.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_declined_read_keeps_its_status(status: int) -> None:
    with pytest.raises(ServiceRefused) as caught:
        answering(status, json={"status": status}).get_json("/x")
    assert caught.value.status == status


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_server_is_unreachable_to_a_read(status: int) -> None:
    with pytest.raises(ServiceUnreachable, match=str(status)):
        answering(status, text="<html>bad gateway</html>").get_json("/x")


def test_a_redirect_of_a_read_is_refused_by_name_and_nobody_else_sees_a_header() -> None:
    hosts: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(302, headers={"location": "https://evil.example.test/steal"})

    with pytest.raises(ServiceRefused, match="redirect was not followed") as caught:
        client(handler).get_json("/x")
    assert caught.value.status == 302
    assert hosts == ["api.example.test"]


GARBAGE: dict[str, bytes] = {
    "html": b"<!doctype html><p>Sign in</p>",
    "html after a byte order mark": b"\xef\xbb\xbf\n <html>",
    "cut": b'{"data": {"id": 1, "sta',
    "empty": b"",
    "duplicate key": b'{"status": "completed", "status": "failed"}',
    "NaN": b'{"n": NaN}',
    "Infinity": b'{"n": -Infinity}',
    "float beyond all bounds": b'{"n": 1e999}',
    "two documents": b"{} {}",
    "not UTF-8": b'{"a": "\xff"}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deeper than 64": b"[" * 65 + b"]" * 65,
    "endless integer": b'{"n": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_a_200_that_is_no_answer_is_garbled_to_a_read(name: str) -> None:
    with pytest.raises(ServiceGarbled):
        answering(200, content=GARBAGE[name]).get_json("/x")


@pytest.mark.parametrize("name", [name for name in GARBAGE if name != "empty"])
def test_a_200_that_is_no_answer_leaves_an_effect_unknown(name: str) -> None:
    assert isinstance(answering(200, content=GARBAGE[name]).send_effect(TRIGGER), Unknown)


def test_json_with_64_levels_is_still_read() -> None:
    assert read_json(Reply(200, {}, b"[" * 64 + b"]" * 64)) is not None
    with pytest.raises(Unreadable):
        read_json(Reply(200, {"content-type": "text/html"}, b"{}"))


def test_an_answer_of_100_megabytes_is_cut_off_early() -> None:
    served = 0

    def parts() -> Iterator[bytes]:
        nonlocal served
        for _ in range(100):
            served += 1
            yield b"x" * 1024 * 1024

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=parts())

    with pytest.raises(ServiceGarbled, match="more than 20,971,520 bytes"):
        client(handler).get_json("/x")
    assert served == 21
    assert isinstance(client(handler).send_effect(TRIGGER), Unknown)


def test_an_answer_that_trickles_past_the_deadline_is_given_up() -> None:
    ticks = iter(range(0, 10_000, 50))

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=(b" " for _ in range(1000)))

    limits = HttpLimits(total_s=120)
    slow = client(handler, monotonic=lambda: float(next(ticks)), limits=limits)
    outcome = slow.send_effect(TRIGGER)
    assert outcome == Unknown("api: POST /syncs/7/trigger no whole answer within 120 s")


def test_a_token_echoed_by_the_server_is_masked() -> None:
    echo = {"message": f"bad token Bearer {TOKEN}, {json.dumps(TOKEN)}"}
    with pytest.raises(ServiceRefused) as caught:
        answering(401, json=echo).get_json("/x")
    outcome = answering(400, json=echo).send_effect(TRIGGER)
    assert isinstance(outcome, No)
    for text in (str(caught.value), outcome.reason):
        assert "Canary" not in text
        assert "bad token" in text


@pytest.mark.parametrize("path", ["//evil.test/x", "/../x", "x", "/a\\b", "/x?y=1", "/%2e%2e/x"])
def test_a_path_cannot_lead_away_from_the_base_url(path: str) -> None:
    outcome = answering(200, json={}).send_effect(Request("POST", path))
    assert isinstance(outcome, No)
    assert outcome.retry_after_s is None
    with pytest.raises(ServiceUnreachable):
        answering(200, json={}).get_json(path)


@pytest.mark.parametrize(
    "base",
    [
        "http://api.example.test",
        f"https://bearer:{TOKEN}@api.example.test/api",
        f"https://{TOKEN.replace(':', '-')}@api.example.test/api",
        "ftp://api.example.test",
        "https://",
        "https://api.example.test/?token=x",
        "https://[::1",
        "https://api.example.test:x",
        "http://127.0.0.1.example.test",
    ],
)
def test_a_base_url_that_would_leak_the_token_is_refused(base: str) -> None:
    with pytest.raises(PlanProblems) as caught:
        HttpClient(base, service="api", token="x")
    assert "Canary" not in str(caught.value)


@pytest.mark.parametrize("token", [f"{TOKEN}\r\nX-Evil: 1", f"{TOKEN} ", f"{TOKEN}ü"])
def test_a_token_that_cannot_be_a_header_is_refused_without_quoting_it(token: str) -> None:
    with pytest.raises(PlanProblems) as caught:
        HttpClient(BASE, service="api", token=token)
    assert "Canary" not in str(caught.value)


def test_a_body_that_is_no_json_is_never_sent() -> None:
    request = Request("PATCH", "/x", json={"n": float("nan")})
    outcome = answering(200, json={}).send_effect(request)
    assert isinstance(outcome, No)


def test_no_token_no_effect() -> None:
    def locked() -> str:
        raise ServiceUnreachable("login: no answer", retry_after_s=9.0)

    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={}))
    speaking = HttpClient(BASE, service="api", token=locked, transport=transport)
    assert speaking.send_effect(TRIGGER) == No("login: no answer", 9.0)
    with pytest.raises(ServiceUnreachable, match="login"):
        speaking.get_json("/x")


# ---- real sockets on loopback: what a mock transport cannot show


@contextmanager
def server(serve: Callable[[socket.socket, bytes], None]) -> Iterator[tuple[str, list[bytes]]]:
    """Accepts connections one after another and hands each with its request head to `serve`."""
    listener = socket.create_server(("127.0.0.1", 0))
    heads: list[bytes] = []
    over = threading.Event()

    def loop() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    part = connection.recv(65536)
                    if not part:
                        break
                    head += part
                heads.append(head)
                serve(connection, head)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def ok(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def test_netrc_and_proxy_variables_change_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login thief password stolen\n")
    netrc.chmod(0o600)
    with server(ok) as (proxy, diverted), server(ok) as (base, heads):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        speaking = HttpClient(base, service="api", token=TOKEN)
        assert speaking.get_json("/x") == {}
        assert speaking.send_effect(Request("POST", "/y")) == Sent(200, {})
        speaking.close()
        assert diverted == []
        assert [f"bearer {TOKEN.lower()}" in head.decode().lower() for head in heads] == [True] * 2
        assert b"Basic" not in b"".join(heads)


def test_a_refused_connection_is_no_and_may_be_tried_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = HttpClient(f"http://127.0.0.1:{port}", service="api").send_effect(TRIGGER)
    assert outcome == No("api: POST /syncs/7/trigger no connection (ConnectError)", 5.0)


def test_a_server_without_tls_is_no() -> None:
    def plain(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    listener = socket.create_server(("127.0.0.1", 0))

    def answer_once() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            plain(connection, b"")

    thread = threading.Thread(target=answer_once, daemon=True)
    thread.start()
    base = f"https://127.0.0.1:{listener.getsockname()[1]}"
    outcome = HttpClient(base, service="api").send_effect(TRIGGER)
    thread.join(5)
    listener.close()
    assert isinstance(outcome, No)
    assert outcome.retry_after_s == 5.0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, pem = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(pem)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return pem, key


@contextmanager
def tls_server(certificate: tuple[Path, Path]) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def answer_once() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(65536)
                    ok(secured, b"")
            except OSError:  # the client did not trust us
                return

    thread = threading.Thread(target=answer_once, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(5)
        listener.close()


def test_a_certificate_of_a_given_authority_is_trusted(certificate: tuple[Path, Path]) -> None:
    with tls_server(certificate) as base:
        speaking = HttpClient(base, service="api", ca_file=str(certificate[0]))
        assert speaking.get_json("/x") == {}


def test_an_unknown_certificate_is_no_connection(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with tls_server(certificate) as base:
        outcome = HttpClient(base, service="api").send_effect(TRIGGER)
    assert isinstance(outcome, No)
    assert outcome.retry_after_s == 5.0


def test_a_connection_closed_after_the_request_leaves_an_effect_unknown() -> None:
    def hang_up(connection: socket.socket, _: bytes) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    with server(hang_up) as (base, heads):
        outcome = HttpClient(base, service="api").send_effect(TRIGGER)
    assert isinstance(outcome, Unknown)
    assert len(heads) == 1, "an effect is never sent again"


def test_an_answer_cut_in_the_middle_leaves_an_effect_unknown() -> None:
    def half(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"data": ')

    with server(half) as (base, heads):
        speaking = HttpClient(base, service="api")
        assert isinstance(speaking.send_effect(TRIGGER), Unknown)
        with pytest.raises(ServiceUnreachable):
            speaking.get_json("/x")
    assert len(heads) == 2


def test_headers_that_trickle_in_for_ever_end_at_the_deadline() -> None:
    given_up = threading.Event()

    def trickle(connection: socket.socket, _: bytes) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not given_up.wait(0.02):
                connection.sendall(b"z")
        except OSError:
            return

    with server(trickle) as (base, _):
        limits = HttpLimits(read_s=5.0, total_s=0.3)
        outcome = HttpClient(base, service="api", limits=limits).send_effect(TRIGGER)
        given_up.set()
    assert isinstance(outcome, Unknown)
    assert "ReadTimeout" in outcome.reason


def test_a_connection_is_not_kept_for_the_next_request() -> None:
    with server(ok) as (base, heads):
        speaking = HttpClient(base, service="api")
        for _ in range(3):
            assert speaking.get_json("/x") == {}
    assert len(heads) == 3


def test_a_gzip_answer_is_counted_after_unpacking() -> None:
    import gzip

    bomb = gzip.compress(b" " * 30_000_000)

    def pack(connection: socket.socket, _: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
        try:
            connection.sendall(head.encode() + bomb)
        except OSError:
            return

    with server(pack) as (base, _), pytest.raises(ServiceGarbled, match="more than"):
        HttpClient(base, service="api").get_json("/x")
