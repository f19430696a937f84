"""Kind `conntrack`: tracked connections, their limit and the tracker's counters, as `node_nf_conntrack_*`."""

from __future__ import annotations

from typing import Final

import msgspec

from agent.host.reading import File, Host, Reader, alone, gauge, guarded
from agent.model import Readings

_ENTRIES: Final = (
    gauge("node_nf_conntrack_entries", "Number of currently allocated flow entries for connection tracking."),
    gauge("node_nf_conntrack_entries_limit", "Maximum size of connection tracking table."),
)
_STATS: Final = {
    b"found": "Number of searched entries which were successful.",
    b"invalid": "Number of packets seen which can not be tracked.",
    b"ignore": "Number of packets seen which are already connected to a conntrack entry.",
    b"insert": "Number of entries inserted into the list.",
    b"insert_failed": "Number of entries for which list insertion was attempted but failed.",
    b"drop": "Number of packets dropped due to conntrack failure.",
    b"early_drop": "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.",
    b"search_restart": "Number of conntrack table lookups which had to be restarted due to hashtable resizes.",
}
_FAMILIES: Final = (
    *_ENTRIES,
    *(gauge(f"node_nf_conntrack_stat_{name.decode()}", about) for name, about in _STATS.items()),
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of connection tracking; a machine without it has no data, an old kernel may lack the counters."""
    folder = f"{host.proc}/sys/net/netfilter"
    count = File(f"{folder}/nf_conntrack_count", size=64, whole=False)
    limit = File(f"{folder}/nf_conntrack_max", size=64, whole=False)
    stats = File(f"{host.proc}/net/stat/nf_conntrack")

    def read() -> Readings:
        values = [float(count.read()), float(limit.read())]
        try:
            data = stats.read()
        except FileNotFoundError:
            return alone(_ENTRIES, values)
        return alone(_FAMILIES, values + _sums(data))

    return guarded(read, folder)


def _sums(data: bytes) -> list[float]:
    """Counters of all CPUs added up: a line of titles, then a line of hexadecimal numbers for each CPU."""
    titles, *rows = [line.split() for line in data.split(b"\n") if line]
    places = [titles.index(name) for name in _STATS]
    return [float(sum(int(row[place], 16) for row in rows)) for place in places]
