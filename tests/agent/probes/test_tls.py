"""The probe `tls` against servers with every kind of certificate, and servers that are none."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable

import msgspec
import pytest

from agent.model import Outcome, Reason
from agent.probes.probe import Probe
from agent.probes.tls import Settings, address_problem, open_probe
from tests.probes.certs import Certs, Shown, certs
from tests.probes.peers import (
    BOTH,
    Handler,
    at,
    closed_port,
    dripping,
    endless,
    ran,
    reset,
    saying,
    serving,
    shaking_hands,
    silent,
)


def _probe(tls: dict[str, object] | None = None, **settings: object) -> Probe:
    config = {"ca": certs().ca_pem, "server_name": "localhost"} if tls is None else tls
    return open_probe(msgspec.convert({"tls_config": config, **settings}, Settings))


@pytest.mark.parametrize("host", BOTH)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_good_certificate_is_a_success(host: str, version: ssl.TLSVersion) -> None:
    """Asked for by its address over both families: the dates of every certificate, the version, the phases."""
    shown = certs().chain(20)
    async with serving(silent, host, shown.context(highest=version)) as port:
        found = await ran(_probe({"ca": certs().ca_pem}, names=["portal.example.vn"]), at(host, port))
    assert found.outcome is Outcome.OK, found.detail
    assert found.value("probe_tls_verified") == 1
    assert found.value("probe_ssl_earliest_cert_expiry") == min(shown.not_after_s)
    for position, certificate in enumerate(shown.certificates):
        labels = (str(position), "CN=" + ("localhost", "intermediate")[position] + ",O=Hải Đăng")
        assert found.value("probe_tls_certificate_not_after_timestamp_seconds", *labels) == shown.not_after_s[position]
        begun_s = certificate.not_valid_before_utc.timestamp()
        assert found.value("probe_tls_certificate_not_before_timestamp_seconds", *labels) == begun_s
    assert found.value("probe_tls_version_info", {ssl.TLSVersion.TLSv1_2: "TLS 1.2"}.get(version, "TLS 1.3")) == 1
    assert {key[1] for key in found.samples if key[0] == "probe_tls_duration_seconds"} == {"resolve", "connect", "tls"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Certs.expired, r"certificate of localhost expired at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
        (Certs.not_yet_valid, r"certificate of localhost is not valid before \d{4}-\d\d-\d\dT"),
        (Certs.wrong_name, "certificate of elsewhere.example.vn is for elsewhere.example.vn, not for localhost"),
        (Certs.self_signed, "certificate of self-signed is self-signed"),
        (Certs.unknown_authority, r"unknown authority: nobody trusted .* localhost \(issuer CN=stranger,O=Hải Đăng\)"),
        (lambda it: it.chain(-3), r"certificate of intermediate expired at"),
        (lambda it: it.shown((), (-1, 9)), "certificate of nameless is for no name at all, not for localhost"),
    ],
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_each_distrust_has_its_own_sentence_and_the_dates(
    make: Callable[[Certs], Shown], words: str, version: ssl.TLSVersion
) -> None:
    """Reason `tls`, which certificate and why; its dates are samples all the same, and nothing is called verified."""
    shown = make(certs())
    async with serving(silent, context=shown.context(highest=version)) as port:
        found = await ran(_probe(), f"127.0.0.1:{port}")
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)
    assert re.match(words, found.detail), found.detail
    assert found.value("probe_ssl_earliest_cert_expiry") == min(shown.not_after_s)
    assert found.value("probe_tls_verified") == 0
    assert ("probe_ssl_last_chain_expiry_timestamp_seconds",) not in found.samples


async def test_a_chain_to_an_authority_that_is_sent_and_not_trusted_is_told() -> None:
    """The server brings its own root."""
    stranger = Certs()
    good = stranger.good()
    shown = Shown(good.chain + stranger.ca_pem, good.key, (*good.certificates, stranger.root))
    # Another name than the trusted root's, or the signature would be wrong instead of the authority unknown.
    async with serving(silent, context=shown.context()) as port:
        found = await ran(_probe({"server_name": "localhost"}), f"127.0.0.1:{port}")
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)
    assert found.detail == "unknown authority: the chain ends in the self-signed certificate of root of the tests"


async def test_whoever_does_not_verify_sees_the_dates_and_may_still_set_limits() -> None:
    """`insecure_skip_verify`: an expired certificate is a success unless days are asked for."""
    async with serving(silent, context=certs().expired().context()) as port:
        address, lax = f"127.0.0.1:{port}", {"insecure_skip_verify": True}
        found = await ran(_probe(lax), address)
        assert found.outcome is Outcome.OK
        assert found.value("probe_tls_verified") == 0
        degraded = await ran(_probe(lax, degraded_cert_days=1), address)
        assert (degraded.outcome, degraded.reason) == (Outcome.DEGRADED, Reason.MISMATCH)
        failed = await ran(_probe(lax, min_days=1), address)
    assert (failed.outcome, failed.reason) == (Outcome.FAILED, Reason.TLS)
    assert "expired at" in failed.detail
    assert "at least 1 days" in failed.detail


async def test_days_fail_before_they_degrade() -> None:
    """Of a certificate with six days left."""
    async with serving(silent, context=certs().ending(6.5).context()) as port:
        address = f"127.0.0.1:{port}"
        assert (await ran(_probe(min_days=5, degraded_cert_days=6), address)).outcome is Outcome.OK
        assert (await ran(_probe(min_days=5, degraded_cert_days=7), address)).outcome is Outcome.DEGRADED
        found = await ran(_probe(min_days=7, degraded_cert_days=30), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)
    assert "expires in 6 days" in found.detail


async def test_every_name_that_is_wanted_must_be_covered() -> None:
    """Names, stars for one label, addresses; those that are missing are named."""
    shown = certs().shown(names=("localhost", "*.example.vn", "10.0.0.1"))
    async with serving(silent, context=shown.context()) as port:
        address = f"127.0.0.1:{port}"
        assert (await ran(_probe(names=["Portal.Example.vn", "10.0.0.1"]), address)).outcome is Outcome.OK
        found = await ran(_probe(names=["a.b.example.vn", "example.vn", "portal.example.vn"]), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)
    assert found.detail.endswith("is not for a.b.example.vn, example.vn")


async def test_versions_that_do_not_meet_are_told() -> None:
    """An old server and one that is too new for the limits set."""
    with shaking_hands(certs().good().context(highest=ssl.TLSVersion.TLSv1_1, lowest=ssl.TLSVersion.TLSv1)) as port:
        old = await ran(_probe(), f"127.0.0.1:{port}")
        spoken = await ran(_probe({"ca": certs().ca_pem, "min_version": "TLS10"}), f"127.0.0.1:{port}")
    assert (old.outcome, old.reason) == (Outcome.FAILED, Reason.TLS)
    assert "protocol too old or too new: the server speaks none of TLS12 to TLS13" in old.detail
    assert spoken.value("probe_tls_version_info", "TLS 1.1") == 1
    with shaking_hands(certs().good().context(lowest=ssl.TLSVersion.TLSv1_3)) as port:
        new = await ran(_probe({"ca": certs().ca_pem, "max_version": "TLS12"}), f"127.0.0.1:{port}")
    assert "none of TLS12 to TLS12" in new.detail


async def test_a_server_that_wants_another_handshake_refuses() -> None:
    """No cipher in common: its alert is the detail."""
    context = certs().good().context(highest=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # its certificate has no key of RSA
    with shaking_hands(context) as port:
        found = await ran(_probe(), f"127.0.0.1:{port}")
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)
    assert found.detail == "the server refused the handshake: handshake failure"


async def _resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    reset(writer)


async def _closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    writer.write_eof()
    await silent(reader, writer)


@pytest.mark.parametrize(
    ("handler", "reason", "words"),
    [
        (_resetting, Reason.TLS, "the server reset the connection during the TLS handshake"),
        (_closing, Reason.TLS, "the server closed the connection during the TLS handshake"),
        (saying(b"SSH-2.0-OpenSSH\r\n"), Reason.TLS, "the server answered with something that is not TLS"),
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Reason.TLS, "the server answered with something that is not TLS"),
        (endless, Reason.TLS, "the server answered with something that is not TLS"),
        (silent, Reason.TIMEOUT, "no answer within 0.4 s, while it was at `tls`"),
        (saying(b"\x16\x03\x03\x40\x00"), Reason.TIMEOUT, "no answer within 0.4 s, while it was at `tls`"),
    ],
)
async def test_servers_that_are_none_are_told_apart(handler: Handler, reason: Reason, words: str) -> None:
    """Reset, closed, garbage, silence and a message that never ends."""
    async with serving(handler) as port:
        found = await ran(_probe(), f"127.0.0.1:{port}", timeout_s=0.4 if reason is Reason.TIMEOUT else 10)
    assert (found.outcome, found.reason) == (Outcome.FAILED, reason)
    assert found.detail.startswith(words)
    assert found.took_s < 3


async def test_a_closed_port_is_not_a_matter_of_tls() -> None:
    """It is refused, at the connect."""
    found = await ran(_probe(), f"127.0.0.1:{closed_port()}")
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.REFUSED)


async def test_a_client_may_show_a_certificate_of_its_own() -> None:
    """`cert` and `key` are used where the server asks for them, and their lack is told."""
    mine = certs().shown(names=("client.example.vn",))
    context = certs().good().context(highest=ssl.TLSVersion.TLSv1_2)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=certs().ca_pem)
    with shaking_hands(context) as port:
        address, trust = f"127.0.0.1:{port}", {"ca": certs().ca_pem}
        assert (await ran(_probe({**trust, "cert": mine.chain, "key": mine.key}), address)).outcome is Outcome.OK
        without = await ran(_probe(trust), address)
    assert (without.outcome, without.reason) == (Outcome.FAILED, Reason.TLS)
    assert "refused the handshake" in without.detail


async def test_a_certificate_named_as_authority_is_trusted_though_it_is_none() -> None:
    """A device's own certificate, pinned."""
    shown = certs().self_signed()
    async with serving(silent, context=shown.context()) as port:
        found = await ran(_probe({"ca": shown.chain}), f"127.0.0.1:{port}")
    assert found.outcome is Outcome.OK, found.detail


