"""Whom a session speaks to, and what it notes of its requests; for everything that polls by SNMP. Values only."""

from __future__ import annotations

import msgspec

from agent.snmp.auth import Auth

PORT = 161


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """One device as it is spoken to."""

    host: str
    """Name or address; an IPv6 address without brackets, with `%interface` where it is link-local."""
    auth: Auth
    port: int = PORT
    timeout_s: float = 2.0
    """How long one try waits for its answer."""
    retries: int = 1
    """Tries after the first one."""
    max_repetitions: int = 25
    strict_source: bool = False
    """Answers must come from the address that was asked. Otherwise the ids and credentials in them decide: routers and clusters
    answer from whichever address they like."""
    get_only: bool = False
    """The agent answers GET and nothing else."""


class RequestLog(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what became of it."""

    kind: str
    """`get`, `get-next`, `get-bulk`."""
    first: bytes
    """The first object asked for, or asked after."""
    objects: int
    rows: int
    tries: int
    """Messages sent for it, discovery and resynchronisation of SNMPv3 included."""
    sent_bytes: int
    received_bytes: int
    duration_s: float
    outcome: str
    """`ok`, or the fault."""


class Stats(msgspec.Struct, kw_only=True):
    """What a client sent and received since it was made, in datagrams unless the name says bytes."""

    sent: int = 0
    sent_bytes: int = 0
    received: int = 0
    received_bytes: int = 0
    timeouts: int = 0
    """Tries whose time ran out."""
    late: int = 0
    """Answers to an earlier try than the last, and answers after all tries were over."""
    duplicate: int = 0
    """Answers to what was answered already."""
    unmatched: int = 0
    """Answers to nothing that was asked, as far as is remembered."""
    malformed: int = 0
    wrong_source: int = 0
    wrong_community: int = 0
    """Community, user or engine differ from what was asked."""
    unauthentic: int = 0
    """SNMPv3 answers with a wrong digest, a lower security level or what cannot be decrypted."""
    reports: int = 0
    icmp_errors: int = 0
    """ICMP errors about requests: a closed port, no route."""
    unsent: int = 0
    """The system had no room to send; the try is lost as on the line."""
