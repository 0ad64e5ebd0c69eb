"""`rollout verify`: is the log what it was written as?"""

from __future__ import annotations

import argparse

from rollout.cli import exits
from rollout.store.verification import verify_store
from rollout.view.text import plain


def _signer_of(armored: str, message: bytes) -> str:
    from rollout.adapters.sshsig import signer_of  # late: most logs hold no signature

    return signer_of(armored, message)


def run(options: argparse.Namespace) -> int:
    """Raises: StoreUnavailable when there is no store to verify."""
    found = verify_store(options.state, signer_of=_signer_of)
    problems = [plain(str(problem)) for problem in found.problems]
    head = found.head.hash if found.head is not None else None
    if options.json:
        exits.write_json(
            {"ok": found.ok, "events": found.events, "head": head, "problems": problems}
        )
    elif found.ok:
        exits.write(f"ok: {found.events:,} events, nothing was changed, head {head or '-'}\n")
    else:
        exits.write_lines(problems)
        exits.say(
            f"rollout: {len(problems)} problem{'' if len(problems) == 1 else 's'}: trust nothing "
            "after the first one; restore a backup"
        )
    return exits.GO if found.ok else exits.DAMAGED
