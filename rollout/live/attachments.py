"""A file that shows what a person confirms: read once, bounded, kept as evidence by what it says."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from rollout.domain.errors import PlanProblems
from rollout.loader.files import Unreadable, read_regular
from rollout.ports import EvidenceStore

MOST_BYTES = 3_500_000
"""As base64 it still fits into one document of evidence."""


def attached(evidence: EvidenceStore, path: Path) -> str:
    """The sha256 of the file's bytes; the file itself goes into the evidence beside it.

    A link is not followed: in a folder that others may write to, it could lead to what its owner never
    meant to show. Raises: PlanProblems for what is no regular file, cannot be read or is too large.
    """
    try:
        body = read_regular(path, MOST_BYTES, links=False)
    except Unreadable as reason:
        raise PlanProblems([f"{path}: cannot be attached: {reason}"]) from None
    digest = hashlib.sha256(body).hexdigest()
    evidence.put(
        {"file": path.name, "sha256": digest, "base64": base64.b64encode(body).decode("ascii")}
    )
    return digest
