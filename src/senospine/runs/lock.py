"""One run a folder: a lock that the kernel gives back when its holder dies, whatever it died of."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
from pathlib import Path

from senospine.errors import FileError
from senospine.runs.files import cannot_write, is_dead

try:
    import fcntl
except ImportError:  # not on this system: the holder's id decides
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
_NO_LOCKS_HERE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


class FolderLock:
    """A lock on a folder; the file ``.lock`` in it names the process and the machine that hold it.

    Parameters
    ----------
    folder : Path
        Must exist.

    Raises
    ------
    FileError
        Another run holds the lock, or the folder cannot be written.

    Notes
    -----
    A lock left by a dead process is taken over: the kernel released it (``flock``, also over NFS). Where a file
    system has no such locks, a holder of this machine is asked for by its id, and one of another machine is
    believed to live.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._handle: int | None = None
        try:
            while self._handle is None:
                self._try()
        except OSError as error:
            raise cannot_write(folder, error) from None

    def _try(self) -> None:
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not self._take(handle):
                raise self._refusal(_holder(handle))
            if not _same_file(handle, self.path):  # its last holder removed it meanwhile
                return
            content = json.dumps({"host": socket.gethostname(), "pid": os.getpid()})
            os.ftruncate(handle, 0)
            os.pwrite(handle, content.encode(), 0)
            self._handle, handle = handle, -1
        finally:
            if handle >= 0:
                os.close(handle)

    @staticmethod
    def _take(handle: int) -> bool:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno not in _NO_LOCKS_HERE:
                    raise
        holder = _holder(handle)
        return holder is None or (holder[0] == socket.gethostname() and is_dead(holder[1]))

    def _refusal(self, holder: tuple[str, int] | None) -> FileError:
        who = f"process {holder[1]} on {holder[0]}" if holder else "a process that has not said its name yet"
        return FileError(
            "another run is writing to this folder",
            where=str(self.path.parent),
            why=f"{who} holds it",
            remedy=f"wait for it, or choose another folder; if that process is surely dead, delete {self.path.name}",
        )

    def release(self) -> None:
        """Let the folder go; a second time does nothing."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        with contextlib.suppress(OSError):  # the folder may be gone
            if _same_file(handle, self.path):
                self.path.unlink()
        os.close(handle)

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.release()


def _holder(handle: int) -> tuple[str, int] | None:
    try:
        content = json.loads(os.pread(handle, 4096, 0))
        return str(content["host"]), int(content["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
