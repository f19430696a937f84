"""The spool's folder around its segments: the lock, the name of the stream, the position and the ballast.

The ballast is a file that is given up when the disk is full, so that there is room to state the loss.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Final

from agent import disk
from agent.position import PositionFile

BALLAST_BYTES: Final = 64 * 1024
_STREAM: Final = re.compile(rb"[0-9a-f]{32}\n\Z")


class SpoolError(Exception):
    """The folder cannot be used: in use by another process, not writable, or the disk refuses. Says which and why."""


class SpoolFolder:
    """See the module. Holds the lock from the moment it is made until `close`."""

    def __init__(self, path: str) -> None:
        """Open or make the folder. Raises `SpoolError`."""
        self.path = path
        self.trouble = ""
        """Why nothing may be read or written here at present; empty while all is well."""
        self.repairs = 0
        """How often something was missing and was made anew."""
        self._ballast = os.path.join(path, "ballast")
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            self._lock = disk.FolderLock(os.path.join(path, "lock"))
        except disk.LockedError as error:
            raise SpoolError(f"spool folder {path} is in use by process {error.pid or '(unknown)'}") from None
        except OSError as error:
            raise SpoolError(f"spool folder {path}: {error.strerror or error}") from error
        try:
            self._sweep()
            self.position = PositionFile(os.path.join(path, "position"))
            self.stream = self._stream()
        except OSError as error:
            self._lock.release()
            raise SpoolError(f"spool folder {path}: {error.strerror or error}") from error
        if not self.has_ballast:
            self.restore_ballast()

    def _sweep(self) -> None:
        for name in os.listdir(self.path):
            if name.endswith(".new"):
                disk.remove_file(os.path.join(self.path, name))

    def _stream(self) -> str:
        """The stream's name. A folder that lost its numbers gets a new one: old numbers under the old name would look like
        duplicates to the collector and be thrown away."""
        path = os.path.join(self.path, "stream")
        is_numbered = self.position.last is not None or any(name.endswith(".seg") for name in os.listdir(self.path))
        if is_numbered and os.path.exists(path):
            text = disk.read_file(path, 0, 64)
            if _STREAM.match(text):
                return text.decode().strip()
        name = os.urandom(16).hex()
        disk.replace_file(path, name.encode() + b"\n")
        return name

    def is_in_place(self) -> bool:
        """Whether this process's lock and position are still where they were made."""
        return self._lock.is_at(self._place("lock")) and self.position.is_at(self._place("position"))

    def is_replaced(self) -> bool:
        """Whether something else stands where one of them was."""
        lock, position = self._place("lock"), self._place("position")
        return (os.path.lexists(lock) and not self._lock.is_at(lock)) or (
            os.path.lexists(position) and not self.position.is_at(position)
        )

    def make_anew(self) -> None:
        """Make what is missing: the folder, the lock, the position (empty until it is written), the stream's name.
        Raises `OSError`, `LockedError`."""
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        if not self._lock.is_at(self._place("lock")):
            lock = disk.FolderLock(self._place("lock"))
            self._lock.release()
            self._lock = lock
        if not self.position.is_at(self._place("position")):
            self.position.reopen(self._place("position"))
        disk.replace_file(self._place("stream"), self.stream.encode() + b"\n")

    def _place(self, name: str) -> str:
        return os.path.join(self.path, name)

    @property
    def has_ballast(self) -> bool:
        """Whether the ballast is there to be given up."""
        with contextlib.suppress(OSError):
            return os.stat(self._ballast).st_size == BALLAST_BYTES
        return False

    def release_ballast(self) -> bool:
        """Give the ballast's room back to the file system; false if there was none."""
        if not self.has_ballast:
            return False
        disk.remove_file(self._ballast)
        return True

    def restore_ballast(self) -> None:
        """Take the room again; without it things still work, but a loss is stated only when the disk has room again."""
        with contextlib.suppress(OSError):
            # Random bytes, so that no file system stores them as a hole or compresses them away.
            disk.replace_file(self._ballast, os.urandom(BALLAST_BYTES))

    def close(self) -> None:
        """Close the position and free the lock. Idempotent."""
        self.position.close()
        self._lock.release()
