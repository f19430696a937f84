"""Sends the spool to the collector: fresh facts, fresh bulk, then backlog under credit; frees what is stored there.

One thread of its own around `step`, which does one exchange and says when it wants to be woken.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from agent import batch, wire
from agent.backoff import Backoff
from agent.clock import Clock
from agent.model import LossReason
from agent.orders_desk import Closed, Desk
from agent.segment import Entry
from agent.spool import Spool
from agent.transport import Response, Transport, TransportError, is_loopback

_SOON: Final = Backoff(base_s=1.0, max_s=60.0)
"""Nobody answers, or a collector is busy."""
_LATER: Final = Backoff(base_s=30.0, max_s=300.0, floor_s=15.0)
"""Somebody must do something first: token, identity, version."""
_PROBE_S: Final = 15.0
"""With a backlog, no credit and nothing fresh, one report is sent this often to learn of new credit."""
_MAX_CONFIRMED: Final = 4096
"""Layouts that churn for months must not fill the memory; past this they are simply sent again."""
_FORBIDDEN_TRIES: Final = 3
_UNFIT_CODES: Final = frozenset({"bad_version", "bad_encoding"})
"""Codes of a 400 that speak of the batch's form: sending fewer reports would not help, so none is given up for it."""


class UplinkState(enum.StrEnum):
    """How the uplink is doing."""

    STARTING = "starting"
    OK = "ok"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    AUTH = "auth"
    CONFLICT = "conflict"
    FORBIDDEN = "forbidden"
    REFUSED = "refused"
    INCOMPATIBLE = "incompatible"
    INTERNAL = "internal"
    """A mistake of our own or of the machine: said, and tried again."""


class UplinkSettings(msgspec.Struct, frozen=True):
    """`urls` are collectors in order of preference (`https://host:8601`). `compress`: `auto` compresses unless loopback."""

    urls: tuple[str, ...]
    compress: str = "auto"
    """`auto`, `on` or `off`."""
    return_after_s: float = 300.0
    """After how long on another collector the first one is tried again."""
    batch_bytes: int = 1024 * 1024
    batch_reports: int = 500


class UplinkStatus(msgspec.Struct, frozen=True):
    """What `haidang-agent status` and the agent's own series say of the uplink."""

    state: UplinkState
    url: str
    detail: str
    """A sentence for people; empty when all is well."""
    last_success_at_ms: int
    """Wall clock of the last batch that was stored; 0 if none yet."""
    batches: int
    """Batches stored since start."""
    failures: int
    """Exchanges since start that stored nothing."""
    reports: int
    """Reports and losses that the collector stored since start."""
    refused: int
    """Reports given up because the collector refused them."""
    bytes_sent: int
    config_tag: str


class _Peer:
    """What is known of one collector."""

    def __init__(self, url: str, compress: str) -> None:
        self.url = url
        self.confirmed: set[bytes] = set()
        self.deflates = compress == "on" or (compress == "auto" and not is_loopback(url))


class _ErrorBody(msgspec.Struct):
    code: str = ""
    detail: str = ""


class _ErrorAnswer(msgspec.Struct):
    error: _ErrorBody = msgspec.field(default_factory=_ErrorBody)


_error_decoder: Final = msgspec.json.Decoder(_ErrorAnswer)


