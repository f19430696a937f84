"""https: certificates good and bad, names and server names, what is measured of them, and what ends soon."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from aiohttp import web

from agent.model import Outcome, Reason
from agent.probes.tls_settings import TlsSettings
from tests.agent.probes.http_kit import TRUSTED, probed, raw, saying, serving, silence, values
from tests.probes.certs import Shown, certs


async def _page(_request: web.Request) -> web.Response:
    return web.Response(text="xin chào")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_good_certificate(host: str) -> None:
    """A page over TLS gives the samples about the certificate and the time of the handshake."""
    shown = certs().good()
    async with serving(_page, shown=shown, host=host) as url:
        done = await probed(url, tls_config=TRUSTED, fail_if_not_ssl=True, degraded_cert_days=30)
    assert done.finding.outcome is Outcome.OK, done.finding
    found = values(done)
    assert found["probe_http_ssl"] == 1.0
    assert found["probe_ssl_earliest_cert_expiry"] == shown.not_after_s[0]
    assert found["probe_ssl_last_chain_expiry_timestamp_seconds"] == shown.not_after_s[0]
    assert found["probe_tls_version_info{TLS 1.3}"] == 1.0
    assert found["probe_http_duration_seconds{tls}"] > 0.0


@pytest.mark.parametrize(
    ("shown", "detail"),
    [
        (certs().expired(), "expired at"),
        (certs().not_yet_valid(), "not valid before"),
        (certs().wrong_name(), "is for elsewhere.example.vn, not for 127.0.0.1"),
        (certs().self_signed(), "self-signed"),
        (certs().unknown_authority(), "unknown authority"),
    ],
    ids=["expired", "not yet valid", "wrong name", "self-signed", "unknown authority"],
)
async def test_bad_certificates(shown: Shown, detail: str) -> None:
    """Each says which certificate is to blame and why; its dates are given all the same, and it may be allowed."""
    async with serving(_page, shown=shown) as url:
        bad = await probed(url, tls_config=TRUSTED)
        allowed = await probed(url, tls_config=TlsSettings(insecure_skip_verify=True))
    assert bad.finding.reason is Reason.TLS, bad.finding
    assert detail in bad.finding.detail
    assert values(bad)["probe_ssl_earliest_cert_expiry"] == shown.not_after_s[0]
    assert values(bad)["probe_http_status_code"] == 0.0
    assert allowed.finding.outcome is Outcome.OK, allowed.finding


async def test_a_chain_that_ends_soon() -> None:
    """The certificate of the chain that ends first is told, degraded, before it ends."""
    shown = certs().chain(days=5)
    async with serving(_page, shown=shown) as url:
        soon = await probed(url, tls_config=TRUSTED, degraded_cert_days=30)
        later = await probed(url, tls_config=TRUSTED, degraded_cert_days=3)
    assert soon.finding.outcome is Outcome.DEGRADED
    assert "certificate of intermediate expires in" in soon.finding.detail
    assert values(soon)["probe_success"] == 1.0
    assert values(soon)["probe_ssl_earliest_cert_expiry"] == shown.not_after_s[1]
    assert later.finding.outcome is Outcome.OK


@pytest.mark.parametrize(
    ("options", "is_good"),
    [
        ({"tls_config": TlsSettings(ca=certs().ca_pem, server_name="elsewhere.example.vn")}, True),
        ({"tls_config": TRUSTED, "headers": {"Host": "elsewhere.example.vn:8443"}}, True),
        ({"tls_config": TRUSTED, "headers": {"Host": "other.example.vn"}}, False),
    ],
)
async def test_server_names(options: dict[str, object], is_good: bool) -> None:
    """The certificate is verified for `server_name`, or else for the field Host of the settings, or else for the host."""
    async with serving(_page, shown=certs().wrong_name()) as url:
        done = await probed(url, **options)
    assert (done.finding.outcome is Outcome.OK) is is_good, done.finding


async def test_the_server_name_is_for_the_first_host_only() -> None:
    """After a redirect to another host the certificate must be that host's."""
    async with serving(_page, shown=certs().good(), host="::1") as other:

        async def here(_request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": f"{other}/"})

        async with serving(here, shown=certs().wrong_name()) as url:
            done = await probed(url, tls_config=TlsSettings(ca=certs().ca_pem, server_name="elsewhere.example.vn"))
    assert done.finding.outcome is Outcome.OK, done.finding
    assert values(done)["probe_http_redirects"] == 1.0
    assert values(done)["probe_ip_protocol"] == 4.0


async def test_fail_if_ssl() -> None:
    """An answer over TLS fails where none is wanted."""
    async with serving(_page, shown=certs().good()) as url:
        done = await probed(url, tls_config=TRUSTED, fail_if_ssl=True)
    assert done.finding.reason is Reason.MISMATCH
    assert "fail_if_ssl" in done.finding.detail


async def test_no_tls_there() -> None:
    """https to a server that speaks plain HTTP is a failure of TLS; http to one that speaks TLS says so."""
    async with raw(saying(b"HTTP/1.1 200 OK\r\n\r\n")) as address:
        plain = await probed(f"https://{address}", timeout_s=1.0)
    async with raw(silence, context=certs().good().context()) as address:
        clear = await probed(f"http://{address}", timeout_s=1.0)
    assert plain.finding.reason in (Reason.TLS, Reason.TIMEOUT)
    assert clear.finding.outcome is Outcome.FAILED


async def test_a_silent_handshake() -> None:
    """A server that never answers the handshake ends with the deadline, at `tls`."""
    async with raw(silence) as address:
        done = await probed(f"https://{address}", timeout_s=0.3)
    assert done.finding.reason is Reason.TIMEOUT
    assert "`tls`" in done.finding.detail


async def test_a_handshake_that_breaks() -> None:
    """A connection that is closed in the handshake is a failure of TLS."""

    async def script(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(100)

    async with raw(script) as address:
        done = await probed(f"https://{address}")
    assert done.finding.reason is Reason.TLS, done.finding


async def test_an_old_version() -> None:
    """A server whose newest version of TLS is too old is told as such."""
    context = certs().good().context(highest=ssl.TLSVersion.TLSv1_2)
    async with raw(saying(b"HTTP/1.1 200 OK\r\n\r\n"), context=context) as address:
        good = await probed(f"https://{address}", tls_config=TRUSTED)
        bad = await probed(f"https://{address}", tls_config=TlsSettings(ca=certs().ca_pem, min_version="TLS13"))
    assert good.finding.outcome is Outcome.OK, good.finding
    assert values(good)["probe_tls_version_info{TLS 1.2}"] == 1.0
    assert bad.finding.reason is Reason.TLS
