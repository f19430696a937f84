"""The probe of H.323 against a terminal written from the standards, and what is no terminal."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest

from agent.model import Outcome, Reason
from tests.agent.probes.h323_terminal import (
    ALERTING,
    CALL_PROCEEDING,
    CLOSE,
    CONNECT,
    FACILITY,
    RELEASE_COMPLETE,
    SETUP,
    STATUS,
    STATUS_ENQUIRY,
    Terminal,
    message,
)
from tests.agent.probes.voice_kit import Ran, run, serving

BOTH = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


def found(ran: Ran) -> tuple[Outcome, Reason]:
    """Outcome and reason of a run."""
    return ran.done.finding.outcome, ran.done.finding.reason


async def ended(terminal: Terminal) -> None:
    """Wait until the terminal's connection is over."""
    async with asyncio.timeout(5):
        await terminal.ended.wait()


@BOTH
async def test_a_terminal_that_answers_the_inquiry_is_up(host: str) -> None:
    """STATUS is a sign of life; nobody's terminal rings."""
    async with Terminal({STATUS_ENQUIRY: [STATUS]}, host=host) as terminal:
        ran = await run("h323", terminal.address)
        await ended(terminal)
    assert found(ran) == (Outcome.OK, Reason.NONE), ran.done.finding
    assert ran.samples["probe_h323_message_type"] == STATUS
    assert ran.samples["probe_h323_info{status,,}"] == 1
    assert ran.samples["probe_h323_duration_seconds{inquiry}"] > 0.0
    assert terminal.received == [STATUS_ENQUIRY]


async def test_a_terminal_that_keeps_silent_but_open_is_up() -> None:
    """The standard lets it ignore an inquiry about a call that it does not have."""
    async with Terminal({}) as terminal:
        ran = await run("h323", terminal.address, hold=0.2)
        asked_nothing = await run("h323", terminal.address, hold=0.1, status_inquiry=False)
    assert found(ran) == found(asked_nothing) == (Outcome.OK, Reason.NONE)
    assert ran.samples["probe_h323_message_type"] == 0
    assert 0.2 <= ran.samples["probe_h323_duration_seconds{inquiry}"] < 2.0
    assert terminal.received == [STATUS_ENQUIRY]


async def test_a_terminal_that_closes_at_once_is_not_up() -> None:
    """Accepting and closing is what a front does whose terminal is gone."""
    async with Terminal({STATUS_ENQUIRY: [CLOSE]}) as terminal:
        ran = await run("h323", terminal.address)
    assert found(ran) == (Outcome.FAILED, Reason.NO_DATA)
    assert ran.samples["probe_h323_message_type"] == 0


@BOTH
@pytest.mark.parametrize(
    ("first", "name"),
    [(CALL_PROCEEDING, "call proceeding"), (ALERTING, "alerting"), (FACILITY, "facility"), (CONNECT, "connect")],
)
async def test_a_call_is_released_at_the_first_sign_of_life(host: str, first: int, name: str) -> None:
    """One answer to SETUP is enough; the release arrives whole, also when more answers are still coming."""
    async with Terminal({SETUP: [first, ALERTING, ALERTING]}, host=host) as terminal:
        ran = await run("h323", terminal.address, mode="setup")
        await ended(terminal)
    assert found(ran) == (Outcome.OK, Reason.NONE), ran.done.finding
    assert ran.samples["probe_h323_message_type"] == first
    assert ran.samples[f"probe_h323_info{{{name},,}}"] == 1
    assert terminal.received == [SETUP, RELEASE_COMPLETE]
    assert not terminal.is_ringing
    assert not terminal.was_reset


@pytest.mark.parametrize("goal", ["create", "capability_negotiation", "call_independent"])
async def test_a_released_call_tells_its_cause(goal: str) -> None:
    """A terminal that refuses the call lives: cause and reason are given, and nothing more is sent."""
    elements = bytes.fromhex("0802 8091 7e 000b 05 05 40 06 0008914a0004 48")
    async with Terminal({SETUP: [RELEASE_COMPLETE]}) as plain:
        ran = await run("h323", plain.address, mode="setup", goal=goal)
        await ended(plain)
    assert found(ran) == (Outcome.OK, Reason.NONE)
    assert ran.samples["probe_h323_cause"] == 0
    assert plain.received == [SETUP]
    ran, judged = await refused(elements, {}), await refused(elements, {"valid_causes": [16, 31]})
    assert found(ran) == (Outcome.OK, Reason.NONE)
    assert ran.samples["probe_h323_cause"] == 17
    assert ran.samples["probe_h323_info{release complete,user busy,adaptive busy}"] == 1
    assert found(judged) == (Outcome.FAILED, Reason.BAD_STATUS)
    assert judged.done.finding.detail == "the call was released: cause 17, user busy"


