"""One run of a probe: every way in which it can end has its outcome and reason, and nothing gets past its bounds."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agent.model import Family, MetricType, Outcome, Reason
from agent.probes.probe import DURATION, OK, SUCCESS, Finding, Module, ProbeError, Run
from agent.probes.running import MAX_SERIES, Done, Openings, open_module, run_once, timeout_of
from agent.probes.tools import Tools

VALUE = Family("probe_test_value", MetricType.GAUGE, "A value.", ("which",))
Body = Callable[[Run], Awaitable[Finding]]


async def end_of(body: Body, *, timeout_s: float = 5.0, degraded_after_s: float = 0.0) -> Done:
    async def probe(_address: str, run: Run) -> Finding:
        return await body(run)

    return await run_once(probe, "192.0.2.1", Run(Tools(), timeout_s), degraded_after_s=degraded_after_s)


def raising(error: BaseException) -> Body:
    async def body(run: Run) -> Finding:
        with run.during("connect"):
            raise error

    return body


@pytest.mark.parametrize(
    ("error", "outcome", "reason", "said"),
    [
        (ProbeError(Reason.BAD_STATUS, "status 500"), Outcome.FAILED, Reason.BAD_STATUS, "status 500"),
        (ProbeError(Reason.UNRESOLVED, "no", Outcome.ERROR), Outcome.ERROR, Reason.UNRESOLVED, "no"),
        (TimeoutError(), Outcome.FAILED, Reason.TIMEOUT, "no answer within 5.0 s, while it was at `connect`"),
        (OSError(errno.ETIMEDOUT, "timed out"), Outcome.FAILED, Reason.TIMEOUT, "no answer within 5.0 s"),
        (OSError(errno.ECONNREFUSED, "Connection refused"), Outcome.FAILED, Reason.REFUSED, "connection refused"),
        (OSError(errno.ECONNRESET, "reset"), Outcome.FAILED, Reason.REFUSED, "reset"),
        (EOFError("closed"), Outcome.FAILED, Reason.REFUSED, "closed"),
        (ConnectionResetError("the server closed it"), Outcome.FAILED, Reason.REFUSED, "the server closed it"),
        (OSError(errno.EHOSTUNREACH, "no route"), Outcome.FAILED, Reason.UNREACHABLE, "no route"),
        (OSError(errno.ENETUNREACH, "no net"), Outcome.ERROR, Reason.UNREACHABLE, "we could not test: no net"),
        (OSError(errno.EADDRNOTAVAIL, "no port"), Outcome.ERROR, Reason.UNREACHABLE, "we could not test: no port"),
        (OSError(errno.EMFILE, "too many"), Outcome.ERROR, Reason.INTERNAL, "we could not test: too many"),
        (OSError(errno.ENOBUFS, "no room"), Outcome.ERROR, Reason.INTERNAL, "we could not test: no room"),
        (OSError(errno.EACCES, "denied"), Outcome.ERROR, Reason.INTERNAL, "we could not test: denied"),
        (OSError(errno.EPERM, "not permitted"), Outcome.ERROR, Reason.INTERNAL, "we could not test: not permitted"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), Outcome.FAILED, Reason.UNRESOLVED, "the name has no address"),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), Outcome.ERROR, Reason.UNRESOLVED, "could not be resolved: try again"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong"), Outcome.FAILED, Reason.TLS, "TLS failed"),
        (ssl.SSLCertVerificationError(1, "expired"), Outcome.FAILED, Reason.TLS, "the certificate is not trusted"),
        (BaseExceptionGroup("two", [ProbeError(Reason.AUTH, "refused")]), Outcome.FAILED, Reason.AUTH, "refused"),
        (asyncio.CancelledError(), Outcome.ERROR, Reason.INTERNAL, "CancelledError"),
        (ZeroDivisionError("by nought"), Outcome.ERROR, Reason.INTERNAL, "ZeroDivisionError: by nought"),
        (RecursionError("x" * 1000), Outcome.ERROR, Reason.INTERNAL, "RecursionError"),
    ],
)
async def test_every_error_has_its_outcome_and_reason(
    error: BaseException, outcome: Outcome, reason: Reason, said: str
) -> None:
    """What our own machine lacks accuses nobody; what a target does is told as such."""
    done = await end_of(raising(error))
    assert (done.finding.outcome, done.finding.reason) == (outcome, reason)
    assert said in done.finding.detail
    assert len(done.finding.detail) <= 300


async def test_success_and_duration_stand_in_front_of_what_the_kind_gives() -> None:
    async def body(run: Run) -> Finding:
        run.give(VALUE, 7.0, "a")
        return Finding(Outcome.DEGRADED, Reason.MISMATCH, "half")

    good, bad = await end_of(body), await end_of(raising(ProbeError(Reason.TLS, "no")))
    assert [family for family, _, _ in good.readings] == [SUCCESS, DURATION, VALUE]
    assert list(good.readings[0][2]) == [1.0], "degraded is a success"
    assert list(good.readings[1][2]) == [good.duration_s]
    assert next(list(numbers) for _, _, numbers in bad.readings) == [0.0]


async def test_a_run_ends_at_its_deadline_and_says_where_it_was() -> None:
    async def body(run: Run) -> Finding:
        with run.during("tls"):
            await asyncio.Event().wait()
        return OK

    done = await end_of(body, timeout_s=0.05)
    assert done.finding == Finding(Outcome.FAILED, Reason.TIMEOUT, "no answer within 0.1 s, while it was at `tls`")
    assert 0.05 <= done.duration_s < 2


async def test_a_success_after_the_deadline_is_none() -> None:
    """A probe that goes on after it was told to end is not believed."""

    async def stubborn(run: Run) -> Finding:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            for _ in range(3):
                await asyncio.sleep(0)
        return OK

    assert (await end_of(stubborn, timeout_s=0.02)).finding.reason is Reason.TIMEOUT


async def test_a_slow_success_is_degraded() -> None:
    async def body(run: Run) -> Finding:
        while run.elapsed_s() < 0.02:
            await asyncio.sleep(0)
        return OK

    assert (await end_of(body)).finding == OK
    slow = (await end_of(body, degraded_after_s=0.01)).finding
    assert (slow.outcome, slow.reason) == (Outcome.DEGRADED, Reason.MISMATCH)
    assert "more than 0.01 s" in slow.detail


async def test_a_flood_of_samples_is_cut_and_said() -> None:
    async def body(run: Run) -> Finding:
        run.give(VALUE, 1.0, "first")
        for number in range(MAX_SERIES + 1):
            run.give(Family("probe_flood", MetricType.GAUGE, "", ("n",)), 1.0, str(number))
        return OK

    done = await end_of(body)
    assert [family.name for family, _, _ in done.readings] == [SUCCESS.name, DURATION.name, VALUE.name]
    assert done.finding == Finding(Outcome.OK, Reason.NONE, f"more than {MAX_SERIES} series, the rest is left out")


@pytest.mark.parametrize("raised", [True, False])
async def test_a_detail_is_one_printable_line_whatever_a_server_put_into_it(raised: bool) -> None:
    """Halves of characters could not be stored, a NUL is refused, and terminals and logs obey the rest."""
    said = "answered \x9b31m\x1b[2J\nroot\0\udc80" + "x" * 1000

    async def body(_run: Run) -> Finding:
        if raised:
            raise ConnectionResetError(said)
        return Finding(Outcome.FAILED, Reason.BAD_STATUS, said)

    detail = (await end_of(body)).finding.detail
    assert detail.startswith("answered ")
    assert detail.isprintable()
    assert len(detail) <= 300
    detail.encode()


async def test_whoever_cancels_a_run_ends_it() -> None:
    """A cancellation from outside is no finding."""
    began = asyncio.Event()

    async def body(_run: Run) -> Finding:
        began.set()
        await asyncio.Event().wait()
        return OK

    task = asyncio.ensure_future(end_of(body))
    await began.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_an_error_of_the_system_is_what_the_kernel_says() -> None:
    """A closed port of this machine, asked for over a real socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    async def body(run: Run) -> Finding:
        with run.during("connect"), socket.socket() as sock:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return OK

    finding = (await end_of(body)).finding
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.REFUSED)
    assert os.strerror(errno.ECONNREFUSED).lower() in finding.detail or "connect" in finding.detail


