"""Kinds vmstat and netstat: which counters are read is a pattern, refused when it is none."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from agent.host import netstat, vmstat
from agent.host.reading import Host
from agent.model import Readings

Samples = Callable[[Readings], dict[str, float]]


def test_vmstat_patterns_match_the_start_of_a_name(recorded: Callable[[str], Host], samples: Samples) -> None:
    found = samples(vmstat.open_reader(vmstat.Settings(fields="pgfault|thp_split"), recorded("vm"))())
    assert "node_vmstat_pgfault" in found
    assert "node_vmstat_thp_split_page" in found
    assert "node_vmstat_pgmajfault" not in found


def test_netstat_patterns_match_the_whole_name(recorded: Callable[[str], Host], samples: Samples) -> None:
    found = samples(netstat.open_reader(netstat.Settings(fields="Tcp_MaxConn|Ip6?_InReceives"), recorded("vm"))())
    assert set(found) == {"node_netstat_Tcp_MaxConn", "node_netstat_Ip_InReceives", "node_netstat_Ip6_InReceives"}
    assert found["node_netstat_Tcp_MaxConn"] == -1


def test_a_pattern_that_chooses_nothing_reads_nothing(recorded: Callable[[str], Host]) -> None:
    assert list(netstat.open_reader(netstat.Settings(fields="x"), recorded("vm"))()) == []
    assert list(vmstat.open_reader(vmstat.Settings(fields="x"), recorded("vm"))()) == []


@pytest.mark.parametrize("settings", [vmstat.Settings, netstat.Settings])
def test_a_pattern_that_is_none_is_refused(settings: type[msgspec.Struct]) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"fields: '\(' is no regular expression"):
        msgspec.convert({"fields": "("}, settings)


def test_without_ipv6_the_other_protocols_are_read(recorded: Callable[[str], Host], samples: Samples) -> None:
    """The recorded server has no snmp6."""
    found = samples(netstat.open_reader(netstat.Settings(), recorded("server"))())
    assert found["node_netstat_IpExt_InOctets"] == 2.0**64
    assert not any("6_" in name for name in found)
