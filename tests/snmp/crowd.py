"""Thousands of SNMP devices in one process: every address of 127.0.0.0/8 answers on one port, as the device it was told to be.

For tests and benchmarks of the poller, so it has to cost much less than what it measures: an answer is put together once and
then only gets the request's number. All devices have the same values, which move every second.

    python -m tests.snmp.crowd PORT [--dead ADDRESS] [--slow ADDRESS] [--loop ADDRESS] [--endless ADDRESS] [--later]

With `--later` all are well until the process gets SIGUSR1.
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import heapq
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.snmp import tinyber
from tests.snmp.tinyber import COUNTER32, COUNTER64, GAUGE32, OID, TICKS, Arcs, Binding, Pdu, Value, integer, text

SLOW_S = 2.5
PORTS = 2
_IP_PKTINFO = 8
"""Linux's number, which `socket` has a name for since Python 3.14."""
_PKTINFO = struct.Struct("=I4s4s")
_IF, _IFX = tinyber.arcs("1.3.6.1.2.1.2.2.1"), tinyber.arcs("1.3.6.1.2.1.31.1.1.1")
_SNMP = tinyber.arcs("1.3.6.1.2.1.11")
SNMP_GROUP = (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)
"""Scalars of the agent itself: 1.3.6.1.2.1.11.N.0."""
_BATCH = 64
_CACHE = 4096


def address(number: int) -> str:
    """Address of the device `number`, from 0: 127.1.0.1 and on, never the first or last of a /24."""
    return f"127.{1 + number // (256 * 254)}.{number // 254 % 256}.{number % 254 + 1}"


def values(second: int, ports: int = PORTS) -> dict[Arcs, Value]:
    """What a device says: system group, 20 counters of the agent itself, and IF-MIB, whose counters move by the second. With
    more ports than `PORTS` the tables have all columns that net-snmp's have."""
    system = tinyber.arcs("1.3.6.1.2.1.1")
    found: dict[Arcs, Value] = {
        (*system, 1, 0): text("Crowd switch, software 1.0"),
        (*system, 2, 0): (OID, tinyber.oid(tinyber.arcs("1.3.6.1.4.1.8072.3.2.10"))),
        (*system, 3, 0): integer(8_640_000 + 100 * second, TICKS),
        (*system, 5, 0): text("sw"),
        (*system, 6, 0): text("rack 3"),
        (1, 3, 6, 1, 2, 1, 2, 1, 0): integer(ports),
        tinyber.arcs("1.3.6.1.6.3.10.2.1.3.0"): integer(86_400 + second),
    }
    found |= {(*_SNMP, column, 0): integer(1000 * column + second, COUNTER32) for column in SNMP_GROUP}
    for port in range(1, ports + 1):
        found |= _port(port, second, whole=ports > PORTS)
    return found