@pytest.mark.parametrize(
    ("tls", "settings", "words"),
    [
        ({"ca": "x"}, {}, "tls_config: ca"),
        ({"cert": "x"}, {}, "cert and key belong together"),
        ({"cert": "x", "key": "y"}, {}, "cert and key are not"),
        ({"min_version": "TLS13", "max_version": "TLS12"}, {}, "min_version TLS13 is newer"),
        ({}, {"min_days": -1}, "negative"),
        ({}, {"source_ip_address": "x"}, "source_ip_address"),
    ],
)
def test_wrong_settings_are_refused_when_they_are_loaded(
    tls: dict[str, object], settings: dict[str, object], words: str
) -> None:
    """With the setting that is wrong, and without what it holds."""
    with pytest.raises(ValueError, match=words):
        _probe(tls, **settings)


def test_what_is_no_option_is_refused() -> None:
    """Unknown protocols and versions."""
    for wrong in ({"starttls": "gopher"}, {"tls_config": {"min_version": "SSL3"}}, {"nosuch": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Settings)


def test_addresses_are_host_and_port() -> None:
    """What is wrong is said before anything runs."""
    assert address_problem("[2001:db8::1]:443") == ""
    assert "brackets" in address_problem("2001:db8::1:443")


async def test_a_slow_handshake_meets_the_deadline() -> None:
    """A letter now and then, where TLS should be."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x16\x03\x03\x40\x00\x02")
        await dripping(reader, writer)

    async with serving(handler) as port:
        found = await ran(_probe(), f"127.0.0.1:{port}", timeout_s=0.4)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert found.took_s < 3