@pytest.mark.parametrize(
    ("timeout_s", "interval_s", "expected"), [(0.0, 60, 10.0), (0.0, 5, 4.5), (2.0, 60, 2.0), (30.0, 10, 9.0)]
)
def test_a_run_ends_before_the_next_begins(timeout_s: float, interval_s: float, expected: float) -> None:
    assert timeout_of(Module(name="m", kind="tcp", timeout_s=timeout_s), interval_s) == expected


def test_jobs_of_one_module_share_what_is_made_of_it() -> None:
    openings = Openings()
    first, same = Module(name="a", kind="tcp"), Module(name="b", kind="tcp")
    other = Module(name="c", kind="tcp", settings={"preferred_ip_protocol": "ip4"})
    assert openings.probe(first) is openings.probe(same)
    assert openings.probe(first) is not openings.probe(other)


def test_what_no_job_uses_any_more_is_forgotten() -> None:
    """Modules change for years, and hold secrets."""
    openings = Openings()
    first = openings.probe(Module(name="a", kind="tcp"))
    assert len(openings._open) == 1
    del first
    gc.collect()
    assert len(openings._open) == 0


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (Module(name="m", kind="telepathy"), "no kind of probe named 'telepathy'"),
        (Module(name="m", kind="tcp", settings={"nonsense": 1}), "nonsense"),
    ],
)
async def test_a_module_that_cannot_be_used_says_so_at_every_run(module: Module, said: str) -> None:
    """And accuses nobody."""
    with pytest.raises(ValueError, match=said):
        open_module(module)
    opened: Any = Openings().probe(module)
    finding = (await run_once(opened, "192.0.2.1:1", Run(Tools(), 1.0))).finding
    assert (finding.outcome, finding.reason) == (Outcome.ERROR, Reason.INTERNAL)
    assert said in finding.detail
