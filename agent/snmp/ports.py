"""Who a port is and what state it is in, by IF-MIB. Pure.

A port is known by its name (ifName, else ifDescr, with the hardware address where that tells doubles apart, else its index), so
that it stays the same when a restart gives it another ifIndex (RFC 2863 section 3.1.5 lets it).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from agent.packets.ber import BerError, tail_of
from agent.snmp.answers import text
from agent.snmp.rows import Value

UP: Final = "up"
STANDBY: Final = "standby"
DOWN: Final = "down"
DISABLED: Final = "disabled"
TESTING: Final = "testing"
UNKNOWN: Final = "unknown"
_NOT_PRESENT: Final = 6
_OPERATIONAL: Final = {1: UP, 2: DOWN, 3: TESTING, 4: UNKNOWN, 5: STANDBY, 6: DISABLED, 7: DOWN}
"""ifOperStatus (RFC 2863): dormant waits for something outside, notPresent has no module in it, lowerLayerDown is down because
of what is below it."""
_SATURATED: Final = 4_294_967_295


def state_of(admin: Value, oper: Value) -> str:
    """A port's state from ifAdminStatus and ifOperStatus. What is missing or outside the MIB's values is unknown; a port that
    its administrator switched off is disabled whatever else it says."""
    if admin == 2:
        return DISABLED
    if admin is not None and admin not in (1, 3):
        return UNKNOWN
    if admin == 3:
        return TESTING
    return _OPERATIONAL.get(oper, UNKNOWN) if isinstance(oper, int) else UNKNOWN


def speed_of(high: Value, low: Value) -> float | None:
    """Bytes a second from ifHighSpeed, else from ifSpeed unless that is at its end; None if the device does not know it."""
    if isinstance(high, int | float) and high > 0:
        return high * 1e6 / 8
    if isinstance(low, int | float) and 0 < low < _SATURATED:
        return low / 8
    return None


def words(value: Value) -> str:
    """A name as text; empty for none."""
    if isinstance(value, bytes):
        return text(value)
    return "" if value is None else str(value)


def index_text(index: bytes) -> str:
    """An index in numbers."""
    try:
        return ".".join(map(str, tail_of(index)))
    except BerError:
        return index.hex()


def names_of(
    indexes: Sequence[bytes],
    names: Sequence[Value],
    descriptions: Sequence[Value],
    addresses: Sequence[Value],
    states: Sequence[Value],
) -> list[str]:
    """A name for each row, none twice; empty for a stale row, which is one without a port in it (notPresent) whose name another
    row has. Doubles are told apart by hardware address where all have different ones, else by index, on every run alike."""
    found = [words(name) or words(description) for name, description in zip(names, descriptions, strict=True)]
    found = [name or index_text(index) for name, index in zip(found, indexes, strict=True)]
    counts = Counter(found)
    if len(counts) == len(found):
        return found
    present = Counter(name for name, state in zip(found, states, strict=True) if state != _NOT_PRESENT)
    result = [
        "" if state == _NOT_PRESENT and counts[name] > 1 and present[name] else name
        for name, state in zip(found, states, strict=True)
    ]
    by_name: dict[str, list[int]] = {}
    for place, name in enumerate(result):
        if name:
            by_name.setdefault(name, []).append(place)
    for name, places in by_name.items():
        if len(places) > 1:
            for place, suffix in zip(places, _suffixes(places, indexes, names, addresses), strict=True):
                result[place] = f"{name} {suffix}"
    taken: set[str] = set()
    for place, name in enumerate(result):
        while result[place] in taken:  # a port may bear by itself the name that another was given here
            result[place] = f"{name} #{index_text(indexes[place])}"
            name = result[place]
        if result[place]:
            taken.add(result[place])
    return result


def _suffixes(places: list[int], indexes: Sequence[bytes], names: Sequence[Value], addresses: Sequence[Value]) -> list[str]:
    macs = [_mac(addresses[place]) for place in places]
    if all(macs) and len(set(macs)) == len(macs) and not any(words(names[place]) for place in places):
        return macs
    return [f"#{index_text(indexes[place])}" for place in places]


def _mac(value: Value) -> str:
    return ":".join(f"{octet:02x}" for octet in value) if isinstance(value, bytes) and len(value) == 6 and any(value) else ""
