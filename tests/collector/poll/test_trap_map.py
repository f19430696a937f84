"""One kind of notice of all versions, whom it is about, and what people may read of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.poll.trap_map import (
    MAX_TEXT,
    SYS_UP_TIME,
    TRAP_ADDRESS,
    TRAP_COMMUNITY,
    TRAP_OID,
    Bind,
    Notice,
    NoticeError,
    Type,
    from_v1,
    from_v2,
    lasting,
    other_form,
    plain_address,
    shown,
    whose,
)

DEVICE = "192.0.2.1"


@pytest.mark.parametrize("generic", range(6))
def test_generic_traps_of_version_1(generic: int) -> None:
    """Generic traps 0 to 5 are snmpTraps.1 to 6, whatever the enterprise and the specific trap (RFC 3584 section 3.1)."""
    assert from_v1(DEVICE, ("1.3.6.1.4.1.9", generic, 77), "", []).oid == f"1.3.6.1.6.3.1.1.5.{generic + 1}"


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8), st.integers(0, 2**31 - 1))
def test_specific_traps_of_version_1(arcs: list[int], specific: int) -> None:
    """An enterprise-specific trap is the enterprise, a zero and its number; its other form has no zero."""
    enterprise = "1.3.6.1.4.1." + ".".join(map(str, arcs))
    oid = from_v1(DEVICE, (enterprise, 6, specific), "", []).oid
    assert oid == f"{enterprise}.0.{specific}"
    assert other_form(oid) == f"{enterprise}.{specific}"
    assert arcs[-1] == 0 or other_form(other_form(oid)) == oid


@pytest.mark.parametrize("generic", [-1, 7, 2**31 - 1])
def test_unknown_generic_trap(generic: int) -> None:
    """There is no other generic trap."""
    with pytest.raises(NoticeError, match="expected 0 to 6"):
        from_v1(DEVICE, ("1.3.6.1", generic, 0), "", [])


def test_version_2_says_what_it_is_anywhere() -> None:
    """The variables about the trap itself, and a proxy's community, are no news; order is not relied upon."""
    link = Bind("1.3.6.1.2.1.2.2.1.1.3", Type.INTEGER, 3)
    binds = [
        link,
        Bind(TRAP_OID, Type.OID, "1.3.6.1.6.3.1.1.5.3"),
        Bind(SYS_UP_TIME, Type.TICKS, 5),
        Bind(TRAP_ADDRESS, Type.ADDRESS, b"\xc0\x00\x02\x07"),
        Bind(TRAP_COMMUNITY, Type.OCTETS, b"open-sesame"),
    ]
    notice = from_v2(DEVICE, binds)
    assert notice == Notice(source=DEVICE, oid="1.3.6.1.6.3.1.1.5.3", binds=(link,), about="192.0.2.7")


@pytest.mark.parametrize("binds", [[], [Bind(TRAP_OID, Type.INTEGER, 3)], [Bind(SYS_UP_TIME, Type.TICKS, 3)]])
def test_version_2_without_a_trap_oid(binds: list[Bind]) -> None:
    """Variables without snmpTrapOID.0 are no notification (RFC 3416 section 4.2.6)."""
    with pytest.raises(NoticeError, match=r"snmpTrapOID\.0"):
        from_v2(DEVICE, binds)


KNOWN = {DEVICE: ("router-01",), "192.0.2.7": ("ups-07",), "192.0.2.8": ("host-08", "bmc-08")}
WHOSE = [
    (DEVICE, "", ("router-01",)),
    (DEVICE, "192.0.2.7", ("ups-07",)),
    (DEVICE, "10.9.9.9", ("router-01",)),
    ("192.0.2.8", "", ("host-08", "bmc-08")),
    ("192.0.2.100", "192.0.2.7", ("ups-07",)),
    ("192.0.2.100", "10.9.9.9", ()),
    ("192.0.2.100", "", ()),
    ("192.0.2.66", "192.0.2.7", ()),
    ("192.0.2.66", "", ()),
]


@pytest.mark.parametrize(("source", "about", "targets"), WHOSE)
def test_whose_notice_it_is(source: str, about: str, targets: tuple[str, ...]) -> None:
    """A known device and a listed proxy are believed about whom they name; nobody else is."""
    assert whose(Notice(source=source, oid="1.3", about=about), KNOWN, {"192.0.2.100"}) == targets


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "224.0.0.1"])
def test_an_address_that_names_nobody(address: str) -> None:
    """Devices that do not know their address fill in something."""
    assert from_v1(DEVICE, ("1.3.6.1", 0, 0), address, []).about == ""


def test_one_spelling_of_addresses() -> None:
    """Zones and wrapped IPv4 do not make another sender."""
    assert [plain_address(text) for text in ("::ffff:192.0.2.1", "FE80::1%eth0", "192.0.2.1", "device.example.vn")] == [
        "192.0.2.1", "fe80::1", "192.0.2.1", "device.example.vn",
    ]  # fmt: skip


def test_text_of_variables() -> None:
    """Values are short; what is not text is hexadecimal; secrets and control characters do not appear."""
    binds = [
        Bind("1.1", Type.OCTETS, "cổng 1\r\nưu tiên".encode()),
        Bind("1.2", Type.OCTETS, bytes.fromhex("00ff10")),
        Bind("1.3", Type.OCTETS, b"asked with community s3cret-word!"),
        Bind("1.4", Type.ADDRESS, b"\x0a\x00\x00\x01"),
        Bind("1.5", Type.NULL, None),
        Bind("1.6", Type.INTEGER, -1),
        Bind("1.7", Type.OCTETS, b"eth0\0"),
    ]
    assert shown(binds, ["s3cret-word"]) == (
        '1.1="cổng 1  ưu tiên" 1.2=0x00ff10 1.3="asked with community ********!" 1.4=10.0.0.1 1.5=null 1.6=-1 1.7="eth0"'
    )


@given(st.lists(st.builds(Bind, st.just("1.3.6.1.4.1.99.1"), st.sampled_from([2, 4, 6, 64]), st.integers() | st.binary())))
def test_text_is_bounded(binds: list[Bind]) -> None:
    """Whatever a device sends, the text is printable and at most 255 characters."""
    text = shown(binds, ["open-sesame"])
    assert len(text) <= MAX_TEXT
    assert text.isprintable()


def test_moving_values_do_not_make_it_another() -> None:
    """Times and counters differ between two repetitions and do not tell them apart."""
    lasts = Bind("1.1", Type.INTEGER, 1)
    moving = [Bind("1.2", tag, 5) for tag in (Type.TICKS, Type.COUNTER32, Type.COUNTER64)]
    assert lasting([lasts, *moving]) == (("1.1", 1),)
