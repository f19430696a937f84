"""Kind `filesystem`: space and file nodes of every mount, as `node_filesystem_*`. A mount that hangs is marked, not waited for.

The list of mounts is parsed only when it changed. Local file systems are asked directly, all others by `agent.host.mounts`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from agent.host.exclusion import compiled
from agent.host.mounts import Asker, Measure, Space
from agent.host.reading import File, Host, NoData, Reader, gauge, guarded, malformed, text
from agent.model import Family, Readings

MOUNT_POINTS: Final = r"^/(dev|proc|run|sys|mnt|media|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
TYPES: Final = (
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|"
    "procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$"
)
# fmt: off
LOCAL: Final = frozenset((
    "apfs", "bcachefs", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fat32", "hfs", "iso9660", "jfs", "msdos",
    "nilfs2", "ntfs", "ntfs3", "ramfs", "refs", "reiserfs", "squashfs", "tmpfs", "udf", "ufs", "vfat", "xfs", "zfs",
))
# fmt: on
"""Types whose size the kernel knows by itself; any other (NFS, CIFS, Ceph, FUSE, ...) may wait for somebody else."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which mounts are left out, and how long a network mount may take."""

    exclude_mount_points: Annotated[
        str, Meta(description="Regular expression of mount points to leave out; empty for none.")
    ] = MOUNT_POINTS
    exclude_types: Annotated[str, Meta(description="Regular expression of file system types to leave out; empty for none.")] = (
        TYPES
    )
    timeout_s: Annotated[
        float, Meta(gt=0, le=5, description="Seconds to wait for a mount that is not local before it is marked as failing.")
    ] = 0.5

    def __post_init__(self) -> None:
        compiled("exclude_mount_points", self.exclude_mount_points)
        compiled("exclude_types", self.exclude_types)


_LABELS: Final = ("device", "mountpoint", "fstype")
_ERROR: Final = gauge(
    "node_filesystem_device_error", "Whether an error occurred while getting statistics for the given device.", *_LABELS
)
_READONLY: Final = gauge("node_filesystem_readonly", "Filesystem read-only status.", *_LABELS)
_SPACE: Final = (
    gauge("node_filesystem_size_bytes", "Filesystem size in bytes.", *_LABELS),
    gauge("node_filesystem_free_bytes", "Filesystem free space in bytes.", *_LABELS),
    gauge("node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.", *_LABELS),
    gauge("node_filesystem_files", "Filesystem total file nodes.", *_LABELS),
    gauge("node_filesystem_files_free", "Filesystem total free file nodes.", *_LABELS),
)


class Mount(msgspec.Struct, frozen=True):
    """One mount: its labels (device, mount point, type), the path to ask, and whether it is read-only."""

    labels: tuple[str, str, str]
    path: str
    readonly: bool

    @property
    def is_local(self) -> bool:
        """Whether asking it cannot hang on another machine or program."""
        return self.labels[2].lower() in LOCAL


def open_reader(settings: Settings, host: Host, measure: Measure | None = None) -> Reader:
    """A reader of the machine's mounts. Bytes; `measure` takes the place of `statvfs`."""
    if host.platform != "linux":
        from agent.host import psutil_io

        return psutil_io.open_filesystem(settings)
    table = MountTable(settings, host)
    spaces = Spaces(measure or _statvfs, settings.timeout_s)
    return guarded(lambda: spaces.of(table.read()), table.path)


def _statvfs(path: str) -> Space:
    """Blocks are counted in fragments (`f_frsize`), as df counts them."""
    stat = os.statvfs(path)
    unit = stat.f_frsize
    return (
        float(stat.f_blocks * unit),
        float(stat.f_bfree * unit),
        float(stat.f_bavail * unit),
        float(stat.f_files),
        float(stat.f_ffree),
    )


