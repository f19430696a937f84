"""The probe `tcp` against real servers: connects, conversations, TLS inside them, and peers that mean no good."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from pathlib import Path

import msgspec
import pytest

from agent.model import Outcome, Reason
from agent.probes.dial import connect, drop
from agent.probes.probe import Probe, Run
from agent.probes.resolve import Place
from agent.probes.tcp import QueryResponse, Settings, address_problem, open_probe
from agent.probes.tls_settings import TlsSettings
from agent.probes.tools import Tools
from tests.probes.certs import certs
from tests.probes.peers import BOTH, at, closed_port, dripping, endless, ran, reset, saying, serving, silent


def _probe(**settings: object) -> Probe:
    """As it is opened from a module: settings as plain values."""
    return open_probe(msgspec.convert(settings, Settings))


def _trusting(**more: object) -> dict[str, object]:
    return {"ca": certs().ca_pem, **more}


@pytest.mark.parametrize("host", BOTH)
async def test_a_port_that_accepts_is_a_success(host: str) -> None:
    """Over both families, with blackbox_exporter's samples and the seconds of each phase."""
    async with serving(silent, host) as port:
        found = await ran(_probe(), at(host, port))
    assert (found.outcome, found.reason, found.detail) == (Outcome.OK, Reason.NONE, "")
    assert found.value("probe_ip_protocol") == (6 if ":" in host else 4)
    assert found.value("probe_failed_due_to_regex") == 0
    assert found.value("probe_success") == 1
    assert found.value("probe_tcp_duration_seconds", "connect") <= found.value("probe_duration_seconds")


@pytest.mark.parametrize("host", BOTH)
async def test_a_closed_port_is_refused(host: str) -> None:
    """With the phase in which that was."""
    found = await ran(_probe(), at(host, closed_port(host)))
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.REFUSED)
    assert found.value("probe_success") == 0
    assert found.value("probe_failed_due_to_regex") == 0


async def test_a_full_queue_is_a_timeout_at_connect() -> None:
    """A listener that takes no more connections, as a firewall that drops: the deadline holds and names the phase."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                assert filler.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS)
            found = await ran(_probe(), f"127.0.0.1:{port}", timeout_s=0.3)
        finally:
            for filler in fillers:
                filler.close()
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert "`connect`" in found.detail
    assert found.took_s < 2


async def test_a_plain_connect_leaves_nothing_behind_on_this_side() -> None:
    """It ends by a reset, which the server sees at its first read: no port of ours waits in TIME_WAIT."""
    seen: asyncio.Future[BaseException | bytes] = asyncio.get_running_loop().create_future()

    async def handler(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        try:
            seen.set_result(await reader.read(1))
        except ConnectionResetError as error:
            seen.set_result(error)

    async with serving(handler) as port:
        run = Run(tools := Tools(), 5)
        sock = await connect(run, Place(socket.AF_INET, "127.0.0.1"), port)
        ours = sock.getsockname()[1]
        drop(sock)
        assert isinstance(await seen, ConnectionResetError)
        tools.close()
    states = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert [state for state in states if int(state[1].split(":")[1], 16) == ours and state[3] == "06"] == []


async def test_a_connect_that_is_given_up_is_forgotten_at_once() -> None:
    """Its number is taken by the next socket, which must not be told what happened to it: many at once, half given up."""
    tools = Tools()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        async with serving(silent) as port:
            for _ in range(20):
                given_up = [
                    asyncio.ensure_future(connect(Run(tools, 5), Place(socket.AF_INET, "127.0.0.1"), full.getsockname()[1]))
                    for _ in range(4)
                ]
                await asyncio.sleep(0)
                for task in given_up:
                    task.cancel()
                for result in await asyncio.gather(*given_up, return_exceptions=True):
                    if isinstance(result, socket.socket):
                        result.close()
                found = await ran(_probe(), f"127.0.0.1:{port}", tools=tools)
                assert found.outcome is Outcome.OK
    tools.close()


async def test_the_source_address_is_used_or_the_run_is_an_error_of_ours() -> None:
    """An address of this machine is what the server sees; one that is not, or of the other family, accuses nobody."""
    peer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.set_result(writer.get_extra_info("peername")[0])
        await silent(reader, writer)

    async with serving(handler) as port:
        address = f"127.0.0.1:{port}"
        assert (await ran(_probe(source_ip_address="127.0.0.9"), address)).outcome is Outcome.OK
        assert await peer == "127.0.0.9"
        for wrong in ("192.0.2.1", "::1"):
            assert (await ran(_probe(source_ip_address=wrong), address)).outcome is Outcome.ERROR


async def test_a_conversation_expects_and_sends_with_what_was_matched() -> None:
    """Lines before the one that matches are passed over, ends of lines do not count, groups are filled in."""
    heard = asyncio.get_running_loop().create_future()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"NICK prober\n"
        writer.write(b":irc NOTICE\r\n\r\nPING :\xc4\x91\xff\r\n")
        heard.set_result(await reader.readline())
        writer.write(b":ok 001")
        writer.close()

    steps = [{"send": "NICK prober"}, {"expect": "^PING :(.+)$", "send": "PONG ${1}!"}, {"expect": "^:[^ ]+ 001$"}]
    async with serving(handler) as port:
        found = await ran(_probe(query_response=steps), f"127.0.0.1:{port}")
    assert found.outcome is Outcome.OK, found.detail
    assert await heard == b"PONG \xc4\x91\xff!\n"
    assert found.value("probe_failed_due_to_regex") == 0
    assert any("PING" in line for line in found.lines)


async def test_what_was_expected_may_become_labels() -> None:
    """`probe_expect_info` with what was matched; whatever bytes a server sends, they can be told."""
    labels = [{"name": "version", "value": "${1}"}, {"name": "comment", "value": "${2}"}]
    steps = [{"expect": "^SSH-2.0-([^ -]+)(?: (.*))?$", "labels": labels}]
    async with serving(saying(b"SSH-2.0-OpenSSH_9.6p1 Ubuntu\xff\0" + b"y" * 5000 + b"\r\n")) as port:
        found = await ran(_probe(query_response=steps), f"127.0.0.1:{port}")
    assert found.outcome is Outcome.OK
    [(name, version, comment)] = [key for key in found.samples if key[0] == "probe_expect_info"]
    assert (name, version) == ("probe_expect_info", "OpenSSH_9.6p1")
    assert comment.startswith("Ubuntu")
    assert "\0" not in comment
    assert len(comment.encode()) < 2000


@pytest.mark.parametrize(("said", "words"), [((b"421 busy\r\n",), "'421 busy'"), ((), "it said nothing")])
async def test_a_line_that_never_comes_fails_due_to_the_expression(said: tuple[bytes, ...], words: str) -> None:
    """`mismatch`, with the last line, when the server closes; and blackbox_exporter's sample says so."""

    async def handler(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(said))
        await writer.drain()
        writer.write_eof()

    async with serving(handler) as port:
        found = await ran(_probe(query_response=[{"expect": "^220"}]), f"127.0.0.1:{port}")
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.MISMATCH)
    assert words in found.detail
    assert found.value("probe_failed_due_to_regex") == 1


