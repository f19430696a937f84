"""Objects that the engine itself reads, whatever the modules of a profile: system group, clocks, the port table. Constants."""

from __future__ import annotations

from typing import Final

from agent.packets.ber import oid_of
from agent.snmp.answers import Object, Sort


def _scalar(name: str, oid: str, sort: Sort = Sort.NUMBER) -> tuple[str, Object]:
    return name, Object(name, oid_of(oid), False, sort)


KNOWN: Final[dict[str, Object]] = dict((
    _scalar("sysDescr", "1.3.6.1.2.1.1.1", Sort.TEXT),
    _scalar("sysObjectID", "1.3.6.1.2.1.1.2", Sort.TEXT),
    _scalar("sysUpTime", "1.3.6.1.2.1.1.3"),
    _scalar("sysName", "1.3.6.1.2.1.1.5", Sort.TEXT),
    _scalar("sysLocation", "1.3.6.1.2.1.1.6", Sort.TEXT),
    _scalar("snmpEngineBoots", "1.3.6.1.6.3.10.2.1.2"),
    _scalar("snmpEngineTime", "1.3.6.1.6.3.10.2.1.3"),
    _scalar("hrSystemUptime", "1.3.6.1.2.1.25.1.1"),
    _scalar("ifNumber", "1.3.6.1.2.1.2.1"),
))  # fmt: skip
"""SNMPv2-MIB, SNMP-FRAMEWORK-MIB, HOST-RESOURCES-MIB, IF-MIB."""


def _column(oid: str) -> bytes:
    return oid_of(oid)


IF_DESCR: Final = _column("1.3.6.1.2.1.2.2.1.2")
IF_TYPE: Final = _column("1.3.6.1.2.1.2.2.1.3")
IF_SPEED: Final = _column("1.3.6.1.2.1.2.2.1.5")
IF_PHYS_ADDRESS: Final = _column("1.3.6.1.2.1.2.2.1.6")
IF_ADMIN_STATUS: Final = _column("1.3.6.1.2.1.2.2.1.7")
IF_OPER_STATUS: Final = _column("1.3.6.1.2.1.2.2.1.8")
IF_LAST_CHANGE: Final = _column("1.3.6.1.2.1.2.2.1.9")
IF_IN_OCTETS: Final = _column("1.3.6.1.2.1.2.2.1.10")
IF_IN_UCAST: Final = _column("1.3.6.1.2.1.2.2.1.11")
IF_IN_DISCARDS: Final = _column("1.3.6.1.2.1.2.2.1.13")
IF_IN_ERRORS: Final = _column("1.3.6.1.2.1.2.2.1.14")
IF_OUT_OCTETS: Final = _column("1.3.6.1.2.1.2.2.1.16")
IF_OUT_UCAST: Final = _column("1.3.6.1.2.1.2.2.1.17")
IF_OUT_DISCARDS: Final = _column("1.3.6.1.2.1.2.2.1.19")
IF_OUT_ERRORS: Final = _column("1.3.6.1.2.1.2.2.1.20")
IF_NAME: Final = _column("1.3.6.1.2.1.31.1.1.1.1")
IF_IN_MULTICAST: Final = _column("1.3.6.1.2.1.31.1.1.1.2")
IF_IN_BROADCAST: Final = _column("1.3.6.1.2.1.31.1.1.1.3")
IF_OUT_MULTICAST: Final = _column("1.3.6.1.2.1.31.1.1.1.4")
IF_OUT_BROADCAST: Final = _column("1.3.6.1.2.1.31.1.1.1.5")
IF_HC_IN_OCTETS: Final = _column("1.3.6.1.2.1.31.1.1.1.6")
IF_HC_IN_UCAST: Final = _column("1.3.6.1.2.1.31.1.1.1.7")
IF_HC_IN_MULTICAST: Final = _column("1.3.6.1.2.1.31.1.1.1.8")
IF_HC_IN_BROADCAST: Final = _column("1.3.6.1.2.1.31.1.1.1.9")
IF_HC_OUT_OCTETS: Final = _column("1.3.6.1.2.1.31.1.1.1.10")
IF_HC_OUT_UCAST: Final = _column("1.3.6.1.2.1.31.1.1.1.11")
IF_HC_OUT_MULTICAST: Final = _column("1.3.6.1.2.1.31.1.1.1.12")
IF_HC_OUT_BROADCAST: Final = _column("1.3.6.1.2.1.31.1.1.1.13")
IF_HIGH_SPEED: Final = _column("1.3.6.1.2.1.31.1.1.1.15")
IF_ALIAS: Final = _column("1.3.6.1.2.1.31.1.1.1.18")
IF_DISCONTINUITY: Final = _column("1.3.6.1.2.1.31.1.1.1.19")
DOT3_FCS_ERRORS: Final = _column("1.3.6.1.2.1.10.7.2.1.3")
DOT3_DUPLEX: Final = _column("1.3.6.1.2.1.10.7.2.1.19")
PORT_COLUMNS: Final = tuple(value for name, value in globals().items() if name.startswith(("IF_", "DOT3_")))
"""All columns above: IF-MIB (RFC 2863) and EtherLike-MIB (RFC 3635)."""
