"""What the collector knows of an agent as a caller: who it is, where it stands, whether it may speak.

Pure values, shared by the agents' door and the store. Tokens and codes appear as SHA-256 hashes only.
"""

from __future__ import annotations

import enum

import msgspec


class Standing(enum.StrEnum):
    """`invited`: a code was made and not used yet; `active`: holds a token; `revoked`: refused until invited again."""

    INVITED = "invited"
    ACTIVE = "active"
    REVOKED = "revoked"


class Account(msgspec.Struct, frozen=True):
    """One enrolled or invited agent. Times are milliseconds UTC, 0 for *never*."""

    id: str
    site: str
    class_: str
    standing: Standing
    created_ms: int
    enrolled_ms: int = 0
    revoked_ms: int = 0
    heard_ms: int = 0
    agent_version: str = ""
    hostname: str = ""


class AccountProblem(enum.StrEnum):
    """Why an account cannot be changed as asked: a closed list."""

    EXISTS = "exists"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    CODE_UNKNOWN = "code_unknown"
    CODE_EXPIRED = "code_expired"
    CODE_USED = "code_used"


class AccountError(Exception):
    """An account or code is not as the caller assumes; nothing was changed."""

    def __init__(self, problem: AccountProblem, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
