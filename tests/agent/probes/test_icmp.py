"""The probe `icmp`: against this machine's own kernel, and against hosts and routers that lie, repeat, lose and complain."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from agent.model import Outcome, Reason
from agent.probes import icmp
from agent.probes.ping_wire import Wire
from agent.probes.pings import Pings
from agent.probes.tools import Tools
from tests.agent.probes.far_net import HOST, HOST6, complaint, live, packet_v4, reply
from tests.agent.probes.probing import Told, probed

WAYS = [(HOST, False), (HOST, True), (HOST6, False), (HOST6, True)]
"""Both families, by raw sockets and by ping sockets."""
Far = Callable[[bytes], list[bytes]]


def opened(**settings: Any) -> icmp.Probe:
    """A probe with these settings."""
    return icmp.open_probe(msgspec.convert(settings, icmp.Settings))


def told_by(far: Far, way: tuple[str, bool], *, timeout_s: float = 5.0, **settings: Any) -> tuple[Told, Pings]:
    """What the probe found of a host for which `far` answers, and the sockets' own figures."""
    host, ping_sockets = way

    async def scenario() -> tuple[Told, Pings]:
        tools = Tools()
        try:
            told = await probed(opened(**settings), host, timeout_s=timeout_s, tools=tools)
            pings = tools.part("pings", Pings)
            assert {line.wire.kernel_identifies for line in pings._lines.values()} == {ping_sockets}
            return told, pings
        finally:
            tools.close()

    return live(far, scenario, ping_sockets=ping_sockets)


@pytest.fixture
def can_ping() -> None:
    """Skips where neither ping sockets nor raw ones are allowed."""
    from agent.probes.ping_wire import Options

    try:
        Wire(socket.AF_INET, Options()).sock.close()
    except OSError:
        pytest.skip("this system lets us open neither a ping socket nor a raw one")


@pytest.mark.usefixtures("can_ping")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0:0:0::1"])
async def test_the_own_kernel_answers(host: str) -> None:
    """Each family; blackbox_exporter's samples of one echo."""
    told = await probed(opened(), host)
    if ":" in host and told.finding.outcome is Outcome.ERROR:
        pytest.skip("no IPv6 here")
    assert told.finding.outcome is Outcome.OK, told
    assert 0 < told.value("probe_icmp_duration_seconds", "rtt") < 5
    assert told.value("probe_icmp_duration_seconds", "setup") >= 0
    assert told.value("probe_icmp_reply_hop_limit") == 64
    assert told.value("probe_icmp_loss_ratio") == 0
    assert told.value("probe_ip_protocol") == (6 if ":" in host else 4)


@pytest.mark.usefixtures("can_ping")
async def test_thousands_at_once_lose_nothing() -> None:
    """On one socket, in one burst."""
    tools, probe = Tools(), opened()
    try:
        found = await asyncio.gather(*(probed(probe, f"127.0.{n % 8}.{1 + n // 8}", tools=tools) for n in range(2_000)))
        assert {told.finding.outcome for told in found} == {Outcome.OK}
        pings = tools.part("pings", Pings)
        assert len(pings._lines) == 1
        assert (pings.stats.replies, pings.stats.strange, pings.stats.late) == (2_000, 0, 0)
    finally:
        tools.close()


@pytest.mark.usefixtures("can_ping")
async def test_two_programs_do_not_take_each_others_answers() -> None:
    """Raw sockets see everything; each takes its own, and is not even woken by the other's."""
    one, other = Tools(), Tools()
    try:
        probe = opened(count=5, spacing=0.0)
        found = await asyncio.gather(*(probed(probe, "127.0.0.1", tools=tools) for tools in (one, other) for _ in range(20)))
        assert {told.value("probe_icmp_loss_ratio") for told in found} == {0}
        assert [tools.part("pings", Pings).stats.replies for tools in (one, other)] == [100, 100]
        assert [tools.part("pings", Pings).stats.late for tools in (one, other)] == [0, 0]
    finally:
        one.close()
        other.close()


