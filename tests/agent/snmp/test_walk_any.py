"""Whatever tables an honest agent has and however short its answers, a fetch brings home exactly them, twice and anew."""

from __future__ import annotations

import asyncio
import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.packets import ber
from agent.snmp.client import Client
from agent.snmp.walk import Habits, Plan, fetch
from tests.agent.snmp.answering import Device, Request, Response, number

ROOTS = tuple(
    ber.oid_of(text) for text in ("1.3.6.1.2.1.2.2.1.1", "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.4", "1.3.6.1.4.1.9.128", "1.3.7")
)
ARC = st.one_of(st.integers(0, 9), st.sampled_from((127, 128, 255, 16383, 16384, 2**31, 2**32 - 1)))
TABLE = st.lists(st.lists(ARC, min_size=1, max_size=3).map(tuple), max_size=12)
TABLES = st.lists(TABLE, min_size=len(ROOTS), max_size=len(ROOTS))


def _data(tables: list[list[tuple[int, ...]]]) -> dict[bytes, tuple[int, bytes]]:
    """Rows below each root."""
    names = [root + ber.tail_from(index) for root, table in zip(ROOTS, tables, strict=True) for index in table]
    return {name: number(at) for at, name in enumerate(names)}


@given(TABLES, TABLES, st.integers(1, 30), st.integers(0, 2**32), st.permutations(ROOTS))
@settings(max_examples=60, deadline=None)
def test_a_fetch_brings_home_exactly_what_is_there(
    before: list[list[tuple[int, ...]]], after: list[list[tuple[int, ...]]], repetitions: int, seed: int, roots: list[bytes]
) -> None:
    """Twice the same tables and once others, with what was learnt of the first; answers are cut at random, which is allowed."""
    chance = random.Random(seed)
    plan = Plan(walks=tuple(roots), max_repetitions=repetitions)

    def cut(request: Request, response: Response) -> list[Response]:
        keep = chance.randint(1, len(response.bindings))
        return [msgspec.structs.replace(response, bindings=response.bindings[:keep])]

    async def run() -> None:
        client = Client()
        await client.open()
        async with Device(_data(before), twist=cut) as device:
            session, habits = client.session(device.peer(timeout_s=5.0)), Habits()
            for data in (_data(before), _data(before), _data(after)):
                device.data = data
                found = await fetch(session, plan, client.clock() + 20, habits)
                ordered = sorted(data, key=ber.arcs_of)
                assert found.rows.oids == [oid for root in roots for oid in ordered if oid.startswith(root)]
                assert (found.failed, found.truncated) == ((), ())
                habits = found.habits
        await client.close()

    asyncio.run(run())
