"""Functions of profile expressions that look beyond the row: `find` and `address`."""

from __future__ import annotations

import pytest

from agent.packets.ber import oid_of
from agent.snmp.answers import Layouts, Object, Sort
from agent.snmp.expression import compile_expression
from agent.snmp.nodes import ExpressionError
from agent.snmp.readings import Frame
from agent.snmp.rows import INTEGER, OCTET_STRING, Rows

KIND = Object("kind", oid_of("1.3.1"), True)
SERIAL = Object("serial", oid_of("1.3.2"), True, Sort.TEXT)
STATE = Object("state", oid_of("1.3.3"), True)
SCALAR = Object("scalar", oid_of("1.3.4"), False)
OBJECTS = {found.name: found for found in (KIND, SERIAL, STATE, SCALAR)}


def run(source: str, *bindings: tuple[str, int | bytes], over: str | None = None) -> list[object]:
    """The value of an expression over answers, over the rows of one column or over one row."""
    rows = Rows()
    for oid, value in bindings:
        rows.add(oid_of(oid), INTEGER if isinstance(value, int) else OCTET_STRING, value)
    layout = Layouts([found.oid for found in OBJECTS.values()]).of(rows)
    frame = Frame(layout, rows.values, OBJECTS)
    if over is not None:
        frame.turn_to(layout.column(OBJECTS[over].oid).indexes)
    return list(compile_expression(source, OBJECTS).run(frame))


def test_find_gives_the_first_row_with_the_wanted_value_that_says_something() -> None:
    """The serial number of the chassis stands at whatever index the vendor chose, and an empty one is passed over."""
    inventory: list[tuple[str, int | bytes]] = [
        ("1.3.1.7", 9),
        ("1.3.1.8", 3),
        ("1.3.1.9", 3),
        ("1.3.2.7", b"card"),
        ("1.3.2.8", b""),
        ("1.3.2.9", b"box"),
    ]
    assert run("find(serial, kind, 3)", *inventory) == ["box"]
    assert run("find(serial, kind, 11, 9)", *inventory) == ["card"]
    assert run("find(serial, kind, 5)", *inventory) == [None]
    assert run("find(serial, kind, 3)") == [None]


def test_find_wants_columns() -> None:
    """A scalar has no rows to search."""
    with pytest.raises(ExpressionError, match="a column instead of"):
        compile_expression("find(serial, scalar, 3)", OBJECTS)
    with pytest.raises(ExpressionError, match="a column instead of"):
        compile_expression("find(scalar, kind, 3)", OBJECTS)


def test_address_reads_an_address_of_either_family_out_of_the_index() -> None:
    """Type, length and octets as RFC 4001 has them; what is no address is absent."""
    six = "2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1"
    rows = [
        ("1.3.3.1.4.192.0.2.1", 6),
        (f"1.3.3.{six}", 6),
        ("1.3.3.1.4.192.0.2", 6),
        ("1.3.3.1.4.192.0.2.300", 6),
        ("1.3.3.3.4.1.2.3.4", 6),
    ]
    assert run("address(1)", *rows, over="state") == ["192.0.2.1", "2001:db8::1", None, None, None]
    assert run("address(2)", ("1.3.3.5.1.4.192.0.2.9", 6), over="state") == ["192.0.2.9"]
