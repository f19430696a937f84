"""Certificates as input: names as Go writes them, whom they cover, and that no bytes of a server can end a run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Outcome
from agent.probes.certificates import Expiry, covers, expiring, go_name, parse, rfc3339
from agent.probes.labels import MAX_VALUE, label_value, words
from agent.wire import Limits
from tests.probes.certs import certs


def _name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in attributes])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (_name((NameOID.COMMON_NAME, "a"), (NameOID.COUNTRY_NAME, "VN")), "CN=a,C=VN"),
        (
            _name((NameOID.SERIAL_NUMBER, "1"), (NameOID.SERIAL_NUMBER, "2"), (NameOID.ORGANIZATION_NAME, "b"),
                  (NameOID.LOCALITY_NAME, "l"), (NameOID.ORGANIZATION_NAME, "c")),
            "SERIALNUMBER=2,O=b+O=c,L=l",
        ),
        (
            _name((NameOID.COUNTRY_NAME, "VN"), (NameOID.ORGANIZATION_NAME, "o"), (NameOID.ORGANIZATIONAL_UNIT_NAME, "u"),
                  (NameOID.LOCALITY_NAME, "l"), (NameOID.STATE_OR_PROVINCE_NAME, "s"), (NameOID.STREET_ADDRESS, "1"),
                  (NameOID.POSTAL_CODE, "2"), (NameOID.COMMON_NAME, "a"), (NameOID.SERIAL_NUMBER, "9")),
            "SERIALNUMBER=9,CN=a,OU=u,O=o,POSTALCODE=2,STREET=1,L=l,ST=s,C=VN",
        ),
        (_name((NameOID.COMMON_NAME, ' #a,b+"c\\<d>; ')), "CN=\\ #a\\,b\\+\\\"c\\\\\\<d\\>\\;\\ "),
        (_name((NameOID.COMMON_NAME, "#a")), "CN=\\#a"),
        (_name((NameOID.EMAIL_ADDRESS, "a@b"), (NameOID.COMMON_NAME, "x")), "CN=x,1.2.840.113549.1.9.1=#0c03614062"),
        (_name((NameOID.DOMAIN_COMPONENT, "vn"), (NameOID.COMMON_NAME, "a")), "CN=a,0.9.2342.19200300.100.1.25=#1302766e"),
        (_name((NameOID.GIVEN_NAME, "x" * 300)), "2.5.4.42=#1382012c" + "78" * 300),
        (_name(), ""),
    ],
)  # fmt: skip
def test_names_are_written_as_go_writes_them(name: x509.Name, expected: str) -> None:
    """Known attributes in Go's order, several of a kind together, what is special escaped, the others as ASN.1; as
    Debian's blackbox_exporter wrote these."""
    assert go_name(name) == expected


def test_who_is_covered() -> None:
    """A star stands for one whole label; case and a final dot do not count; addresses as they are."""
    [leaf] = certs().shown(names=("a.example.vn", "*.B.example.vn", "2001:db8::1")).certificates
    found = parse(leaf.public_bytes(serialization.Encoding.DER))
    assert found is not None
    assert all(covers(found, name) for name in ("A.example.vn.", "x.b.example.vn", "2001:db8::1"))
    assert not any(covers(found, name) for name in ("b.example.vn", "x.y.b.example.vn", "example.vn", "2001:db8::2", "", "."))


def test_days_that_are_left_are_told() -> None:
    """From the day before to the hour; nothing is said when there is time, or when nobody asks."""
    now_s = 1_800_000_000.0
    ends = [
        (86_400 * 6.5, "expires in 6 days"),
        (86_400 * 1.5, "expires in 1 day,"),
        (7_200.0, "expires in 2 h"),
        (-1.0, "expired at"),
    ]
    for left_s, said in ends:
        finding = expiring(Expiry(now_s + left_s, "portal"), 7, now_s)
        assert finding is not None
        assert finding.outcome is Outcome.DEGRADED
        assert f"certificate of portal {said}" in finding.detail
    assert expiring(Expiry(now_s + 86_400 * 8, "portal"), 7, now_s) is None
    assert expiring(Expiry(now_s - 1, "portal"), 0, now_s) is None
    assert expiring(Expiry(float("inf"), ""), 7, now_s) is None
    assert rfc3339(now_s) == "2027-01-15T08:00:00Z"


def _odd(days: int, names: list[x509.GeneralName], subject: x509.Name) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    begun = datetime(2020, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1).not_valid_before(begun)
    builder = builder.not_valid_after(begun + timedelta(days=days))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_certificates_that_say_much_fit_into_labels() -> None:
    """Thousands of names, far dates, an empty subject: the values stay within what the wire takes."""
    der = _odd(2_900_000, [x509.DNSName(f"host-{n}.example.vn") for n in range(3000)], _name())
    found = parse(der)
    assert found is not None
    assert (found.subject, found.name) == ("", "host-0.example.vn")
    assert len(label_value(",".join(found.dns_names))) == MAX_VALUE < Limits().label_value_chars
    assert rfc3339(found.not_after_s).startswith("9959-")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_certificate_or_none(data: bytes) -> None:
    """Nothing is raised."""
    assert parse(data) is None


@given(st.integers(0, 400), st.integers(1, 255))
@settings(max_examples=300)
def test_a_certificate_with_any_byte_changed_is_read_or_none(place: int, change: int) -> None:
    """Nothing is raised, whatever part of it is odd."""
    der = bytearray(certs().good().certificates[0].public_bytes(serialization.Encoding.DER))
    der[place % len(der)] ^= change
    found = parse(bytes(der))
    if found is not None:
        assert rfc3339(found.not_after_s).endswith("Z")
        assert found.name


@given(st.text() | st.text(alphabet=st.characters(categories=["Cs", "Cc", "Lo"])))
def test_any_text_becomes_a_value_and_words(text: str) -> None:
    """What the wire refuses is gone; words are printable and short."""
    value = label_value(text)
    assert "\0" not in value
    assert len(value.encode()) <= 4 * MAX_VALUE
    assert words(text).isprintable()
    assert len(words(text)) <= 80
