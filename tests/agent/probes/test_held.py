"""A loop that stands still accuses nobody; one that has much to do hides nothing; limits end runs like the loop's own."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Outcome, Reason
from agent.probes import held as held_module
from agent.probes.held import LEAST_S, TOO_BUSY, Held
from agent.probes.limits import Limits
from agent.probes.probe import OK, Finding, ProbeError, Run
from agent.probes.running import Done, run_once
from agent.probes.tools import Tools

SILENT = Finding(Outcome.FAILED, Reason.TIMEOUT, "no answer within 0.5 s, while it was at `connect`")


async def ask(run: Run, server: socket.socket, sock: socket.socket) -> Finding:
    """Wait for one datagram."""
    loop = asyncio.get_running_loop()
    with run.during("connect"):
        await loop.sock_sendto(sock, b"?", server.getsockname())
        await loop.sock_recv(sock, 100)
    return OK


async def asked(timeout_s: float, after_s: float, hold_s: float, *, rounds: int = 1) -> Done:
    """One run against a server that never answers, while the loop is held `rounds` times for `hold_s`, first `after_s` after
    the beginning of the run."""
    loop = asyncio.get_running_loop()
    tools = Tools()
    left = rounds

    def hold() -> None:
        nonlocal left
        time.sleep(hold_s)
        left -= 1
        if left:
            loop.call_soon(hold)

    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        for one in (server, sock):
            one.bind(("127.0.0.1", 0))
            one.setblocking(False)
        timer = loop.call_later(after_s, hold)
        try:
            return await run_once(lambda _, run: ask(run, server, sock), "", Run(tools, timeout_s))
        finally:
            timer.cancel()
            tools.close()


async def test_a_deadline_that_passes_while_the_loop_stands_still_accuses_nobody() -> None:
    """It becomes *could not test*, and says what it would have said."""
    finding = (await asked(0.5, 0.3, 0.6)).finding
    assert (finding.outcome, finding.reason) == (Outcome.ERROR, Reason.INTERNAL)
    assert finding.detail == f"{TOO_BUSY}: {SILENT.detail}"


async def test_a_plain_timeout_is_failed() -> None:
    assert (await asked(0.5, 60, 0)).finding == SILENT


async def test_a_timeout_on_a_loop_that_is_busy_but_goes_round_is_failed() -> None:
    """Thousands of other runs take the loop for some hundredths of a second each time, and its timers still come."""
    assert (await asked(0.5, 0, 0.03, rounds=14)).finding == SILENT


async def test_what_answers_after_a_hold_is_ok() -> None:
    """A hold in the middle of a run changes nothing as long as an answer comes in time."""
    tools = Tools()
    loop = asyncio.get_running_loop()

    async def body(_address: str, _run: Run) -> Finding:
        answer: asyncio.Future[Finding] = loop.create_future()
        time.sleep(0.3)
        loop.call_soon(answer.set_result, OK)
        return await answer

    assert (await run_once(body, "", Run(tools, 5.0))).finding == OK
    tools.close()


async def test_what_a_target_said_stands_whatever_the_loop_did() -> None:
    """A refusal in a held loop is a refusal."""
    tools = Tools()

    async def body(_address: str, _run: Run) -> Finding:
        await asyncio.sleep(0)
        time.sleep(0.7)
        raise ProbeError(Reason.REFUSED, "refused")

    assert (await run_once(body, "", Run(tools, 0.5))).finding.reason is Reason.REFUSED
    tools.close()


async def test_a_kind_that_ends_by_its_own_limit_is_excused_as_well() -> None:
    """Also before the timer that notices a hold has come round."""
    tools = Tools()

    async def body(_address: str, run: Run) -> Finding:
        await asyncio.sleep(0)
        time.sleep(0.7)
        assert run.left_s() == 0
        raise ProbeError(Reason.TIMEOUT, "no echo")

    finding = (await run_once(body, "", Run(tools, 0.5))).finding
    assert (finding.outcome, finding.detail) == (Outcome.ERROR, f"{TOO_BUSY}: no echo")
    tools.close()


@pytest.fixture
def boot(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock that goes on while the machine sleeps, moved by hand."""
    now = [1000.0]
    monkeypatch.setattr(held_module, "_now_s", lambda: now[0])
    return now


