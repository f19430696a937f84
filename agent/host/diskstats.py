"""Kind `diskstats`: I/O counters of every block device and what udev knows of it, as `node_disk_*`.

Counters come from `/proc/diskstats` at each collection; udev's data is read when the devices change and at a slow pace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from agent.host.exclusion import Exclusion, compiled
from agent.host.reading import File, Host, Layout, Reader, counter, gauge, guarded, malformed, read_once, text
from agent.model import Family, Readings

EXCLUDE: Final = r"^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"
UDEV_EVERY: Final = 20
"""Collections between two readings of udev's data while the devices stay the same."""

_BYTES: Final = 512.0
"""The kernel's sector in these counters, whatever the device's own is (Documentation/admin-guide/iostats.rst)."""
_MS: Final = 0.001


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which block devices are left out."""

    exclude: Annotated[str, Meta(description="Regular expression of device names to leave out.")] = EXCLUDE

    def __post_init__(self) -> None:
        compiled("exclude", self.exclude)


_COLUMNS: Final[tuple[tuple[Family, float], ...]] = tuple(
    (make(f"node_disk_{name}", about, "device"), scale)
    for make, name, scale, about in (
        (counter, "reads_completed_total", 1.0, "The total number of reads completed successfully."),
        (counter, "reads_merged_total", 1.0, "The total number of reads merged."),
        (counter, "read_bytes_total", _BYTES, "The total number of bytes read successfully."),
        (counter, "read_time_seconds_total", _MS, "The total number of seconds spent by all reads."),
        (counter, "writes_completed_total", 1.0, "The total number of writes completed successfully."),
        (counter, "writes_merged_total", 1.0, "The number of writes merged."),
        (counter, "written_bytes_total", _BYTES, "The total number of bytes written successfully."),
        (counter, "write_time_seconds_total", _MS, "This is the total number of seconds spent by all writes."),
        (gauge, "io_now", 1.0, "The number of I/Os currently in progress."),
        (counter, "io_time_seconds_total", _MS, "Total seconds spent doing I/Os."),
        (counter, "io_time_weighted_seconds_total", _MS, "The weighted # of seconds spent doing I/Os."),
        (counter, "discards_completed_total", 1.0, "The total number of discards completed successfully."),
        (counter, "discards_merged_total", 1.0, "The total number of discards merged."),
        (counter, "discarded_sectors_total", 1.0, "The total number of sectors discarded successfully."),
        (counter, "discard_time_seconds_total", _MS, "This is the total number of seconds spent by all discards."),
        (counter, "flush_requests_total", 1.0, "The total number of flush requests completed successfully"),
        (
            counter,
            "flush_requests_time_seconds_total",
            _MS,
            "This is the total number of seconds spent by all flush requests.",
        ),
    )
)
"""Column by column after the device's name; kernels before 5.5 and 4.18 end after 15 and 11 of them."""
_OLDEST: Final = 11

_INFO: Final = gauge(
    "node_disk_info",
    "Info of /sys/block/<block_device>.",
    "device", "major", "minor", "path", "wwn", "model", "serial", "revision",
)  # fmt: skip
_INFO_KEYS: Final = ("ID_PATH", "ID_WWN", "ID_MODEL", "ID_SERIAL_SHORT", "ID_REVISION")
_FILESYSTEM: Final = gauge(
    "node_disk_filesystem_info", "Info about disk filesystem.", "device", "type", "usage", "uuid", "version"
)
_FILESYSTEM_KEYS: Final = ("ID_FS_TYPE", "ID_FS_USAGE", "ID_FS_UUID", "ID_FS_VERSION")
_MAPPER: Final = gauge(
    "node_disk_device_mapper_info",
    "Info about disk device mapper.",
    "device", "name", "uuid", "vg_name", "lv_name", "lv_layer",
)  # fmt: skip
_MAPPER_KEYS: Final = ("DM_NAME", "DM_UUID", "DM_VG_NAME", "DM_LV_NAME", "DM_LV_LAYER")
_ATA: Final = (
    (gauge("node_disk_ata_write_cache", "ATA disk has a write cache.", "device"), "ID_ATA_WRITE_CACHE"),
    (
        gauge("node_disk_ata_write_cache_enabled", "ATA disk has its write cache enabled.", "device"),
        "ID_ATA_WRITE_CACHE_ENABLED",
    ),
    (
        gauge("node_disk_ata_rotation_rate_rpm", "ATA disk rotation rate in RPMs (0 for SSDs).", "device"),
        "ID_ATA_ROTATION_RATE_RPM",
    ),
)


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's block devices. Bytes and seconds."""
    if host.platform != "linux":
        from agent.host import psutil_io

        return psutil_io.open_diskstats(Exclusion("exclude", settings.exclude))
    disks = _Disks(settings, host)
    return guarded(disks.read, disks.file.path)


