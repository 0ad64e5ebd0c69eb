from __future__ import annotations

import pytest

from rollout.domain.errors import LogDamaged, RolloutError, StoreUnavailable
from rollout.store.address import PostgresAddress
from rollout.store.postgres_failures import explain, explain_connecting, is_busy, is_final

psycopg = pytest.importorskip("psycopg")
HERE = PostgresAddress("postgresql://me:hush@db/x", "postgresql://me@db/x", ("hush",))


def coded(state: str, text: str = "the server's words") -> Exception:
    error: Exception = psycopg.errors.lookup(state)(text)
    return error


@pytest.mark.parametrize(
    ("state", "kind", "what", "final"),
    [
        ("08006", StoreUnavailable, "open the store again and read where it stands", True),
        ("25006", StoreUnavailable, "name the primary", False),
        ("25P03", StoreUnavailable, "connection was lost", True),
        ("40001", StoreUnavailable, "try again; nothing was written", False),
        ("40P01", StoreUnavailable, "try again; nothing was written", False),
        ("42501", StoreUnavailable, "not permitted", False),
        ("42P01", StoreUnavailable, "the right database and schema", False),
        ("53100", StoreUnavailable, "disk is full: free space", False),
        ("53300", StoreUnavailable, "no more connections", False),
        ("55P03", StoreUnavailable, "locked by another connection", False),
        ("57014", StoreUnavailable, "statement_timeout", False),
        ("57P01", StoreUnavailable, "connection was lost", True),
        ("57P03", StoreUnavailable, "starting or stopping", True),
        ("58030", StoreUnavailable, "input/output error: check its disk", True),
        ("XX001", LogDamaged, "rollout verify", True),
        ("XX002", LogDamaged, "rollout verify", True),
        ("XX000", StoreUnavailable, "the server's words", True),
        ("22021", StoreUnavailable, "the server's words", False),
    ],
)
def test_each_code_says_what_to_do(
    state: str, kind: type[RolloutError], what: str, final: bool
) -> None:
    error = coded(state)
    explained = explain(error, HERE)
    assert type(explained) is kind
    assert str(explained).startswith("postgresql://me@db/x: ")
    assert what in str(explained)
    assert is_final(error) is final
    assert is_busy(error) is (state == "55P03")


def test_a_connection_that_ends_without_a_word_is_final() -> None:
    error = psycopg.OperationalError("server closed the connection unexpectedly")
    assert is_final(error)
    assert "whether the last change arrived is not known" in str(explain(error, HERE))


def test_a_value_that_cannot_be_sent_leaves_the_connection_usable() -> None:
    assert not is_final(psycopg.DataError("cannot contain NUL"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('FATAL:  password authentication failed for user "me"', "the login was refused"),
        ("fe_sendauth: no password supplied", "the login was refused"),
        ('FATAL:  role "me" does not exist', "the login was refused"),
        ('FATAL:  no pg_hba.conf entry for host "h"', "the login was refused"),
        ('FATAL:  database "x" does not exist', "CREATE DATABASE"),
        ("FATAL:  sorry, too many clients already", "max_connections"),
        ("FATAL:  remaining connection slots are reserved", "max_connections"),
        ("FATAL:  the database system is starting up", "in a moment"),
        ('FATAL:  permission denied for database "x"', "cannot be reached"),
        ("FATAL:  Passwort-Authentifizierung fehlgeschlagen", "cannot be reached"),
        ("connection refused", "check host, port and network"),
    ],
)
def test_why_there_is_no_connection(text: str, what: str) -> None:
    assert what in str(explain_connecting(psycopg.OperationalError(text), HERE))
    assert text.replace("  ", " ") in str(explain_connecting(psycopg.OperationalError(text), HERE))


def test_a_code_before_the_login_is_explained_by_its_code() -> None:
    assert "starting or stopping" in str(explain_connecting(coded("57P03"), HERE))


def test_a_url_the_driver_cannot_use_says_so_and_hides_the_password() -> None:
    said = str(explain_connecting(psycopg.ProgrammingError('invalid token "hush"'), HERE))
    assert said == 'postgresql://me@db/x: the store\'s URL cannot be used (invalid token "***")'