class Spaces:
    """The readings of a list of mounts; layouts are kept while the mounts and their errors stay the same."""

    def __init__(self, measure: Measure, timeout_s: float, *, has_files: bool = True) -> None:
        self._measure = measure
        self._families = _SPACE if has_files else _SPACE[:3]
        self._asker = Asker(measure, timeout_s)
        self._mounts: Sequence[Mount] = ()
        self._remote: list[str] = []
        self._all: tuple[tuple[str, ...], ...] = ()
        self._readonly: list[float] = []
        self._answered: list[bool] = []
        self._good: tuple[tuple[str, ...], ...] = ()

    def of(self, mounts: Sequence[Mount]) -> Readings:
        """Space of every mount that answered, and for each mount whether it did."""
        if mounts is not self._mounts:
            self._mounts = mounts
            self._remote = [mount.path for mount in mounts if not mount.is_local]
            self._all = tuple(mount.labels for mount in mounts)
            self._answered = []
        answers = self._asker.ask(self._remote) if self._remote else {}
        for mount in mounts:
            if mount.is_local:
                answers[mount.path] = None
                with suppress(OSError):
                    answers[mount.path] = self._measure(mount.path)
        spaces = [answers.get(mount.path) for mount in mounts]
        answered = [space is not None for space in spaces]
        if answered != self._answered:
            self._answered = answered
            good = [mount for mount, is_good in zip(mounts, answered, strict=True) if is_good]
            self._good = tuple(mount.labels for mount in good)
            self._readonly = [float(mount.readonly) for mount in good]
        readings: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]]
        readings = [(_ERROR, self._all, [float(not is_good) for is_good in answered])]
        if self._good:
            readings.append((_READONLY, self._good, self._readonly))
            columns = zip(*filter(None, spaces), strict=True)
            readings += [(family, self._good, column) for family, column in zip(self._families, columns, strict=False)]
        return readings


class MountTable:
    """The machine's mounts as `/proc/1/mounts` lists them, or those this process sees where that may not be read."""

    def __init__(self, settings: Settings, host: Host) -> None:
        self._file = File(f"{host.proc}/1/mounts")
        self._own = File(f"{host.proc}/mounts")
        self._host = host
        self._mount_points = compiled("", settings.exclude_mount_points or r"(?!)")
        self._types = compiled("", settings.exclude_types or r"(?!)")
        self._seen = b""
        self._mounts: tuple[Mount, ...] = ()

    @property
    def path(self) -> str:
        """Where the mounts are listed."""
        return self._file.path

    def read(self) -> Sequence[Mount]:
        """The mounts that are not left out; the same object while the list is unchanged."""
        try:
            data = self._file.read()
        except OSError:
            self._file = self._own
            data = self._file.read()
        if data != self._seen:
            mounts = {mount.labels: mount for line in data.splitlines() if (mount := self._mount(line))}
            self._mounts = tuple(mounts.values())
            self._seen = data
        if not self._mounts:
            raise NoData(f"{self.path}: no mount that is not excluded")
        return self._mounts

    def _mount(self, line: bytes) -> Mount | None:
        """One line; of equal lines the last counts, which is the mount on top. `None` for one that is left out."""
        words = line.split(b" ")
        if len(words) < 4:
            raise malformed(self.path, line, "device, mount point, type and options")
        point, kind = unescaped(words[1]), text(words[2])
        label = text(point)
        if self._mount_points.search(label) or self._types.search(kind):
            return None
        path = os.fsdecode(point)
        if self._host.root != "/":
            path = self._host.in_root(path)
        return Mount((text(words[0]), label, kind), path, b"ro" in words[3].split(b","))


_ESCAPES: Final = ((rb"\040", b" "), (rb"\011", b"\t"), (rb"\012", b"\n"), (rb"\134", b"\\"))


def unescaped(raw: bytes) -> bytes:
    """A mount point as the kernel escapes it: blank, tab, newline and backslash in octal."""
    if b"\\" in raw:
        for escape, byte in _ESCAPES:
            raw = raw.replace(escape, byte)
    return raw