@pytest.mark.usefixtures("can_ping")
async def test_a_source_that_is_not_ours_is_our_own_fault() -> None:
    """And so is one of the other family, or an echo that no interface takes."""
    told = await probed(opened(source_ip_address="192.0.2.1"), "127.0.0.1")
    assert told.finding.outcome is Outcome.ERROR
    told = await probed(opened(source_ip_address="127.0.0.2"), "127.0.0.1")
    assert told.finding.outcome is Outcome.OK
    assert (await probed(opened(source_ip_address="::1"), "127.0.0.1")).finding.outcome is Outcome.ERROR
    told = await probed(opened(payload_size=65_000, dont_fragment=True), "127.0.0.1")
    assert told.finding.outcome is Outcome.OK


@pytest.mark.parametrize("way", WAYS)
def test_several_echoes_tell_loss_and_jitter(way: tuple[str, bool]) -> None:
    """One of five is lost; that is half a success only if the settings say so."""
    seen: list[bytes] = []

    def far(request: bytes) -> list[bytes]:
        seen.append(request)
        return [reply(request)] if len(seen) % 5 != 2 else []

    settings = {"count": 5, "spacing": 0.01, "wait": 0.3}
    told, _ = told_by(far, way, **settings)
    assert told.finding.outcome is Outcome.OK, told
    assert told.value("probe_icmp_loss_ratio") == 0.2
    assert told.value("probe_icmp_duplicates") == 0
    low, mean, high = (told.value(f"probe_icmp_rtt_{each}_seconds") for each in ("min", "avg", "max"))
    assert 0 < low <= mean <= high < 1
    assert told.value("probe_icmp_jitter_seconds") <= high - low
    assert told.value("probe_icmp_reply_hop_limit") == 61
    told, _ = told_by(far, way, degraded_loss_ratio=0.2, **settings)
    assert (told.finding.outcome, told.finding.reason) == (Outcome.DEGRADED, Reason.MISMATCH)
    assert told.finding.detail == "1 of 5 echoes were not answered"


@pytest.mark.parametrize("way", WAYS)
def test_answers_that_came_twice_count_once(way: tuple[str, bool]) -> None:
    """And are told; they do not hide a loss."""
    count = 0

    def far(request: bytes) -> list[bytes]:
        nonlocal count
        count += 1
        return [reply(request)] * 3 if count == 1 else []

    told, pings = told_by(far, way, count=2, spacing=0.01, wait=0.1)
    assert told.value("probe_icmp_duplicates") == 2
    assert told.value("probe_icmp_loss_ratio") == 0.5
    assert pings.stats.replies == 1


