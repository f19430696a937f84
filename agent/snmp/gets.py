"""Objects by GET, in pieces that the device bears: for `agent.snmp.walk`.

Names that come back are compared with those that were asked: some agents answer the first few of a long list and say nothing.
"""

from __future__ import annotations

from agent.packets.snmp import Status
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.harvest import SIZE_FAULTS, Work, with_values
from agent.snmp.rows import Rows


async def get_all(work: Work) -> None:
    """Ask for all objects of the plan; they come to the tally in the plan's order, as far as they came at all."""
    pending, found, in_order = work.plan.gets, Rows(), True
    silent = 0
    while pending and work.dead is None:
        chunk, rest = pending[: work.get_size], pending[work.get_size :]
        try:
            rows = await work.get(chunk)
        except SnmpError as error:
            silent = silent + 1 if error.fault in (Fault.TIMEOUT, Fault.MALFORMED) else 0
            pending = _after_error(work, error, chunk, rest, silent)
            continue
        silent = 0
        found.extend(with_values(rows, 0, len(rows)))
        if rows.oids == list(chunk):
            pending = rest
            continue
        in_order = False
        pending = _left_over(work, rows, chunk) + rest
    work.failed += [(oid, work.dead) for oid in pending if work.dead is not None]
    work.rows.extend(found if in_order else _ordered(work.plan.gets, found))


def _after_error(
    work: Work, error: SnmpError, chunk: tuple[bytes, ...], rest: tuple[bytes, ...], silent: int
) -> tuple[bytes, ...]:
    """What is still to be asked when a GET of `chunk` failed; `silent` is how many times in a row nothing readable came."""
    if error.fault not in SIZE_FAULTS or (silent and (not work.answered or silent > 2)):
        work.stop(error)
        return chunk + rest
    if error.fault is Fault.ERROR_STATUS and 1 <= error.index <= len(chunk):
        guilty = chunk[error.index - 1]
        if error.status != Status.NO_SUCH_NAME:  # which is how v1 says noSuchObject (RFC 3584 section 4.2.2.1)
            work.failed.append((guilty, error))
        return tuple(oid for oid in chunk if oid != guilty) + rest
    if len(chunk) > 1:
        work.smaller_gets(len(chunk) // 2)
        return chunk + rest
    work.failed.append((chunk[0], error))
    return rest


def _left_over(work: Work, rows: Rows, chunk: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Objects of `chunk` that were not in the answer and are worth asking for again."""
    got = set(rows.oids)
    left = tuple(oid for oid in chunk if oid not in got)
    if not left:
        return ()
    if len(chunk) == 1:
        work.missing.append(chunk[0])
        return ()
    work.smaller_gets(min(len(got), len(chunk) // 2))
    return left


def _ordered(wanted: tuple[bytes, ...], found: Rows) -> Rows:
    """`found` in the order of `wanted`, each once; what nobody asked for is left out."""
    at = {oid: number for number, oid in reversed(list(enumerate(found.oids)))}
    rows = Rows()
    for oid in wanted:
        if (number := at.get(oid)) is not None:
            rows.add(oid, found.tags[number], found.values[number])
    return rows
