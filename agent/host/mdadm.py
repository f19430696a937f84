"""Kind `mdadm`: software RAID arrays from `/proc/mdstat`, as `node_md_*`."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from agent.host.reading import File, Host, Layout, NoData, Reader, Series, gauge, guarded, malformed
from agent.model import Readings

_BLOCKS: Final = gauge("node_md_blocks", "Total number of blocks on device.", "device")
_SYNCED: Final = gauge("node_md_blocks_synced", "Number of blocks synced on device.", "device")
_DISKS: Final = gauge("node_md_disks", "Number of active/failed/spare disks of device.", "device", "state")
_REQUIRED: Final = gauge("node_md_disks_required", "Total number of disks of device.", "device")
_STATE: Final = gauge("node_md_state", "Indicates the state of md-device.", "device", "state")
_STATES: Final = ("active", "inactive", "recovering", "resync", "check")
_DISK_STATES: Final = ("active", "failed", "spare")
_WORK: Final = re.compile(rb"\b(recovery|resync|check|reshape)\s*=\s*(?:(PENDING|DELAYED|REMOTE)|[0-9.]+%\s+\(([0-9]+)/)")
_WORK_STATES: Final = {b"recovery": "recovering", b"reshape": "recovering", b"resync": "resync", b"check": "check"}
_SIZE: Final = re.compile(rb"\s*([0-9]+) blocks")
_MEMBERS: Final = re.compile(rb"\[([0-9]+)/([0-9]+)\] \[[U_]+\]")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


class Array(msgspec.Struct, frozen=True):
    """One array: its disks, its size in blocks of 1 KiB, how many of them are in sync, what it is doing."""

    name: bytes
    state: str
    required: int
    active: int
    failed: int
    spare: int
    blocks: int
    synced: int


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's software RAID. `NoData` without any array."""
    file = File(f"{host.proc}/mdstat")
    layout = Layout()
    kept: tuple[Series, Series, Series] = ((), (), ())

    def read() -> Readings:
        nonlocal kept
        arrays = parse(file.read(), file.path)
        if not arrays:
            raise NoData(f"{file.path}: no array")
        series = layout.of([array.name for array in arrays])
        if series is not kept[0]:
            kept = (
                series,
                tuple((*labels, state) for labels in series for state in _DISK_STATES),
                tuple((*labels, state) for labels in series for state in _STATES),
            )
        return [
            (_BLOCKS, series, [float(array.blocks) for array in arrays]),
            (_SYNCED, series, [float(array.synced) for array in arrays]),
            (_REQUIRED, series, [float(array.required) for array in arrays]),
            (_DISKS, kept[1], [float(n) for array in arrays for n in (array.active, array.failed, array.spare)]),
            (_STATE, kept[2], [float(array.state == state) for array in arrays for state in _STATES]),
        ]

    return guarded(read, file.path)


def parse(data: bytes, path: str) -> list[Array]:
    """The arrays in the text of `/proc/mdstat`: a line that begins with the name, and indented lines that belong to it."""
    arrays: list[Array] = []
    lines = data.splitlines()
    for at, line in enumerate(lines):
        if not line or line[:1].isspace() or line.startswith((b"Personalities", b"unused")):
            continue
        below = []
        for follower in lines[at + 1 :]:
            if not follower[:1].isspace():
                break
            below.append(follower)
        arrays.append(_array(line, below, path))
    return arrays


def _array(line: bytes, below: list[bytes], path: str) -> Array:
    words = line.split()
    size = _SIZE.match(below[0]) if below else None
    if len(words) < 3 or words[1] != b":" or size is None:
        raise malformed(path, b"\n".join([line, *below[:1]]), "'md0 : active ...' and a line with its blocks")
    blocks = int(size[1])
    required, active = _members(words, below[0], path)
    state, synced = "active" if words[2] == b"active" else "inactive", blocks
    work = _WORK.search(b"\n".join(below[1:]))
    if work:
        state, synced = _WORK_STATES[work[1]], int(work[3] or 0)
    return Array(words[0], state, required, active, line.count(b"(F)"), line.count(b"(S)"), blocks, synced)


def _members(words: list[bytes], status: bytes, path: str) -> tuple[int, int]:
    """Disks the array needs and disks that work. Levels without redundancy print no `[2/2]`: there all of them do."""
    if words[2] != b"active":
        return 0, 0
    members = _MEMBERS.search(status)
    if members:
        return int(members[1]), int(members[2])
    if b"raid0" in words or b"linear" in words:
        count = sum(b"[" in word for word in words)
        return count, count
    raise malformed(path, status, "'[disks needed/disks working] [UU]'")
