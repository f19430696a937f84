"""What devices do wrong with whole polls, one case a test: what is read, what is kept, what is said, and what is remembered."""

from __future__ import annotations

import pytest

from agent.packets import ber
from agent.snmp.errors import Fault
from agent.snmp.rows import COUNTER64
from agent.snmp.tables import NOT_INCREASING, REPEATED, TOO_MANY_ROWS
from agent.snmp.walk import Harvest, Plan, fetch
from tests.snmp import tinyber
from tests.snmp.asking import TRY_S, UPTIME, V1, VALUES, soon, speaking, texts
from tests.snmp.fault_agent import IGNORED, SILENT, FaultAgent, Faults, table
from tests.snmp.tinyber import Arcs, Pdu, Value

ENTRY = "1.3.6.1.2.1.2.2.1"
ROWS = 60
PORTS: dict[Arcs, Value] = {
    **VALUES,
    **table(ENTRY, {
        1: [tinyber.integer(n) for n in range(1, ROWS + 1)],
        2: [tinyber.text(f"port {n}") for n in range(1, ROWS + 1)],
        10: [tinyber.integer(n * 1000, tinyber.COUNTER32) for n in range(1, ROWS + 1)],
    }),
    tinyber.arcs("1.3.6.1.2.1.31.1.1.1.6.1"): tinyber.integer(2**40, COUNTER64),
}  # fmt: skip
INDEX, DESCR, OCTETS, HC = (ber.oid_of(name) for name in (f"{ENTRY}.1", f"{ENTRY}.2", f"{ENTRY}.10", "1.3.6.1.2.1.31.1.1.1.6"))
COLUMNS = Plan(walks=(INDEX, DESCR, OCTETS, HC))
SCALARS = Plan(gets=tuple(ber.oid_from(name) for name in sorted(PORTS)[:40]))
WHOLE = 3 * ROWS + 1


def cell(column: int, row: int) -> Arcs:
    """An object of the table."""
    return (*tinyber.arcs(ENTRY), column, row)


def rows_of(harvest: Harvest, column: int) -> list[int]:
    """Indexes of the rows of a column, in the order they were read."""
    names = [tinyber.arcs(name) for name in texts(harvest.rows)]
    return [name[-1] for name in names if name[:-1] == (*tinyber.arcs(ENTRY), column)]


def said(harvest: Harvest) -> list[tuple[str, str]]:
    """Truncated subtrees and why."""
    return [(ber.text_of(oid), why) for oid, why in harvest.truncated]


def failures(harvest: Harvest) -> list[tuple[str, Fault]]:
    """Failed objects and subtrees."""
    return [(ber.text_of(oid), error.fault) for oid, error in harvest.failed]


# Walks that would never end

CYCLES = {
    "repeats one name": ({cell(2, 30): cell(2, 30)}, 30),
    "begins again at its end": ({cell(2, ROWS): cell(2, 1)}, ROWS),
    "cycles locally, .1 .2 .3 .1": ({cell(2, 3): cell(2, 1)}, 3),
}


@pytest.mark.parametrize(("follow", "kept"), CYCLES.values(), ids=CYCLES)
@pytest.mark.parametrize("repetitions", [25, 1])
async def test_a_walk_that_does_not_increase_stops_and_keeps_its_rows(
    follow: dict[Arcs, Arcs], kept: int, repetitions: int
) -> None:
    """The rows so far are kept, the subtree is named as truncated, the other columns are whole."""
    async with (
        FaultAgent(PORTS, Faults(follow=follow)) as agent,
        speaking(agent, max_repetitions=repetitions) as (client, session),
    ):
        harvest = await fetch(session, COLUMNS, soon(client))
    assert rows_of(harvest, 2) == list(range(1, kept + 1))
    assert rows_of(harvest, 10) == list(range(1, ROWS + 1))
    assert (said(harvest), harvest.failed) == ([(f"{ENTRY}.2", NOT_INCREASING)], ())


async def test_an_agent_that_begins_again_behind_its_last_object_ends_the_walk() -> None:
    """At the end of its MIB it goes on with its first object: outside the subtree, so the subtree was whole."""
    follow = {tinyber.arcs("1.3.6.1.2.1.31.1.1.1.6.1"): tinyber.arcs(UPTIME)}
    async with FaultAgent(PORTS, Faults(follow=follow)) as agent, speaking(agent) as (client, session):
        harvest = await fetch(session, COLUMNS, soon(client))
    assert (len(harvest.rows), said(harvest), harvest.failed) == (WHOLE, [], ())


