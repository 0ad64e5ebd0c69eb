"""Where a store is: a file, memory, or a PostgreSQL database, read from one setting.

Nothing here connects, and nothing here imports a driver: the quick commands come this way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from rollout.domain.errors import StoreUnavailable

IN_MEMORY = ":memory:"

_SECRET = frozenset({"password", "sslpassword", "oauth_client_secret", "scram_client_key"})
"""Parameters of a connection that must never be shown. Source: libpq's own `password` markers."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(:[0-9]{0,5})?")
_FORM = "postgresql+psycopg://user@host:port/database"


@dataclass(frozen=True)
class PostgresAddress:
    """A database to connect to. Show `where`, never `url`."""

    url: str = field(repr=False)
    where: str
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def has_password(self) -> bool:
        """True when the URL itself carries a secret, which a process list would show."""
        return bool(self.secrets)

    def hidden(self, text: str) -> str:
        """The text with every secret of the URL blotted out, in one line."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())


Address = Path | PostgresAddress | None
"""None is a store in memory."""


def located(setting: str | Path) -> Address:
    """What a setting names: a path, `:memory:`, `sqlite:///path` or a URL of PostgreSQL.

    Raises: StoreUnavailable for another database or a URL that cannot be read; it never repeats
    the URL, which may hold a password.

    >>> located("state/rollout.db").name
    'rollout.db'
    >>> located("postgresql+psycopg://lead:pw@db.example:5432/rollouts").where
    'postgresql://lead@db.example:5432/rollouts'
    """
    if isinstance(setting, Path):
        return setting
    if setting == IN_MEMORY:
        return None
    scheme, separator, rest = setting.partition("://")
    if not separator:
        return Path(setting)
    backend, _, driver = scheme.lower().partition("+")
    if backend == "sqlite":
        return _sqlite(rest)
    if backend in {"postgresql", "postgres"}:
        if driver not in {"", "psycopg"}:
            raise StoreUnavailable(f"{scheme}: is not the driver used here: use {_FORM}")
        return _postgres(rest)
    if re.fullmatch(r"[a-z0-9]+", backend) is None:
        raise StoreUnavailable(f"the store's URL cannot be read: use sqlite:///path or {_FORM}")
    raise StoreUnavailable(
        f"{backend}: a store is kept in SQLite or PostgreSQL: use a path or {_FORM}"
    )


def shown(setting: str | Path) -> str:
    """The setting as it may be shown: without a password.

    >>> shown("postgresql://lead:pw@db/rollouts")
    'postgresql://lead@db/rollouts'
    """
    address = located(setting)
    if isinstance(address, PostgresAddress):
        return address.where
    return str(address) if address is not None else "the store in memory"


def _sqlite(rest: str) -> Path | None:
    if "?" in rest:
        raise StoreUnavailable("the store's URL takes no options: use sqlite:///path")
    if rest and not rest.startswith("/"):
        raise StoreUnavailable("the store's URL names a host: use sqlite:///path")
    place = rest[1:]
    return None if place in {"", IN_MEMORY} else Path(place)


def _postgres(rest: str) -> PostgresAddress:
    url = f"postgresql://{rest}"
    if not url.isprintable() or " " in url or "#" in url:
        _refuse()
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        _refuse()
    # A password with one of /?#@ in it would end early, and its rest be taken for something shown.
    if "@" in parts.path + parts.query or parts.netloc.count("@") > 1:
        _refuse()
    login, _, hosts = parts.netloc.rpartition("@")
    if not all(_HOST.fullmatch(host) for host in hosts.split(",")):
        _refuse()
    user, _, password = login.partition(":")
    raw = [pair.partition("=") for pair in parts.query.split("&")]
    found = [password, *(value for key, _, value in raw if key in _SECRET)]
    secrets = {text for secret in found for text in (secret, unquote(secret)) if text}
    given = dict(query)
    return PostgresAddress(
        url=url,
        where=_where(user or given.get("user", ""), hosts, parts.path, given),
        # The longest first, as one may be a part of another.
        secrets=tuple(sorted(secrets, key=len, reverse=True)),
    )


def _where(user: str, hosts: str, path: str, given: dict[str, str]) -> str:
    host = hosts or given.get("host", "")
    if given.get("port") and not hosts:
        host += f":{given['port']}"
    database = path.strip("/") or given.get("dbname", "")
    where = f"postgresql://{f'{user}@' if user else ''}{host}/{database}"
    return where if where.isprintable() else "postgresql://?"


def _refuse() -> NoReturn:
    raise StoreUnavailable(
        f"the store's URL cannot be read: use {_FORM}, with %-codes for any of /?#@ and blanks "
        "inside a name or a password"
    )
