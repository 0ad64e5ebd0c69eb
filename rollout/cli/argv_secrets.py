"""No secret on the command line: everybody on the machine can read it in the list of processes."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.cli import exits


def refuse_secrets(argv: Sequence[str]) -> None:
    """Raises: Misuse for a store's URL that carries a password; it never repeats the URL."""
    for word in argv:
        option, _, given = word.partition("=") if word.startswith("--") else ("", "", word)
        if not given.startswith(("postgres://", "postgresql://", "postgresql+")):
            continue
        from rollout.store.address import PostgresAddress, located

        address = located(given)
        if isinstance(address, PostgresAddress) and address.has_password:
            raise exits.Misuse(
                f"{option or '--state'}: the URL of {address.where} carries a password, which the list "
                "of processes shows to everybody here: leave it out, and set PGPASSWORD or name a "
                "password file of mode 0600 in PGPASSFILE; change the password"
            )