OUT_OF_ORDER = {cell(2, 10): cell(2, 12), cell(2, 12): cell(2, 11), cell(2, 11): cell(2, 13)}


async def test_an_unordered_table_is_truncated_unless_disorder_is_allowed() -> None:
    """Out of order: stopped at the first step back; with `allow_nonincreasing` every row is read."""
    async with FaultAgent(PORTS, Faults(follow=OUT_OF_ORDER)) as agent, speaking(agent) as (client, session):
        harvest = await fetch(session, Plan(walks=(DESCR,)), soon(client))
        assert rows_of(harvest, 2) == [*range(1, 11), 12]
        assert said(harvest) == [(f"{ENTRY}.2", NOT_INCREASING)]
        harvest = await fetch(session, Plan(walks=(DESCR,), allow_nonincreasing=True), soon(client))
        assert rows_of(harvest, 2) == [*range(1, 11), 12, 11, *range(13, ROWS + 1)]
        assert said(harvest) == []


async def test_disorder_that_is_allowed_still_ends() -> None:
    """A cycle ends at the first name that comes a second time."""
    follow = {cell(2, ROWS): cell(2, 7)}
    async with FaultAgent(PORTS, Faults(follow=follow)) as agent, speaking(agent) as (client, session):
        harvest = await fetch(session, Plan(walks=(DESCR,), allow_nonincreasing=True), soon(client))
    assert rows_of(harvest, 2) == list(range(1, ROWS + 1))
    assert said(harvest) == [(f"{ENTRY}.2", REPEATED)]


def endless(asked: Pdu, answer: Pdu) -> Pdu:
    """Every answer goes on from the name that was asked, for ever."""
    name = asked.bindings[0][0]
    first = name[-1] if len(name) > len(tinyber.arcs(ENTRY)) + 1 else 0
    count = asked.index if asked.kind == tinyber.GETBULK else 1
    bindings = tuple((cell(2, first + n), tinyber.integer(n)) for n in range(1, count + 1))
    return answer._replace(status=0, index=0, bindings=bindings)


async def test_a_table_without_end_stops_at_the_cap_of_rows() -> None:
    """Names that always increase: only the caps end it; what fits under them is kept."""
    async with FaultAgent(PORTS, Faults(twist=endless)) as agent, speaking(agent) as (client, session):
        harvest = await fetch(session, Plan(walks=(DESCR,), max_rows=500), soon(client))
    assert 500 <= len(harvest.rows) < 525
    assert said(harvest) == [(f"{ENTRY}.2", TOO_MANY_ROWS)]


async def test_a_table_without_end_stops_at_the_deadline() -> None:
    """What was read until then is kept, and what was not asked for any more is named."""
    async with FaultAgent(PORTS, Faults(twist=endless, delay_s=0.01)) as agent, speaking(agent) as (client, session):
        harvest = await fetch(session, Plan(walks=(DESCR, OCTETS)), client.clock() + 0.3)
    assert len(harvest.rows) >= 25
    assert failures(harvest) == [(f"{ENTRY}.2", Fault.DEADLINE), (f"{ENTRY}.10", Fault.DEADLINE)]


# Answers that are too large, too short, or the wrong sort


async def test_too_big_is_halved_and_remembered() -> None:
    """An agent that takes 6 bindings: everything is read, and the second poll meets no tooBig any more."""
    async with FaultAgent(PORTS, Faults(too_big_above=6)) as agent, speaking(agent) as (client, session):
        plan = Plan(gets=SCALARS.gets, walks=COLUMNS.walks)
        first = await fetch(session, plan, soon(client))
        assert (len(first.rows), failures(first), said(first)) == (40 + WHOLE, [], [])
        agent.asked.clear()
        second = await fetch(session, plan, soon(client), first.habits)
        assert second.rows.oids == first.rows.oids
        assert second.requests == len(agent.asked) < first.requests
        bulk = [pdu for pdu in agent.asked if pdu.kind == tinyber.GETBULK]
        assert max(pdu.index * len(pdu.bindings) for pdu in bulk) <= 6


async def test_a_get_that_is_cut_without_a_word_is_asked_for_the_rest() -> None:
    """Only the first 7 objects of a GET are answered: all 40 come, in the order of the plan, and none is called missing."""
    async with FaultAgent(PORTS, Faults(get_cut=7)) as agent, speaking(agent) as (client, session):
        harvest = await fetch(session, SCALARS, soon(client))
        assert harvest.rows.oids == list(SCALARS.gets)
        assert (harvest.missing, harvest.failed) == ((), ())
        agent.asked.clear()
        await fetch(session, SCALARS, soon(client), harvest.habits)
        assert len(agent.asked) <= 8


