"""SNMP messages: what goes out is what RFC 3416 draws, what comes in becomes rows, and hostile bytes become `BerError` only."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.packets import ber, snmp
from agent.packets.ber import BerError
from agent.snmp import rows as tags

UPTIME = ber.oid_of("1.3.6.1.2.1.1.3.0")
COLUMN = ber.oid_of("1.3.6.1.2.1.2.2.1.10")


def response(bindings: bytes, request_id: int = 7, status: int = 0, index: int = 0) -> bytes:
    """A v2c response with community `public`."""
    pdu = ber.integer(request_id) + ber.integer(status) + ber.integer(index) + ber.tlv(0x30, bindings)
    return snmp.encode_message(1, b"public", ber.tlv(snmp.RESPONSE, pdu))


def read(data: bytes) -> tuple[snmp.Pdu, tags.Rows]:
    """The two steps of the client in one."""
    _, at, end = snmp.envelope(data)
    _, pdu = snmp.decode_community(data, at, end)
    return pdu, snmp.bindings(data, pdu.at, pdu.end)


def value_of(tag: int, content: bytes) -> tags.Value:
    """One value through the whole decoder."""
    _, rows = read(response(snmp.encode_bindings([(UPTIME, tag, content)])))
    assert (rows.oids, rows.tags) == ([UPTIME], [tag])
    return rows.values[0]


def test_a_get_is_the_known_message() -> None:
    """Octet for octet what `snmpget -v2c -c public` sends for sysUpTime.0."""
    pdu = snmp.encode_pdu(snmp.GET, 0x12345678, 0, 0, snmp.name_list([UPTIME]))
    expected = "302902010104067075626c6963a01c02041234567802010002010030" + "0e300c06082b060102010103000500"
    assert snmp.encode_message(1, b"public", pdu).hex() == expected


@given(st.integers(snmp.REQUEST_ID_MIN, snmp.REQUEST_ID_MAX), st.integers(0, 400), st.integers(1, 30), st.binary(max_size=140))
def test_requests_around_their_id_are_whole(request_id: int, repetitions: int, names: int, community: bytes) -> None:
    """The two halves with an id between are what the plain encoder makes."""
    oids = snmp.name_list([UPTIME] * names)
    head, tail = snmp.request_around_id(1, community, snmp.GET_BULK, (0, repetitions), oids)
    whole = snmp.encode_message(1, community, snmp.encode_pdu(snmp.GET_BULK, request_id, 0, repetitions, oids))
    assert head + request_id.to_bytes(4, "big") + tail == whole


def test_a_getbulk_carries_repetitions() -> None:
    """non-repeaters and max-repetitions take the places of error-status and error-index (RFC 3416 section 3)."""
    pdu = snmp.encode_pdu(snmp.GET_BULK, 1, 1, 300, snmp.name_list([UPTIME, COLUMN]))
    head = snmp.decode_pdu(pdu, 0, len(pdu))
    assert (head.kind, head.request_id, head.status, head.index) == (snmp.GET_BULK, 1, 1, 300)
    assert snmp.bindings(pdu, head.at, head.end).oids == [UPTIME, COLUMN]


def test_long_names_have_long_lengths() -> None:
    """An OID over 123 octets needs lengths of two octets, and comes back."""
    oid = ber.oid_from((1, 3, *range(1000, 1060)))
    names = snmp.name_list([oid, UPTIME])
    assert snmp.bindings(names, 0, len(names)).oids == [oid, UPTIME]


@pytest.mark.parametrize(
    ("tag", "content", "value"),
    [
        (tags.INTEGER, "06", 6),
        (tags.INTEGER, "ff", -1),
        (tags.INTEGER, "ff38", -200),
        (tags.INTEGER, "0000000001", 1),
        (tags.INTEGER, "", None),
        (tags.COUNTER32, "00ffffffff", 2**32 - 1),
        (tags.COUNTER32, "ffffffff", 2**32 - 1),
        (tags.COUNTER32, "80000001", 2**31 + 1),
        (tags.GAUGE32, "ff", 2**32 - 1),
        (tags.TIME_TICKS, "7fffffff", 2**31 - 1),
        (tags.COUNTER64, "00ffffffffffffffff", 2**64 - 1),
        (tags.COUNTER64, "ffffffffffffffff", 2**64 - 1),
        (tags.COUNTER64, "8000000000000000", 2**63),
        (tags.UINTEGER32, "00c8", 200),
        (tags.OCTET_STRING, "", b""),
        (tags.OCTET_STRING, "00ff", b"\x00\xff"),
        (tags.IP_ADDRESS, "c0000201", b"\xc0\x00\x02\x01"),
        (tags.OBJECT_IDENTIFIER, "2b0601", b"\x2b\x06\x01"),
        (tags.OBJECT_IDENTIFIER, "", b""),
        (tags.NULL, "", None),
        (tags.NO_SUCH_OBJECT, "", None),
        (tags.NO_SUCH_INSTANCE, "", None),
        (tags.END_OF_MIB_VIEW, "", None),
        (tags.OPAQUE, "9f780441a40000", 20.5),
        (tags.OPAQUE, "9f7908" + struct.pack(">d", -1.25).hex(), -1.25),
        (tags.OPAQUE, "9f7a02ff38", -200),
        (tags.OPAQUE, "9f7b0200c8", 200),
        (tags.OPAQUE, "9f7608ffffffffffffffff", 2**64 - 1),
        (tags.OPAQUE, "9f7803414141", bytes.fromhex("9f7803414141")),
        (tags.OPAQUE, "9f7a0501", bytes.fromhex("9f7a0501")),
        (tags.OPAQUE, "0401", b"\x04\x01"),
        (0x45, "0102", b"\x01\x02"),
    ],
)
def test_values(tag: int, content: str, value: tags.Value) -> None:
    """Each type with its usual and its sloppy encodings."""
    found = value_of(tag, bytes.fromhex(content))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("tag", "content"),
    [(tags.INTEGER, "00" * 10), (tags.OBJECT_IDENTIFIER, "2b80"), (0x1F, "00"), (tags.COUNTER64, "01" * 200)],
)
def test_impossible_values_are_refused(tag: int, content: str) -> None:
    """A number of ten octets and an OID with an open end are damage, not data."""
    with pytest.raises(BerError):
        value_of(tag, bytes.fromhex(content))


@pytest.mark.parametrize("form", ["81{0:02x}", "82{0:04x}", "83{0:06x}", "84{0:08x}"])
def test_longer_lengths_than_needed_are_taken(form: str) -> None:
    """Every length of a binding may have more octets than it needs."""

    def wide(tag: int, content: bytes) -> bytes:
        return bytes((tag,)) + bytes.fromhex(form.format(len(content))) + content

    binding = wide(0x30, wide(0x06, UPTIME) + wide(0x43, b"\x01\x02"))
    _, rows = read(response(binding + snmp.encode_bindings([(COLUMN, 2, b"\x05")])))
    assert (rows.oids, rows.values) == ([UPTIME, COLUMN], [258, 5])


def test_octets_after_the_message_are_left_alone() -> None:
    """Padding behind a whole message does not make it wrong."""
    pdu, rows = read(response(snmp.encode_bindings([(UPTIME, 2, b"\x01")])) + b"\x00\x00")
    assert (pdu.request_id, rows.values) == (7, [1])


@pytest.mark.parametrize(
    "binding",
    [
        "3080060100",
        "300706012b020500",
        "310606012b020100",
        "300604012b020100",
        "300906012b0201000000",
        "300606002b020100",
        "30060601ab020100",
        "300706012b02820100",
        "30",
        "3000",
        "3005060a2b0201",
    ],
)
def test_damaged_bindings_are_refused(binding: str) -> None:
    """Lengths that disagree, wrong tags, names that are none."""
    data = bytes.fromhex(binding)
    with pytest.raises(BerError):
        read(response(data))


@pytest.mark.parametrize("kind", [0x02, 0xA4, 0xA9, 0x30])
def test_only_pdus_of_this_shape_are_read(kind: int) -> None:
    """A v1 trap (0xa4) and what is no PDU are refused."""
    with pytest.raises(BerError):
        read(snmp.encode_message(1, b"public", ber.tlv(kind, ber.integer(1) * 3 + ber.tlv(0x30, b""))))


WHOLE = response(
    snmp.encode_bindings(
        [
            (UPTIME, tags.TIME_TICKS, b"\x01\x02\x03"),
            (COLUMN + b"\x01", tags.COUNTER32, b"\xff\xff\xff\xff"),
            (COLUMN + b"\x81\x00", tags.OCTET_STRING, b"x" * 150),
            (COLUMN + b"\x8f\xff\xff\xff\x7f", tags.OPAQUE, b"\x9f\x78\x04\x41\xa4\x00\x00"),
            (UPTIME, tags.OBJECT_IDENTIFIER, UPTIME),
            (UPTIME, tags.NULL, b""),
        ]
    )
)


@given(st.binary(max_size=120))
@example(b"")
def test_random_octets_are_refused_or_read(data: bytes) -> None:
    """Whatever arrives, the only error is `BerError`."""
    try:
        _, rows = read(data)
    except BerError:
        return
    assert len(rows.oids) == len(rows.tags) == len(rows.values)


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, len(WHOLE))
)
def test_a_damaged_message_is_refused_or_read(changes: list[tuple[int, int]], cut: int) -> None:
    """A few octets changed, the end cut off: `BerError`, or rows of which every name is an OID and every number has 64 bits."""
    damaged = bytearray(WHOLE)
    for at, octet in changes:
        damaged[at] = octet
    for data in (bytes(damaged), bytes(damaged[:cut]), bytes(damaged) + WHOLE[:cut]):
        try:
            _, rows = read(data)
        except BerError:
            continue
        assert len(rows.oids) == len(rows.tags) == len(rows.values)
        assert all(ber.is_oid(oid) for oid in rows.oids)
        assert all(abs(value) < 2**72 for value in rows.values if isinstance(value, int))


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=2),
    st.integers(-(2**31), 2**31 - 1),
    st.sampled_from([0, 1, 5, 18]),
    st.sampled_from([b"", b"x" * 100, b"x" * 200, b"x" * 300]),
)
def test_the_quick_way_reads_what_the_slow_way_reads(
    changes: list[tuple[int, int]], request_id: int, status: int, text: bytes
) -> None:
    """A response read at a glance is the response that the careful functions read; the usual ones are all read at a glance."""
    whole = response(snmp.encode_bindings([(UPTIME, 4, text)]), request_id, status, status)
    data = bytearray(whole)
    for at, octet in changes:
        data[at % len(data)] = octet
    quick = snmp.decode_usual(bytes(data) + b"\0")
    assert quick is not None or bytes(data) != whole
    if quick is not None:
        version, at, end = snmp.envelope(bytes(data))
        assert quick == (version, *snmp.decode_community(bytes(data), at, end))


@given(st.binary(max_size=60))
def test_random_bindings_are_refused_or_read(data: bytes) -> None:
    """The hot loop alone, in a frame that is whole, with and without octets behind it."""
    for whole in (response(data), response(data) + b"\x30\x08"):
        try:
            _, rows = read(whole)
        except BerError:
            continue
        assert ber.are_oids(rows.oids)
