"""BER and OIDs: the known encodings, the order of a walk, and nothing but `BerError` for hostile bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.packets import ber

ARC = st.one_of(
    st.integers(0, 200), st.sampled_from((127, 128, 16383, 16384, 2097151, 2097152, 2**32 - 1)), st.integers(0, 2**32 - 1)
)
ARCS = st.lists(ARC, max_size=12).map(lambda rest: (1, 3, *rest))


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("1.3.6.1.2.1.1.3.0", "2b06010201010300"),
        (".1.3.6.1.4.1.8072.3.2.10", "2b06010401bf0803020a"),
        ("0.0", "00"),
        ("1.0.8802.1.1.2", "28c462010102"),
        ("2.100.3", "813403"),
        ("2.999", "8837"),
        ("1.3.4294967295", "2b8fffffff7f"),
        ("1.3.2147483648.128", "2b88808080008100"),
    ],
)
def test_known_encodings(text: str, octets: str) -> None:
    """Dotted text and octets belong together both ways (X.690 8.19)."""
    assert ber.oid_of(text).hex() == octets
    assert ber.text_of(bytes.fromhex(octets)) == text.removeprefix(".")


@given(ARCS)
def test_every_oid_survives(arcs: tuple[int, ...]) -> None:
    """Arcs, octets and text are three views of one thing."""
    oid = ber.oid_from(arcs)
    assert ber.arcs_of(oid) == arcs
    assert ber.oid_of(ber.text_of(oid)) == oid
    assert ber.is_oid(oid)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "''"),
        ("1", "two arcs"),
        ("3.1", "3.1"),
        ("1.40", "1.40"),
        ("1.3..6", "''"),
        ("1.3.x", "'x'"),
        ("1.3.-1", "'-1'"),
        ("1.3.٣", "٣"),
        ("1.3.4294967296", "4294967296"),
    ],
)
def test_wrong_text_is_named(text: str, wrong: str) -> None:
    """What is wrong with an OID is in the message."""
    with pytest.raises(ValueError, match=wrong):
        ber.oid_of(text)


@pytest.mark.parametrize("octets", ["", "2b80", "2b8001", "2b8f", "2b90808080007f", "2b9080808000", "2b818080808000"])
def test_wrong_octets_are_no_oid(octets: str) -> None:
    """Open ends, padding and arcs above 2^32-1 are refused."""
    assert not ber.is_oid(bytes.fromhex(octets))
    assert not ber.are_oids([b"\x2b\x06", bytes.fromhex(octets)])
    with pytest.raises(ber.BerError):
        ber.text_of(bytes.fromhex(octets))


@given(ARCS, ARCS)
def test_order_is_that_of_arcs(new: tuple[int, ...], old: tuple[int, ...]) -> None:
    """Comparing octets gives the order of the arcs, also where long arcs differ in their number of octets."""
    assert ber.is_after(ber.oid_from(new), ber.oid_from(old)) is (new > old)


@given(ARCS, ARC, ARC)
def test_neighbours_of_a_table_are_ordered(table: tuple[int, ...], new: int, old: int) -> None:
    """Two rows of one column, which is what a walk compares."""
    assert ber.is_after(ber.oid_from((*table, new)), ber.oid_from((*table, old))) is (new > old)


@given(st.lists(ARCS, max_size=8), st.booleans())
def test_rising_counts_the_sane_part(names: list[tuple[int, ...]], ordered: bool) -> None:
    """As many names as are each after the one before."""
    arcs = sorted(names) if ordered else names
    expected = next((at for at in range(1, len(arcs)) if arcs[at] <= arcs[at - 1]), len(arcs))
    assert ber.rising([ber.oid_from(each) for each in arcs]) == expected


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, -1, -128, -129, 2**31 - 1, -(2**31), 2**32 - 1, 2**64 - 1])
def test_integers_are_as_short_as_can_be(number: int) -> None:
    """An integer comes back, and its first nine bits are never all equal (X.690 8.3.2)."""
    octets = ber.integer(number)
    assert ber.number(octets, 0, len(octets)) == (number, len(octets))
    assert len(octets) == 3 or int.from_bytes(octets[2:4], "big") >> 7 not in (0, 0x1FF)


@pytest.mark.parametrize("head", ["0405", "048105", "04820005", "0483000005", "04880000000000000005"])
def test_any_definite_length_is_taken(head: str) -> None:
    """Agents write lengths in more octets than needed."""
    data = bytes.fromhex(head) + b"hello"
    assert ber.octets(data, 0, len(data)) == (b"hello", len(data))


@pytest.mark.parametrize(
    "octets", ["", "04", "0480", "0481", "0482ff", "0405", "04ffff", "0506", "1f0100", "0484ffffffff", "0200"]
)
def test_broken_elements_are_refused(octets: str) -> None:
    """Lengths past the end, the indefinite form, long tags, wrong tags and empty integers."""
    data = bytes.fromhex(octets)
    with pytest.raises(ber.BerError):
        ber.octets(data, 0, len(data)) if data[:1] != b"\x02" else ber.number(data, 0, len(data))


@given(st.binary(max_size=40), st.integers(0, 41))
def test_random_octets_are_berror_or_fine(data: bytes, at: int) -> None:
    """Nothing else ever comes out."""
    for read in (ber.header, ber.number, ber.octets):
        try:
            *_, stop = read(data, at, len(data))
        except ber.BerError:
            continue
        assert stop <= len(data)