def _port(port: int, second: int, *, whole: bool) -> dict[Arcs, Value]:
    """One row of ifTable and ifXTable."""
    octets = 2**40 + 1_250_000 * (second + port)
    row: dict[Arcs, Value] = {
        (*_IF, 1, port): integer(port),
        (*_IF, 2, port): text(f"GigabitEthernet0/{port}"),
        (*_IF, 3, port): integer(6),
        (*_IF, 7, port): integer(1),
        (*_IF, 8, port): integer(1),
        (*_IF, 13, port): integer(second % 7, COUNTER32),
        (*_IF, 14, port): integer(3, COUNTER32),
        (*_IF, 19, port): integer(0, COUNTER32),
        (*_IF, 20, port): integer(1, COUNTER32),
        (*_IFX, 1, port): text(f"Gi0/{port}"),
        (*_IFX, 6, port): integer(octets, COUNTER64),
        (*_IFX, 10, port): integer(octets // 2, COUNTER64),
        (*_IFX, 15, port): integer(1000, GAUGE32),
        (*_IFX, 18, port): text("uplink"),
    }
    if not whole:
        return row
    row |= {(*_IF, column, port): integer(octets // column % 2**32, COUNTER32) for column in (10, 11, 12, 15, 16, 17, 18)}
    row |= {(*_IFX, column, port): integer(octets // column % 2**32, COUNTER32) for column in (2, 3, 4, 5)}
    row |= {(*_IFX, column, port): integer(octets // column, COUNTER64) for column in (7, 8, 9, 11, 12, 13)}
    return row | {
        (*_IF, 4, port): integer(1500),
        (*_IF, 5, port): integer(1_000_000_000, GAUGE32),
        (*_IF, 6, port): text(bytes((2, 0, 0, 0, 0, port % 256))),
        (*_IF, 9, port): integer(100, TICKS),
        (*_IF, 21, port): integer(0, GAUGE32),
        (*_IF, 22, port): (OID, b"\0"),
        (*_IFX, 14, port): integer(1),
        (*_IFX, 16, port): integer(2),
        (*_IFX, 17, port): integer(1),
        (*_IFX, 19, port): integer(0, TICKS),
    }


class Crowd:
    """Answers of all devices: pure but for its cache."""

    def __init__(self, endless: Sequence[str] = (), loops: Sequence[str] = (), ports: int = PORTS) -> None:
        self._ports = ports
        self.misbehave(endless, loops)
        self._cache: dict[bytes, bytes] = {}
        self.set_time(0)

    def misbehave(self, endless: Sequence[str] = (), loops: Sequence[str] = ()) -> None:
        """From now on these never come to the end of a column of ifXTable: new rows for ever, or the same again and again."""
        self._endless, self._loops = frozenset(endless), frozenset(loops)

    def set_time(self, second: int) -> None:
        """The values of this second from now on."""
        self._cache.clear()
        self._values = values(second, self._ports)
        self._order = sorted(self._values)

    def answer(self, data: bytes, to: str) -> bytes:
        """The answer of the device at `to` to a request of v1 or v2c."""
        at = 2 if data[1] < 0x80 else 2 + (data[1] & 0x7F)
        pdu_at = at + 5 + data[at + 4]
        number_at = pdu_at + (2 if data[pdu_at + 1] < 0x80 else 2 + (data[pdu_at + 1] & 0x7F))
        rest_at = number_at + 2 + data[number_at + 1]
        if to in self._endless or to in self._loops:
            rest = self._rest(data, to)
        else:
            key = data[pdu_at : pdu_at + 1] + data[rest_at:]
            rest = self._cache.get(key, b"")
            if not rest:
                rest = self._rest(data, to)
                if len(self._cache) < _CACHE:
                    self._cache[key] = rest
        pdu = tinyber.tlv(tinyber.RESPONSE, data[number_at:rest_at] + rest)
        return tinyber.tlv(tinyber.SEQUENCE, data[at:pdu_at] + pdu)

    def _rest(self, data: bytes, to: str) -> bytes:
        """What follows the number in the answer's PDU."""
        pdu = tinyber.message_of(data)[2]
        status = tinyber.tlv(tinyber.INTEGER, b"\0")
        return status + status + tinyber.bindings_bytes(self._bindings(pdu, to))

    def _bindings(self, pdu: Pdu, to: str) -> list[Binding]:
        names = [name for name, _ in pdu.bindings]
        if pdu.kind == tinyber.GET:
            return [(name, self._values.get(name, (tinyber.NO_SUCH_INSTANCE, b""))) for name in names]
        if pdu.kind == tinyber.GETNEXT:
            return [self._next(name, to) for name in names]
        found = [self._next(name, to) for name in names[: pdu.status]]
        names = names[pdu.status :]
        for _ in range(pdu.index if names else 0):
            row = [self._next(name, to) for name in names]
            found += row
            names = [name for name, _ in row]
            if all(value[0] == tinyber.END_OF_MIB_VIEW for _, value in row):
                break
        return found

    def _next(self, name: Arcs, to: str) -> Binding:
        if name[: len(_IFX)] == _IFX and len(name) == len(_IFX) + 2:
            if to in self._loops and name[-1] == self._ports:
                first = (*name[:-1], 1)
                return first, self._values[first]
            if to in self._endless:
                return (*name[:-1], name[-1] + 1), integer(1, COUNTER64)
        place = bisect.bisect_right(self._order, name)
        if place == len(self._order):
            return name, (tinyber.END_OF_MIB_VIEW, b"")
        following = self._order[place]
        return following, self._values[following]


def _socket(port: int) -> socket.socket:
    """One socket for all addresses of the loopback interface; it tells which one was asked."""
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 2**20)
    with contextlib.suppress(PermissionError):  # who may not bind to the interface still looks at each datagram's address
        found.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    found.bind(("", port))
    found.setblocking(False)
    return found


class Ways:
    """Which devices answer how; with `later` they are all well until SIGUSR1 comes."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.crowd = Crowd(ports=options.ports)
        self.dead: frozenset[str] = frozenset()
        self.slow: frozenset[str] = frozenset()
        signal.signal(signal.SIGUSR1, lambda number, frame: self.begin())
        if not options.later:
            self.begin()

    def begin(self) -> None:
        """Do as told from now on."""
        options = self._options
        self.dead, self.slow = frozenset(options.dead), frozenset(options.slow)
        self.crowd.misbehave(options.endless, options.loop)


def serve(port: int, ways: Ways) -> None:
    """Answer for ever."""
    asked, crowd = _socket(port), ways.crowd
    waiting: list[tuple[float, int, bytes, tuple[str, int], bytes]] = []
    second, count = -1, 0
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        if int(now) != second:
            second = int(now)
            crowd.set_time(second)
        while waiting and waiting[0][0] <= now:
            _, _, data, back, to = heapq.heappop(waiting)
            _send(asked, data, back, to)
        pause = min(1.0, max(0.0, waiting[0][0] - now)) if waiting else 1.0
        if not select.select([asked], [], [], pause)[0]:
            continue
        for _ in range(_BATCH):
            try:
                data, extra, _, back = asked.recvmsg(2048, 64)
            except BlockingIOError:
                break
            _, _, to = _PKTINFO.unpack(extra[0][2])
            name = socket.inet_ntoa(to)
            if to[0] != 127 or name in ways.dead:
                continue
            answer = crowd.answer(data, name)
            if name in ways.slow:
                count += 1
                heapq.heappush(waiting, (time.monotonic() + SLOW_S, count, answer, back, to))
            else:
                _send(asked, answer, back, to)


def _send(asked: socket.socket, data: bytes, back: tuple[str, int], source: bytes) -> None:
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        asked.sendmsg([data], [(socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO.pack(0, source, source))], 0, back)


@contextlib.contextmanager
def running(
    *,
    dead: Sequence[str] = (),
    slow: Sequence[str] = (),
    loop: Sequence[str] = (),
    endless: Sequence[str] = (),
    ports: int = PORTS,
    core: int = -1,
    later: bool = False,
) -> Iterator[tuple[int, int]]:
    """The crowd as a process until the block ends: its port and its process id. `core`: the processor it runs on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.snmp.crowd", str(port), "--core", str(core), "--ports", str(ports)]
    command += ["--later"] if later else []
    for name, listed in (("dead", dead), ("slow", slow), ("loop", loop), ("endless", endless)):
        command += [part for one in listed for part in (f"--{name}", one)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the crowd did not start")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--core", type=int, default=-1)
    parser.add_argument("--ports", type=int, default=PORTS)
    parser.add_argument("--later", action="store_true")
    for name in ("dead", "slow", "loop", "endless"):
        parser.add_argument(f"--{name}", action="append", default=[])
    options = parser.parse_args()
    if options.core >= 0:
        os.sched_setaffinity(0, {options.core})
    serve(options.port, Ways(options))


if __name__ == "__main__":
    main()
