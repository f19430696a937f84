"""What the simulated SNMP devices say: small walks written from the standards and the makers' MIBs, and recordings of PyPI's
`snmpsim-data` for makes that are worth showing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.snmp import devices, tinyber
from tests.snmp.crowd import values as ports
from tests.snmp.tinyber import OID, TICKS, Arcs, Value, integer, text

UPS_MIB: Final = tinyber.arcs("1.3.6.1.2.1.33.1")
UPS_SOURCE: Final = (*UPS_MIB, 4, 1, 0)
UPS_SECONDS_ON_BATTERY: Final = (*UPS_MIB, 2, 2, 0)
MAINS, BATTERY = integer(3), integer(5)
"""upsOutputSource of RFC 1628."""
POLY: Final = tinyber.arcs("1.3.6.1.4.1.13885.101.1")
REGISTERED: Final = ((*POLY, 2, 7, 2, 0), (*POLY, 2, 8, 3, 1, 2, 1))
"""serviceH323RegistrationStatus, serviceSipRegistrationStatus.1."""
GOOD, FAILED = integer(2), integer(3)
STORAGE: Final = tinyber.arcs("1.3.6.1.2.1.25.2.3.1")
DISK_UNITS: Final = 26_214_400
DISK_USED: Final = (*STORAGE, 6, 2)
_SYSTEM: Final = tinyber.arcs("1.3.6.1.2.1.1")
_ATS: Final = tinyber.arcs("1.3.6.1.4.1.318.1.1.8.5.1")
_SENSOR: Final = tinyber.arcs("1.3.6.1.2.1.99.1.1.1")

CLASSES: Final = {
    "ats": "ats",
    "codec": "room",
    "env": "env",
    "fc-switch": "fcswitch",
    "fcswitch": "fcswitch",
    "firewall": "firewall",
    "nas": "host",
    "pdu": "pdu",
    "room": "room",
    "router": "network",
    "sensor": "env",
    "server": "host",
    "storage": "host",
    "switch": "network",
    "ups": "ups",
    "vc": "room",
    "video": "room",
    "video-room": "room",
    "vm": "host",
}
"""Class of a target -> what it plays; everything else plays `network`, which is up when it answers."""
RECORDED: Final = {
    "fcswitch": "pypi-brocade-ds-5100b",
    "firewall": "pypi-paloalto-pa-5000",
    "pdu": "pypi-apc-7902b",
}  # fmt: skip


def played_by(class_: str) -> str:
    """The recording for a class of target."""
    return CLASSES.get(class_, "network")


def write(folder: Path) -> None:
    """Put all recordings into a folder, ready for snmpsim."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in own().items():
        lines = [f"{'.'.join(map(str, arcs))}|{_row(value)}\n" for arcs, value in sorted(values.items())]
        (folder / f"{name}.snmprec").write_text("".join(lines), encoding="latin-1")
    for name, recording in RECORDED.items():
        path = devices.from_pypi().get(recording)
        if path is not None:
            devices.prepared(path, folder, name)
    for name in RECORDED:
        if not (folder / f"{name}.snmprec").exists():
            (folder / f"{name}.snmprec").write_bytes((folder / "network.snmprec").read_bytes())


def _row(value: Value) -> str:
    """Tag and value as snmpsim writes them."""
    tag, content = value
    if tag == tinyber.STRING:
        return f"4x|{content.hex()}"
    if tag == OID:
        return "6|" + (".".join(map(str, tinyber.arcs_of(content))) if content != b"\0" else "0.0")
    return f"{tag}|{tinyber.signed(content)}"


def own() -> dict[str, dict[Arcs, Value]]:
    """The walks that are written here, by name."""
    return {"network": _network(), "ups": _ups(), "room": _room(), "host": _host(), "ats": _ats(), "env": _env()}


def _system(description: str, object_id: str) -> dict[Arcs, Value]:
    return {
        (*_SYSTEM, 1, 0): text(description),
        (*_SYSTEM, 2, 0): (OID, tinyber.oid(tinyber.arcs(object_id))),
        (*_SYSTEM, 3, 0): integer(86_400_000, TICKS),
        (*_SYSTEM, 5, 0): text("simulated"),
        (*_SYSTEM, 6, 0): text("simulation"),
        tinyber.arcs("1.3.6.1.6.3.10.2.1.3.0"): integer(864_000),
    }


