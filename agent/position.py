"""Where the spool stands: next number and what the collector has, per lane, in one small file of two slots.

The slots are written in turn and in place, so a torn write leaves the other one, and a full disk does not matter.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from typing import Final

import msgspec

from agent import disk

SLOT_BYTES: Final = 2048
MAX_RANGES: Final = 40
"""Ranges kept a lane, so that a slot always holds two lanes (a range of two numbers is at most 19 bytes)."""
_FRAME_BYTES: Final = 6


class LanePosition(msgspec.Struct, frozen=True, array_like=True):
    """One lane: the next number to give, everything up to `done` is settled, and so are `ranges` above it."""

    next_seq: int = 1
    done: int = 0
    ranges: tuple[tuple[int, int], ...] = ()


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Both lanes. `held`: reports were in memory only when this was written; `clean`: it was written at an orderly end."""

    generation: int
    facts: LanePosition
    bulk: LanePosition
    held: bool = False
    clean: bool = False


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Position)


class PositionFile:
    """The file. `last` is the newest valid position found when it was opened, `None` if there was none."""

    def __init__(self, path: str) -> None:
        """Open or make the file. Raises `OSError`."""
        if not os.path.exists(path):
            disk.replace_file(path, bytes(2 * SLOT_BYTES))
        self._fd = disk.open_file(path)
        found = [_decode(disk.read_at(self._fd, slot * SLOT_BYTES, SLOT_BYTES)) for slot in (0, 1)]
        self.last = max((p for p in found if p is not None), key=lambda p: p.generation, default=None)
        self._generation = self.last.generation if self.last else 0

    def is_at(self, path: str) -> bool:
        """Whether this is the file at `path`."""
        return disk.is_at(self._fd, path)

    def reopen(self, path: str) -> None:
        """Go on in a new file, for the old one was removed. Raises `OSError` and stays with the old one."""
        disk.replace_file(path, bytes(2 * SLOT_BYTES))
        fd = disk.open_file(path)
        os.close(self._fd)
        self._fd = fd

    def write(self, facts: LanePosition, bulk: LanePosition, *, held: bool, clean: bool = False) -> None:
        """Note a new position: it survives the death of the process at once, that of the machine after `sync`.
        Raises `OSError`."""
        self._generation += 1
        body = _encoder.encode(Position(self._generation, facts, bulk, held, clean))
        frame = zlib.crc32(body).to_bytes(4, "little") + len(body).to_bytes(2, "little") + body
        disk.write_at(self._fd, self._generation % 2 * SLOT_BYTES, frame)

    def sync(self) -> None:
        """What was written is on disk when it returns. Raises `OSError`."""
        disk.sync(self._fd)

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                disk.sync(self._fd)
            self.abandon()

    def abandon(self) -> None:
        """Close the file as the death of the process would, without `sync`."""
        os.close(self._fd)
        self._fd = -1


def _decode(slot: bytes) -> Position | None:
    size = int.from_bytes(slot[4:_FRAME_BYTES], "little")
    body = slot[_FRAME_BYTES : _FRAME_BYTES + size]
    if not size or zlib.crc32(body) != int.from_bytes(slot[:4], "little"):
        return None
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:
        return None
