"""Why a single report is refused for good: a closed list for counting, and a sentence for people.

Pure. What is refused is not numbered; its agent states it as a loss with reason `refused`.
"""

from __future__ import annotations

import enum

import msgspec

from agent.model import Lane


class RefusalCode(enum.StrEnum):
    """Label `reason` of `haidang_ingest_refused_reports_total`."""

    TARGET_NOT_YOURS = "target_not_yours"
    KIND_OWN_HOST_ONLY = "kind_own_host_only"
    BAD_MODULE = "bad_module"
    TOO_MANY_VALUES = "too_many_values"
    TOO_MANY_MODULES = "too_many_modules"
    TOO_MANY_HOLES = "too_many_holes"
    UNSTORABLE = "unstorable"


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """One report or loss record that is refused."""

    lane: Lane
    seq: int
    code: RefusalCode
    detail: str
