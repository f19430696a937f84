"""Recorded devices that tests can have, made fit to be served: those beside the project, those of PyPI's `snmpsim-data`."""

from __future__ import annotations

import bz2
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from tests.snmp import tinyber

BESIDE = Path(__file__).parents[3] / "shared" / "snmp" / "walks"
"""Recordings beside the project; absent on most machines."""

PYPI = {
    "UPS": ("apc-7902b", "apc-8641", "eaton-93e-80", "eaton-9px-partial", "emerson-network-power", "huawei-gse200m",
            "phoenixtec-power", "vertiv-power"),
    "bmc": ("hp-onboard-administrator",),
    "iot": ("geist-temperature-sensor",),
    "network/appliance": ("empirical-hw-mgmt", "tripplite-poweralert"),
    "network/firewall": ("paloalto-pa-5000",),
    "network/router": ("cisco-unmarked-0", "huawei-s5720"),
    "network/switch": ("brocade-ds-5100b", "brocade-icx6430-24", "cisco-c3560", "cisco-c3750", "cisco-n5000",
                       "dlink-des3038", "h3c-e528-2", "maipu-sm4200-16gef8ge-ac"),
    "network/wifi": ("aruba-7010", "ubiquiti-m5"),
    "os/linux": ("ibm-x3550-m3", "slackware", "unknown-006"),
    "os/windows": ("XP", "server-2003-5-2"),
    "storage": ("isilon-onefs", "netapp-fas3270"),
}  # fmt: skip
"""Folder -> recordings of `snmpsim-data` of the kinds of device that profiles are for; others are huge or of no such kind."""

CLASSES = {
    "pypi-apc-7902b": "pdu",
    "pypi-eaton-93e-80": "ups",
    "pypi-eaton-9px-partial": "ups",
    "pypi-emerson-network-power": "ups",
    "pypi-phoenixtec-power": "ups",
    "pypi-vertiv-power": "env",
    "pypi-huawei-gse200m": "ups",
    "pypi-paloalto-pa-5000": "firewall",
    "pypi-dlink-des3038": "switch",
    "pypi-cisco-c3560": "switch",
    "pypi-cisco-c3750": "switch",
    "pypi-cisco-n5000": "switch",
    "pypi-huawei-s5720": "switch",
    "pypi-h3c-e528-2": "switch",
    "pypi-brocade-ds-5100b": "fcswitch",
    "pypi-apc-8641": "pdu",
    "pypi-slackware": "server",
    "pypi-ibm-x3550-m3": "server",
    "pypi-XP": "server",
    "pypi-server-2003-5-2": "server",
    "pypi-netapp-fas3270": "storage",
    "pypi-isilon-onefs": "storage",
}
"""What an inventory would say of those of `PYPI` that have golden files."""

_HEX = {"4x", "68x", "64x"}
_RANGES = {"2": (-(2**31), 2**31), "65": (0, 2**32), "66": (0, 2**32), "67": (0, 2**32), "70": (0, 2**64)}


def beside() -> dict[str, Path]:
    """Name -> recording beside the project; empty where there are none."""
    return {path.stem: path for path in sorted(BESIDE.glob("*.snmprec"))}


def from_pypi() -> dict[str, Path]:
    """Name -> recording of `snmpsim-data`; empty where it is not installed. The names begin with `pypi-`."""
    found = importlib.util.find_spec("snmpsim_data")
    if found is None or not found.submodule_search_locations:
        return {}
    root = Path(found.submodule_search_locations[0]) / "data"
    listed = {}
    for folder, names in PYPI.items():
        for name in names:
            [path] = (root / folder).glob(f"{name}.snmprec*")
            listed[f"pypi-{name}"] = path
    return listed


def prepared(path: Path, folder: Path, name: str) -> Path:
    """A copy of the recording `path` as `folder/name.snmprec` in which every row can be served; see `rows`."""
    data = path.read_bytes()
    if path.suffix == ".bz2":
        data = bz2.decompress(data)
    target = folder / f"{name}.snmprec"
    target.write_text("".join(f"{oid}|{tag}|{value}\n" for oid, tag, value in rows(data)), encoding="latin-1")
    return target


def rows(data: bytes) -> list[tuple[str, str, str]]:
    """OID, tag and value of each row in the order of OIDs, the first of those with one OID. Left out: broken lines, variation
    modules, and what the simulator cannot encode. Text at whose edges it would drop blanks is turned into hex."""
    found: dict[tuple[int, ...], tuple[str, str, str]] = {}
    for row in _lines(data.decode("latin-1")):
        found.setdefault(tinyber.arcs(row[0]), row)
    return [found[key] for key in sorted(found)]


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    for line in text.split("\n"):
        oid, bar, rest = line.removesuffix("\r").partition("|")
        tag, second, value = rest.partition("|")
        if not bar or not second or ":" in tag or not oid.replace(".", "").isdigit():
            continue
        if tag == "6" and "." not in value.strip("."):
            continue
        if (tag in _HEX and not _is_hex(value)) or (tag in _RANGES and not _is_within(value, *_RANGES[tag])):
            continue
        if tag == "4" and value != value.strip():
            tag, value = "4x", value.encode("latin-1").hex()
        yield oid, tag, value


def _is_hex(value: str) -> bool:
    try:
        bytes.fromhex(value)
    except ValueError:
        return False
    return " " not in value


def _is_within(value: str, least: int, end: int) -> bool:
    try:
        return least <= int(value) < end
    except ValueError:
        return False