@pytest.mark.parametrize("handler", [silent, dripping])
async def test_a_slow_server_meets_the_deadline(handler: object) -> None:
    """One that says nothing, and one that says a letter now and then: a timeout that names the step."""
    async with serving(handler) as port:  # type: ignore[arg-type]
        found = await ran(_probe(query_response=[{"expect": "^220"}]), f"127.0.0.1:{port}", timeout_s=0.3)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert "step 1 of query_response" in found.detail
    assert found.took_s < 2
    assert found.value("probe_failed_due_to_regex") == 0


async def test_a_server_that_never_ends_its_line_is_stopped() -> None:
    """At 64 KiB, long before the deadline."""
    async with serving(endless) as port:
        found = await ran(_probe(query_response=[{"expect": "^220"}]), f"127.0.0.1:{port}", timeout_s=30)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.MISMATCH)
    assert "65536 bytes" in found.detail


async def test_a_server_that_never_ends_its_lines_is_stopped_and_lets_others_run() -> None:
    """At a mebibyte of lines; meanwhile the loop has turns for others."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    with socket.create_server(("127.0.0.1", 0)) as server:

        def flood() -> None:
            sock, _ = server.accept()
            with sock:
                try:
                    while True:
                        sock.sendall(b"no such line\r\n" * 5000)
                except OSError:
                    return

        thread = threading.Thread(target=flood)
        thread.start()
        counting = asyncio.ensure_future(count())
        found = await ran(_probe(query_response=[{"expect": "^220"}]), f"127.0.0.1:{server.getsockname()[1]}", timeout_s=30)
        counting.cancel()
        await asyncio.to_thread(thread.join)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.MISMATCH)
    assert found.value("probe_failed_due_to_regex") == 1
    assert turns >= 4


async def test_no_line_is_made_to_be_searched_for_ever() -> None:
    """An expression of several repeats and a line that nearly matches cost the other probes nothing."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"a " * 20_000 + b"\r\n")
        writer.close()

    steps = [{"expect": "(.+) (.+) (.+) ready$"}]
    async with serving(handler) as port:
        found = await ran(_probe(query_response=steps), f"127.0.0.1:{port}", timeout_s=3.0)
    assert found.reason is Reason.MISMATCH, found.detail
    assert found.took_s < 2.0