class Uplink:
    """See the module. `random` gives numbers in [0, 1); `boot` is this boot's id."""

    def __init__(
        self,
        spool: Spool,
        transport: Transport,
        clock: Clock,
        settings: UplinkSettings,
        *,
        boot: str,
        agent_version: str,
        random: Callable[[], float],
        orders: Desk | Closed | None = None,
    ) -> None:
        if not settings.urls:
            raise ValueError("urls: found none, expected at least one collector")
        self._spool = spool
        self._transport = transport
        self._clock = clock
        self._settings = settings
        self._boot = boot
        self._version = agent_version
        self._random = random
        self._orders = orders or Closed()
        self._peers = [_Peer(url, settings.compress) for url in settings.urls]
        self._at = 0
        self._left_first_ms = 0
        self._not_before_ms = 0
        self._last_sent_ms = clock.uptime_ms()
        self._misses = 0
        self._forbidden = 0
        self._poison = 0
        self._credit = 0
        self._most = settings.batch_reports
        self._wanted: dict[bytes, bytes] = {}
        self._wanted_rounds = 0
        self._event = threading.Event()
        self._stopping = False
        self._flush_s = 0.0
        self._thread: threading.Thread | None = None
        self._status = UplinkStatus(UplinkState.STARTING, settings.urls[0], "", 0, 0, 0, 0, 0, 0, "")

    # -- thread ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something to send. Called after each append; never blocks."""
        self._event.set()

    def stop(self, flush_s: float) -> bool:
        """Send what is fresh for at most `flush_s` seconds, then end the thread; true if everything fresh was stored."""
        self._flush_s = flush_s
        self._stopping = True
        self._event.set()
        if self._thread is not None:
            self._thread.join(flush_s + 0.5)
            if self._thread.is_alive():
                return False
        self._transport.close()
        return not self._spool.fresh(1, 1)

    def status(self) -> UplinkStatus:
        """Figures for people and for the agent's own series."""
        return self._status

    def _run(self) -> None:
        while not self._stopping:
            try:
                wait = self.step()
            except Exception as error:  # noqa: BLE001 - an agent that collects for days and sends nothing helps nobody
                self._blocked(UplinkState.INTERNAL, f"{type(error).__name__}: {error}")
                continue
            self._clock.wait(self._event, 3600.0 if wait is None else wait)
            self._event.clear()
        until = self._clock.uptime_ms() + self._flush_s * 1000
        self._not_before_ms, failures = 0, self._status.failures
        while self._flush_s and self._spool.fresh(1, 1) and self._clock.uptime_ms() < until:
            self.step()
            if self._status.failures > failures:
                break

    # -- one exchange ----------------------------------------------------------------------------------------------

    def step(self) -> float | None:
        """One exchange if one is due. Seconds until the next is wanted; `None` = not before `wake`."""
        now = self._clock.uptime_ms()
        if now < self._not_before_ms:
            return (self._not_before_ms - now) / 1000
        if self._at and now - self._left_first_ms >= self._settings.return_after_s * 1000:
            self._at = 0
        # An empty batch asks what the collector has, before numbers that may have been used once are used again.
        entries = [] if self._spool.is_unsure else self._choose(now)
        if entries or self._wanted or self._spool.is_unsure:
            self._spool.sending(entries)
            self._exchange(entries, now)
            self._spool.sending(())
        self._orders.follow(self._transport, self._peer.url)
        return self._orders.wait_s(self._next_wait())

    def _next_wait(self) -> float | None:
        now = self._clock.uptime_ms()
        if now < self._not_before_ms:
            return (self._not_before_ms - now) / 1000
        if self._wanted or self._spool.fresh(1, 1):
            return 0.0
        if not self._spool.has_pending():
            return None
        return 0.0 if self._credit else max(0.0, (self._last_sent_ms - now) / 1000 + _PROBE_S)

    def _choose(self, now: int) -> list[Entry]:
        most, room = self._most, self._settings.batch_bytes
        entries = self._spool.fresh(most, room)
        credit = 0 if self._forbidden else self._credit
        if not credit and not entries and now - self._last_sent_ms >= _PROBE_S * 1000:
            credit = 1
        most = min(most - len(entries), credit)
        room -= sum(len(entry.payload) for entry in entries)
        if most > 0 and room > 0:
            # A loss that the backlog comes upon is the freshest fact, for which an older one leaves the fresh: not twice.
            chosen = {(entry.lane, entry.seq) for entry in entries}
            entries += [entry for entry in self._spool.backlog(most, room) if (entry.lane, entry.seq) not in chosen]
        return batch.fit(entries, self._peer.confirmed)

    @property
    def _peer(self) -> _Peer:
        return self._peers[self._at]

    def _exchange(self, entries: list[Entry], now: int) -> None:
        peer = self._peer
        schemas = self._schemas(entries, peer)
        while len(entries) > 1 and batch.is_too_large(entries, schemas):
            entries = entries[: len(entries) // 2]
            schemas = self._schemas(entries, peer)
        schemas = batch.fit_schemas(schemas)
        clock, spool = self._clock, self._spool
        times = clock.uptime_ms(), clock.awake_ms(), clock.wall_ms()
        marks, orders = spool.watermarks(), self._orders.state()
        header = batch.Header(spool.stream, self._boot, *times, self._version, marks, orders)
        body = batch.encode(header, entries, schemas)
        packed = batch.deflate(body) if peer.deflates else None
        self._last_sent_ms = now
        try:
            response = self._transport.post(peer.url, packed or body, packed is not None)
        except TransportError as error:
            self._missed(UplinkState.UNREACHABLE, str(error))
            return
        self._note(bytes_sent=self._status.bytes_sent + len(packed or body))
        self._handle(response, entries, schemas, packed is not None)

    def _schemas(self, entries: list[Entry], peer: _Peer) -> dict[bytes, bytes]:
        return {**self._spool.schemas(entries, batch.needed_schemas(entries, peer.confirmed)), **self._wanted}

    def _handle(self, response: Response, entries: list[Entry], schemas: dict[bytes, bytes], deflated: bool) -> None:
        status = response.status
        if status == 200:
            self._stored(response, entries, schemas)
        elif status in (429, 503):
            self._busy(response)
        elif status == 401:
            self._blocked(UplinkState.AUTH, "the collector does not know this agent's token (revoked or rotated): enrol again")
        elif status == 409:
            self._blocked(UplinkState.CONFLICT, f"another agent uses this identity: {_error_of(response).detail}")
        elif status in (400, 403) and not entries and self._spool.is_unsure:
            self._spool.compare({})  # a collector that takes no empty batch cannot be asked
            self._fail(UplinkState.REFUSED, "the collector takes no empty batch", 0.0)
        elif status == 403:
            self._forbid(response, entries)
        elif status in (400, 413, 415):
            self._rejected(response, entries, deflated)
        else:
            self._missed(UplinkState.UNREACHABLE, f"{self._peer.url} answers with HTTP status {status}")

    def _stored(self, response: Response, entries: list[Entry], schemas: dict[bytes, bytes]) -> None:
        try:
            answer = wire.decode_answer(response.body)
        except wire.WireError as error:
            self._missed(UplinkState.UNREACHABLE, f"{self._peer.url} does not answer as a collector: {error}")
            return
        peer = self._peer
        wanted = set(answer.wanted[: batch.MAX_SCHEMAS])
        if len(peer.confirmed) > _MAX_CONFIRMED:
            peer.confirmed.clear()
        peer.confirmed.update(schemas)
        peer.confirmed -= wanted
        # Asked before the entries are freed, for the spool forgets their schemas with them.
        self._wanted_rounds = self._wanted_rounds + 1 if wanted else 0
        self._wanted = self._spool.schemas(entries, wanted) if 0 < self._wanted_rounds <= 2 else {}
        refused = {(item.lane, item.seq) for item in answer.refused}
        lost = [entry for entry in entries if (entry.lane, entry.seq) in refused] if refused else []
        if lost:
            self._spool.state_loss(lost, LossReason.REFUSED)
        self._spool.accept(entries)
        if self._spool.is_unsure:
            self._spool.compare(answer.acknowledged)
        for lane, watermark in answer.acknowledged.items():
            self._spool.acknowledge(lane, watermark)
        self._credit = max(answer.credit, 0)
        self._misses = self._forbidden = self._poison = 0
        self._orders.heard(answer.config_tag)
        self._most = min(self._most * 2, self._settings.batch_reports)
        self._note(
            state=UplinkState.OK,
            url=peer.url,
            detail=f"refused: {answer.refused[0].reason}" if lost else "",
            last_success_at_ms=self._clock.wall_ms(),
            batches=self._status.batches + 1,
            reports=self._status.reports + len(entries) - len(lost),
            refused=self._status.refused + len(lost),
            config_tag=answer.config_tag,
        )

    # -- answers that stored nothing -------------------------------------------------------------------------------

    def _missed(self, state: UplinkState, detail: str) -> None:
        """Nobody useful answers here: the next collector at once, and a wait when all were tried."""
        self._credit = 0
        self._misses += 1
        count = len(self._peers)
        if self._at == 0:
            self._left_first_ms = self._clock.uptime_ms()
        self._at = (self._at + 1) % count
        rounds, rest = divmod(self._misses, count)
        self._fail(state, detail, 0.0 if rest else _SOON.wait_s(rounds, self._random()))

    def _busy(self, response: Response) -> None:
        self._credit = 0
        self._misses += 1
        wait_s = _SOON.wait_s(self._misses, self._random())
        if response.retry_after_s:
            # Up to a fifth more, so that agents told the same number do not come back together.
            wait_s = response.retry_after_s * (1 + 0.2 * self._random())
        self._fail(UplinkState.BUSY, f"{self._peer.url} is busy: {_error_of(response).detail}", wait_s)

    def _blocked(self, state: UplinkState, detail: str) -> None:
        self._credit = 0
        self._misses += 1
        self._fail(state, detail, _LATER.wait_s(self._misses, self._random()))

    def _forbid(self, response: Response, entries: list[Entry]) -> None:
        """Nothing in the batch is this agent's to report. That may be a slip in the inventory, so the backlog is kept back and
        only what was refused several times is given up."""
        self._forbidden += 1
        detail = f"the collector takes none of these reports from this agent: {_error_of(response).detail}"
        if self._forbidden < _FORBIDDEN_TRIES:
            self._credit = 0
            self._fail(UplinkState.FORBIDDEN, detail, _SOON.wait_s(self._forbidden, self._random()))
            return
        self._give_up(entries)
        self._blocked(UplinkState.FORBIDDEN, detail)

    def _rejected(self, response: Response, entries: list[Entry], deflated: bool) -> None:
        error = _error_of(response)
        detail = f"the collector cannot take the batch (HTTP {response.status} {error.code}): {error.detail}"
        if deflated and (response.status == 415 or error.code == "bad_encoding"):
            self._peer.deflates = False
            self._fail(UplinkState.REFUSED, detail, 0.0)
        elif response.status == 415 or error.code in _UNFIT_CODES:
            self._blocked(UplinkState.INCOMPATIBLE, detail)
        elif len(entries) > 1:
            self._most = max(1, len(entries) // 2)
            self._fail(UplinkState.REFUSED, detail, 0.0)
        else:
            self._give_up(entries)
            self._wanted.clear()
            self._poison += 1
            # One bad report among good ones is passed quickly. If each is refused the fault lies elsewhere: slow down, so
            # that little is given up before somebody looks.
            self._fail(UplinkState.REFUSED, detail, _LATER.wait_s(self._poison, self._random()) if self._poison > 1 else 0.0)

    def _give_up(self, entries: list[Entry]) -> None:
        self._spool.state_loss(entries, LossReason.REFUSED)
        self._note(refused=self._status.refused + len(entries))

    def _fail(self, state: UplinkState, detail: str, wait_s: float) -> None:
        self._not_before_ms = self._clock.uptime_ms() + int(wait_s * 1000)
        self._note(state=state, detail=detail[:500], url=self._peer.url, failures=self._status.failures + 1)

    def _note(self, **changes: object) -> None:
        self._status = msgspec.structs.replace(self._status, **changes)


def _error_of(response: Response) -> _ErrorBody:
    try:
        return _error_decoder.decode(response.body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _ErrorBody()