@pytest.mark.parametrize("bulk", [IGNORED, SILENT])
async def test_an_agent_without_get_bulk_is_walked_all_the_same(bulk: str) -> None:
    """Answered as GETNEXT, or not answered at all: every row is read, and the second poll does not try it again."""
    async with FaultAgent(PORTS, Faults(bulk=bulk)) as agent, speaking(agent) as (client, session):
        first = await fetch(session, COLUMNS, soon(client))
        assert (len(first.rows), failures(first), said(first)) == (WHOLE, [], [])
        timeouts = client.stats.timeouts
        second = await fetch(session, COLUMNS, soon(client), first.habits)
        assert second.rows.oids == first.rows.oids
        assert client.stats.timeouts == timeouts


@pytest.mark.parametrize("cut", [1, 7, 24])
async def test_a_last_row_that_is_cut_loses_nothing(cut: int) -> None:
    """RFC 3416 lets a GETBULK answer end in the midst of a row; columns that are walked together are still whole."""
    async with FaultAgent(PORTS, Faults(bulk_cut=cut)) as agent, speaking(agent, max_repetitions=60) as (client, session):
        habits = None
        for _ in range(3):
            harvest = await fetch(session, COLUMNS, soon(client), habits)
            assert (len(harvest.rows), failures(harvest), said(harvest)) == (WHOLE, [], [])
            habits = harvest.habits


async def test_rows_skipped_above_55_repetitions_are_never_taken_for_the_whole() -> None:
    """Below, all is well; above, what is read is either whole or said to be truncated."""
    async with FaultAgent(PORTS, Faults(disorder_above=55)) as agent, speaking(agent, max_repetitions=50) as (client, session):
        harvest = await fetch(session, COLUMNS, soon(client))
        assert (len(harvest.rows), said(harvest)) == (WHOLE, [])
    async with FaultAgent(PORTS, Faults(disorder_above=55)) as agent, speaking(agent, max_repetitions=60) as (client, session):
        harvest = await fetch(session, COLUMNS, soon(client))
        short = [column for column in (1, 2, 10) if rows_of(harvest, column) != list(range(1, ROWS + 1))]
        assert [f"{ENTRY}.{column}" for column in short] == [name for name, _ in said(harvest)]


async def test_an_agent_that_answers_get_only_gives_its_list() -> None:
    """With `get_only` nothing else is sent to it: the objects are read, subtrees are named as not supported."""
    plan = Plan(gets=SCALARS.gets, walks=(DESCR,))
    async with FaultAgent(PORTS, Faults(only_get=True)) as agent, speaking(agent, get_only=True) as (client, session):
        harvest = await fetch(session, plan, soon(client))
        assert harvest.rows.oids == list(SCALARS.gets)
        assert failures(harvest) == [(f"{ENTRY}.2", Fault.NOT_SUPPORTED)]
        assert {pdu.kind for pdu in agent.asked} == {tinyber.GET}


async def test_an_agent_that_answers_get_only_and_is_not_known_as_such_keeps_its_objects() -> None:
    """Its walks time out; what GET gave is kept."""
    plan = Plan(gets=SCALARS.gets, walks=COLUMNS.walks)
    async with FaultAgent(PORTS, Faults(only_get=True)) as agent, speaking(agent, retries=0) as (client, session):
        harvest = await fetch(session, plan, soon(client))
        assert harvest.rows.oids == list(SCALARS.gets)
        assert [name for name, _ in failures(harvest)] == [ber.text_of(oid) for oid in COLUMNS.walks]
        assert len(agent.asked) <= 6


async def test_null_and_missing_objects_are_absent() -> None:
    """Never 0: NULL as a value, and objects that do not exist."""
    values = {**PORTS, cell(2, 2): (tinyber.NULL, b"")}
    gets = (ber.oid_from(cell(2, 1)), ber.oid_from(cell(2, 2)), ber.oid_from(cell(2, 999)))
    async with FaultAgent(values) as agent, speaking(agent) as (client, session):
        harvest = await fetch(session, Plan(gets=gets, walks=(DESCR,)), soon(client))
    assert harvest.rows.oids[0] == gets[0]
    assert rows_of(harvest, 2) == [1, 1, *range(3, ROWS + 1)]
    assert (harvest.failed, harvest.missing, said(harvest)) == ((), (), [])