async def test_a_reset_in_a_conversation_is_refused() -> None:
    """The server took the connection and threw it away."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        reset(writer)

    async with serving(handler) as port:
        found = await ran(_probe(query_response=[{"send": "hello"}, {"expect": "x"}]), f"127.0.0.1:{port}")
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.REFUSED)


async def test_tls_gives_what_blackbox_exporter_gives() -> None:
    """The earliest end of the whole chain, that of the verified one, the leaf's names, the version."""
    shown = certs().chain(5)
    async with serving(saying(b"+OK ready\r\n"), context=shown.context()) as port:
        steps = [{"expect": "^.OK"}]
        found = await ran(_probe(tls=True, tls_config=_trusting(), query_response=steps), f"127.0.0.1:{port}")
    assert found.outcome is Outcome.OK, found.detail
    assert found.value("probe_ssl_earliest_cert_expiry") == shown.not_after_s[1]
    assert found.value("probe_ssl_last_chain_expiry_timestamp_seconds") == shown.not_after_s[1]
    assert found.value("probe_tls_version_info", "TLS 1.3") == 1
    [labels] = [key[1:] for key in found.samples if key[0] == "probe_ssl_last_chain_info"]
    assert labels[1:] == ("CN=localhost,O=Hải Đăng", "CN=intermediate,O=Hải Đăng", "localhost,portal.example.vn")


async def test_a_certificate_that_ends_soon_degrades() -> None:
    """Only if that is asked for, and with its name and the days left."""
    async with serving(silent, context=certs().ending(6.5).context()) as port:
        settings = {"tls": True, "tls_config": _trusting()}
        assert (await ran(_probe(**settings), f"127.0.0.1:{port}")).outcome is Outcome.OK
        found = await ran(_probe(**settings, degraded_cert_days=14), f"127.0.0.1:{port}")
    assert (found.outcome, found.reason) == (Outcome.DEGRADED, Reason.MISMATCH)
    assert "certificate of localhost expires in 6 days, at 20" in found.detail
    assert found.value("probe_success") == 1


async def test_tls_may_begin_in_the_conversation() -> None:
    """STARTTLS as blackbox_exporter has it: the rest of the conversation, and the samples, are those of TLS."""
    shown = certs().good()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ESMTP\r\n")
        assert await reader.readline() == b"EHLO prober\n"
        writer.write(b"250-mail\r\n250-STARTTLS\r\n250 HELP\r\n")
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"220 go\r\n")
        await writer.drain()
        await writer.start_tls(shown.context())
        # Python 3.11 leaves the reader with the plain transport; what comes is the same.
        assert await reader.readline() == b"EHLO prober\n"
        writer.write(b"250 AUTH\r\n")
        await silent(reader, writer)

    steps = [
        {"expect": "^220 "}, {"send": "EHLO prober"}, {"expect": "^250-STARTTLS"}, {"send": "STARTTLS"}, {"expect": "^220"},
        {"starttls": True}, {"send": "EHLO prober"}, {"expect": "^250[ -]AUTH"},
    ]  # fmt: skip
    async with serving(handler) as port:
        found = await ran(_probe(query_response=steps, tls_config=_trusting()), f"127.0.0.1:{port}")
    assert found.outcome is Outcome.OK, found.detail
    assert found.value("probe_ssl_earliest_cert_expiry") == shown.not_after_s[0]


async def test_words_in_clear_after_the_agreement_are_refused() -> None:
    """Whoever sits between could have put them there to be taken for what came under TLS."""
    async with serving(saying(b"220 go\r\n250 injected\r\n")) as port:
        found = await ran(_probe(query_response=[{"expect": "^220"}, {"starttls": True}]), f"127.0.0.1:{port}")
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)
    assert "in clear" in found.detail


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"source_ip_address": "localhost"}, "source_ip_address"),
        ({"query_response": [{}, {"expect": "("}]}, "query_response, step 2: expect"),
        ({"query_response": [{"expect": "(?=x)"}]}, "step 1: expect"),
        ({"tls": True, "query_response": [{"starttls": True}]}, "step 1: starttls"),
        ({"query_response": [{"labels": [{"name": "a"}]}]}, "labels without expect"),
        ({"query_response": [{"expect": "x", "labels": [{"name": "instance"}]}]}, "'instance'"),
        ({"query_response": [{"expect": "x", "labels": [{"name": "a"}, {"name": "a"}]}]}, "twice"),
        ({"query_response": [{"expect": "x", "labels": [{"name": "a"}]}] * 2}, "step 2: labels"),
        ({"query_response": [{"send": "x"}] * 101}, "more than 100"),
        ({"tls": True, "tls_config": {"ca": "no PEM"}}, "tls_config: ca"),
    ],
)
def test_wrong_settings_are_refused_when_they_are_loaded(settings: dict[str, object], words: str) -> None:
    """With the setting that is wrong."""
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        _probe(**settings)


def test_settings_are_plain_values_and_print_nothing() -> None:
    """They can be sent and read again, and what may be secret does not show in logs."""
    settings = Settings(tls_config=TlsSettings(key="secret"), query_response=(QueryResponse(send="PASS secret"),))
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(settings)), Settings) == settings
    assert "secret" not in repr(settings)


def test_addresses_are_host_and_port() -> None:
    """What is wrong is said before anything runs."""
    assert address_problem("portal.example.vn:443") == ""
    assert "port" in address_problem("portal.example.vn")
