"""A real PostgreSQL server for tests: found, started, and gone with the process that started it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from psycopg import Connection

REQUIRED = "ROLLOUT_REQUIRE_POSTGRES"
"""Set to 1, a server that cannot be started is a failure instead of a skip."""

PASSWORD = "canary/pw:5c1e@77"
"""Of the superuser; with characters that a URL must encode, to be searched for in messages."""

_TRIES, _PAUSE_S = 1_000, 0.02


@dataclass
class Server:
    """A running server; every store gets a schema or a database of its own."""

    port: int
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(
        self,
        database: str = "postgres",
        *,
        schema: str | None = None,
        user: str = "postgres",
        password: str = PASSWORD,
    ) -> str:
        options = f"?options=-csearch_path%3D{schema}" if schema else ""
        login = f"{user}:{quote(password, safe='')}"
        return f"postgresql+psycopg://{login}@127.0.0.1:{self.port}/{database}{options}"

    def new_schema(self) -> str:
        """The URL of an empty schema."""
        schema = f"store_{next(self._numbers)}"
        self.run(f"CREATE SCHEMA {schema}")
        return self.url(schema=schema)

    def new_database(self, extra: str = "") -> str:
        """The URL of an empty database."""
        name = f"base_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} {extra}")
        return self.url(name)

    def connect(self, url: str | None = None) -> Connection[Any]:
        """Another client, as superuser; it commits each statement by itself."""
        import psycopg

        where = (url or self.url()).replace("+psycopg", "", 1)
        return psycopg.connect(where, autocommit=True)

    def run(self, *statements: str, url: str | None = None) -> None:
        with self.connect(url) as raw:
            for statement in statements:
                raw.execute(statement.encode())


@contextmanager
def running() -> Iterator[Server]:
    """A server of this machine's newest PostgreSQL, on a port of its own.

    Skips the test when there is none, fails it when `REQUIRED` is set.
    """
    binaries = _binaries()
    if find_spec("psycopg") is None:
        _give_up("psycopg is not installed: pip install 'rollout[postgres]'")
    if binaries is None:
        _give_up("no PostgreSQL server on this machine: apt-get install postgresql")
    # Not pytest's folder: that is closed to the server's own user.
    folder = Path(tempfile.mkdtemp(prefix="rollout-postgres-", dir="/tmp"))
    try:
        data = _initialised(binaries, folder)
        server, process = _started(binaries, folder, data)
        try:
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(30)
    finally:
        shutil.rmtree(folder)


def _give_up(reason: str) -> NoReturn:
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{REQUIRED}=1, but {reason}")
    pytest.skip(reason)


def _binaries() -> Path | None:
    def version(place: Path) -> tuple[int, ...]:
        return tuple(int(part) for part in place.parent.name.split(".") if part.isdigit())

    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    found = shutil.which("postgres")
    places = [*debian, *([Path(found).resolve().parent] if found else [])]
    return next((p for p in places if (p / "initdb").exists() and (p / "postgres").exists()), None)


def _as_server() -> list[str]:
    """How to start a program that ends with us, and not as root, which PostgreSQL refuses."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if os.geteuid() == 0:
            _give_up("PostgreSQL does not run as root, and setpriv is not installed")
        return []
    command = [setpriv, "--pdeathsig", "INT"]
    if os.geteuid() == 0:
        user = _user()
        command += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return command


def _user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _initialised(binaries: Path, folder: Path) -> Path:
    secret = folder / "password"
    secret.write_text(PASSWORD)
    if os.geteuid() == 0:
        folder.chmod(0o755)
        for place in (folder, secret):
            os.chown(place, _user().pw_uid, _user().pw_gid)
    data = folder / "data"
    command = [*_as_server(), str(binaries / "initdb"), "-D", str(data), "-U", "postgres"]
    options = ["-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-locale"]
    done = subprocess.run(
        [*command, *options, "--no-sync"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return data


def _started(binaries: Path, folder: Path, data: Path) -> tuple[Server, subprocess.Popen[bytes]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "40",
        "shared_buffers": "16MB",
        "autovacuum": "off",
        "full_page_writes": "off",
        "jit": "off",
    }
    command = [*_as_server(), str(binaries / "postgres"), "-D", str(data), "-p", str(port)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
    server, pause = Server(port), threading.Event()
    for _ in range(_TRIES):
        if process.poll() is not None:
            break
        if b"ready to accept connections" in log.read_bytes():
            return server, process
        pause.wait(_PAUSE_S)
    process.kill()
    process.wait()
    raise AssertionError(f"PostgreSQL did not start:\n{log.read_text()}")
