"""What this agent observes beside its own host, by its own file and by orders: brought together, begun and ended in order.

Light as long as there is nothing of it: whatever probes and polls is loaded with the first that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from agent.clock import Clock
from agent.model import Readings
from agent.observed import LastSign
from agent.orders_desk import Orders
from agent.settings import Settings, unpack
from agent.status import ObservingStatus

if TYPE_CHECKING:
    from agent.orders import Orders as Content
    from agent.probes.service import Observing
    from agent.probes.wanted import Wanted
    from agent.spool import Spool

Say = Callable[[str, str, bool], None]


class Others:
    """`begin` once, first; then `start`, `apply` as often as orders change, `stop`. `stored` is called after reports were
    stored, `again` to have the agent begin anew with other settings of its host."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        clock: Clock,
        boot: str,
        *,
        stored: Callable[[], None],
        say: Say,
        again: Callable[[], None],
    ) -> None:
        """`settings` are those that the agent runs with."""
        self._settings = settings
        self._spool = spool
        self._clock = clock
        self._sign = LastSign(settings.spool.folder, clock, boot)
        self._stored = stored
        self._say = say
        self._again = again
        self._observing: Observing | None = None
        self._local: Wanted | None = None
        self._ordered: tuple[Content, Wanted] | None = None
        self._is_started = False

    def begin(self, ordered: Orders | None) -> None:
        """Take what is wanted, nothing runs yet. Raises `ValueError` and `OSError` for files that became wrong, and
        `ModuleNotFoundError`."""
        settings = self._settings
        if settings.snmp.devices or settings.probes.jobs:
            from agent.probes.local import wanted_of

            self._local = wanted_of(settings)
            self._open().configure(self._local)
        if ordered is not None and ordered.verdict.observes:
            self._order(ordered.body)

    def start(self) -> None:
        """Begin to observe; what was missed since the last time is stated."""
        self._is_started = True
        if self._observing is None:
            return
        blind = self._sign.blindness(self._settings.id)
        if blind is not None:
            self._spool.append_collection(facts=[blind])
        self._observing.start()

    def apply(self, ordered: Orders) -> None:
        """Carry out orders. Raises whatever refuses them; then nothing has changed."""
        host = unpack(ordered.verdict.settings)
        if (host.readers, host.interval_s) != (self._settings.readers, self._settings.interval_s):
            self._again()
        elif ordered.verdict.observes:
            self._order(ordered.body)
            if self._is_started and self._observing is not None:
                self._observing.start()
        elif self._observing is not None and self._ordered is not None:
            self._ordered = None
            self._configure()
            if self._local is None:
                self._sign.forget()

    def readings(self) -> Readings:
        """The series of observing; none while there is none."""
        return () if self._observing is None else self._observing.readings()

    def status(self) -> ObservingStatus | None:
        """The same for people."""
        return None if self._observing is None else self._observing.status()

    def stop(self) -> None:
        """End observing, and note when."""
        if self._observing is None:
            return
        self._observing.stop()
        if self._local is not None or self._ordered is not None:
            self._sign.touch(at_once=True)

    def _order(self, body: bytes) -> None:
        from agent import orders
        from agent.orders_carry import wanted_of_orders

        content = orders.decode(body)
        self._ordered = content, wanted_of_orders(content, self._settings, self._ordered)
        self._configure()

    def _configure(self) -> None:
        from agent.orders_carry import SOURCE
        from agent.probes.wanted import Wanted

        observing = self._open()
        ordered = Wanted() if self._ordered is None else self._ordered[1]
        if self._local is not None and self._local.devices:
            # One library serves all devices: that of the orders has whatever the local one has.
            library: Any = ordered.library or self._local.library
            observing.configure(msgspec.structs.replace(self._local, library=library))
        observing.configure(ordered, SOURCE)

    def _open(self) -> Observing:
        if self._observing is None:
            from agent.probes.service import Observing

            probes = self._settings.probes
            self._observing = Observing(
                self._spool,
                self._clock,
                stored=self._observed,
                say=self._say,
                scripts=probes.scripts,
                max_in_flight=probes.max_in_flight,
            )
        return self._observing

    def _observed(self) -> None:
        self._sign.touch()
        self._stored()
