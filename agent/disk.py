"""The few file operations of the spool and of what reads files of others, the same on Linux and Windows, and the lock that
keeps a second process out. Nothing here knows what is stored.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import Final

_BINARY: Final = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class LockedError(Exception):
    """Another process holds the lock; `pid` is what it wrote, 0 if unreadable."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"locked by process {pid}")
        self.pid = pid


def open_file(path: str, *, create: bool = False) -> int:
    """A descriptor for reading and writing. With `create` the file must not exist yet. Raises `OSError`."""
    flags = os.O_RDWR | _BINARY | (os.O_CREAT | os.O_EXCL if create else 0)
    return os.open(path, flags, 0o600)


def read_at(fd: int, offset: int, size: int) -> bytes:
    """Up to `size` bytes from `offset`; fewer only at the end of the file."""
    os.lseek(fd, offset, os.SEEK_SET)
    parts: list[bytes] = []
    while size > 0 and (part := os.read(fd, size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_file(path: str, offset: int = 0, size: int | None = None) -> bytes:
    """The file's bytes from `offset`, at most `size` of them."""
    fd = os.open(path, os.O_RDONLY | _BINARY)
    try:
        return read_at(fd, offset, os.fstat(fd).st_size - offset if size is None else size)
    finally:
        os.close(fd)


_NO_FILES: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_plain(path: str, most: int) -> bytes:
    """The bytes of a file that somebody else wrote. Raises `OSError`, also if it has more than `most` bytes (EFBIG) or is none
    (EISDIR, EINVAL; its text says what it is): to open a named pipe would otherwise wait for a writer."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
            raise OSError(code, next((name for is_one, name in _NO_FILES if is_one(mode)), "no regular file"), path)
        data = read_at(fd, 0, most + 1)
    finally:
        os.close(fd)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"more than {most} bytes", path)
    return data


def write_at(fd: int, offset: int, data: bytes | bytearray) -> None:
    """All of `data` at `offset`, or `OSError` with a part of it written."""
    os.lseek(fd, offset, os.SEEK_SET)
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])


def sync(fd: int) -> None:
    """Data and size on disk when it returns. Raises `OSError`."""
    if sys.platform == "linux":
        os.fdatasync(fd)
    else:
        os.fsync(fd)


def sync_folder(folder: str) -> None:
    """Names on disk when it returns (Windows does that by itself)."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY | _BINARY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(path: str, data: bytes | bytearray) -> None:
    """Make or replace a file whole or not at all; on disk when it returns. Raises `OSError` and leaves no remains."""
    temporary = path + ".new"
    try:
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | _BINARY, 0o600)
        try:
            write_at(fd, 0, data)
            sync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except OSError:
        remove_file(temporary)
        raise
    sync_folder(os.path.dirname(path))


def is_at(fd: int, path: str) -> bool:
    """Whether the open file is the one at `path`; true if the system does not say."""
    try:
        there = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def remove_file(path: str) -> None:
    """Remove a file if it is there and can be removed; what stays behind is found again at the next start."""
    with contextlib.suppress(OSError):
        os.unlink(path)


class FolderLock:
    """An advisory lock on a file, held as long as the process lives; the file holds the process's number for people."""

    def __init__(self, path: str) -> None:
        """Raises `LockedError` if another holder lives, `OSError` if the file cannot be made."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
        try:
            _lock(self._fd)
        except OSError:
            text = read_at(self._fd, 1, 32).strip()
            self.release()
            raise LockedError(int(text) if text.isdigit() else 0) from None
        # Byte 0 is what Windows locks (and makes unreadable for others), so the number starts at byte 1. It matters to
        # people only: a disk too full to take it does not stop the start.
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
            write_at(self._fd, 0, b" %d\n" % os.getpid())

    def is_at(self, path: str) -> bool:
        """Whether the lock is still the file at `path`."""
        return is_at(self._fd, path)

    def release(self) -> None:
        """Free the lock. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
