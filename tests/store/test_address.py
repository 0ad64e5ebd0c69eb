from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.errors import StoreUnavailable
from rollout.store.address import PostgresAddress, located, shown


def refusal(setting: str) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        located(setting)
    return str(caught.value)


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("state/rollout.db", "state/rollout.db"),
        ("sqlite:///state/rollout.db", "state/rollout.db"),
        ("sqlite:////srv/rollout.db", "/srv/rollout.db"),
        ("a b#c?d.db", "a b#c?d.db"),
        ("C:odd", "C:odd"),
    ],
)
def test_a_file_is_named_by_a_path_or_a_url(setting: str, path: str) -> None:
    assert located(setting) == Path(path)
    assert shown(setting) == path


@pytest.mark.parametrize("setting", [":memory:", "sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_store_in_memory_has_no_address(setting: str) -> None:
    assert located(setting) is None
    assert shown(setting) == "the store in memory"


@pytest.mark.parametrize(
    ("setting", "where"),
    [
        ("postgresql+psycopg://lead:pw@db:5432/x", "postgresql://lead@db:5432/x"),
        ("postgresql://db/x", "postgresql://db/x"),
        ("postgres://lead@db/x?sslmode=require", "postgresql://lead@db/x"),
        ("postgresql://[::1]:5432/x", "postgresql://[::1]:5432/x"),
        ("postgresql://one:1,two:2/x", "postgresql://one:1,two:2/x"),
        ("postgresql:///x?host=/run/pg&port=5433&user=lead", "postgresql://lead@/run/pg:5433/x"),
        ("postgresql://?host=db&dbname=x&password=pw", "postgresql://db/x"),
        ("postgresql://db/x?host=%0a", "postgresql://db/x"),
        ("postgresql:///x?host=%0a", "postgresql://?"),
    ],
)
def test_a_database_is_shown_without_its_password(setting: str, where: str) -> None:
    address = located(setting)
    assert isinstance(address, PostgresAddress)
    assert address.where == shown(setting) == where
    assert address.has_password == ("pw" in setting)
    assert "pw" not in repr(address)


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("mysql://host/x", "mysql: a store is kept in SQLite or PostgreSQL"),
        ("postgresql+asyncpg://host/x", "is not the driver used here"),
        ("sqlite:///x.db?mode=ro", "takes no options"),
        ("sqlite://host/x.db", "names a host"),
        ("://", "cannot be read"),
        ("se cret://x", "cannot be read"),
        ("postgresql://me:se cret@db/x", "cannot be read"),
        ("postgresql://me:secret/x@db/x", "cannot be read"),
        ("postgresql://me:secret?x@db/x", "cannot be read"),
        ("postgresql://me:secret#x@db/x", "cannot be read"),
        ("postgresql://me:secret@x@db/x", "cannot be read"),
        ("postgresql://me:secret/x", "cannot be read"),
        ("postgresql://[secret/x", "cannot be read"),
        ("postgresql://db/x?secret", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused_without_repeating_it(setting: str, why: str) -> None:
    said = refusal(setting)
    assert why in said
    assert "secret" not in said


def is_read(setting: str) -> bool:
    try:
        located(setting)
    except StoreUnavailable:
        return False
    return True


passwords = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=6)


@given(password=passwords, raw=st.booleans(), in_query=st.booleans())
def test_no_password_is_ever_shown(password: str, raw: bool, in_query: bool) -> None:
    secret = f"Zq{password}qZ"
    written = secret if raw else quote(secret, safe="")
    login, query = ("", f"?password={written}") if in_query else (f":{written}", "")
    setting = f"postgresql://lead{login}@db/x{query}"
    if raw and not is_read(setting):
        assert "Zq" not in refusal(setting)
        return
    address = located(setting)
    assert isinstance(address, PostgresAddress)
    assert "Zq" not in address.where + repr(address)
    if not raw:
        assert "Zq" not in address.hidden(f"refused: {secret} and {written}")
