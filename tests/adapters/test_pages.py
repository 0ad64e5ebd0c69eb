"""Pages over real sockets and real files, and every way of leading a check astray."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from rollout.adapters.pages import PageLimits, Pages
from rollout.adapters.redaction import Redactor
from rollout.domain.errors import (
    KindMisused,
    ServiceGarbled,
    ServiceRefused,
    ServiceUnreachable,
)

NAME = "status.example.test"
OUTSIDE = "93.184.216.34"


@dataclass
class Site:
    """A server on this machine; `says` maps a path to (status, headers, body) or "hang"."""

    port: int = 0
    says: dict[str, Any] = field(default_factory=dict)
    got: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    released: Event = field(default_factory=Event)


def serve(context: ssl.SSLContext | None = None) -> tuple[Site, ThreadingHTTPServer]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            said = site.says.get(self.path.partition("?")[0], (404, {}, b"nothing here"))
            if said == "hang":
                site.released.wait(20)
                return
            status, headers, body = said
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site.port = server.server_port
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return site, server


@pytest.fixture
def site() -> Iterator[Site]:
    found, server = serve()
    yield found
    found.released.set()
    server.shutdown()
    server.server_close()


def resolving(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda host, port: list(addresses)


def pages(root: Path, **given: Any) -> Pages:
    said: dict[str, Any] = {"production": False, "resolve": resolving("127.0.0.1")}
    return Pages(root, **{**said, **given})


def refusing(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"a request left: {request.url}")


def test_a_page_is_read_with_its_status_and_kind(site: Site, tmp_path: Path) -> None:
    site.says["/ok"] = (200, {"Content-Type": "text/html"}, b"<h1>Fine</h1>")
    page = pages(tmp_path).read(
        f"http://{NAME}:{site.port}/ok?a=b#c", hosts=[f"{NAME}:{site.port}"]
    )
    assert (page.status, page.body, page.content_type) == (200, b"<h1>Fine</h1>", "text/html")
    assert page.place == f"http://{NAME}:{site.port}/ok"
    path, headers = site.got[0]
    assert path == "/ok?a=b"
    assert headers["host"] == f"{NAME}:{site.port}"
    assert "authorization" not in headers


@pytest.mark.parametrize("status", [301, 401, 404, 503])
def test_any_status_is_a_page_and_no_redirect_is_followed(
    site: Site, tmp_path: Path, status: int
) -> None:
    site.says["/x"] = (status, {"Location": "/ok"}, b"no")
    page = pages(tmp_path).read(f"http://{NAME}:{site.port}/x", hosts=[f"{NAME}:{site.port}"])
    assert page.status == status
    assert [path for path, _ in site.got] == ["/x"]


def test_hosts_of_the_plan_need_not_be_named_again(site: Site, tmp_path: Path) -> None:
    site.says["/ok"] = (200, {}, b"ok")
    reader = pages(tmp_path, hosts=[f"{NAME.upper()}:{site.port}"])
    assert reader.read(f"http://{NAME}:{site.port}/ok").status == 200


def test_a_name_is_looked_up_once_and_that_address_is_used(site: Site, tmp_path: Path) -> None:
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    site.says["/ok"] = (200, {}, b"ok")
    reader = pages(tmp_path, resolve=lambda host, port: answers.pop(0))
    reader.read(f"http://{NAME}:{site.port}/ok", hosts=[f"{NAME}:{site.port}"])
    assert answers == [["10.0.0.1"]]


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("169.254.169.254", "nothing may be read from"),
        ("fe80::1%eth0", "nothing may be read from"),
        ("::ffff:169.254.169.254", "nothing may be read from"),
        ("64:ff9b::a9fe:a9fe", "nothing may be read from"),
        ("2002:a9fe:a9fe::1", "nothing may be read from"),
        ("fd00:ec2::254", "nothing may be read from"),
        ("100.100.100.200", "nothing may be read from"),
        ("0.0.0.0", "nothing may be read from"),
        ("224.0.0.1", "nothing may be read from"),
        ("255.255.255.255", "nothing may be read from"),
        ("127.0.0.1", "never in production"),
        ("::1", "never in production"),
        ("::ffff:127.0.0.1", "never in production"),
        ("no address", "is no address"),
    ],
)
def test_addresses_that_nothing_may_be_read_from_whatever_a_plan_says(
    tmp_path: Path, address: str, what: str
) -> None:
    transport = httpx.MockTransport(refusing)
    for found in ([address], [OUTSIDE, address]):
        reader = pages(tmp_path, production=True, resolve=resolving(*found), transport=transport)
        with pytest.raises(KindMisused, match=what):
            reader.read(f"https://{NAME}/", hosts=[NAME], private=True)


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "192.168.0.9", "172.16.0.1", "fd12::1", "100.64.0.1"]
)
def test_a_private_address_must_be_allowed(tmp_path: Path, address: str) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=b"in"))
    reader = pages(tmp_path, production=True, resolve=resolving(address), transport=transport)
    with pytest.raises(KindMisused, match="private address"):
        reader.read(f"https://{NAME}/", hosts=[NAME])
    assert reader.read(f"https://{NAME}/", hosts=[NAME], private=True).body == b"in"


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example.test/",
        f"https://{NAME}.evil.test/",
        f"https://{NAME}:8443/",
        f"http://{NAME}/",
        f"https://me:pass@{NAME}/",
        f"https://{NAME}@evil.test/",
        "file:///etc/passwd",
        "ftp://status.example.test/",
        "https:///nowhere",
        f"https://{NAME}\\@evil.test/",
        f"https://{NAME}/\x00",
        f"https://{NAME}/ b",
        f"https://{NAME}/" + "a" * 3000,
        "https://statuѕ.example.test/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:127.0.0.1]/",
    ],
)
def test_urls_that_lead_elsewhere_are_refused_before_anything_leaves(
    tmp_path: Path, url: str
) -> None:
    reader = pages(
        tmp_path,
        production=True,
        resolve=resolving(OUTSIDE),
        transport=httpx.MockTransport(refusing),
    )
    with pytest.raises(KindMisused) as caught:
        reader.read(url, hosts=[NAME])
    assert "pass@" not in str(caught.value)


def test_a_number_as_a_host_is_judged_by_what_it_resolves_to(tmp_path: Path) -> None:
    reader = pages(tmp_path, production=True, resolve=resolving("127.0.0.1"))
    with pytest.raises(KindMisused, match="never in production"):
        reader.read("https://2130706433/", hosts=["2130706433"])


def test_a_name_without_an_address_is_unreachable(tmp_path: Path) -> None:
    def failing(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    for resolve in (failing, resolving()):
        with pytest.raises(ServiceUnreachable, match="has no address"):
            pages(tmp_path, resolve=resolve).read(f"https://{NAME}/", hosts=[NAME])


def test_a_server_that_hangs_or_is_not_there_is_unreachable(site: Site, tmp_path: Path) -> None:
    site.says["/x"] = "hang"
    reader = pages(tmp_path)
    with pytest.raises(ServiceUnreachable, match="no whole answer"):
        reader.read(f"http://{NAME}:{site.port}/x", hosts=[f"{NAME}:{site.port}"], timeout_s=0.3)
    with pytest.raises(ServiceUnreachable, match="no whole answer"):
        reader.read(f"http://{NAME}:1/", hosts=[f"{NAME}:1"])


def test_a_page_without_an_end_is_no_page(site: Site, tmp_path: Path) -> None:
    site.says["/big"] = (200, {}, b"x" * 200_000)
    reader = pages(tmp_path, limits=PageLimits(most_bytes=100_000))
    with pytest.raises(ServiceGarbled, match="more than 100,000 bytes"):
        reader.read(f"http://{NAME}:{site.port}/big", hosts=[f"{NAME}:{site.port}"])


def test_no_error_holds_the_query_or_a_secret(site: Site, tmp_path: Path) -> None:
    site.says["/canary-4711"] = "hang"
    reader = pages(tmp_path, redactor=Redactor(["canary-4711"]))
    with pytest.raises(ServiceUnreachable) as caught:
        reader.read(
            f"http://{NAME}:{site.port}/canary-4711?q=canary-0815",
            hosts=[f"{NAME}:{site.port}"],
            timeout_s=0.2,
        )
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


def test_tls_is_checked_against_the_name_not_the_address(tmp_path: Path) -> None:
    key, pem = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={NAME}"
    more = ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key), "-out", str(pem)]
    subprocess.run([*command.split(), *more], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    site, server = serve(context)
    site.says["/ok"] = (200, {}, b"ok")
    hosts = [f"{NAME}:{site.port}", f"other.example.test:{site.port}"]
    try:
        reader = pages(tmp_path, ca_file=str(pem), hosts=hosts)
        assert reader.read(f"https://{NAME}:{site.port}/ok").status == 200
        with pytest.raises(ServiceUnreachable):
            reader.read(f"https://other.example.test:{site.port}/ok")
        with pytest.raises(ServiceUnreachable):
            pages(tmp_path, hosts=hosts).read(f"https://{NAME}:{site.port}/ok")
    finally:
        server.shutdown()
        server.server_close()


def test_a_file_below_the_plan_is_read(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a b.md").write_bytes(b"# Hi")
    page = pages(tmp_path).read("docs/a b.md")
    assert (page.body, page.status, page.place) == (b"# Hi", None, "docs/a b.md")


@pytest.mark.parametrize("place", ["docs/none.md", "none/at/all.md", "a.md/b"])
def test_a_file_that_is_not_there_is_a_404(tmp_path: Path, place: str) -> None:
    (tmp_path / "a.md").write_text("a")
    with pytest.raises(ServiceRefused) as caught:
        pages(tmp_path).read(place)
    assert caught.value.status == 404


@pytest.mark.parametrize(
    "place",
    [
        "../a.md",
        "/etc/passwd",
        "docs/../../a",
        "docs//a",
        "./a",
        "",
        "C:/a",
        "a\\b",
        "a\nb",
        "a/" * 300,
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(KindMisused, match="no path below the folder"):
        pages(tmp_path).read(place)


def test_links_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("s")
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "link.md").symlink_to(outside / "secret.md")
    (root / "linked").symlink_to(outside)
    os.mkfifo(root / "pipe")
    for place in ("link.md", "linked/secret.md", "pipe", "folder"):
        with pytest.raises((KindMisused, ServiceRefused)):
            pages(root).read(place)


def test_a_file_that_is_too_large_is_no_page(tmp_path: Path) -> None:
    (tmp_path / "big.md").write_bytes(b"x" * 11)
    with pytest.raises(ServiceGarbled, match="larger than 10 bytes"):
        pages(tmp_path, limits=PageLimits(most_bytes=10)).read("big.md")


def test_a_folder_that_cannot_be_read_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / ("n" * 250)).write_text("x")
    with pytest.raises(ServiceUnreachable, match="cannot be read"):
        pages(tmp_path).read("n" * 300)
