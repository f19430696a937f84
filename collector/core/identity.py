"""May this sender speak for its agent? One identity belongs to one running machine.

Pure: a table. A sender is a (stream, boot): the spool it sends from and the boot of its machine. Two machines with the
same token are noticed because each keeps sending from its own.
"""

from __future__ import annotations

import enum

import msgspec

SILENT_AFTER_MS = 60_000
"""How long the present sender must have been silent before another spool takes over."""


class Present(msgspec.Struct, frozen=True):
    """The sender that holds an identity, and when it was last heard."""

    stream: str
    boot: str
    heard_ms: int


class Verdict(enum.StrEnum):
    """What a batch's sender is to the identity it claims. The last two are refused (409)."""

    FIRST = "first"
    SAME = "same"
    REBOOT = "reboot"
    TAKEOVER = "takeover"
    ALIVE = "alive"
    SUPERSEDED = "superseded"

    @property
    def accepted(self) -> bool:
        """Whether the sender may report."""
        return self not in _REFUSED


_REFUSED = (Verdict.ALIVE, Verdict.SUPERSEDED)

_TABLE: dict[tuple[bool, bool, bool], Verdict] = {
    # same stream, superseded before, present one silent
    (True, False, False): Verdict.REBOOT,
    (True, False, True): Verdict.REBOOT,
    (True, True, False): Verdict.SUPERSEDED,
    (True, True, True): Verdict.SUPERSEDED,
    (False, False, False): Verdict.ALIVE,
    (False, False, True): Verdict.TAKEOVER,
    (False, True, False): Verdict.SUPERSEDED,
    (False, True, True): Verdict.SUPERSEDED,
}


def judge(present: Present | None, stream: str, boot: str, *, superseded: bool, now_ms: int) -> Verdict:
    """The verdict on a batch from (`stream`, `boot`); `superseded` tells that this pair was present once and is not now.

    Same spool, new boot: the machine was restarted. Another spool: refused while the present one was heard within 60 s, since a
    reinstalled machine is silent and a copied one is not. A pair that was superseded never comes back.
    """
    if present is None:
        return Verdict.FIRST
    if present.stream == stream and present.boot == boot:
        return Verdict.SAME
    silent = now_ms - present.heard_ms > SILENT_AFTER_MS
    return _TABLE[present.stream == stream, superseded, silent]


def explain(verdict: Verdict, present: Present, *, now_ms: int) -> str:
    """One sentence for the agent's log and for people: why the sender was refused."""
    age_s = max(0, now_ms - present.heard_ms) // 1000
    if verdict is Verdict.ALIVE:
        return (
            f"another machine reports as this agent: spool {present.stream} was heard {age_s} s ago; "
            "enrol this machine under its own name"
        )
    return (
        f"this sender was replaced by spool {present.stream}, boot {present.boot}, heard {age_s} s ago; enrol this machine anew"
    )
