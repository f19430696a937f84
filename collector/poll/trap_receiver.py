"""Hears traps and informs: sockets, the cheap look at each datagram, a bounded queue, and one costly look after the other.

A flood costs its datagrams a few microseconds each; the loop breathes after every message that is read in full. Nothing here
judges: targets are polled at once, and what was heard is handed over as evidence.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import logging
import socket
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from agent.clock import Clock
from agent.snmp.auth import Auth, Version
from collector.config import split_address
from collector.poll.trap_desk import Desk, Fate, Heard
from collector.poll.trap_frame import V3, Frame, FrameError, look
from collector.poll.trap_limit import Bucket, Buckets, Stranger, Strangers
from collector.poll.trap_map import plain_address
from collector.poll.trap_settings import TrapSettings
from collector.poll.trap_table import Act, Table
from collector.poll.trap_users import Users
from collector.tasks import report_end

if TYPE_CHECKING:
    from collector.poll.trap import Reader

RECEIVE_BYTES: Final = 1024 * 1024
"""Asked of the system for each socket, so that a burst waits there and is not lost."""
LEARNING: Final = (5.0, 100.0)
"""Engines a second that are learnt, and at once: each takes some 10 milliseconds of the loop."""
_ENGINE_PREFIX: Final = bytes.fromhex("80007ed905")
"""RFC 3411: the enterprise for documentation (RFC 5612), since the project has no number of its own; format 5, octets."""
_BOOTS_EPOCH_S: Final = 1_700_000_000
_BOOT_S: Final = 10

_log = logging.getLogger("haidang.traps")
_plain = functools.lru_cache(4096)(plain_address)


class Item(msgspec.Struct, frozen=True):
    """A datagram that waits to be read in full."""

    data: bytes
    frame: Frame
    source: str
    send: Callable[[bytes], None]


class TrapTally:
    """Counts since the start. `fates` add up to `received` when nothing waits."""

    def __init__(self) -> None:
        self.received = 0
        self.fates = dict.fromkeys(Fate, 0)
        self.notifications: dict[str, int] = {}
        """Accepted ones by their name in the table."""
        self.polls = 0


class Receiver:
    """Hears traps while it is started. `auths` are entries by name; `poll_now(target, reset)` and `record` are called in the
    loop for what is news."""

    def __init__(
        self,
        settings: TrapSettings,
        auths: Mapping[str, Auth],
        table: Table,
        clock: Clock,
        *,
        poll_now: Callable[[str, bool], object],
        record: Callable[[Heard], None],
    ) -> None:
        chosen = [auth for name, auth in auths.items() if not settings.auths or name in settings.auths]
        self.tally = TrapTally()
        self.addresses: tuple[tuple[str, int], ...] = ()
        """Where it listens, once it is started."""
        self._settings = settings
        self._clock = clock
        self._record = record
        self._communities = frozenset([a.community.reveal().encode() for a in chosen if a.version is not Version.V3])
        self._engine_id = own_engine_id(settings)
        listed = {engine.octets: engine.auth for engine in settings.engines}
        self._users = Users(chosen, listed, settings.learnt_engines, self._engine_id)
        self._desk = Desk(table, settings.same_s, _secrets(auths.values()))
        self._strangers = Strangers()
        self._bucket = Bucket(settings.rate, settings.burst)
        self._buckets: Buckets[str] = Buckets(settings.rate_per_source, settings.burst_per_source)
        self._learning = Bucket(*LEARNING)
        self._queue: deque[Item] = deque()
        self._news = asyncio.Event()
        self._polls = _Polls(poll_now, settings.poll_gap_s, clock)
        self._transports: list[asyncio.DatagramTransport] = []
        self._reader: Reader | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the sockets and begin to hear. Raises `OSError` that names the address that is not to be had."""
        # Only who hears traps pays for the library.
        from collector.poll.trap import Reader

        boots = max(1, (self._clock.wall_ms() // 1000 - _BOOTS_EPOCH_S) // _BOOT_S)
        self._reader = Reader(self._engine_id, boots, self._communities)
        try:
            for address in self._settings.listen:
                await self._open(address)
        except OSError:
            await self.stop()
            raise
        self.addresses = tuple([transport.get_extra_info("sockname")[:2] for transport in self._transports])
        self._task = asyncio.create_task(self._work())
        self._task.add_done_callback(report_end)

    async def stop(self) -> None:
        """Close the sockets; what still waits in the queue is dropped and counted."""
        for transport in self._transports:
            transport.close()
        self._transports = []
        self._polls.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        while self._queue:
            self._queue.popleft()
            self._count(Fate.DROPPED)
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def know(self, targets: Mapping[str, Sequence[str]]) -> None:
        """The targets of inventory by their addresses, from now on."""
        known = {plain_address(address): tuple(ids) for address, ids in targets.items()}
        self._desk.known = known
        for address in known:
            self._strangers.forget(address)

    def trust(self, proxies: Mapping[str, Collection[str]]) -> None:
        """Proxies with their addresses, from now on. One that has none stands in the list of strangers."""
        for name, places in proxies.items():
            if places:
                self._strangers.forget(name)
            else:
                why = f"{Fate.UNKNOWN_SOURCE}: the name of this proxy has no address"
                self._strangers.add(name, why, self._clock.wall_ms())
        self._desk.proxies = frozenset([plain_address(place) for places in proxies.values() for place in places])

    @property
    def strangers(self) -> list[Stranger]:
        """Senders that are not heard, the last first, with what was wrong the last time."""
        return self._strangers.listed()

    @property
    def waiting(self) -> int:
        """Datagrams in the queue."""
        return len(self._queue)

    @property
    def learnt_engines(self) -> int:
        """SNMPv3 engines that were learnt and are remembered."""
        return self._users.learnt

    def take(self, data: bytes, address: tuple[Any, ...], transport: asyncio.DatagramTransport) -> None:
        """A datagram came: look at it, and put it in the queue if it is worth reading."""
        self.tally.received += 1
        source = _plain(address[0])
        if not self._desk.is_known(source):
            self._refuse(Fate.UNKNOWN_SOURCE, source, "no target of inventory and no proxy has this address")
            return
        try:
            frame = look(data)
        except FrameError as error:
            self._refuse(Fate.MALFORMED, source, str(error))
            return
        if frame.version != V3 and frame.community not in self._communities:
            self._refuse(Fate.BAD_COMMUNITY, source, "a community that no entry of auths has")
        elif frame.version == V3 and not frame.is_exchange and not self._users.is_user(frame):
            self._refuse(Fate.BAD_USER, source, "no entry of auths has this user with this protection")
        elif not (self._buckets.take(source, now_ms := self._clock.uptime_ms()) and self._bucket.take(now_ms)):
            self._count(Fate.LIMITED)
        elif len(self._queue) >= self._settings.queue:
            self._count(Fate.DROPPED)
        else:
            self._queue.append(Item(data, frame, source, lambda answer: transport.sendto(answer, address)))
            self._news.set()

    async def _open(self, address: str) -> None:
        loop = asyncio.get_running_loop()
        host, port = split_address(address)
        try:
            [(family, _, _, _, place), *_] = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            sock = socket.socket(family, socket.SOCK_DGRAM)
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind(place)
                sock.setblocking(False)
            except OSError:
                sock.close()
                raise
        except OSError as error:
            raise OSError(error.errno, f"traps cannot be heard at {address}: {error.strerror or error}") from error
        transport, _ = await loop.create_datagram_endpoint(lambda: _Ear(self), sock=sock)
        self._transports.append(transport)

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._queue:
                self._read_guarded(self._queue.popleft())
                await asyncio.sleep(0)

    def _read_guarded(self, item: Item) -> None:
        counted = sum(self.tally.fates.values())
        try:
            self._read(item)
        except Exception:  # noqa: BLE001  what one message makes of our code must not end the hearing of all
            _log.exception("a notification from %s could not be read", item.source)
            if sum(self.tally.fates.values()) == counted:
                self._refuse(Fate.MALFORMED, item.source, "its reading failed here")

    def _read(self, item: Item) -> None:
        frame, reader = item.frame, self._reader
        assert reader is not None
        if frame.version == V3 and (frame.level or not frame.is_exchange) and not self._is_believed(item, reader):
            return
        read = reader.read(item.data, item.source, frame.version, item.send)
        if read.notice is None:
            self._unread(item, read.is_exchange, read.why)
            return
        verdict = self._desk.judge(read.notice, self._clock.uptime_ms(), self._clock.wall_ms())
        if verdict.fate is Fate.UNKNOWN_SOURCE:
            whom = f"{read.notice.about} by {item.source}" if read.notice.about else item.source
            self._refuse(verdict.fate, whom, "a proxy forwards for an address that no target has")
            return
        self._count(verdict.fate)
        if verdict.fate is Fate.ACCEPTED:
            self.tally.notifications[verdict.notification] = self.tally.notifications.get(verdict.notification, 0) + 1
        for heard in verdict.heard:
            self._record(heard)
            if heard.is_poll:
                self.tally.polls += self._polls.ask(heard.target, heard.act is Act.POLL_RESET)

    def _is_believed(self, item: Item, reader: Reader) -> bool:
        """Whether the user of a message is who it says, so that the library may read it; else its fate is counted."""
        frame = item.frame
        credential = self._users.believe(frame, item.data)
        if credential is None:
            self._refuse(Fate.BAD_USER, item.source, "wrong password, or an engine that is not listed for this user")
            return False
        if not (self._users.knows(frame.engine_id) or self._learning.take(self._clock.uptime_ms())):
            self._count(Fate.LIMITED)
            return False
        if self._users.is_stale(frame):
            self._refuse(Fate.STALE, item.source, "outside the time window of its engine")
            return False
        for engine_id in self._users.forgotten():
            reader.forget(engine_id)
        if not reader.register(frame.engine_id, credential):
            self._refuse(Fate.BAD_USER, item.source, "an engine or user that cannot be kept")
            return False
        return True

    def _unread(self, item: Item, is_exchange: bool, why: str) -> None:
        if is_exchange or item.frame.is_exchange:
            self._count(Fate.EXCHANGE)
        elif item.frame.level == 2:
            self._refuse(Fate.BAD_USER, item.source, f"cannot be decrypted: wrong password of privacy ({why})")
        else:
            self._refuse(Fate.MALFORMED, item.source, why)

    def _refuse(self, fate: Fate, source: str, why: str) -> None:
        self._count(fate)
        self._strangers.add(source, f"{fate}: {why}", self._clock.wall_ms())

    def _count(self, fate: Fate) -> None:
        self.tally.fates[fate] += 1


class _Ear(asyncio.DatagramProtocol):
    """One socket. The loop hands over one datagram a turn, so that a flood leaves every other turn to others."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # what it is, and in 3.11 does not say

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if self._transport is not None:
            self._receiver.take(data, addr, self._transport)

    def error_received(self, exc: Exception) -> None:
        """An acknowledgement could not be delivered: its sender asks again."""


class _Polls:
    """Polls that traps ask for: at once, but of one target at most one within the gap; what comes in it waits for its end."""

    def __init__(self, poll_now: Callable[[str, bool], object], gap_s: float, clock: Clock) -> None:
        self._poll_now = poll_now
        self._gap_ms = int(gap_s * 1000)
        self._clock = clock
        self._last_ms: dict[str, int] = {}
        self._waiting: dict[str, tuple[asyncio.TimerHandle, bool]] = {}

    def ask(self, target: str, reset: bool) -> int:
        """Poll `target` now or at the end of the gap; how many polls that makes more, 0 or 1."""
        if target in self._waiting:
            handle, was_reset = self._waiting[target]
            self._waiting[target] = (handle, was_reset or reset)
            return 0
        left_ms = self._last_ms.get(target, -self._gap_ms) + self._gap_ms - self._clock.uptime_ms()
        if left_ms > 0:
            handle = asyncio.get_running_loop().call_later(left_ms / 1000, self._due, target)
            self._waiting[target] = (handle, reset)
        else:
            self._go(target, reset)
        return 1

    def close(self) -> None:
        """Ask for nothing any more."""
        for handle, _ in self._waiting.values():
            handle.cancel()
        self._waiting.clear()

    def _due(self, target: str) -> None:
        _, reset = self._waiting.pop(target)
        self._go(target, reset)

    def _go(self, target: str, reset: bool) -> None:
        self._last_ms[target] = self._clock.uptime_ms()
        self._poll_now(target, reset)


def own_engine_id(settings: TrapSettings) -> bytes:
    """The engine id of this collector: the one it was given, else made from the machine's name so that it stays the same."""
    if settings.engine_id:
        return bytes.fromhex(settings.engine_id.removeprefix("0x"))
    return _ENGINE_PREFIX + hashlib.sha256(socket.gethostname().encode()).digest()[:12]


def _secrets(auths: Iterable[Auth]) -> set[str]:
    return {
        text for auth in auths for secret in (auth.community, auth.password, auth.priv_password) if (text := secret.reveal())
    }
