"""The chain of the audit trail: whatever is changed, left out or put in between is found at its place."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.audit import START, AuditEntry, AuditRow, digest, first_fault, row_after


def chain(count: int) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for number in range(count):
        entry = AuditEntry(number, f"u{number}", "admin", "192.0.2.1", "user.add", "u", "{}")
        rows.append(row_after(rows[-1] if rows else None, entry))
    return rows


def test_hash_is_over_the_one_before_and_the_canonical_bytes() -> None:
    """What an auditor needs to recompute it by hand."""
    [first, second] = chain(2)
    assert first.hash == hashlib.sha256(bytes(32) + b'[1,0,"u0","admin","192.0.2.1","user.add","u","{}"]').digest()
    assert second.hash == hashlib.sha256(first.hash + b'[2,1,"u1","admin","192.0.2.1","user.add","u","{}"]').digest()


def test_a_whole_chain_holds_also_in_parts() -> None:
    rows = chain(5)
    assert first_fault(rows) is None
    assert first_fault([]) is None
    assert first_fault(rows[2:], rows[1]) is None
    assert first_fault(rows[3:], rows[1]) == 3


@settings(max_examples=100, deadline=None)
@given(count=st.integers(1, 8), data=st.data())
def test_r17_4_a_changed_field_is_found(count: int, data: st.DataObject) -> None:
    rows = chain(count)
    index = data.draw(st.integers(0, count - 1))
    field = data.draw(st.sampled_from(AuditEntry.__struct_fields__))
    value: Any = 99 if field == "t_ms" else "other"
    changed = msgspec.structs.replace(rows[index].entry, **{field: value})
    rows[index] = msgspec.structs.replace(rows[index], entry=changed)
    assert first_fault(rows) == index + 1


@pytest.mark.parametrize("gone", range(3))
def test_r17_4_a_removed_row_is_found(gone: int) -> None:
    """All but the last, which only the day's chain shows to be missing."""
    rows = chain(4)
    del rows[gone]
    assert first_fault(rows) == gone + 1


def test_r17_4_a_row_put_in_with_a_good_hash_is_found() -> None:
    rows = chain(3)
    entry = msgspec.structs.replace(rows[1].entry, actor="u9")
    rows[1] = AuditRow(2, entry, digest(rows[0].hash, 2, entry))
    assert first_fault(rows) == 3
    assert digest(START, 1, rows[0].entry) == rows[0].hash