class _Disks:
    def __init__(self, settings: Settings, host: Host) -> None:
        self.file = File(f"{host.proc}/diskstats")
        self._udev = host.in_root("/run/udev/data")
        self._excluded = Exclusion("exclude", settings.exclude)
        self._left_out: dict[bytes, bool] = {}
        self._layout = Layout()
        self._devices: list[list[bytes]] = []
        self._described: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]] = []
        self._age = 0

    def read(self) -> Readings:
        """Counters now, descriptions as of their last reading."""
        rows = [row for line in self.file.read().splitlines() if (row := line.split()) and self._is_wanted(row)]
        series = self._layout.of([row[2] for row in rows])
        values = list(zip(*[map(float, row[3:]) for row in rows], strict=False))
        if rows and len(values) < _OLDEST:
            raise malformed(self.file.path, len(values), f"at least {_OLDEST} numbers a device")
        self._describe(rows)
        readings: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]] = [
            (family, series, column if scale == 1.0 else [value * scale for value in column])
            for (family, scale), column in zip(_COLUMNS, values, strict=False)
        ]
        return readings + self._described

    def _is_wanted(self, row: list[bytes]) -> bool:
        if len(row) < 3:
            raise malformed(self.file.path, b" ".join(row), "major, minor and name of a device")
        return not self._excluded.covers(text(row[2]))

    def _describe(self, rows: list[list[bytes]]) -> None:
        devices = [row[:3] for row in rows]
        self._age += 1
        if devices == self._devices and self._age < UDEV_EVERY:
            return
        described = _descriptions([self._known_of(*map(text, device)) for device in devices])
        if devices != self._devices or described != self._described:  # else the caller's layout stays as it is
            self._described = described
        self._devices, self._age = devices, 0

    def _known_of(self, major: str, minor: str, name: str) -> tuple[str, str, str, dict[str, str]]:
        """What udev recorded of a device; nothing where udev does not run."""
        try:
            raw = read_once(f"{self._udev}/b{major}:{minor}")
        except OSError:
            return major, minor, name, {}
        pairs = (text(line[2:]).partition("=") for line in raw.splitlines() if line.startswith(b"E:"))
        return major, minor, name, {key: value for key, equals, value in pairs if equals}


def _descriptions(
    devices: list[tuple[str, str, str, dict[str, str]]],
) -> list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]]:
    """Info families of `(major, minor, name, udev's properties)`; a family that no device has is left out."""
    info = [(name, major, minor, *(udev.get(key, "") for key in _INFO_KEYS)) for major, minor, name, udev in devices]
    tables = [(_INFO, tuple(info))]
    for family, keys in ((_FILESYSTEM, _FILESYSTEM_KEYS), (_MAPPER, _MAPPER_KEYS)):
        having = [(name, udev) for _, _, name, udev in devices if udev.get(keys[0])]
        tables.append((family, tuple((name, *(udev.get(key, "") for key in keys)) for name, udev in having)))
    described: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]] = [
        (family, series, [1.0] * len(series)) for family, series in tables if series
    ]
    for family, key in _ATA:
        values = {(name,): _number(udev[key]) for _, _, name, udev in devices if udev.get("ID_ATA") and key in udev}
        known = {labels: value for labels, value in values.items() if value is not None}
        if known:
            described.append((family, tuple(known), list(known.values())))
    return described


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
