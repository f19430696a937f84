"""Kind `netstat`: protocol counters of `/proc/net/snmp`, `netstat` and `snmp6` as `node_netstat_<Protocol>_<Name>`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.host.exclusion import compiled
from agent.host.fields import Field, Fields, Plan
from agent.host.reading import File, Host, Reader, guarded, untyped
from agent.model import Family, Readings

_FIELDS = (
    r".*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)"
    r"|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts)"
    r"|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
    r"|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors)"
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which counters are read."""

    fields: Annotated[str, Meta(description="Regular expression that `Protocol_Name` must match as a whole.")] = _FIELDS

    def __post_init__(self) -> None:
        compiled("fields", self.fields)


Choose = Callable[[str, str], Family | None]
"""The family of a protocol's counter, none if it is not wanted."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of protocol counters; without IPv6 in the kernel, `snmp6` is left out."""
    wanted = compiled("fields", settings.fields)

    def choose(protocol: str, name: str) -> Family | None:
        if not wanted.fullmatch(f"{protocol}_{name}"):
            return None
        return untyped(f"node_netstat_{protocol}_{name}", f"Statistic {protocol}{name}.")

    tables = [_Table(File(f"{host.proc}/net/{name}"), choose) for name in ("netstat", "snmp")]
    snmp6 = File(f"{host.proc}/net/snmp6")
    fields6 = Fields(lambda words: _lay_out_snmp6(words, choose))

    def read() -> Readings:
        found = [*tables[0].read(), *tables[1].read()]
        try:
            words = snmp6.read().split()
        except FileNotFoundError:
            return found
        found.extend(fields6.of(words))
        return found

    return guarded(read, f"{host.proc}/net/snmp")


class _Table:
    """Pairs of lines, `Tcp: Name Name` and `Tcp: 1 2`. The names are laid out once, then compared as whole lines."""

    def __init__(self, file: File, choose: Choose) -> None:
        self._file = file
        self._choose = choose
        self._names: list[bytes] = []
        self._fields = Fields(self._lay_out)

    def read(self) -> Readings:
        lines = self._file.read().split(b"\n")
        names = lines[:-1:2]
        if names != self._names:
            self._names = names
            self._fields = Fields(self._lay_out)
        return self._fields.of(b" ".join(lines[1::2]).split())

    def _lay_out(self, words: Sequence[bytes]) -> Plan:
        """`words` are the lines of numbers; the lines of names are at hand in `_names`."""
        fields: list[Field] = []
        numbers = bytearray(len(words))
        at = 0
        for line in self._names:
            protocol, *names = line.decode("ascii").split()
            if words[at].decode("ascii") != protocol or not protocol.endswith(":"):
                raise ValueError(f"found {words[at]!r}, expected the numbers of {protocol!r}")
            for place, name in enumerate(names, at + 1):
                family = self._choose(protocol[:-1], name)
                numbers[place] = 1
                if family is not None:
                    fields.append(Field(family, place))
            at += 1 + len(names)
        if not fields and not self._names:
            raise ValueError("empty, expected pairs of lines")
        return Plan(tuple(fields), bytes(numbers[:at]))


def _lay_out_snmp6(words: Sequence[bytes], choose: Choose) -> Plan:
    """`Ip6InOctets 123`: the protocol ends with the first 6."""
    if len(words) % 2:
        raise ValueError(f"snmp6: found {len(words)} words, expected pairs of name and number")
    fields: list[Field] = []
    for place in range(0, len(words), 2):
        protocol, six, name = words[place].decode("ascii").partition("6")
        family = choose(protocol + six, name) if six else None
        if family is not None:
            fields.append(Field(family, place + 1))
    return Plan(tuple(fields), b"\0\1" * (len(words) // 2))
