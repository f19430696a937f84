"""What closed days keep beside their states: failures that were never confirmed (R4.3), and when outages were (R4.1, R13.5).

Pure. Nearly every subject has nothing of it in a month, which takes no bytes. What is packed here must be read for years.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final

import msgspec

from collector.core.intervals import Interval, Intervals, clip, union
from collector.core.state import View


class Details(msgspec.Struct, frozen=True, gc=False):
    """Of one subject in one view, sorted."""

    soft: tuple[Interval, ...] = ()
    """Failures that were never confirmed; they neither overlap nor touch."""
    confirmed: tuple[Interval, ...] = ()
    """Onset and hard instant of outages, by onset; the hard instant may lie in a later day."""

    def within(self, from_ms: int, until_ms: int) -> Details:
        """What belongs to a period: the part of failures inside it, and outages whose onset is."""
        if not (self.soft or self.confirmed):
            return NOTHING
        confirmed = [pair for pair in self.confirmed if from_ms <= pair[0] < until_ms]
        return Details(tuple(clip(self.soft, from_ms, until_ms)), tuple(confirmed))

    def followed(self, after: Details) -> Details:
        """Both of two adjacent periods, this one being the earlier; a failure that was cut in two is one again."""
        if not (after.soft or after.confirmed):
            return self
        return Details(tuple(union([*self.soft, *after.soft])), tuple(sorted({*self.confirmed, *after.confirmed})))


NOTHING: Final = Details()
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(tuple[list[int], ...])


def pack(device: Details, e2e: Details, base_ms: int) -> bytes:
    """Both views: distance of each beginning from `base_ms` and length, in milliseconds; b"" for nothing.

    Soft and confirmed of the device view; then those of the end-to-end view, if they are others. About 8 bytes each.
    """
    if device == e2e == NOTHING:
        return b""
    some = (device,) if device == e2e else (device, e2e)
    return _encoder.encode([_flat(pairs, base_ms) for one in some for pairs in (one.soft, one.confirmed)])


def unpack(blob: bytes, view: View, base_ms: int) -> Details:
    """Inverse of `pack` for a view. Raises ValueError for bytes that `pack` did not make."""
    if not blob:
        return NOTHING
    lists = _decoder.decode(blob)
    if len(lists) not in (2, 4) or any(len(one) & 1 for one in lists):
        raise ValueError(f"packed details: found lists of {[len(one) for one in lists]}, expected 2 or 4 of pairs")
    at = 0 if view is View.DEVICE else len(lists) - 2
    return Details(_pairs(lists[at], base_ms), _pairs(lists[at + 1], base_ms))


def has_soft(blob: bytes) -> bool:
    """Whether there are unconfirmed failures in either view, at less expense than unpacking."""
    return any(_decoder.decode(blob)[::2]) if blob else False


def _flat(pairs: Intervals, base_ms: int) -> list[int]:
    return list(chain.from_iterable([(a - base_ms, b - a) for a, b in pairs]))


def _pairs(flat: Iterable[int], base_ms: int) -> tuple[Interval, ...]:
    numbers = iter(flat)
    return tuple([(base_ms + a, base_ms + a + length) for a, length in zip(numbers, numbers, strict=True)])