def looked(boot: list[float], end_s: float, *, holds: dict[float, float], slept: float = 0.0) -> Held:
    """A timer that comes round fifty times a second until `end_s`, but for `holds`: seconds by when they begin. In the middle
    of it the machine sleeps."""
    seen, base, moment = Held(), boot[0], 0.0
    left = dict(holds)
    seen.begin(0.0)
    while moment < end_s:
        held = [begin for begin in left if begin <= moment]
        moment += left.pop(held[0]) if held else 0.02
        boot[0] = base + moment + (slept if moment > end_s / 2 else 0.0)
        seen.look(moment)
    return seen


def test_a_hold_early_in_a_run_leaves_the_target_time_to_answer(boot: list[float]) -> None:
    """A long one does not, nor do many."""
    assert not looked(boot, 5.0, holds={0.0: 0.6}).is_over(0.0, 5.0, 5.0)
    assert looked(boot, 5.0, holds={0.0: 1.2}).is_over(0.0, 5.0, 5.0)
    assert looked(boot, 5.0, holds={0.0: 0.4, 1.0: 0.4, 2.0: 0.4}).is_over(0.0, 5.0, 5.0)


def test_a_hold_outside_a_run_is_none_of_its_business(boot: list[float]) -> None:
    """Neither what was before it nor what came after its end."""
    assert not looked(boot, 5.0, holds={0.0: 3.0}).is_over(3.0, 4.0, 4.0)
    assert not looked(boot, 9.0, holds={4.1: 3.0}).is_over(3.0, 4.0, 9.0)


def test_a_machine_that_slept_accuses_nobody(boot: list[float]) -> None:
    """The loop's clock may stand still meanwhile: it looks like no time at all."""
    assert looked(boot, 2.0, holds={}, slept=300.0).is_over(0.5, 2.0, 2.0)
    assert not looked(boot, 2.0, holds={}).is_over(0.5, 2.0, 2.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.001, LEAST_S - 0.001), min_size=1, max_size=50))
def test_rounds_that_are_short_never_excuse(rounds: list[float]) -> None:
    """However many there are."""
    moment = 0.0
    seen = Held()
    seen._boot_s = 0.0
    seen._last_s = 0.0
    for length in rounds:
        moment += length
        seen._boot_s = held_module._now_s()
        seen.look(moment)
    assert not seen.is_over(0.0, moment, moment)


async def test_a_limit_gives_back_a_task_that_can_be_cancelled_again() -> None:
    """After a limit has run out nothing is left that a later cancellation could be mistaken for, or lost in."""
    limits = Limits()
    now = asyncio.get_running_loop().time
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(TimeoutError), limits.until(now() + 0.01):
        await asyncio.Event().wait()
    assert task.cancelling() == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    assert limits.active == 0
    limits.close()


async def test_somebody_elses_cancellation_is_not_swallowed() -> None:
    """Also when it comes in the very moment in which the limit runs out."""
    limits = Limits()
    now = asyncio.get_running_loop().time
    inside: list[object] = []

    async def work() -> None:
        with limits.until(now() + 3600) as limit:
            inside.append(limit)
            await asyncio.Event().wait()

    for both in (False, True):
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        if both:
            inside[-1].expire()  # type: ignore[attr-defined]
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
    limits.close()


async def test_a_limit_that_was_left_ends_nothing() -> None:
    """Its time comes while its task does something else; and with no limit left the timer comes round no more."""
    limits = Limits()
    now = asyncio.get_running_loop().time
    with limits.until(now() + 0.01) as limit:
        pass
    await asyncio.sleep(0.05)
    assert not limit.is_expired
    assert limits._handle is None
    assert limits._slots == {}


async def test_a_limit_that_has_passed_already_ends_at_once() -> None:
    limits = Limits()
    with pytest.raises(TimeoutError), limits.until(asyncio.get_running_loop().time() - 5):
        await asyncio.Event().wait()
    limits.close()
