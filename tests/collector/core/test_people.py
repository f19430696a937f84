"""Principals: names that cannot be mistaken for each other, and which role may do what."""

from __future__ import annotations

import pytest

from collector.core.people import Right, Role, is_name, may, same_person


def test_each_role_may_do_what_the_one_before_may() -> None:
    allowed = {role: {right for right in Right if may(role, right)} for role in Role}
    assert allowed[Role.VIEWER] == {Right.READ}
    assert allowed[Role.OPERATOR] == {Right.READ, Right.CREATE, Right.TAKE_BACK}
    assert allowed[Role.APPROVER] == allowed[Role.OPERATOR] | {Right.APPROVE}
    assert allowed[Role.ADMIN] == set(Right)


@pytest.mark.parametrize("name", ["u1", "duty-officer", "u1@example.vn", "A" * 64, "7"])
def test_names_that_are_taken(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "-u", "os:root", "u 1", "ú1", "u1\n", "u/1", "А1", "A" * 65])
def test_names_that_are_refused(name: str) -> None:
    """Nothing that looks like another name, and nothing that a login in the audit trail might be."""
    assert not is_name(name)


def test_r11_1_capitals_make_nobody_else() -> None:
    assert same_person("Duty-Officer", "duty-officer")
    assert not same_person("u1", "u2")
