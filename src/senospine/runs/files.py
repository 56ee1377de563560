"""Files that are whole or absent, whatever dies while they are written."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from senospine.errors import FileError

_TEMPORARY = re.compile(r"\.(?P<target>.+)~(?P<host>[^~]*)~(?P<pid>\d+)\.tmp")


def write_then_rename(target: Path, content: str | bytes | Callable[[Path], Any]) -> None:
    """Write content beside the target, then rename: what stands under the target's name is always whole.

    The bytes reach the disk before the name does, so that a loss of power cannot leave an empty file there.

    Parameters
    ----------
    target : path
    content : str, bytes or callable
        Text, written as UTF-8; bytes; or what writes a file at the path it is called with.

    Raises
    ------
    FileError
        The disk is full or the folder cannot be written; what stood there before stays.
    """
    temporary = target.with_name(f".{target.name}~{socket.gethostname()}~{os.getpid()}.tmp")
    try:
        try:
            if isinstance(content, str):
                temporary.write_text(content, encoding="utf-8")
            elif isinstance(content, bytes):
                temporary.write_bytes(content)
            else:
                content(temporary)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from None


def cannot_write(where: Path, error: OSError, what: str = "cannot write") -> FileError:
    """Return the error of a file or folder the system would not let us write."""
    return FileError(f"{what}: {error.strerror or error}", where=str(where), remedy="check free space and permissions")


def sync_folder(folder: Path) -> None:
    """Make renames in a folder outlast a loss of power, where the system knows how."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some network file systems refuse; checksums find out later
        pass
    finally:
        os.close(handle)


def is_temporary_of(path: Path, targets: Iterable[str]) -> bool:
    """Return whether this is what :func:`write_then_rename` leaves when it is killed over one of the targets."""
    match = _TEMPORARY.fullmatch(path.name)
    return match is not None and match["target"] in set(targets) and path.is_file()


def sweep_temporaries(folder: Path, is_ours: Callable[[str], bool], *, locked: bool) -> None:
    """Remove what killed writers left beside their targets, and nothing else.

    Without a lock on the folder, only where the writer ran on this machine and is dead.
    """
    for path in folder.glob(".*.tmp"):
        match = _TEMPORARY.fullmatch(path.name)
        if match is None or not is_ours(match["target"]) or not path.is_file():
            continue
        if locked or (match["host"] == socket.gethostname() and is_dead(int(match["pid"]))):
            path.unlink(missing_ok=True)


def is_dead(pid: int) -> bool:
    """Return whether no process of this machine has this id; False where that cannot be known."""
    if os.name != "posix":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
