"""Kind `timex`: the kernel's clock discipline, asked with adjtimex(2), as `node_timex_*`.

ctypes is imported when the kind is opened: it costs about 0.4 MiB, and no other kind needs it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from agent.host.reading import Host, NoData, Reader, alone, counter, gauge, guarded
from agent.model import Readings

_FAMILIES: Final = (
    gauge("node_timex_sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no)."),
    gauge("node_timex_offset_seconds", "Time offset in between local system and reference clock."),
    gauge("node_timex_frequency_adjustment_ratio", "Local clock frequency adjustment."),
    gauge("node_timex_maxerror_seconds", "Maximum error in seconds."),
    gauge("node_timex_estimated_error_seconds", "Estimated error in seconds."),
    gauge("node_timex_status", "Value of the status array bits."),
    gauge("node_timex_loop_time_constant", "Phase-locked loop time constant."),
    gauge("node_timex_tick_seconds", "Seconds between clock ticks."),
    gauge("node_timex_pps_frequency_hertz", "Pulse per second frequency."),
    gauge("node_timex_pps_jitter_seconds", "Pulse per second jitter."),
    gauge("node_timex_pps_shift_seconds", "Pulse per second interval duration."),
    gauge("node_timex_pps_stability_hertz", "Pulse per second stability, average of recent frequency changes."),
    counter("node_timex_pps_jitter_total", "Pulse per second count of jitter limit exceeded events."),
    counter("node_timex_pps_calibration_total", "Pulse per second count of calibration intervals."),
    counter("node_timex_pps_error_total", "Pulse per second count of calibration errors."),
    counter("node_timex_pps_stability_exceeded_total", "Pulse per second count of stability limit exceeded events."),
    gauge("node_timex_tai_offset_seconds", "International Atomic Time (TAI) offset."),
)
_TIME_ERROR: Final = 5  # state of a clock that nothing disciplines
_NANOSECONDS_FLAG: Final = 0x2000
_PPM_FRACTION: Final = 1_000_000.0 * 65_536.0
_INT_FIELDS: Final = frozenset({"modes", "status", "shift", "tai"})
_FIELDS: Final = (
    "modes", "offset", "freq", "maxerror", "esterror", "status", "constant", "precision", "tolerance",
    "seconds", "microseconds", "tick", "ppsfreq", "jitter", "shift", "stabil", "jitcnt", "calcnt", "errcnt", "stbcnt", "tai",
)  # fmt: skip

Ask = Callable[[], tuple[int, Mapping[str, int]]]
"""The clock's state and the fields of `struct timex`. Raises `OSError`."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host, ask: Ask | None = None) -> Reader:
    """A reader of the kernel's clock discipline. `ask` takes the place of the system call."""
    asked = ask or (_kernel() if host.platform == "linux" else _absent)

    def read() -> Readings:
        state, fields = asked()
        return alone(_FAMILIES, _values(state, fields))

    return guarded(read, "adjtimex")


def _values(state: int, fields: Mapping[str, int]) -> tuple[float, ...]:
    """Values in the order of the families, in base units."""
    fraction = 1e9 if fields["status"] & _NANOSECONDS_FLAG else 1e6
    return (
        0.0 if state == _TIME_ERROR else 1.0,
        fields["offset"] / fraction,
        1 + fields["freq"] / _PPM_FRACTION,
        fields["maxerror"] / 1e6,
        fields["esterror"] / 1e6,
        float(fields["status"]),
        float(fields["constant"]),
        fields["tick"] / 1e6,
        fields["ppsfreq"] / _PPM_FRACTION,
        fields["jitter"] / fraction,
        float(fields["shift"]),
        fields["stabil"] / _PPM_FRACTION,
        float(fields["jitcnt"]),
        float(fields["calcnt"]),
        float(fields["errcnt"]),
        float(fields["stbcnt"]),
        float(fields["tai"]),
    )


def _absent() -> tuple[int, Mapping[str, int]]:
    raise NoData("adjtimex exists on Linux only")


def _kernel() -> Ask:
    import ctypes
    import struct

    # C's own alignment: an int before a long is padded, and eleven ints of padding end the struct.
    layout = struct.Struct("@" + "".join("i" if name in _INT_FIELDS else "l" for name in _FIELDS) + "11i")
    buffer = ctypes.create_string_buffer(layout.size)
    adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    adjtimex.argtypes = [ctypes.c_char_p]
    adjtimex.restype = ctypes.c_int

    def ask() -> tuple[int, Mapping[str, int]]:
        ctypes.memset(buffer, 0, layout.size)  # modes 0: ask, set nothing
        state = int(adjtimex(buffer))
        if state < 0:
            number = ctypes.get_errno() or errno.EIO
            if number in (errno.EPERM, errno.EACCES):
                raise NoData(f"adjtimex: {os.strerror(number)}")
            raise OSError(number, os.strerror(number))
        return state, dict(zip(_FIELDS, layout.unpack(buffer.raw), strict=False))

    return ask
