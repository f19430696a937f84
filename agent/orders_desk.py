"""The agent's side of orders from the centre: when to fetch them, whether they are good, the copy on disk, what is told back.

Light: it holds bytes. What looks into them runs in a process of its own (`agent.orders_check`).
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from agent import orders_copy
from agent.backoff import Backoff
from agent.clock import Clock
from agent.orders_copy import NO_ORDERS, Copy, CopyError
from agent.settings import Settings, pack
from agent.transport import Transport, TransportError
from agent.wire import OrdersState

_AGAIN: Final = Backoff(base_s=5.0, max_s=300.0)
"""Orders could not be fetched."""
_REFUSED: Final = Backoff(base_s=60.0, max_s=3_600.0, floor_s=30.0)
"""Orders were refused; a package may be installed or a file of settings be changed meanwhile."""
_CHECK_S: Final = 60.0
_DETAIL_CHARS: Final = 1_000
_TAG: Final = re.compile(orders_copy.TAG_PATTERN)


class Question(msgspec.Struct, frozen=True):
    """Encoded orders, and the packed settings of the agent that is to obey them."""

    body: bytes
    settings: bytes

    def __repr__(self) -> str:
        return "Question(…)"


class Verdict(msgspec.Struct, frozen=True):
    """What is to be made of orders: `problems` refuse them. Else `settings` are the agent's with what is ordered for the host
    itself, and `observes` says whether there is anything to watch besides."""

    tag: str = ""
    problems: tuple[str, ...] = ()
    settings: bytes = b""
    observes: bool = False


def judged(body: bytes, settings: Settings) -> Verdict:
    """The verdict of a process of its own; one that dies or takes too long refuses."""
    import subprocess

    question = msgspec.msgpack.encode(Question(body, pack(settings)))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "agent.orders_check"],
            input=question, capture_output=True, timeout=_CHECK_S, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return msgspec.msgpack.decode(done.stdout, type=Verdict)
        # The last line of a traceback says what; the lines before it could show values.
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = f"ended with {done.returncode}: {said[-1].partition(':')[0] if said else 'no word'}"
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
        why = type(error).__name__
    return Verdict(problems=(f"checking them failed: {why}",))


def _printable(text: str) -> str:
    """On one line: the collector refuses a whole batch, reports and all, whose words about orders are anything else."""
    return "".join([char if char.isprintable() else "\ufffd" for char in text])


class Orders(msgspec.Struct, frozen=True):
    """Orders that were found good, for whoever carries them out; `body` is empty for none."""

    verdict: Verdict
    body: bytes

    def __repr__(self) -> str:
        return f"Orders(tag={self.verdict.tag!r})"


class Closed:
    """The desk of an agent that takes no orders."""

    def begin(self) -> Orders | None:
        """None are carried out."""
        return None

    def state(self) -> OrdersState | None:
        """Nothing is told of them."""
        return None

    def heard(self, tag: str) -> None:
        """It does not matter which there are."""

    def follow(self, transport: Transport, url: str) -> None:
        """None are fetched."""

    def wait_s(self, other_s: float | None) -> float | None:
        """Nobody waits for any."""
        return other_s


class Desk:
    """Knows which orders run and fetches others. `apply` carries out good ones and is called from a thread of its own; `say`
    is told news for people. `heard`, `follow` and `wait_s` are the uplink's."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        apply: Callable[[Orders], None],
        say: Callable[[str, bool], None],
        random: Callable[[], float],
    ) -> None:
        """`settings` are those of the agent's own file."""
        self._settings = settings
        self._path = orders_copy.path_of(settings.spool.folder)
        self._clock = clock
        self._apply = apply
        self._say = say
        self._random = random
        self._lock = threading.Lock()
        self._tag = NO_ORDERS
        self._refused = ""
        self._detail = ""
        self._wanted = ""
        self._misses = self._refusals = 0
        self._not_before_ms = 0
        self._is_checking = False

    def begin(self) -> Orders | None:
        """The orders of the copy on disk, if it is there and good. Call it once, first."""
        try:
            copy = orders_copy.read(self._path)
        except CopyError as error:
            self._say(f"the copy on disk is not used: {error}", False)
            return None
        if copy is None:
            return None
        verdict = judged(copy.body, self._settings)
        if verdict.problems:
            self._refuse(copy.tag, verdict)
            return None
        self._tag = copy.tag
        return Orders(verdict, copy.body)

    def state(self) -> OrdersState:
        """What is told to the centre with each batch."""
        with self._lock:
            return OrdersState(self._tag, self._refused, self._detail)

    def heard(self, tag: str) -> None:
        """The collector says which orders there are; "" from one that gives none."""
        if tag == self._wanted or not _TAG.match(tag):
            return
        with self._lock:
            self._wanted = tag
            self._not_before_ms = 0
            self._misses = self._refusals = 0
            if tag == self._tag:
                self._refused = self._detail = ""

    def follow(self, transport: Transport, url: str) -> None:
        """Fetch what was heard of, if it is time."""
        if self._is_behind and self._clock.uptime_ms() >= self._not_before_ms:
            self._fetch(transport, url)

    @property
    def _is_behind(self) -> bool:
        return self._wanted not in ("", self._tag) and not self._is_checking

    def wait_s(self, other_s: float | None) -> float | None:
        """`other_s`, or less if something is to be fetched earlier. None: nothing to wait for."""
        if not self._is_behind:
            return other_s
        mine_s = max(0.0, (self._not_before_ms - self._clock.uptime_ms()) / 1000)
        return mine_s if other_s is None else min(mine_s, other_s)

    def _fetch(self, transport: Transport, url: str) -> None:
        """Have it checked and carried out in another thread; one at a time."""
        wanted = self._wanted
        if wanted == NO_ORDERS:
            self._check(Copy(NO_ORDERS, b""))
            return
        try:
            response = transport.get_orders(url, self._tag if self._tag != NO_ORDERS else "")
        except TransportError as error:
            self._miss(str(error))
            return
        if response.status == 304:
            self._wanted = self._tag
        elif response.status != 200:
            self._miss(f"{url} answers with HTTP status {response.status}")
        else:
            self._misses = 0
            self._check(Copy(wanted, response.body))

    def _miss(self, why: str) -> None:
        self._misses += 1
        self._put_off(_AGAIN.wait_s(self._misses, self._random()))
        self._say(f"could not be fetched: {why}", False)

    def _put_off(self, seconds: float) -> None:
        self._not_before_ms = self._clock.uptime_ms() + int(seconds * 1000)

    def _check(self, copy: Copy) -> None:
        self._is_checking = True
        threading.Thread(target=self._decide, args=(copy,), name="orders", daemon=True).start()

    def _decide(self, copy: Copy) -> None:
        try:
            self._take(copy)
        except Exception as error:  # noqa: BLE001 - whatever orders are, the agent goes on with those it has
            self._refuse(copy.tag, Verdict(problems=(f"carrying them out failed: {type(error).__name__}",)))
        finally:
            self._is_checking = False

    def _take(self, copy: Copy) -> None:
        if copy.tag == NO_ORDERS:
            verdict = Verdict(tag=NO_ORDERS, settings=pack(self._settings))
        else:
            verdict = judged(copy.body, self._settings)
        if verdict.problems:
            self._refuse(verdict.tag or copy.tag, verdict)
            return
        # What was fetched may be newer already than what was heard of.
        copy = Copy(verdict.tag, copy.body)
        if not _TAG.match(copy.tag):
            self._refuse(self._wanted, Verdict(problems=("they bear no tag",)))
            return
        try:
            before = self._present()
            self._keep(copy)
        except OSError as error:
            self._refuse(copy.tag, Verdict(problems=(f"no copy of them can be kept: {error.strerror or error}",)))
            return
        try:
            self._apply(Orders(verdict, copy.body))
        except BaseException:
            self._keep(before)
            raise
        with self._lock:
            self._tag = copy.tag
            self._refused = self._detail = ""
            self._misses = self._refusals = 0
        self._say(f"version {copy.tag} is carried out", True)

    def _present(self) -> Copy:
        try:
            return orders_copy.read(self._path) or Copy(NO_ORDERS, b"")
        except CopyError:
            return Copy(NO_ORDERS, b"")

    def _keep(self, copy: Copy) -> None:
        if copy.body:
            orders_copy.write(self._path, copy)
        else:
            orders_copy.remove(self._path)

    def _refuse(self, tag: str, verdict: Verdict) -> None:
        with self._lock:
            self._refused = tag
            self._detail = _printable("; ".join(verdict.problems))[:_DETAIL_CHARS]
            self._refusals += 1
        self._put_off(_REFUSED.wait_s(self._refusals, self._random()))
        self._say(f"version {tag} is refused, what ran before goes on: {self._detail}", False)
