"""The direct way: critical trouble of the collector itself reaches the emergency receivers although nothing can be written.

From memory alone; what was sent is remembered in a small file where that can be written, so that a restart neither pages again
nor forgets the resolved.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from collector.core.alert import AlertKey, Condition
from collector.core.direct_case import (
    Case,
    Receiver,
    Stand,
    Verdict,
    after,
    end_case,
    hand_over,
    is_due,
    key_is,
    open_case,
    outgoing_of,
    told_of,
)
from collector.core.notice import Outgoing
from collector.files import read_plain
from collector.tasks import end
from collector.traces import trace_of
from collector.waiting import woken

FILE: Final = "trouble.json"
MOST_CASES: Final = 32
MOST_RECEIVERS: Final = 32
MOST_BYTES: Final = 1024 * 1024
ATTEMPT_S: Final = 60.0
"""An attempt may take so long, whatever its channel allows."""
SAVE_S: Final = 2.0
"""How long a stop waits for the file."""
_LONGEST_PAUSE_S: Final = 5.0
_ACTIVE: Final = (Stand.FIRING, Stand.RESOLVING)
_log = logging.getLogger("haidang.pages")
Deliver = Callable[[Outgoing, int], Awaitable[Verdict]]
"""Delivers an event for its receiver; the number is that of the attempt. Ends by itself, raises nothing of its own."""


class Direct:
    """One for the life of the collector. `follow` after each look at the trouble, `run` as a task, `stop` last.

    `told` and `hand_over` belong to the desk: who need not be told again when its own incident is written at last.
    """

    def __init__(
        self,
        folder: Path,
        receivers: Callable[[], Sequence[str]],
        deliver: Deliver,
        now_ms: Callable[[], int],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._file = folder / FILE
        self._receivers = receivers
        self._deliver = deliver
        self._now_ms = now_ms
        self._chance = chance
        self.counts: dict[str, int] = {}
        """Attempts by verdict."""
        self._cases: list[Case] = []
        self._busy: dict[str, asyncio.Task[None]] = {}
        """By receiver: one attempt at a time."""
        self._news = asyncio.Event()
        self._saved = self._wanted = b"[]"
        self._saving: asyncio.Task[None] | None = None
        self._load()

    # --- what is true

    def remembered(self) -> tuple[Condition, ...]:
        """What was told before a restart and had not ended: for `Watch.recall`, so that it keeps its identity."""
        return tuple([case.condition for case in self._cases if case.ended_ms is None])

    def follow(self, conditions: Iterable[Condition], stuck_ms: int | None) -> None:
        """Take the collector's trouble as it is now. `stuck_ms`: since when the desk could not write; None: it can."""
        now_ms = self._now_ms()
        present = {condition.key: condition for condition in conditions}
        for case in self._cases:
            if case.condition.key not in present and case.ended_ms is None:
                end_case(case, now_ms)
        for condition in present.values():
            if is_due(condition, stuck_ms, now_ms) and not any(key_is(case, condition.key) for case in self._cases):
                self._open(condition, now_ms)
        self._settle()
        self._news.set()

    def told(self, key: AlertKey) -> tuple[str, ...]:
        """Receivers that have confirmed a firing of this trouble, which lasts: they are not paged a second time, and are to
        get the resolved."""
        return next((told_of(case) for case in self._cases if key_is(case, key)), ())

    def hand_over(self, key: AlertKey, told: Collection[str]) -> None:
        """An incident of this trouble is on disk, with these among those who get its resolved: they get nothing more from here.
        Who confirmed while that was being written is not among them, and gets its resolved from here."""
        for case in self._cases:
            if key_is(case, key):
                hand_over(case, told)
        self._settle()

    def _open(self, condition: Condition, now_ms: int) -> None:
        receivers = list(dict.fromkeys(self._receivers()))[:MOST_RECEIVERS]
        if not receivers or len(self._cases) >= MOST_CASES:
            return
        _log.critical("told directly, as pages cannot be written: %s: %s", condition.key.name, condition.detail)
        self._cases.append(open_case(condition, receivers, now_ms))

    def _settle(self) -> None:
        # A case that was handed over stays until its trouble is over: it must not be opened anew meanwhile.
        self._cases = [case for case in self._cases if case.ended_ms is None or not case.is_over]
        self._save()

    # --- sending

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            pause_s = self.turn()
            await woken(self._news, pause_s)
            self._news.clear()

    def turn(self) -> float:
        """Begin every attempt that is due, each receiver's by itself; answers after how many seconds to come again."""
        now_ms = self._now_ms()
        pause_s = _LONGEST_PAUSE_S
        for case, name, one in self._due():
            if name in self._busy:
                continue
            if one.next_ms > now_ms:
                pause_s = min(pause_s, (one.next_ms - now_ms) / 1000)
                continue
            case.receivers[name] = msgspec.structs.replace(one, attempts=one.attempts + 1)
            task = asyncio.get_running_loop().create_task(self._attempt(case, name))
            self._busy[name] = task
        return max(pause_s, 0.05)

    async def stop(self) -> None:
        """Let go of what is under way; it is begun anew after the next start."""
        for task in list(self._busy.values()):
            await end(task)
        self._save()
        if self._saving is not None:
            await asyncio.wait([self._saving], timeout=SAVE_S)

    def _due(self) -> list[tuple[Case, str, Receiver]]:
        """What is under way, the oldest of each receiver first."""
        return [(case, name, one) for case in self._cases for name, one in case.receivers.items() if one.stand in _ACTIVE]

    async def _attempt(self, case: Case, name: str) -> None:
        outgoing, attempt = outgoing_of(case, name), case.receivers[name].attempts
        stand = case.receivers[name].stand
        verdict = Verdict.AGAIN
        try:
            async with asyncio.timeout(ATTEMPT_S):
                verdict = await self._deliver(outgoing, attempt)
        except TimeoutError:
            _log.warning("receiver %s did not confirm a direct page in time", name)
        except Exception as error:  # noqa: BLE001  a mistake in one channel must not end the last way there is
            _log.error("receiver %s could not be told directly: %s", name, trace_of(error))
        finally:
            self._busy.pop(name, None)
        self.counts[verdict.value] = self.counts.get(verdict.value, 0) + 1
        if case.receivers[name].stand is stand:
            after(case, name, verdict, self._now_ms(), self._chance())
        elif verdict is Verdict.SENT and case.is_handed:
            _log.info("receiver %s was told directly and by the desk", name)
        if verdict is Verdict.NEVER:
            _log.error("receiver %s will never take a direct page", name)
        self._settle()
        self._news.set()

    # --- memory beyond a restart

    def _load(self) -> None:
        try:
            self._saved = read_plain(self._file, MOST_BYTES)
            self._cases = msgspec.json.decode(self._saved, type=list[Case])[:MOST_CASES]
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            _log.error("what was told directly before cannot be read, it may be told again: %s", error)
        for case in self._cases:
            for name, one in case.receivers.items():
                case.receivers[name] = msgspec.structs.replace(one, next_ms=0)

    def _save(self) -> None:
        """Have it written soon, in a thread: the disk may be what is in trouble, and nothing here waits for it."""
        self._wanted = msgspec.json.encode(self._cases)
        if self._wanted != self._saved and self._saving is None:
            self._saving = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        try:
            while self._saved != self._wanted:
                data = self._wanted
                await asyncio.to_thread(_write, self._file, data)
                self._saved = data
        except OSError as error:
            _log.warning("what was told directly cannot be remembered beyond a restart: %s", error.strerror)
        finally:
            self._saving = None


def _write(file: Path, data: bytes) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(data)
    os.replace(new, file)