def _network() -> dict[Arcs, Value]:
    return ports(0, 8) | _system("Simulated network device", "1.3.6.1.4.1.8072.3.2.10")


def _ups() -> dict[Arcs, Value]:
    scalars: dict[tuple[int, ...], Value] = {
        (1, 1): text("Simulation"), (1, 2): text("UPS of RFC 1628"), (1, 3): text("1.0"), (1, 5): text("ups"),
        (2, 1): integer(2), (2, 2): integer(0), (2, 3): integer(95), (2, 4): integer(100), (2, 5): integer(2_700),
        (2, 6): integer(0), (2, 7): integer(25), (3, 1): integer(0), (3, 2): integer(1), (4, 1): MAINS, (4, 2): integer(500),
        (4, 3): integer(1), (5, 3): integer(0), (6, 1): integer(0),
        (3, 3, 1, 2): integer(500), (3, 3, 1, 3): integer(228), (4, 4, 1, 2): integer(230), (4, 4, 1, 3): integer(52),
        (4, 4, 1, 4): integer(1_150), (4, 4, 1, 5): integer(38),
    }  # fmt: skip
    found = {(*UPS_MIB, *arcs, 1 if len(arcs) == 4 else 0): value for arcs, value in scalars.items()}
    return found | _system("Simulated UPS", "1.3.6.1.2.1.33")


def _room() -> dict[Arcs, Value]:
    scalars: dict[tuple[int, ...], Value] = {
        (1, 1, 0): text("Simulation 1.0"), (1, 4, 0): text("Group 500"), (1, 5, 0): text("SIM0001"), (1, 6, 0): GOOD,
        (2, 7, 1, 0): GOOD, (2, 8, 1, 0): GOOD, (3, 1, 0): GOOD, (5, 1, 0): integer(0),
    }  # fmt: skip
    found = {(*POLY, *arcs): value for arcs, value in scalars.items()} | dict.fromkeys(REGISTERED, GOOD)
    return found | _system("Videoconferencing Device", "1.3.6.1.4.1.13885.101")


def _host() -> dict[Arcs, Value]:
    kinds = {1: "1.3.6.1.2.1.25.2.1.2", 2: "1.3.6.1.2.1.25.2.1.4"}
    found = ports(0) | _system("Simulated server", "1.3.6.1.4.1.8072.3.2.10")
    found[tinyber.arcs("1.3.6.1.2.1.25.1.1.0")] = integer(86_400_000, TICKS)
    found[tinyber.arcs("1.3.6.1.2.1.25.2.2.0")] = integer(16 * 2**20)
    for row, (name, size, used) in enumerate(
        (("Physical memory", 4_194_304, 2_000_000), ("/", DISK_UNITS, DISK_UNITS // 3)), 1
    ):
        cells = (
            integer(row),
            (OID, tinyber.oid(tinyber.arcs(kinds[row]))),
            text(name),
            integer(4_096),
            integer(size),
            integer(used),
        )
        found |= {(*STORAGE, column, row): value for column, value in enumerate(cells, 1)}
    return found | {(*tinyber.arcs("1.3.6.1.2.1.25.3.3.1.2"), core): integer(12) for core in (196_608, 196_609)}


def _ats() -> dict[Arcs, Value]:
    found = {(*_ATS, column, 0): GOOD for column in (1, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 16)}
    found[(*_ATS, 2, 0)] = integer(1)
    found[tinyber.arcs("1.3.6.1.4.1.318.1.1.8.1.5.0")] = text("AP4423")
    return found | _system("Simulated transfer switch", "1.3.6.1.4.1.318.1.3.11")


def _env() -> dict[Arcs, Value]:
    found = _system("Simulated sensors", "1.3.6.1.4.1.8072.3.2.10")
    for row, (kind, value) in enumerate(((8, 23), (9, 52)), 1):
        cells = (integer(kind), integer(9), integer(0), integer(value), integer(1))
        found |= {(*_SENSOR, column, row): cell for column, cell in enumerate(cells, 1)}
        found[(*tinyber.arcs("1.3.6.1.2.1.47.1.1.1.1.7"), row)] = text(f"sensor {row}")
        found[(*tinyber.arcs("1.3.6.1.2.1.47.1.1.1.1.5"), row)] = integer(8)
    return found
