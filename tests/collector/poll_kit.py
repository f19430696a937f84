"""A UPS and a switch as a fault agent plays them, and the files of a collector that polls them; for tests of polling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from collector.config import Agents, Config, Snmp, Web
from collector.settings import TrapSettings
from tests.snmp import tinyber
from tests.snmp.crowd import values as switch_values
from tests.snmp.tinyber import Arcs, Value

SWITCH = switch_values(0)
AUTHS = "auths:\n  lab:\n    version: 2\n    community: public\n  wrong:\n    version: 2\n    community: not-the-one\n"
UPS_MIB = "1.3.6.1.2.1.33.1"


def ups(source: int = 3, charge: int = 100) -> dict[Arcs, Value]:
    """A UPS by RFC 1628; `source` 3 is mains, 4 bypass, 5 battery."""
    system = tinyber.arcs("1.3.6.1.2.1.1")
    mib = tinyber.arcs(UPS_MIB)
    return {
        (*system, 1, 0): tinyber.text("Example UPS"),
        (*system, 2, 0): (tinyber.OID, tinyber.oid(tinyber.arcs("1.3.6.1.2.1.33.2.3"))),
        (*system, 3, 0): tinyber.integer(8_640_000, tinyber.TICKS),
        (*system, 5, 0): tinyber.text("ups-room-1"),
        (*mib, 1, 1, 0): tinyber.text("Example"),
        (*mib, 1, 2, 0): tinyber.text("Model 3000"),
        (*mib, 2, 1, 0): tinyber.integer(2),
        (*mib, 2, 2, 0): tinyber.integer(0),
        (*mib, 2, 3, 0): tinyber.integer(40),
        (*mib, 2, 4, 0): tinyber.integer(charge),
        (*mib, 4, 1, 0): tinyber.integer(source),
        (*mib, 6, 1, 0): tinyber.integer(0, tinyber.GAUGE32),
    }


def write_auths(folder: Path, text: str = AUTHS) -> Path:
    """A file of credentials as it should be."""
    file = folder / "auths.yml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


def target(id_: str, port: int, *, address: str = "127.0.0.1", class_: str = "ups", more: str = "", snmp: str = "") -> str:
    """A line of an inventory."""
    said = f"auth: lab, port: {port}, timeout_s: 0.3, retries: 0, ping: false{snmp}"
    return (
        f"  - {{id: {id_}, site: dic, class: {class_}, via: collector, interval_s: 1, address: {address}, "
        f"snmp: {{{said}}}{more}}}\n"
    )


def write_inventory(folder: Path, *targets: str) -> Path:
    """An inventory of these targets."""
    inventory = folder / "inventory"
    inventory.mkdir(exist_ok=True)
    listed = "targets:\n" + "".join(targets) if targets else ""
    (inventory / "all.yml").write_text(f"sites:\n  - {{id: dic}}\n{listed}", encoding="utf-8")
    return inventory


def config_of(folder: Path, *targets: str, **snmp: object) -> Config:
    """A collector's configuration with these targets; both listeners on port 0."""
    return Config(
        data=str(folder / "data"),
        inventory=str(write_inventory(folder, *targets)),
        web=Web(listen="127.0.0.1:0"),
        agents=Agents(listen="127.0.0.1:0", transport="plain"),
        snmp=Snmp(auths_file=str(write_auths(folder)), **snmp),  # type: ignore[arg-type]
        traps=TrapSettings(),
    )


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something is so, at most so long."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
