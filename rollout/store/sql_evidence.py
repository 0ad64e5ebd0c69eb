"""Evidence in a SQL database, addressed by what it says."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, insert, select

from rollout.store import packing
from rollout.store.link import Link
from rollout.store.tables import EVIDENCE

_BY_DIGEST = EVIDENCE.c.digest == bindparam("digest")
_HAS = select(EVIDENCE.c.size).where(_BY_DIGEST)
_GET = select(EVIDENCE.c.body, EVIDENCE.c.size).where(_BY_DIGEST)
_PUT = insert(EVIDENCE)


class SqlEvidenceStore:
    """ports.EvidenceStore. Durable when `put` returns, so that an event may point at it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._has = link.statement(_HAS, "digest")
        self._get = link.statement(_GET, "digest")
        self._put = link.statement(_PUT, "digest", "body", "size")

    def put(self, document: Any) -> str:
        """The digest; a document that is there already costs one look-up.

        Raises: EvidenceTooLarge over 5 MB; TypeError for what JSON cannot hold; StoreUnavailable.
        """
        digest, body, size = packing.pack(document)
        if self._link.fetch(self._has, (digest,)):
            return digest
        with self._link.writing(digest) as cursor:
            if cursor.execute(self._has, (digest,)).fetchone() is None:
                cursor.execute(self._put, (digest, body, size))
        return digest

    def get(self, digest: str) -> Any:
        """Raises: KeyError when absent, LogDamaged when the bytes do not match the digest."""
        rows = self._link.fetch(self._get, (digest,))
        if not rows:
            raise KeyError(digest)
        return packing.unpack(digest, rows[0][0], rows[0][1])
