"""What every reader of the local host shares: where to look, how to read small kernel files cheaply, how to fail.

A reader measures and never judges. It keeps its state in itself, returns the very same `Family` and label objects while
its layout is unchanged (the caller compares by identity), and raises `NoData` or `ReaderError`, nothing else.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from sys import platform as _platform
from typing import Final

import msgspec

from agent.model import Family, MetricType, Readings, Reason

Reader = Callable[[], Readings]
"""One collection of one kind. Raises `NoData` and `ReaderError`."""

Series = tuple[tuple[str, ...], ...]
"""Label values of a family's series."""

SINGLE: Final[Series] = ((),)
"""The series of a family without labels; always this object, so that layouts compare by identity."""


class Noted(list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]]):
    """Readings of a run that went well but for what `notes` say, a sentence each: they go into the run's detail."""

    __slots__ = ("notes",)

    def __init__(self, readings: Readings, notes: Sequence[str]) -> None:
        super().__init__(readings)
        self.notes = tuple(notes)


class Host(msgspec.Struct, frozen=True):
    """Where the machine is found. Recorded folders take the place of `/proc`, `/sys` and `/` in tests."""

    proc: str = "/proc"
    sys: str = "/sys"
    root: str = "/"
    platform: str = _platform

    def in_root(self, path: str) -> str:
        """`path` (absolute, as on the machine) below this host's root folder."""
        return os.path.join(self.root, path.lstrip("/"))


class ReaderError(Exception):
    """A reader could not read. `reason` is from the closed list, `detail` names place, value and expectation."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class NoData(ReaderError):  # noqa: N818 - the outcome is called "no data", and it is no fault
    """This machine has nothing for the reader: no such file, device or kernel feature. Not a fault."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.NO_DATA, detail)


def gauge(name: str, about: str, *labels: str) -> Family:
    """A gauge family called `name` with help `about`."""
    return Family(name, MetricType.GAUGE, about, labels)


def counter(name: str, about: str, *labels: str) -> Family:
    """A counter family called `name` with help `about`."""
    return Family(name, MetricType.COUNTER, about, labels)


def untyped(name: str, about: str, *labels: str) -> Family:
    """An untyped family called `name` with help `about`."""
    return Family(name, MetricType.UNTYPED, about, labels)


def text(raw: bytes) -> str:
    """Bytes from the kernel as a label value: UTF-8, what is not UTF-8 replaced (the wire carries only UTF-8)."""
    return raw.decode("utf-8", "replace")


def malformed(path: str, found: object, expected: str) -> ReaderError:
    """The error for a file that does not read as it should; the value found is cut to 80 characters."""
    return ReaderError(Reason.MISMATCH, f"{path}: found {repr(found)[:80]}, expected {expected}")


def alone(families: Sequence[Family], values: Iterable[float]) -> Readings:
    """Readings of `families` without labels, with one value each."""
    return list(zip(families, repeat(SINGLE), zip(values), strict=False))


class Layout:
    """Label tuples of a list of names: the same object again while the names are unchanged."""

    __slots__ = ("_names", "_series")

    def __init__(self) -> None:
        self._names: list[bytes] | None = None
        self._series: Series = ()

    def of(self, names: list[bytes]) -> Series:
        """One label tuple `(name,)` for each of `names`, in their order."""
        if names != self._names:
            self._names = names
            self._series = tuple((text(name),) for name in names)
        return self._series


_LIMIT: Final = 16 * 1024 * 1024
_BINARY: Final = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_GONE: Final = frozenset({errno.ENODEV, errno.ENXIO, errno.ESRCH, errno.ESTALE, errno.ENOENT})
_ABSENT: Final = _GONE | {errno.ENOTDIR, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


def _seek_read(fd: int, size: int, offset: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, size)


_pread: Final[Callable[[int, int, int], bytes]] = getattr(os, "pread", _seek_read)


def _read_all(fd: int, size: int) -> bytes:
    """Everything from offset 0. The kernel hands out record files about a page at a time, so only an empty read ends."""
    data = _pread(fd, size, 0)
    if not data:
        return data
    more = _pread(fd, size, len(data))
    if not more:
        return data
    parts = [data]
    total = len(data)
    while more:
        parts.append(more)
        total += len(more)
        if total > _LIMIT:
            raise OSError(errno.EFBIG, f"more than {_LIMIT} bytes")
        more = _pread(fd, size, total)
    return b"".join(parts)


class File:
    """A small file of `/proc` or `/sys`, kept open and read again from offset 0 (a third of the cost of opening it anew).

    `whole=False` saves the second read for attributes that the kernel hands out in one piece (all of sysfs, `/proc/sys`).
    A file whose device went away is opened anew once; then the `OSError` is the caller's (see `guarded`). `keep=False`
    gives the descriptor back after each read, for kinds that would hold hundreds of them.
    """

    __slots__ = ("_fd", "_keep", "_size", "_whole", "path")

    def __init__(self, path: str, *, size: int = 16_384, whole: bool = True, keep: bool = True) -> None:
        self.path = path
        self._keep = keep
        self._fd = -1
        self._size = size
        self._whole = whole

    def read(self) -> bytes:
        """The file's present content. Raises `OSError`."""
        if not self._keep:
            return read_once(self.path, self._size)
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDONLY | _BINARY)
            return self._read()
        try:
            return self._read()
        except OSError as error:
            if error.errno not in _GONE:
                raise
        self.close()
        self._fd = os.open(self.path, os.O_RDONLY | _BINARY)
        return self._read()

    def _read(self) -> bytes:
        if self._whole:
            return _read_all(self._fd, self._size)
        return _pread(self._fd, self._size, 0)

    def close(self) -> None:
        """Give the descriptor back; the next `read` opens the file anew."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


def read_once(path: str, size: int = 16_384) -> bytes:
    """Content of a file that is read rarely: opened, read to its end and closed. Raises `OSError`."""
    fd = os.open(path, os.O_RDONLY | _BINARY)
    try:
        return _read_all(fd, size)
    finally:
        os.close(fd)


def translated(error: OSError, place: str) -> ReaderError:
    """The reader's error for an error of the operating system: what is not there is `NoData`."""
    path = error.filename if isinstance(error.filename, str) else place
    detail = f"{path}: {error.strerror or error}"
    if error.errno in _ABSENT:
        return NoData(detail)
    if error.errno in (errno.EACCES, errno.EPERM):
        return ReaderError(Reason.AUTH, detail)
    return ReaderError(Reason.INTERNAL, detail)


def guarded(read: Reader, place: str) -> Reader:
    """`read` with its errors translated: a missing file is `NoData`, a malformed one a `ReaderError` that names `place`."""

    def run() -> Readings:
        try:
            return read()
        except OSError as error:
            raise translated(error, place) from error
        except (ValueError, IndexError, KeyError) as error:
            raise ReaderError(Reason.MISMATCH, f"{place}: {str(error)[:200]}") from error

    return run
