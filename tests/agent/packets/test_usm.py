"""SNMPv3's user-based security: the RFC's own key vectors, both key extensions, and messages that come back or are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.packets import ber, snmp, usm
from agent.packets.ber import BerError
from agent.packets.usm import Head, Keys
from agent.snmp.auth import PrivProtocol
from agent.snmp.ciphers import cipher_of

ENGINE = bytes.fromhex("000000000000000000000002")
"""The engine id of RFC 3414 A.3."""
UPTIME = ber.oid_of("1.3.6.1.2.1.1.3.0")
PDU = snmp.encode_pdu(snmp.GET, 77, 0, 0, snmp.name_list([UPTIME]))
SCOPED = usm.encode_scoped(ENGINE, b"", PDU)


@pytest.mark.parametrize(
    ("protocol", "key", "local"),
    [
        ("MD5", "9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
        ("SHA", "9fb5cc0381497b3793528939ff788d5d79145211", "6695febc9288e36282235fc7151f128497b38f3f"),
    ],
)
def test_keys_are_those_of_the_rfc(protocol: str, key: str, local: str) -> None:
    """RFC 3414 A.3.1 and A.3.2: password `maplesyrup`, key and localised key."""
    made = usm.password_key(protocol, b"maplesyrup")
    assert made.hex() == key
    assert usm.localized(protocol, made, ENGINE).hex() == local


@pytest.mark.parametrize(("protocol", "octets"), [(name, size) for name, (_, size) in usm.HASHES.items()])
def test_digests_have_the_length_of_their_protocol(protocol: str, octets: int) -> None:
    """12 octets for MD5 and SHA-1 (RFC 3414), 16, 24, 32 and 48 for SHA-2 (RFC 7860 section 4)."""
    keys = Keys(auth_protocol=protocol, auth=usm.localized(protocol, usm.password_key(protocol, b"maplesyrup"), ENGINE))
    _, message = received(usm.encode_v3(HEAD, keys, SCOPED))
    assert len(message.digest) == octets


def test_short_keys_are_extended_both_ways() -> None:
    """AES192 and AES256 go on with hashes of what is there (Blumenthal); the C variants hash a megabyte of the last part
    (Reeder). Both begin with the plain localised key, whose values RFC 3414 gives."""
    key = usm.password_key("SHA", b"maplesyrup")
    local = usm.localized("SHA", key, ENGINE)
    assert usm.privacy_key("SHA", "AES", key, ENGINE) == local[:16]
    assert usm.privacy_key("SHA", "DES", key, ENGINE) == local[:16]
    blumenthal = usm.privacy_key("SHA", "AES256", key, ENGINE)
    reeder = usm.privacy_key("SHA", "AES256C", key, ENGINE)
    assert blumenthal[:20] == reeder[:20] == local
    assert reeder[20:] == usm.localized("SHA", usm.password_key("SHA", local), ENGINE)[:12]
    assert blumenthal != reeder
    assert usm.privacy_key("SHA", "AES192", key, ENGINE) == blumenthal[:24]
    assert usm.privacy_key("SHA", "AES192C", key, ENGINE) == reeder[:24]
    assert usm.privacy_key("MD5", "AES256", usm.password_key("MD5", b"x" * 8), ENGINE)[16:] != b""
    long = usm.password_key("SHA512", b"maplesyrup")
    assert usm.privacy_key("SHA512", "AES256", long, ENGINE) == usm.privacy_key("SHA512", "AES256C", long, ENGINE)


def test_reeders_extension_is_that_of_his_draft() -> None:
    """draft-reeder-snmpv3-usm-3desede-00 B.1: MD5, `maplesyrup`, the same engine, two localised keys in a row."""
    key = usm.privacy_key("MD5", "AES256C", usm.password_key("MD5", b"maplesyrup"), ENGINE)
    assert key.hex() == "526f5eed9fcce26f8964c2930787d82b79eff44a90650ee0a3a40abfac5acc12"


def test_an_empty_password_has_no_key() -> None:
    """It would be the key of everybody."""
    with pytest.raises(ValueError, match="empty"):
        usm.password_key("SHA", b"")


HEAD = Head(message_id=4711, engine_id=ENGINE, boots=3, time=70_000, user=b"maple", salt=2**64 + 5)


def keys_of(auth: str, priv: str) -> Keys:
    """The RFC's user with these protocols."""
    if not auth:
        return Keys()
    key = usm.password_key(auth, b"maplesyrup")
    own = usm.localized(auth, key, ENGINE)
    if not priv:
        return Keys(auth_protocol=auth, auth=own)
    return Keys(auth_protocol=auth, auth=own, priv_protocol=priv, priv=usm.privacy_key(auth, priv, key, ENGINE))


