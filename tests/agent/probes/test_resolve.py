"""Names and addresses: which is chosen, what a silent name service means, and that no answer is waited for too long."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.model import Outcome, Reason
from agent.probes.probe import ProbeError, Run
from agent.probes.resolve import IpChoice, Place, Resolver, check_source, resolve, socket_address, split_address
from agent.probes.tools import Tools

V4, V6 = socket.AF_INET, socket.AF_INET6
Rows = list[tuple[Any, ...]]


def _rows(*ips: str) -> Rows:
    return [(V6, 1, 6, "", (ip, 0, 0, 0)) if ":" in ip else (V4, 1, 6, "", (ip, 0)) for ip in ips]


def _tools(ask: Any, threads: int = 4) -> Tools:
    tools = Tools()
    tools.part("resolver", lambda: Resolver(ask, threads))
    return tools


def _answering(*ips: str) -> Tools:
    def ask(_host: str, _port: None, family: int, _kind: int) -> Rows:
        return [row for row in _rows(*ips) if family in (socket.AF_UNSPEC, row[0])]

    return _tools(ask)


def _failing(error: Exception) -> Tools:
    def ask(*_: Any) -> Rows:
        raise error

    return _tools(ask)


def _samples(run: Run) -> dict[str, float]:
    return {family.name: values[0] for family, _, values in run.readings()}


@pytest.mark.parametrize(
    ("choice", "ips", "expected"),
    [
        (IpChoice(), ("10.0.0.1", "2001:db8::1"), "2001:db8::1"),
        (IpChoice(), ("10.0.0.1", "10.0.0.2"), "10.0.0.1"),
        (IpChoice("ip4"), ("2001:db8::1", "10.0.0.2"), "10.0.0.2"),
        (IpChoice("ip4"), ("2001:db8::1",), "2001:db8::1"),
        (IpChoice("ip4", fallback=False), ("2001:db8::1", "10.0.0.2"), "10.0.0.2"),
    ],
)
async def test_the_preferred_family_is_taken_and_the_other_only_as_a_fallback(
    choice: IpChoice, ips: tuple[str, ...], expected: str
) -> None:
    """The first address of the preferred family, else the first of the other one if that is allowed."""
    run = Run(_answering(*ips), 5)
    assert (await resolve(run, "portal.example.vn", choice)).ip == expected


@pytest.mark.parametrize("host", ["portal.example.vn", "2001:db8::1"])
async def test_without_fallback_the_other_family_is_no_answer(host: str) -> None:
    """A name, or a literal, without an address of the only family wanted is `failed`, and the samples are there as 0."""
    run = Run(_answering("2001:db8::1"), 5)
    with pytest.raises(ProbeError) as caught:
        await resolve(run, host, IpChoice("ip4", fallback=False))
    assert (caught.value.finding.outcome, caught.value.finding.reason) == (Outcome.FAILED, Reason.UNRESOLVED)
    assert "IPv4" in caught.value.finding.detail
    samples = _samples(run)
    assert samples["probe_ip_protocol"] == samples["probe_ip_addr_hash"] == 0
    assert samples["probe_dns_lookup_time_seconds"] >= 0


@pytest.mark.parametrize(
    ("host", "protocol", "digest"),
    [("127.0.0.1", 4, 3668918509), ("::1", 6, 1751717746), ("::1%lo", 6, 1751717746)],
)
async def test_an_address_needs_no_name_service(host: str, protocol: int, digest: int) -> None:
    """A literal is itself, with its zone; the hash is FNV-1a of its bytes, as blackbox_exporter 0.23 gives it (read from it for
    these addresses)."""
    run = Run(_failing(AssertionError()), 5)
    place = await resolve(run, host, IpChoice())
    assert place == Place(V4 if protocol == 4 else V6, host)
    samples = _samples(run)
    assert samples["probe_ip_protocol"] == protocol
    assert samples["probe_ip_addr_hash"] == digest


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Outcome.FAILED),
        (socket.gaierror(socket.EAI_NODATA, "No address associated with hostname"), Outcome.FAILED),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), Outcome.ERROR),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), Outcome.ERROR),
        (OSError(24, "Too many open files"), Outcome.ERROR),
        (UnicodeError("label too long"), Outcome.FAILED),
    ],
)
async def test_only_an_answer_is_held_against_the_target(error: Exception, outcome: Outcome) -> None:
    """That a name does not exist fails the run; that the name service did not say is an error of ours."""
    with pytest.raises(ProbeError) as caught:
        await resolve(Run(_failing(error), 5), "portal.example.vn", IpChoice())
    assert (caught.value.finding.outcome, caught.value.finding.reason) == (outcome, Reason.UNRESOLVED)


async def test_a_silent_name_service_is_given_up_in_time_and_never_the_targets_fault() -> None:
    """Shortly before the deadline, whose timeout would accuse the target; and closing waits for no thread."""
    gate = threading.Event()

    def ask(*_: Any) -> Rows:
        gate.wait(30)
        return _rows("10.0.0.1")

    tools = _tools(ask)
    run = Run(tools, 0.2)
    try:
        async with asyncio.timeout_at(run.deadline_s):
            with pytest.raises(ProbeError) as caught:
                await resolve(run, "portal.example.vn", IpChoice())
        assert (caught.value.finding.outcome, caught.value.finding.reason) == (Outcome.ERROR, Reason.UNRESOLVED)
        assert "within 0.2 s" in caught.value.finding.detail
        tools.close()
    finally:
        gate.set()


async def test_questions_at_the_same_time_are_asked_once_and_nothing_is_kept() -> None:
    """Runs that ask the same share the answer, even if the first of them goes away; the next one asks anew."""
    asked: list[str] = []
    gate = threading.Event()

    def ask(host: str, *_: Any) -> Rows:
        asked.append(host)
        assert gate.wait(30)
        return _rows("10.0.0.1")

    tools = _tools(ask)
    first = asyncio.ensure_future(resolve(Run(tools, 30), "portal.example.vn", IpChoice()))
    others = [asyncio.ensure_future(resolve(Run(tools, 30), "portal.example.vn", IpChoice())) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert {(await other).ip for other in others} == {"10.0.0.1"}
    assert first.cancelled()
    assert asked == ["portal.example.vn"]
    await resolve(Run(tools, 30), "portal.example.vn", IpChoice())
    assert asked == ["portal.example.vn"] * 2
    tools.close()


async def test_no_more_questions_are_under_way_than_there_are_threads() -> None:
    """A name service that hangs costs a bounded number of threads, however many names are asked for."""
    gate = threading.Event()
    at_once: list[int] = []
    running = 0
    lock = threading.Lock()

    def ask(*_: Any) -> Rows:
        nonlocal running
        with lock:
            running += 1
            at_once.append(running)
        gate.wait(30)
        with lock:
            running -= 1
        return _rows("10.0.0.1")

    tools = _tools(ask, threads=3)
    questions = [asyncio.ensure_future(resolve(Run(tools, 30), f"host-{n}.example.vn", IpChoice())) for n in range(20)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*questions)
    assert len(at_once) == 20
    assert max(at_once) <= 3
    tools.close()


async def test_the_systems_name_service_knows_this_machine() -> None:
    """The real thing, over the hosts file."""
    tools = Tools()
    assert (await resolve(Run(tools, 10), "localhost", IpChoice("ip4", fallback=False))).ip == "127.0.0.1"
    tools.close()


@pytest.mark.parametrize(
    ("text", "default", "expected"),
    [
        ("portal.example.vn:443", None, ("portal.example.vn", 443)),
        ("192.0.2.1:1", None, ("192.0.2.1", 1)),
        ("[2001:db8::1]:65535", None, ("2001:db8::1", 65535)),
        ("[fe80::1%eth0]:25", None, ("fe80::1%eth0", 25)),
        ("portal.example.vn", 123, ("portal.example.vn", 123)),
        ("2001:db8::1", 123, ("2001:db8::1", 123)),
        ("[2001:db8::1]", 123, ("2001:db8::1", 123)),
        ("192.0.2.1:53", 123, ("192.0.2.1", 53)),
    ],
)
def test_addresses_are_split(text: str, default: int | None, expected: tuple[str, int]) -> None:
    """Host and port, of names and both families, with and without a default."""
    assert split_address(text, default) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("portal.example.vn", "no port"),
        ("2001:db8::1:443", "brackets"),
        ("[portal.example.vn]:1", "brackets"),
        ("[2001:db8::1:443", "brackets"),
        (":443", "no host"),
        ("a b:443", "no host"),
        ("https://portal.example.vn:443", "brackets"),
        ("x/y:443", "no host"),
        ("x:0", "port"),
        ("x:65536", "port"),
        ("x:https", "port"),
        ("x:-1", "port"),
        ("x:٣", "port"),
        ("x:" + "1" * 200, "port"),
        ("x" * 300 + ":1", "too long"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text: str, problem: str) -> None:
    """Each with its own sentence."""
    with pytest.raises(ValueError, match=problem):
        split_address(text)


@given(st.text(max_size=40), st.none() | st.just(25))
@example("[]:1", None)
@example("%:1", None)
@example("\0:1", None)
def test_any_text_is_an_address_or_refused(text: str, default: int | None) -> None:
    """Nothing but `ValueError` comes of it, and what is accepted can be put together again."""
    try:
        host, port = split_address(text, default)
    except ValueError:
        return
    assert host
    assert split_address(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") == (host, port)


def test_zones_become_numbers() -> None:
    """An interface by name or number; one that is not there is an error of ours."""
    index = socket.if_nametoindex("lo")
    assert socket_address(Place(V6, "fe80::1%lo"), 25) == ("fe80::1", 25, 0, index)
    assert socket_address(Place(V6, "fe80::1%7"), 25) == ("fe80::1", 25, 0, 7)
    assert socket_address(Place(V4, "10.0.0.1"), 25) == ("10.0.0.1", 25)
    with pytest.raises(ProbeError) as caught:
        socket_address(Place(V6, "fe80::1%nosuch"), 25)
    assert caught.value.finding.outcome is Outcome.ERROR


def test_a_source_is_an_address() -> None:
    """A name is refused when the settings are loaded."""
    check_source("")
    check_source("2001:db8::1")
    with pytest.raises(ValueError, match="source_ip_address"):
        check_source("portal.example.vn")