async def refused(elements: bytes, settings: dict[str, Any]) -> Ran:
    """A run against a server that releases each call with these elements."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(4)
        body = await reader.readexactly(struct.unpack("!H", head[2:])[0] - 4)
        writer.write(message(RELEASE_COMPLETE, struct.unpack("!H", body[2:4])[0], elements))
        await writer.drain()
        writer.close()

    return await against(serve, {"mode": "setup", **settings})


async def against(serve: Any, settings: dict[str, Any], timeout_s: float = 5.0) -> Ran:
    """A run against any server of TCP."""
    async with serving(serve) as port:
        return await run("h323", f"127.0.0.1:{port}", timeout_s, **settings)


async def test_a_call_that_nobody_answers_is_released_too() -> None:
    """When the run is over before an answer, the release is sent all the same."""
    async with Terminal({}) as terminal:
        ran = await run("h323", terminal.address, 0.4, mode="setup")
        await ended(terminal)
    assert found(ran) == (Outcome.FAILED, Reason.TIMEOUT)
    assert "`setup`" in ran.done.finding.detail
    assert terminal.received == [SETUP, RELEASE_COMPLETE]
    assert not terminal.is_ringing


async def test_a_cancelled_probe_leaves_no_call() -> None:
    """Whoever stops the agent in the middle of a run does not leave a room ringing."""
    async with Terminal({}) as terminal:
        task = asyncio.create_task(run("h323", terminal.address, mode="setup"))
        async with asyncio.timeout(5):
            while not terminal.received:
                await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ended(terminal)
    assert terminal.received == [SETUP, RELEASE_COMPLETE]


@pytest.mark.parametrize("mode", ["connect", "setup"])
async def test_messages_about_another_call_are_passed_over(mode: str) -> None:
    """Other calls, and an empty TPKT that keeps the connection alive, are no answer; the right one after them is."""
    other = message(ALERTING, 0, b"", flag=0) + b"\x03\x00\x00\x04"
    asked, answer = (SETUP, CALL_PROCEEDING) if mode == "setup" else (STATUS_ENQUIRY, STATUS)
    async with Terminal({asked: [other[:3], other[3:], answer]}) as terminal:
        ran = await run("h323", terminal.address, mode=mode)
    assert ran.samples["probe_h323_message_type"] == answer


@pytest.mark.parametrize("mode", ["connect", "setup"])
@pytest.mark.parametrize(
    "noise", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x03\x00\xff\xff", b"\x03\x00\x00\x06\x09\x09", b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
async def test_another_protocol_is_a_mismatch(mode: str, noise: bytes) -> None:
    """At its first bytes, without waiting for the end of the run."""
    asked = SETUP if mode == "setup" else STATUS_ENQUIRY
    async with Terminal({asked: [noise]}) as terminal:
        ran = await run("h323", terminal.address, mode=mode)
    assert found(ran) == (Outcome.FAILED, Reason.MISMATCH)
    assert "no H.323 signalling" in ran.done.finding.detail


@pytest.mark.parametrize("mode", ["connect", "setup"])
async def test_an_echo_is_no_terminal(mode: str) -> None:
    """A server that sends back what it gets does not fool it."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    ran = await against(echo, {"mode": mode})
    assert found(ran) == (Outcome.FAILED, Reason.MISMATCH)
    assert "our own messages" in ran.done.finding.detail


async def test_endless_messages_about_nothing_end_the_run() -> None:
    """A server that never stops sending is left before the deadline."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(message(ALERTING, 0, b"", flag=0) * 1_000)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    ran = await against(flood, {"mode": "setup"}, 20.0)
    assert found(ran) == (Outcome.FAILED, Reason.MISMATCH)
    assert ran.done.duration_s < 10.0


@BOTH
async def test_a_closed_port_is_refused(host: str) -> None:
    """At `connect`."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        port = sock.getsockname()[1]
    ran = await run("h323", f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    assert found(ran) == (Outcome.FAILED, Reason.REFUSED)


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"mode": "call"}, "mode"), ({"goal": "ring"}, "goal"), ({"valid_causes": [128]}, "valid_causes"), ({"x": 1}, "x")],
)
async def test_wrong_settings_are_refused_by_name(settings: dict[str, Any], said: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=said):
        await run("h323", "127.0.0.1", **settings)