@pytest.mark.parametrize("way", WAYS)
def test_forged_answers_are_no_answers(way: tuple[str, bool]) -> None:
    """Whoever does not see the echo cannot answer for the host, nor can another host, nor one with a damaged payload."""

    def far(request: bytes) -> list[bytes]:
        v6 = request[0] >> 4 == 6
        other = bytes(15) + b"\1" if v6 else bytes((10, 9, 0, 8))
        start = 48 if v6 else 28
        damaged = request[start:-1] + bytes((request[-1] ^ 1,))
        return [
            reply(request, payload=b"guess"),
            reply(request, payload=damaged),
            reply(request, payload=request[start:] + b"x"),
            reply(request, sequence=1),
            reply(request, identifier=1),
            reply(request, source=b"\x20\x01\x0d\xb8\0\x09" + other[6:] if v6 else other),
        ]

    told, pings = told_by(far, way, timeout_s=0.3)
    assert (told.finding.outcome, told.finding.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert told.value("probe_icmp_loss_ratio") == 1
    assert (pings.stats.strange, pings.stats.late, pings.stats.replies) == (4, 1, 0)
    assert "ignored 5 answers, forged or too late, to this or other probes" in told.lines


@pytest.mark.parametrize("way", WAYS)
def test_a_late_answer_is_none_of_the_next_echo(way: tuple[str, bool]) -> None:
    """The first answer comes when the second echo does."""
    seen: list[bytes] = []

    def far(request: bytes) -> list[bytes]:
        seen.append(request)
        return [] if len(seen) == 1 else [reply(seen[0])]

    host, ping_sockets = way

    async def scenario() -> list[Told]:
        tools = Tools()
        try:
            found = [await probed(opened(), host, timeout_s=0.15, tools=tools) for _ in range(2)]
            assert tools.part("pings", Pings).stats.late == 1
            return found
        finally:
            tools.close()

    assert [told.finding.reason for told in live(far, scenario, ping_sockets=ping_sockets)] == [Reason.TIMEOUT] * 2


@pytest.mark.parametrize(
    ("way", "kind", "code", "text"),
    [
        (WAYS[0], 3, 1, "10.9.0.254 says: host unreachable"),
        (WAYS[1], 3, 1, "10.9.0.254 says: host unreachable"),
        (WAYS[0], 11, 0, "10.9.0.254 says: TTL exceeded in transit"),
        (WAYS[1], 11, 0, "10.9.0.254 says: TTL exceeded in transit"),
        (WAYS[0], 3, 13, "10.9.0.254 says: administratively prohibited"),
        (WAYS[2], 1, 0, "2001:db8:9::fe says: no route to destination"),
        (WAYS[3], 1, 0, "2001:db8:9::fe says: no route to destination"),
        (WAYS[2], 3, 0, "2001:db8:9::fe says: hop limit exceeded in transit"),
        (WAYS[3], 3, 0, "2001:db8:9::fe says: hop limit exceeded in transit"),
    ],
)
def test_who_says_that_there_is_no_way_ends_the_wait(way: tuple[str, bool], kind: int, code: int, text: str) -> None:
    """Long before the deadline, and by name."""
    told, _ = told_by(lambda request: [complaint(request, kind, code)], way, timeout_s=30.0)
    assert (told.finding.outcome, told.finding.reason, told.finding.detail) == (Outcome.FAILED, Reason.UNREACHABLE, text)
    assert told.value("probe_icmp_loss_ratio") == 1


@pytest.mark.parametrize("way", [WAYS[0], WAYS[2]])
def test_an_error_about_what_we_did_not_send_is_ignored(way: tuple[str, bool]) -> None:
    """Of another identifier, another sequence number, or to another host."""

    def far(request: bytes) -> list[bytes]:
        size, start = (48, 40) if request[0] >> 4 == 6 else (28, 20)
        quotes = []
        for place in (start + 5, start + 7, start - 1):
            quoted = bytearray(request[:size])
            quoted[place] ^= 1
            quotes.append(complaint(request, 1 if start == 40 else 3, 1, quoted=bytes(quoted)))
        return [*quotes, reply(request)]

    told, pings = told_by(far, way)
    assert told.finding.outcome is Outcome.OK
    assert pings.stats.complaints == 0


@pytest.mark.parametrize("ping_sockets", [False, True])
def test_errors_about_one_host_do_not_hurt_another(ping_sockets: bool) -> None:
    """They share a socket, whose pending errors are the kernel's to tell to anybody."""

    def far(request: bytes) -> list[bytes]:
        return [reply(request)] if request[19] == 9 else [complaint(request, 3, 1)]

    async def scenario() -> list[Told]:
        tools, probe = Tools(), opened()
        try:
            hosts = [HOST if n % 2 else f"10.9.0.{20 + n}" for n in range(100)]
            return list(await asyncio.gather(*(probed(probe, host, tools=tools) for host in hosts)))
        finally:
            tools.close()

    found = live(far, scenario, ping_sockets=ping_sockets)
    assert [told.finding.outcome for told in found] == [Outcome.FAILED, Outcome.OK] * 50
    assert {told.finding.reason for told in found[::2]} == {Reason.UNREACHABLE}


@pytest.mark.parametrize("ping_sockets", [False, True])
def test_echoes_leave_as_the_settings_say(ping_sockets: bool) -> None:
    """TTL, Don't Fragment, size of the payload; those that differ in these do not disturb each other."""
    seen: list[bytes] = []

    def far(request: bytes) -> list[bytes]:
        seen.append(request)
        return [reply(request)]

    async def scenario() -> None:
        tools = Tools()
        try:
            for settings in ({}, {"ttl": 3}, {"dont_fragment": True}, {"payload_size": 1000}):
                told = await probed(opened(**settings), HOST, tools=tools)
                assert told.finding.outcome is Outcome.OK, told
            told = await probed(opened(dont_fragment=True, payload_size=3000), HOST, tools=tools)
            assert (told.finding.outcome, told.finding.reason) == (Outcome.ERROR, Reason.INTERNAL)
            assert "larger" in told.finding.detail
        finally:
            tools.close()

    live(far, scenario, ping_sockets=ping_sockets)
    assert [packet[8] for packet in seen] == [64, 3, 64, 64]
    assert [bool(packet[6] & 0x40) for packet in seen] == [False, False, True, False]
    assert [len(packet) for packet in seen] == [56, 56, 56, 1028]


def test_a_busy_loop_does_not_lengthen_round_trips() -> None:
    """The kernel's stamp counts, not the moment when somebody came to look."""
    held: list[bytes] = []

    def far(request: bytes) -> list[bytes]:
        held.append(request)
        return [reply(request)]

    async def scenario() -> Told:
        loop = asyncio.get_running_loop()

        def block() -> None:
            # Stands in for work that holds the loop: nothing is read while it lasts.
            if not held:
                loop.call_soon(block)
                return
            until = loop.time() + 0.2
            while loop.time() < until:
                pass

        tools = Tools()
        try:
            # The kernel begins to stamp some moments after the first socket asked for it.
            await probed(opened(count=5, spacing=0.02), HOST, tools=tools)
            held.clear()
            loop.call_soon(block)
            return await probed(opened(), HOST, tools=tools)
        finally:
            tools.close()

    assert live(far, scenario).value("probe_icmp_duration_seconds", "rtt") < 0.15


def test_a_flood_of_foreign_packets_does_not_lose_ours() -> None:
    """Replies to nobody's echo, and errors about nobody's packets, before the one that counts."""

    def far(request: bytes) -> list[bytes]:
        noise = packet_v4(request[16:20], request[12:16], b"\0\0\0\0" + bytes(60))
        return [noise, reply(request, sequence=9), complaint(request, 3, 3, quoted=bytes(28))] * 300 + [reply(request)]

    told, _ = told_by(far, WAYS[0])
    assert told.finding.outcome is Outcome.OK, told


@pytest.mark.parametrize("way", WAYS)
def test_answers_to_other_programs_take_none_of_our_room(way: tuple[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are: silence stays silence, and is no want of room."""
    monkeypatch.setattr("agent.probes.ping_wire.BUFFER", 1)
    told, _ = told_by(lambda request: [reply(request, identifier=1)] * 100, way, timeout_s=0.2)
    assert told.finding.reason is Reason.TIMEOUT


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_this_machine_threw_away_accuses_nobody(way: tuple[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """There was no room for it. When there is again, silence is silence."""
    monkeypatch.setattr("agent.probes.ping_wire.BUFFER", 1)
    seen: list[bytes] = []

    def far(request: bytes) -> list[bytes]:
        seen.append(request)
        return [reply(request, sequence=5)] * 100 + [reply(request)] if len(seen) == 1 else []

    host, ping_sockets = way

    async def scenario() -> list[Told]:
        tools = Tools()
        try:
            return [await probed(opened(), host, timeout_s=1.0, tools=tools) for _ in range(2)]
        finally:
            tools.close()

    first, second = live(far, scenario, ping_sockets=ping_sockets)
    assert (first.finding.outcome, first.finding.reason) == (Outcome.ERROR, Reason.INTERNAL)
    assert "this machine lost answers" in first.finding.detail
    assert ("probe_icmp_loss_ratio",) not in first.samples
    assert (second.finding.outcome, second.finding.reason) == (Outcome.FAILED, Reason.TIMEOUT)


def test_slow_round_trips_are_degraded_if_the_settings_say_so() -> None:
    """More than the limit, on average."""
    told, _ = told_by(lambda request: [reply(request)], WAYS[0], degraded_rtt=1e-9)
    assert (told.finding.outcome, told.finding.reason) == (Outcome.DEGRADED, Reason.MISMATCH)
    told, _ = told_by(lambda request: [reply(request)], WAYS[0], degraded_rtt=5.0)
    assert told.finding.outcome is Outcome.OK


async def test_addresses_are_hosts() -> None:
    """Without a port."""
    for good in ("switch-1.example.vn", "192.0.2.1", "2001:db8::1", "fe80::1%eth0"):
        assert icmp.address_problem(good) == ""
    for bad in ("", "192.0.2.1:80", "[2001:db8::1]", "http://portal.example.vn/", "a b"):
        assert "host" in icmp.address_problem(bad)
    with pytest.raises(ValueError, match="source_ip_address"):
        opened(source_ip_address="here")
