"""The authority: certificates that real TLS accepts, keys nobody else can read, renewal when it is due."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from collector.ingest import enrol

NOW = datetime.now(UTC)
NAMES = ["Collector.example.vn", "192.0.2.10", "2001:db8::1"]


def server_certificate(authority: enrol.Authority) -> x509.Certificate:
    return x509.load_pem_x509_certificate(authority.server_pem.read_bytes())


async def handshake(
    authority: enrol.Authority, name: str, *, ca: bytes | None = None, newest: ssl.TLSVersion | None = None
) -> str:
    """Version of TLS after a real handshake with the server certificate, verified for `name` against `ca`."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.server_context())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=(ca or authority.ca_pem).decode())
    if newest is not None:
        context.maximum_version = newest
    try:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
        version = writer.get_extra_info("ssl_object").version()
        writer.close()
        return str(version)
    finally:
        server.close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "collector.example.vn", "192.0.2.10", "2001:db8::1"])
async def test_the_server_certificate_holds_for_every_name(tmp_path: Path, name: str) -> None:
    authority = enrol.open_authority(tmp_path, NAMES, NOW)
    assert await handshake(authority, name) == "TLSv1.3"


async def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    authority = enrol.open_authority(tmp_path / "a", [], NOW)
    other = enrol.open_authority(tmp_path / "b", [], NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(authority, "localhost", ca=other.ca_pem)


async def test_a_name_that_was_not_configured_is_refused(tmp_path: Path) -> None:
    authority = enrol.open_authority(tmp_path, [], NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(authority, "collector.example.vn")


async def test_tls_1_2_is_the_oldest_version(tmp_path: Path) -> None:
    authority = enrol.open_authority(tmp_path, [], NOW)
    assert await handshake(authority, "localhost", newest=ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert authority.server_context().minimum_version is ssl.TLSVersion.TLSv1_2


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    enrol.open_authority(tmp_path, [], NOW)
    folder = tmp_path / "tls"
    assert {f.name for f in folder.iterdir()} == {"ca.key", "ca.pem", "server.pem"}
    assert [stat.S_IMODE((folder / name).stat().st_mode) for name in ("ca.key", "server.pem")] == [0o600, 0o600]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_authority_may_sign_servers_only_and_lasts_ten_years(tmp_path: Path) -> None:
    ca = x509.load_pem_x509_certificate(enrol.open_authority(tmp_path, [], NOW).ca_pem)
    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    assert ca.not_valid_after_utc - NOW > timedelta(days=3_650)


def test_a_second_opening_changes_nothing(tmp_path: Path) -> None:
    first = enrol.open_authority(tmp_path, NAMES, NOW)
    bytes_ = first.server_pem.read_bytes()
    assert enrol.open_authority(tmp_path, reversed(NAMES), NOW + timedelta(days=300)) == first
    assert first.server_pem.read_bytes() == bytes_


def test_new_names_renew_the_server_certificate_under_the_same_authority(tmp_path: Path) -> None:
    first = enrol.open_authority(tmp_path, [], NOW)
    old = server_certificate(first)
    second = enrol.open_authority(tmp_path, ["new.example.vn"], NOW)
    assert second.ca_pem == first.ca_pem
    assert server_certificate(second).serial_number != old.serial_number


def test_a_server_certificate_near_its_end_is_renewed(tmp_path: Path) -> None:
    first = enrol.open_authority(tmp_path, [], NOW)
    end = server_certificate(first).not_valid_after_utc
    enrol.open_authority(tmp_path, [], end - timedelta(days=61))
    assert server_certificate(first).not_valid_after_utc == end
    enrol.open_authority(tmp_path, [], end - timedelta(days=59))
    assert server_certificate(first).not_valid_after_utc > end + timedelta(days=300)


def test_many_at_once_agree_on_one_authority(tmp_path: Path) -> None:
    async def race() -> list[enrol.Authority]:
        return await asyncio.gather(*[asyncio.to_thread(enrol.open_authority, tmp_path, [], NOW) for _ in range(8)])

    authorities = asyncio.run(race())
    assert len({authority.ca_pem for authority in authorities}) == 1
    authorities[0].server_context()
    assert [f.name for f in tmp_path.iterdir()] == ["tls"]


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    enrol.open_authority(tmp_path, [], NOW)
    (tmp_path / "tls" / "ca.pem").write_text("not a certificate")
    with pytest.raises(enrol.EnrolError, match=r"a file is damaged .*: restore it, or remove the folder and enrol again"):
        enrol.open_authority(tmp_path, [], NOW)


def test_a_code_carries_a_secret_and_the_fingerprint_of_the_authority(tmp_path: Path) -> None:
    authority = enrol.open_authority(tmp_path, [], NOW)
    code, kept = enrol.make_code(authority)
    match = re.fullmatch(r"HD1-([A-Z2-7]+)-([0-9a-f]{32})", code)
    assert match is not None
    assert len(base64.b32decode(match[1])) == 15
    assert authority.fingerprint.startswith(match[2])
    assert kept == enrol.hash_secret(match[1])
    assert enrol.make_code(authority)[0] != code


def test_a_token_is_long_random_and_kept_as_a_hash() -> None:
    token, kept = enrol.make_token()
    assert len(token) == 43
    assert kept == enrol.hash_secret(token)
    assert token.encode() not in kept
