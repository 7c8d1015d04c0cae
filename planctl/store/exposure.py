"""Who besides its owner can read, write or replace a SQLite file, and whether its locks can be relied on.

Only the operating system can enforce anything there; this says what it is set to. It opens no store.
Source: SQLite documentation, "How To Corrupt An SQLite Database File", section 2.1; planctl reliability, D1.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

from planctl.core.access import Holder, Place, Role

OWNER_ONLY = 0o600

BESIDE = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside the file while it is written to: as much of the store as the file itself."""

NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs",
    "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs",
})  # fmt: skip
"""Types of file systems that other machines write to as well, so that a lock taken here may be none there."""

MOUNTS = Path("/proc/self/mounts")


def exposed(path: Path) -> list[str]:
    """A sentence for everything by which somebody else could read, change or replace the store."""
    return [*_files(path), *_folders(path), *_network(path)]


def places(path: Path) -> tuple[Place, ...]:
    """The file and its folder, as they are set."""
    return tuple(_place(one) for one in (path, path.parent))


def holders(path: Path) -> tuple[Holder, ...]:
    """Who can use the file, by the modes of it and of its folder: who can write it can do everything with it.

    The rights of a group or of others count where they reach the file: the folder must let them in. Whoever may write
    the folder can replace the file. Access lists of the file system are not looked at.
    """
    file, folder = path.stat(), path.parent.stat()
    found = [Holder("user root", Role.OWNER, "the system")]
    same_user, same_group = file.st_uid == folder.st_uid, file.st_gid == folder.st_gid
    for who, shift, is_theirs in (
        (f"user {_user(file.st_uid)}", 6, same_user),
        (f"group {_group(file.st_gid)}", 3, same_group),
        ("others", 0, True),
    ):
        mine = file.st_mode >> shift & 7
        place = folder.st_mode >> (shift if is_theirs else 0) & 7  # into another's folder they come as others
        if not place & 1 or who == "user root":
            continue
        replaces = place & 2 and not folder.st_mode & stat.S_ISVTX
        if mine & 2 or replaces:
            found.append(Holder(who, Role.OWNER, f"mode {_octal(file.st_mode)}"))
        elif mine & 4:
            found.append(Holder(who, Role.VIEWER, f"mode {_octal(file.st_mode)}"))
    return tuple(found)


def _files(path: Path) -> list[str]:
    problems = []
    for one in (path, *(Path(f"{path}{suffix}") for suffix in BESIDE)):
        try:
            found = one.lstat()
        except FileNotFoundError:
            continue
        mode = stat.S_IMODE(found.st_mode)
        if stat.S_ISLNK(found.st_mode):
            problems.append(f"{one} is a symbolic link: what SQLite writes there goes elsewhere (remove it)")
        elif mode & 0o077:
            problems.append(
                f"{one} has mode {mode:04o}, expected {OWNER_ONLY:04o}: others may read it (chmod 600)"
            )
        if found.st_uid != os.geteuid() and os.geteuid() != 0:
            problems.append(f"{one} belongs to another user")
    return problems


def _folders(path: Path) -> list[str]:
    """The folder and all above it: who may write one of them can put another store in the place of this one."""
    problems = []
    for folder in path.parents:
        found = folder.stat()
        mode, open_to_others = stat.S_IMODE(found.st_mode), found.st_mode & 0o022
        if open_to_others and not mode & stat.S_ISVTX:
            problems.append(f"{folder} may be written by others, who could replace the store (chmod 700)")
        elif found.st_uid not in {0, os.geteuid(), path.stat().st_uid}:
            problems.append(f"{folder} belongs to another user, who could replace the store")
    return problems


def _network(path: Path) -> list[str]:
    kind = filesystem(path)
    if kind not in NETWORK:
        return []
    return [
        f"{path} lies on a network file system ({kind}), whose locks do not hold:"
        " keep the store on a disk of this machine, or use PostgreSQL"
    ]


def filesystem(path: Path) -> str:
    """The type of the file system that a path lies on, as the kernel names it; empty where it does not say."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in lines:
        words = line.split(" ")
        point = Path(words[1].replace("\\040", " ").replace("\\134", "\\")) if len(words) > 2 else None
        if point is not None and path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), words[2]
    return kind


def _place(path: Path) -> Place:
    found = path.stat()
    return Place(str(path), _user(found.st_uid), _group(found.st_gid), stat.S_IMODE(found.st_mode))


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _octal(mode: int) -> str:
    return f"{stat.S_IMODE(mode):04o}"
