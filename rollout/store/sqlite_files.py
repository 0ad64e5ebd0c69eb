"""The file under a SQLite store: private, real, local, and still the one that was opened.

Nothing here opens an existing database: closing any descriptor of it would drop SQLite's locks.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rollout.domain.errors import StoreUnavailable

# fmt: off
_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "afp", "davfs", "ceph",
    "glusterfs", "lustre", "beegfs", "gpfs", "ncpfs", "sshfs",
})
_NETWORK_FUSE = frozenset({
    "sshfs", "s3fs", "s3", "rclone", "gcsfuse", "blobfuse", "blobfuse2", "goofys", "glusterfs",
    "mountpoint-s3", "ceph", "ceph-fuse", "davfs", "davfs2", "smbnetfs", "curlftpfs", "juicefs",
})
# fmt: on

Identity = tuple[int, int]
"""Device and inode."""


def claim(path: Path, *, create: bool, mountinfo: str | None = None) -> bool:
    """Make sure `path` is a private, regular, local file; True when it was created just now.

    `mountinfo` replaces /proc/self/mountinfo. Raises: StoreUnavailable.
    """
    try:
        _refuse_network(path, mountinfo)
        if create:
            make_private(path.parent)
        if not create or not _create(path):
            _refuse_strange(path)
            return False
    except OSError as error:
        raise StoreUnavailable(f"{path}: cannot be used as a store: {error.strerror}") from error
    return True


def make_private(folder: Path) -> None:
    """Make the folder and those above it that are missing, each for this user only."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)


def identity(path: Path) -> Identity:
    """Raises: StoreUnavailable when the file is gone."""
    try:
        found = path.stat()
    except OSError as error:
        raise StoreUnavailable(
            f"{path}: the store was moved or deleted while it was open: end this process, "
            "put the file back and start again"
        ) from error
    return found.st_dev, found.st_ino


def refuse_replaced(path: Path, opened: Identity) -> None:
    """Commits would go on into a file without a name. Raises: StoreUnavailable."""
    if identity(path) != opened:
        raise StoreUnavailable(
            f"{path}: another file has taken the store's place while it was open: end this "
            "process and find out which of the two is the right one"
        )


def network_file_system(path: Path, mountinfo: str) -> str | None:
    """The type of the network file system that holds `path`, None when it is local.

    >>> network_file_system(Path("/mnt/team/x.db"), "36 1 0:5 / /mnt/team rw - nfs4 host:/x rw")
    'nfs4'
    """
    place, best, kind = path.parts, -1, ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, types = left.split(), right.split()
        if len(fields) < 5 or not types:
            continue
        mount = Path(_unescaped(fields[4])).parts
        # A later mount on the same point hides the earlier one.
        if len(mount) >= best and place[: len(mount)] == mount:
            best, kind = len(mount), types[0]
    is_remote = kind in _NETWORK or (
        kind.startswith("fuse.") and kind.removeprefix("fuse.") in _NETWORK_FUSE
    )
    return kind if is_remote else None


def _create(path: Path) -> bool:
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        return False
    os.close(descriptor)
    return True


def _refuse_strange(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise StoreUnavailable(
            f"{path}: there is no store: start a rollout first, or name the right file"
        ) from None
    if stat.S_ISLNK(found.st_mode):
        raise StoreUnavailable(f"{path}: is a symbolic link: name the file itself")
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnavailable(f"{path}: is not a regular file")
    others = found.st_mode & 0o007
    if others and found.st_uid == os.geteuid():
        path.chmod(stat.S_IMODE(found.st_mode) & ~0o007)
    elif others & 0o002:
        raise StoreUnavailable(
            f"{path}: anybody may write to it and it belongs to somebody else: chmod o-rwx"
        )


def _refuse_network(path: Path, mountinfo: str | None) -> None:
    if mountinfo is None:
        source = Path("/proc/self/mountinfo")
        mountinfo = source.read_text("utf-8", "replace") if source.exists() else ""
    kind = network_file_system(path.parent.resolve() / path.name, mountinfo)
    if kind is not None:
        raise StoreUnavailable(
            f"{path}: lies on a network file system ({kind}), where locks do not hold: "
            "put the store on a local disk"
        )


def _unescaped(text: str) -> str:
    for code in ("\\040", "\\011", "\\012", "\\134"):
        text = text.replace(code, chr(int(code[1:], 8)))
    return text
