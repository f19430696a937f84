"""People who act on the ledger: principals with a role, and what each role may do.

Pure values. Who acts is proved by a token, which is kept as a SHA-256 hash only.
"""

from __future__ import annotations

import enum
import re
from typing import Final

import msgspec

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z")
"""ASCII only, so that two names that look alike are alike. No colon: `os:LOGIN` in the audit can be no principal."""
CONFIGURATION: Final = "inventory"
"""Who says what configuration says (R1.2); no principal can be called so."""


class Role(enum.StrEnum):
    """Each may do what the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


class Right(enum.StrEnum):
    """What can be allowed. `TAKE_BACK`: end or cancel what oneself created; `TAKE_BACK_ANY`: what anybody created."""

    READ = "read"
    CREATE = "create"
    TAKE_BACK = "take_back"
    APPROVE = "approve"
    TAKE_BACK_ANY = "take_back_any"
    PEOPLE = "people"


_ORDER: Final = tuple(Role)
LEAST_ROLE: Final = {
    Right.READ: Role.VIEWER,
    Right.CREATE: Role.OPERATOR,
    Right.TAKE_BACK: Role.OPERATOR,
    Right.APPROVE: Role.APPROVER,
    Right.TAKE_BACK_ANY: Role.ADMIN,
    Right.PEOPLE: Role.ADMIN,
}
"""The least role that has a right."""


def may(role: Role, right: Right) -> bool:
    """Does a role have a right?"""
    return _ORDER.index(role) >= _ORDER.index(LEAST_ROLE[right])


def same_person(one: str, other: str) -> bool:
    """Are two names one person (R11.1)? Spelling in capitals makes nobody else."""
    return one.casefold() == other.casefold()


def is_name(text: str) -> bool:
    """Can a principal be called so: letters, digits and `._@-`, 1 to 64, first a letter or digit; not `inventory`."""
    return _NAME.match(text) is not None and not same_person(text, CONFIGURATION)


class Person(msgspec.Struct, frozen=True):
    """A principal. Milliseconds UTC; `revoked_ms` is 0 while its token is valid."""

    name: str
    role: Role
    created_ms: int
    revoked_ms: int = 0


class Actor(msgspec.Struct, frozen=True):
    """Who acts in this moment: a proved principal (or `os:LOGIN` at the machine itself) and where the request came from."""

    name: str
    role: Role
    source: str


class PersonProblem(enum.StrEnum):
    """Why a principal cannot be changed as asked: a closed list."""

    EXISTS = "exists"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    BAD_NAME = "bad_name"
    FORBIDDEN = "forbidden"


class PersonError(Exception):
    """A principal is not as the caller assumes; nothing was changed."""

    def __init__(self, problem: PersonProblem, value: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem
        self.value = value
        self.detail = detail
