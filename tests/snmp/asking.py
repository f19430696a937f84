"""A client of ours towards an agent of the tests' own: credentials, values and the few lines that tests begin with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.packets import ber
from agent.settings import Secret
from agent.snmp.auth import Auth, AuthProtocol, Version
from agent.snmp.client import Client
from agent.snmp.errors import SnmpError
from agent.snmp.peer import Peer
from agent.snmp.rows import Rows
from agent.snmp.session import Session
from tests.snmp import tinyber
from tests.snmp.fault_agent import FaultAgent, table

UPTIME, NAME = "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.5.0"
VALUES = {
    tinyber.arcs(UPTIME): tinyber.integer(4_000_000_000, tinyber.TICKS),
    tinyber.arcs(NAME): tinyber.text("sw-1"),
    **table("1.3.6.1.2.1.2.2.1", {1: [tinyber.integer(n) for n in range(1, 4)]}),
}
V1 = Auth(name="old", version=Version.V1, community=Secret("public"))
V2C = Auth(name="lab", community=Secret("public"))
V3 = Auth(name="safe", version=Version.V3, username="monitor", auth_protocol=AuthProtocol.SHA, password=Secret("auth-pass-12"))
TRY_S = 0.1
SOON_S = 5.0
"""Deadline of what is expected to end by itself."""


@asynccontextmanager
async def speaking(agent: FaultAgent, auth: Auth = V2C, **peer: object) -> AsyncIterator[tuple[Client, Session]]:
    """A client of its own and a session with the agent."""
    client = Client(seed=7)
    await client.open()
    settings = {"host": agent.host, "port": agent.port, "timeout_s": TRY_S, "retries": 1, **peer}
    try:
        yield client, client.session(Peer(auth=auth, **settings))  # type: ignore[arg-type]
    finally:
        await client.close()


def soon(client: Client) -> float:
    """A deadline that is not reached."""
    return client.clock() + SOON_S


async def name_of(client: Client, session: Session) -> object:
    """What the device says its name is."""
    return (await session.get([ber.oid_of(NAME)], soon(client))).values[0]


async def failure(client: Client, session: Session, until: float = 0.0) -> SnmpError:
    """How asking for its name fails."""
    with pytest.raises(SnmpError) as caught:
        await session.get([ber.oid_of(NAME)], until or soon(client))
    return caught.value


def texts(rows: Rows) -> list[str]:
    """Names of the rows as people write them."""
    return [ber.text_of(oid) for oid in rows.oids]


async def until_counted(client: Client, **counts: int) -> None:
    """Return when the client's counters have these values."""
    async with asyncio.timeout(SOON_S):
        while any(getattr(client.stats, name) != count for name, count in counts.items()):
            await asyncio.sleep(0)