def received(data: bytes) -> tuple[int, usm.Message]:
    """A message taken apart."""
    version, at, end = snmp.envelope(data)
    return version, usm.decode_v3(data, at, end)


@pytest.mark.parametrize("priv", ["", *usm.PRIV_KEYS])
@pytest.mark.parametrize("auth", ["", "MD5", "SHA", "SHA256", "SHA512"])
def test_messages_come_back(auth: str, priv: str) -> None:
    """What one side encodes, the other verifies, decrypts and reads, at every level."""
    if priv and not auth:
        return
    keys = keys_of(auth, priv)
    cipher = cipher_of(PrivProtocol(priv)) if priv else None
    data = usm.encode_v3(HEAD, keys, SCOPED, cipher)
    version, message = received(data + b"padding")
    assert (version, message.message_id, message.user) == (3, 4711, b"maple")
    assert (message.engine_id, message.boots, message.time) == (ENGINE, 3, 70_000)
    assert message.flags == keys.level | usm.REPORTABLE
    if auth:
        assert usm.is_authentic(message, data + b"padding", keys)
    payload = usm.decrypted(message, keys, cipher) if cipher else message.payload
    assert (payload == SCOPED) is (priv != "DES" or len(SCOPED) % 8 == 0)
    assert SCOPED in data or priv
    engine_id, context, pdu = usm.decode_scoped(payload)
    assert (engine_id, context, pdu.request_id) == (ENGINE, b"", 77)
    assert snmp.bindings(payload, pdu.at, pdu.end).oids == [UPTIME]


@given(st.integers(0, 400), st.integers(1, 255))
def test_no_octet_of_an_authentic_message_can_change(at: int, change: int) -> None:
    """Any flipped octet is a wrong digest or no message at all."""
    data = bytearray(SIGNED)
    data[at % len(data)] ^= change
    try:
        _, message = received(bytes(data))
    except BerError:
        return
    assert not usm.is_authentic(message, bytes(data), KEYS)


KEYS = keys_of("SHA256", "AES")
SIGNED = usm.encode_v3(HEAD, KEYS, SCOPED, cipher_of(PrivProtocol.AES))


@given(st.one_of(st.binary(max_size=100), st.integers(0, len(SIGNED)).map(lambda cut: SIGNED[:cut])))
def test_random_octets_are_refused_or_read(data: bytes) -> None:
    """Nothing but `BerError` comes of any octets, as whole message and as scoped PDU."""
    for read in (received, usm.decode_scoped):
        try:
            read(data)
        except BerError:
            continue


@given(st.binary(max_size=64), st.binary(max_size=12), st.sampled_from([PrivProtocol.DES, PrivProtocol.AES256]))
def test_random_ciphertext_is_refused_or_decrypted(payload: bytes, salt: bytes, protocol: PrivProtocol) -> None:
    """Lengths that the cipher does not have are `BerError`."""
    _, message = received(SIGNED)
    message.payload, message.salt = payload, salt
    keys = keys_of("SHA", protocol.value)
    try:
        assert len(usm.decrypted(message, keys, cipher_of(protocol))) == len(payload)
    except BerError:
        assert len(salt) != 8 or (protocol is PrivProtocol.DES and len(payload) % 8)


@pytest.mark.parametrize("clock", [(0, 0), (-1, -5), (2**31 - 1, 2**31 - 1), (2**32, 2**40)])
def test_impossible_clocks_are_carried(clock: tuple[int, int]) -> None:
    """Agents send negative and huge clocks; they come back as they were, and ciphers still get their vectors."""
    head = Head(message_id=1, engine_id=ENGINE, boots=clock[0], time=clock[1], user=b"maple", salt=1)
    for protocol in (PrivProtocol.DES, PrivProtocol.AES):
        keys = keys_of("SHA", protocol.value)
        data = usm.encode_v3(head, keys, SCOPED, cipher_of(protocol))
        _, message = received(data)
        assert (message.boots, message.time) == clock
        assert usm.decode_scoped(usm.decrypted(message, keys, cipher_of(protocol)))[2].request_id == 77


def test_keys_do_not_print() -> None:
    """Neither alone nor in what holds them."""
    keys = Keys(auth_protocol="SHA", auth=b"octets-of-a-key", priv_protocol="AES", priv=b"octets-of-another")
    assert repr([keys]) == "[Keys('SHA', 'AES', ********)]"


def test_reports_are_told_apart() -> None:
    """By the counter that they carry, with and without its instance."""
    for report in usm.Report:
        assert usm.report_of([report.value + b"\x00"]) is report
    assert usm.report_of([UPTIME, usm.Report.UNKNOWN_USER.value]) is usm.Report.UNKNOWN_USER
    assert usm.report_of([UPTIME]) is None
