"""Kinds sockstat, softnet, udp_queues, arp, conntrack: hexadecimal columns, sums, and what an old or IPv4-only kernel lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.host import arp, conntrack, sockstat, softnet, udp_queues
from agent.host.reading import Host
from agent.model import Readings

Samples = Callable[[Readings], dict[str, float]]


def test_socket_memory_is_told_in_pages_and_in_bytes(recorded: Callable[[str], Host], samples: Samples) -> None:
    found = samples(sockstat.open_reader(sockstat.Settings(), recorded("server"), page_bytes=16384)())
    assert found["node_sockstat_UDP_mem"] == 2
    assert found["node_sockstat_UDP_mem_bytes"] == 2 * 16384
    assert found["node_sockstat_sockets_used"] == 229
    assert "node_sockstat_FRAG_memory_bytes" not in found


def test_softnet_names_the_cpu_that_the_kernel_names(recorded: Callable[[str], Host], samples: Samples) -> None:
    """With CPUs offline, the second line may be CPU 3."""
    found = samples(softnet.open_reader(softnet.Settings(), recorded("server"))())
    assert found['node_softnet_processed_total{cpu="3"}'] == 0x01663FB2
    assert found['node_softnet_times_squeezed_total{cpu="0"}'] == 0xF0000769


def test_softnet_of_an_old_kernel_counts_lines(tmp_path: Path, samples: Samples) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "softnet_stat").write_text("0a 0b 0c 00\n0d 0e 0f 00\n")
    found = samples(softnet.open_reader(softnet.Settings(), Host(str(tmp_path)))())
    assert found['node_softnet_dropped_total{cpu="1"}'] == 14


def test_udp_queues_are_summed_by_direction_and_version(recorded: Callable[[str], Host], samples: Samples) -> None:
    assert samples(udp_queues.open_reader(udp_queues.Settings(), recorded("vm"))()) == {
        'node_udp_queues{ip="v4",queue="tx"}': 0x15,
        'node_udp_queues{ip="v4",queue="rx"}': 0x30A,
        'node_udp_queues{ip="v6",queue="tx"}': 0,
        'node_udp_queues{ip="v6",queue="rx"}': 2,
    }


def test_udp_queues_without_ipv6(copied: Callable[[str], tuple[Host, Path]], samples: Samples) -> None:
    host, folder = copied("vm")
    (folder / "proc/net/udp6").unlink()
    found = samples(udp_queues.open_reader(udp_queues.Settings(), host)())
    assert found == {'node_udp_queues{ip="v4",queue="tx"}': 0x15, 'node_udp_queues{ip="v4",queue="rx"}': 0x30A}


def test_arp_entries_are_counted_by_device(recorded: Callable[[str], Host], samples: Samples) -> None:
    found = samples(arp.open_reader(arp.Settings(), recorded("vm"))())
    assert found == {'node_arp_entries{device="br-dmz"}': 1, 'node_arp_entries{device="eth0"}': 2}


def test_an_empty_arp_table_has_no_series_and_is_no_fault(copied: Callable[[str], tuple[Host, Path]], samples: Samples) -> None:
    host, folder = copied("vm")
    titles = (folder / "proc/net/arp").read_bytes().splitlines(keepends=True)[0]
    (folder / "proc/net/arp").write_bytes(titles)
    assert samples(arp.open_reader(arp.Settings(), host)()) == {}


def test_conntrack_adds_up_the_cpus_by_title(recorded: Callable[[str], Host], samples: Samples) -> None:
    """Columns are found by title: newer kernels renamed and moved some."""
    found = samples(conntrack.open_reader(conntrack.Settings(), recorded("server"))())
    assert found["node_nf_conntrack_stat_found"] == 21
    assert found["node_nf_conntrack_stat_ignore"] == 0x5BD51 + 0x39CCB
    assert found["node_nf_conntrack_stat_search_restart"] == 4


def test_conntrack_without_counters_tells_entries(copied: Callable[[str], tuple[Host, Path]], samples: Samples) -> None:
    host, folder = copied("server")
    (folder / "proc/net/stat/nf_conntrack").unlink()
    found = samples(conntrack.open_reader(conntrack.Settings(), host)())
    assert found == {"node_nf_conntrack_entries": 4096, "node_nf_conntrack_entries_limit": 262144}