async def test_one_object_that_fails_does_not_lose_the_others() -> None:
    """genErr for one of 40: it is named, 39 are read."""
    async with FaultAgent(PORTS, Faults(error_at=cell(1, 5))) as agent, speaking(agent) as (client, session):
        harvest = await fetch(session, SCALARS, soon(client))
        assert failures(harvest) == [(f"{ENTRY}.1.5", Fault.ERROR_STATUS)]
        assert len(harvest.rows) == 39


async def test_v1_reads_what_exists_and_walks_to_the_end() -> None:
    """noSuchName refuses a whole GET and ends a walk at the end of the MIB: neither is a failure."""
    absent = ber.oid_of("1.3.6.1.2.1.1.9.0")
    plan = Plan(gets=(*SCALARS.gets[:5], absent, *SCALARS.gets[5:]), walks=COLUMNS.walks)
    async with FaultAgent(PORTS) as agent, speaking(agent, V1) as (client, session):
        harvest = await fetch(session, plan, soon(client))
        assert (len(harvest.rows), harvest.failed, said(harvest)) == (40 + WHOLE, (), [])
        assert {pdu.kind for pdu in agent.asked} == {tinyber.GET, tinyber.GETNEXT}


# Lines and devices that lose requests


async def test_every_kth_request_lost_loses_no_row() -> None:
    """Retries make it good."""
    faults = Faults(drop=lambda number, pdu: number % 4 == 0)
    async with FaultAgent(PORTS, faults) as agent, speaking(agent, max_repetitions=10) as (client, session):
        harvest = await fetch(session, COLUMNS, soon(client))
        assert (len(harvest.rows), harvest.failed, said(harvest)) == (WHOLE, (), [])


async def test_one_column_that_times_out_alone_loses_only_itself() -> None:
    """The columns before and after it are read; it is named."""
    async with FaultAgent(PORTS, Faults(broken=cell(2, 0)[:-1])) as agent, speaking(agent, retries=0) as (client, session):
        harvest = await fetch(session, COLUMNS, soon(client))
        assert failures(harvest) == [(f"{ENTRY}.2", Fault.TIMEOUT)]
        assert [len(rows_of(harvest, column)) for column in (1, 2, 10)] == [ROWS, 0, ROWS]
        assert (harvest.answered, harvest.dead) == (True, None)


@pytest.mark.parametrize("walks", [1, 10])
async def test_a_dead_device_costs_one_request_not_one_a_table(walks: int) -> None:
    """Nothing comes back: its tries, and everything is named as failed."""
    plan = Plan(gets=SCALARS.gets, walks=tuple(ber.oid_of(f"1.3.6.1.2.1.{n}") for n in range(2, 2 + walks)))
    async with FaultAgent(PORTS, Faults(drop=lambda number, pdu: True)) as agent, speaking(agent) as (client, session):
        harvest = await fetch(session, plan, soon(client))
        assert (len(agent.asked), harvest.answered) == (2, False)
        assert harvest.dead is not None
        assert len(harvest.failed) == 40 + walks


async def test_a_device_that_dies_in_the_midst_keeps_what_it_said() -> None:
    """After the second column it is silent: two columns are kept, and silence is not paid for again and again."""
    faults = Faults(drop=lambda number, pdu: pdu.bindings[0][0] >= cell(10, 0)[:-1])
    async with FaultAgent(PORTS, faults) as agent, speaking(agent, retries=0) as (client, session):
        plan = Plan(walks=(*COLUMNS.walks, *(ber.oid_of(f"1.3.6.1.2.1.{n}") for n in range(40, 60))))
        harvest = await fetch(session, plan, soon(client))
        assert len(harvest.rows) == 2 * ROWS
        assert len(harvest.failed) == 22
        assert client.stats.timeouts <= 4


async def test_duplicates_and_late_answers_lose_and_double_no_row() -> None:
    """Each answer comes three times: every row once."""
    async with FaultAgent(PORTS, Faults(copies=3)) as agent, speaking(agent) as (client, session):
        harvest = await fetch(session, COLUMNS, soon(client))
        assert (len(harvest.rows), len(set(harvest.rows.oids))) == (WHOLE, WHOLE)


async def test_a_slow_device_is_read_as_far_as_time_allows() -> None:
    """Its up or down is known from the first answer; what was read is kept; the rest failed for want of time."""
    faults = Faults(delay_s=0.6 * TRY_S)
    async with FaultAgent(PORTS, faults) as agent, speaking(agent, max_repetitions=10) as (client, session):
        harvest = await fetch(session, COLUMNS, client.clock() + 5 * TRY_S)
        assert harvest.answered
        assert 30 <= len(harvest.rows) < WHOLE
        assert {fault for _, fault in failures(harvest)} == {Fault.DEADLINE}
