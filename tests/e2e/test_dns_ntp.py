"""The probes of name servers and time servers, against Debian's unbound and chronyd, over IPv4 and IPv6."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.model import Outcome, Reason
from agent.probes import dns, ntp
from tests.agent.probes.probing import Told, probed
from tests.e2e.time_and_names import Chronyd, Unbound

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

LONG = "".join(f"local-data: 'big.example.vn. 300 IN TXT \"{number:03d}{'x' * 200}\"'\n" for number in range(10))


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unbound]:
    """One name server for all tests here."""
    with Unbound(tmp_path_factory.mktemp("unbound"), LONG) as server:
        yield server


async def asked(names: Unbound, host: str = "127.0.0.1", port: int = 0, **settings: Any) -> Told:
    """What the probe found of the name server."""
    probe = dns.open_probe(msgspec.convert({"query_name": "portal.example.vn", "query_type": "A", **settings}, dns.Settings))
    return await probed(probe, f"[{host}]:{port or names.port}" if ":" in host else f"{host}:{port or names.port}")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_an_answer_is_counted_and_timed(names: Unbound, host: str, transport: str) -> None:
    """Both families, both transports."""
    told = await asked(names, host, transport_protocol=transport)
    assert told.finding.outcome is Outcome.OK, told
    assert told.value("probe_dns_answer_rrs") == 2
    assert told.value("probe_dns_authority_rrs") == 0
    assert told.value("probe_dns_additional_rrs") == 0
    assert told.value("probe_dns_query_succeeded") == 1
    assert told.value("probe_dns_duration_seconds", "request") > 0
    assert told.value("probe_dns_duration_seconds", "connect") > 0
    assert told.value("probe_ip_protocol") == (6 if ":" in host else 4)


@pytest.mark.parametrize(
    ("name", "kind", "pattern"),
    [
        ("portal.example.vn", "A", r"^portal\.example\.vn\.\t300\tIN\tA\t192\.0\.2\.1[01]$"),
        ("portal.example.vn", "AAAA", r"\tIN\tAAAA\t2001:db8::10$"),
        ("example.vn", "MX", r"\tIN\tMX\t10 mail\.example\.vn\.$"),
        ("example.vn", "NS", r"\tIN\tNS\tns1\.example\.vn\.$"),
        ("example.vn", "TXT", r'\tIN\tTXT\t"v=spf1 -all"$'),
        ("_sip._udp.example.vn", "SRV", r"\tIN\tSRV\t1 2 5060 sip\.example\.vn\.$"),
    ],
)
async def test_rules_match_what_the_server_says(names: Unbound, name: str, kind: str, pattern: str) -> None:
    """Records in the form of zone files."""
    rules = {"fail_if_not_matches_regexp": [pattern]}
    told = await asked(names, query_name=name, query_type=kind, validate_answer_rrs=rules)
    assert told.finding.outcome is Outcome.OK, told


async def test_the_serial_of_a_zone_is_told(names: Unbound) -> None:
    """Of its SOA, which blackbox_exporter shows as well."""
    told = await asked(names, query_name="example.vn", query_type="SOA")
    assert told.value("probe_dns_serial") == 2026112401


@pytest.mark.parametrize(
    ("rules", "is_ok"),
    [
        ({"fail_if_matches_regexp": ["192.0.2.11"]}, False),
        ({"fail_if_matches_regexp": ["192.0.2.12"]}, True),
        ({"fail_if_all_match_regexp": ["192.0.2"]}, True),
        ({"fail_if_all_match_regexp": ["192.0.2.11"]}, False),
        ({"fail_if_not_matches_regexp": ["192.0.2.11"]}, False),
        ({"fail_if_none_matches_regexp": ["192.0.2.11", "nothing"]}, True),
        ({"fail_if_none_matches_regexp": ["192.0.2.12"]}, False),
    ],
)
async def test_rules_judge_as_those_of_blackbox_exporter(names: Unbound, rules: dict[str, Any], is_ok: bool) -> None:
    """Each of the four, with two records of which one ends in .11."""
    told = await asked(names, validate_answer_rrs=rules)
    assert (told.finding.outcome, told.finding.reason) == (
        (Outcome.OK, Reason.NONE) if is_ok else (Outcome.FAILED, Reason.MISMATCH)
    )


async def test_no_records_fail_rules_that_want_one(names: Unbound) -> None:
    """An empty section, and what it must not be held against."""
    told = await asked(names, validate_additional_rrs={"fail_if_not_matches_regexp": ["."]})
    assert "additional records: there are none" in told.finding.detail
    assert (await asked(names, validate_additional_rrs={"fail_if_all_match_regexp": ["."]})).finding.outcome is Outcome.OK


async def test_codes_are_held_against_those_that_are_valid(names: Unbound) -> None:
    """NXDOMAIN and REFUSED, each wanted and not."""
    told = await asked(names, query_name="nobody.example.vn")
    assert (told.finding.reason, told.finding.detail) == (Reason.BAD_STATUS, "response code NXDOMAIN")
    assert told.value("probe_dns_query_succeeded") == 1
    assert told.value("probe_dns_authority_rrs") == 1
    wanted = await asked(names, query_name="nobody.example.vn", valid_rcodes=["NOERROR", "NXDOMAIN"])
    assert wanted.finding.outcome is Outcome.OK
    refused = await asked(names, query_name="www.refused.vn")
    assert refused.finding.detail == "response code REFUSED"


async def test_a_truncated_answer_is_told_and_whole_by_tcp(names: Unbound) -> None:
    """More than fits into 512 bytes."""
    told = await asked(names, query_name="big.example.vn", query_type="TXT")
    assert (told.finding.outcome, told.finding.reason) == (Outcome.DEGRADED, Reason.MISMATCH)
    assert "truncated" in told.finding.detail
    whole = await asked(names, query_name="big.example.vn", query_type="TXT", transport_protocol="tcp")
    assert (whole.finding.outcome, whole.value("probe_dns_answer_rrs")) == (Outcome.OK, 10)


async def test_dns_over_tls_shows_its_certificate(names: Unbound) -> None:
    """Trusted, untrusted, and about to end."""
    settings: dict[str, Any] = {"transport_protocol": "tcp", "dns_over_tls": True}
    trusted = {**settings, "tls_config": {"ca": names.ca}}
    told = await asked(names, port=names.tls_port, **trusted)
    assert told.finding.outcome is Outcome.OK, told
    assert told.value("probe_ssl_earliest_cert_expiry") > 0
    assert (await asked(names, port=names.tls_port, **settings)).finding.reason is Reason.TLS
    soon = await asked(names, port=names.tls_port, degraded_cert_days=40, **trusted)
    assert (soon.finding.outcome, soon.value("probe_dns_query_succeeded")) == (Outcome.DEGRADED, 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_time_server_tells_how_far_it_is_from_us(tmp_path: Path, host: str) -> None:
    """One of our own machine is at no distance."""
    with Chronyd(tmp_path) as server:
        address = f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}"
        told = await probed(ntp.open_probe(ntp.Settings(max_offset=0.5)), address)
        assert told.finding.outcome is Outcome.OK, told
        assert abs(told.value("probe_ntp_offset_seconds")) < 0.5
        assert 0 <= told.value("probe_ntp_delay_seconds") < 0.5
        assert told.value("probe_ntp_stratum") == 8
        assert told.value("probe_ntp_leap") == 0
        assert told.value("probe_ntp_reference_timestamp_seconds") > 1_700_000_000
        strict = await probed(ntp.open_probe(ntp.Settings(max_stratum=7)), address)
        assert (strict.finding.outcome, strict.finding.detail) == (Outcome.FAILED, "stratum 8, more than 7")


async def test_a_time_server_without_time_is_what_the_settings_say(tmp_path: Path) -> None:
    """chronyd that has no source says so itself."""
    with Chronyd(tmp_path, knows_time=False) as server:
        for wanted in (Outcome.OK, Outcome.DEGRADED, Outcome.FAILED):
            settings = msgspec.convert({"unsynchronised": wanted.value}, ntp.Settings)
            told = await probed(ntp.open_probe(settings), f"127.0.0.1:{server.port}")
            assert told.finding.outcome is wanted
            assert told.value("probe_ntp_leap") == 3
