"""Files that people attach: regular, bounded, no link, and whole in the evidence."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from pathlib import Path

import pytest

from rollout.domain.errors import PlanProblems
from rollout.live.attachments import MOST_BYTES, attached
from rollout.store.memory import MemoryEvidenceStore
from rollout.store.packing import MAX_BYTES


def refusal(path: Path) -> str:
    evidence = MemoryEvidenceStore()
    with pytest.raises(PlanProblems) as raised:
        attached(evidence, path)
    [said] = raised.value.problems
    assert said.startswith(f"{path}: cannot be attached: ")
    assert evidence._packed == {}
    return said


def test_a_file_is_kept_whole_under_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "seen.png"
    path.write_bytes(b"\x89PNG\0\xff")
    evidence = MemoryEvidenceStore()
    digest = attached(evidence, path)
    assert digest == hashlib.sha256(b"\x89PNG\0\xff").hexdigest()
    [stored] = evidence._packed
    document = evidence.get(stored)
    assert base64.b64decode(document["base64"]) == b"\x89PNG\0\xff"
    assert (document["file"], document["sha256"]) == ("seen.png", digest)


def test_the_largest_file_fits_into_evidence_and_one_byte_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(b"\xff" * MOST_BYTES)
    attached(MemoryEvidenceStore(), path)
    assert MOST_BYTES * 4 / 3 < MAX_BYTES
    path.write_bytes(b"\xff" * (MOST_BYTES + 1))
    assert "larger than 3500000 bytes" in refusal(path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "id_ed25519"
    secret.write_text("private")
    link = tmp_path / "seen.png"
    link.symlink_to(secret)
    assert "it is a link" in refusal(link)


@pytest.mark.timeout(20)
def test_what_is_no_regular_file_is_refused_and_hangs_nobody(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "not a regular file" in refusal(pipe)
    assert "a folder" in refusal(tmp_path)
    assert "there is no such file" in refusal(tmp_path / "none")
    for device in ("/dev/zero", "/dev/null"):
        assert "not a regular file" in refusal(Path(device))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        assert "not a regular file" in refusal(tmp_path / "s")
