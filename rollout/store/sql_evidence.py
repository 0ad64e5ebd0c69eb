"""Evidence in a SQL database, addressed by what it says."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, insert, select

from rollout.store import packing
from rollout.store.link import Link
from rollout.store.tables import EVIDENCE


class SqlEvidenceStore:
    """ports.EvidenceStore. Durable when `put` returns, so that an event may point at it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        by_digest = EVIDENCE.c.digest == bindparam("digest")
        self._has = link.statement(select(EVIDENCE.c.size).where(by_digest), "digest")
        self._get = link.statement(
            select(EVIDENCE.c.body, EVIDENCE.c.size).where(by_digest), "digest"
        )
        self._put = link.statement(insert(EVIDENCE), "digest", "body", "size")

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
