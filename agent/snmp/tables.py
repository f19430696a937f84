"""Subtrees by GETBULK or GETNEXT: for `agent.snmp.walk`.

A walk ends at the end of its subtree, and at the first sign of an agent that would never end it.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.packets import ber
from agent.packets.snmp import Status
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.harvest import SIZE_FAULTS, Work, with_values
from agent.snmp.rows import END_OF_MIB_VIEW, Rows

NOT_INCREASING = "names do not increase"
REPEATED = "names come a second time"
TOO_MANY_ROWS = "more rows than the cap"
TOO_MANY_BYTES = "more octets than the cap"
EMPTY = "an answer without names"


class Walk:
    """One subtree under way: takes answers and says whether another is needed."""

    def __init__(self, work: Work, root: bytes) -> None:
        self.root = root
        self.last = root
        self.rows = Rows()
        self.done = False
        self.why = ""
        """Why the walk stopped before the end of its subtree."""
        self.count = 0
        """Names inside the subtree so far, with and without values."""
        self.doubted = -1
        """The count at which an answer for several subtrees ended this one earlier than the last time, if one did."""
        self._work = work
        self._bytes = 0
        self._seen: set[bytes] | None = {root} if work.plan.allow_nonincreasing else None
        self._known = work.known_rows.get(root)

    def wanted(self, most: int) -> int:
        """Repetitions to ask for: up to `most`, but not many more than the subtree had last time, and one to see its end."""
        if most <= 1 or self._known is None or self.count > self._known:
            return most
        return min(most, self._known - self.count + 1)

    def doubt(self) -> None:
        """Ask on alone if an answer for several subtrees had less of this one than the last time: agents mix them up."""
        if self.done and self._known is not None and self.count < self._known:
            self.done = False
            self.doubted = self.count

    def take(self, rows: Rows, octets: int) -> None:
        """Keep what belongs to the subtree, and decide."""
        self._bytes += octets
        inside = self._inside(rows)
        sound = self._sound(rows.oids, inside)
        if sound:
            self.rows.extend(with_values(rows, 0, sound))
            self.last = rows.oids[sound - 1]
            self.count += sound
        self.done = True
        plan = self._work.plan
        if sound < inside:
            self.why = NOT_INCREASING if self._seen is None else REPEATED
        elif not rows.oids:
            self.why = EMPTY
        elif inside == len(rows.oids):
            if self.count >= plan.max_rows:
                self.why = TOO_MANY_ROWS
            elif self._bytes >= plan.max_bytes:
                self.why = TOO_MANY_BYTES
            else:
                self.done = False

    def _inside(self, rows: Rows) -> int:
        """How many bindings come before the end of the subtree."""
        oids, root = rows.oids, self.root
        if END_OF_MIB_VIEW not in rows.tags and oids and oids[-1].startswith(root) and oids[0].startswith(root):
            return len(oids)
        for at, (oid, tag) in enumerate(zip(oids, rows.tags, strict=True)):
            if tag == END_OF_MIB_VIEW or not oid.startswith(root):
                return at
        return len(oids)

    def _sound(self, oids: list[bytes], inside: int) -> int:
        """How many of the first `inside` names are new and, unless the plan lets them be otherwise, each after the last."""
        part = oids if inside == len(oids) else oids[:inside]
        if not part:
            return 0
        if self._seen is None:
            return ber.rising(part) if ber.is_after(part[0], self.last) else 0
        for at, oid in enumerate(part):
            if oid in self._seen:
                return at
            self._seen.add(oid)
        return inside


async def walk_all(work: Work) -> None:
    """Walk all subtrees of the plan, one after the other, small ones together; what cannot be asked any more is `failed`."""
    session, plan = work.session, work.plan
    if plan.walks and (plan.get_only or session.peer.get_only):
        error = SnmpError(Fault.NOT_SUPPORTED, f"{session.peer.host}: the device answers GET only, subtrees are not asked for")
        work.failed += [(root, error) for root in plan.walks]
        return
    doubtful = False
    for group in _groups(work):
        for walk in await _begun(work, group):
            failure = work.dead or await _walk(work, walk, doubtful)
            doubtful = failure is not None and failure.fault is Fault.TIMEOUT
            _keep(work, walk, failure)


def _keep(work: Work, walk: Walk, failure: SnmpError | None) -> None:
    """Take what a walk brought into the tally."""
    if failure is not None:
        work.failed.append((walk.root, failure))
    elif walk.why:
        work.truncated.append((walk.root, walk.why))
    else:
        work.found_rows[walk.root] = walk.count
    if -1 < walk.doubted < walk.count:
        work.together = False
    work.rows.extend(walk.rows)


def _groups(work: Work) -> Iterator[tuple[bytes, ...]]:
    """Subtrees to ask for in one GETBULK: neighbours that had so few rows last time that all of them fit."""
    group: list[bytes] = []
    tallest = 0
    for root in work.plan.walks:
        rows = work.known_rows.get(root) if work.together and not work.session.is_v1 else None
        if rows is not None and group and (max(tallest, rows) + 1) * (len(group) + 1) <= work.repetitions:
            group.append(root)
            tallest = max(tallest, rows)
            continue
        if group:
            yield tuple(group)
        group, tallest = ([root], rows) if rows is not None else ([], 0)
        if rows is None:
            yield (root,)
    if group:
        yield tuple(group)


async def _begun(work: Work, group: tuple[bytes, ...]) -> list[Walk]:
    """The walks of a group, begun with one GETBULK for all. Whatever goes wrong with it, each is walked alone from there."""
    walks = [Walk(work, root) for root in group]
    width = len(walks)
    if work.dead is not None or width == 1:
        return walks
    before = work.session.received_bytes
    try:
        rows = await work.bulk(group, max(walk.wanted(work.repetitions) for walk in walks))
    except SnmpError as error:
        if error.fault in SIZE_FAULTS and (work.answered or error.fault is not Fault.TIMEOUT):
            work.together = False
        else:
            work.stop(error)
        return walks
    octets = (work.session.received_bytes - before) // width
    for column, walk in enumerate(walks):
        part = Rows(rows.oids[column::width], rows.tags[column::width], rows.values[column::width])
        if part.oids:
            walk.take(part, octets)
    if any(walk.why for walk in walks):  # it may be how the answer is ordered that is wrong: alone, each begins anew
        work.together = False
        return [Walk(work, root) for root in group]
    for walk in walks:
        walk.doubt()
    return walks


async def _walk(work: Work, walk: Walk, doubtful: bool) -> SnmpError | None:
    """Walk one subtree to its end; the error that ended it before, if one did.

    A GETBULK that fails is followed by one GETNEXT: when that works, it was the size, which is halved and remembered; when not,
    it is the subtree, or the device. `doubtful` says that the walk before ended in silence: then one more silence is death.
    """
    repetitions = 1 if work.session.is_v1 else work.repetitions
    failure: SnmpError | None = None
    while not walk.done and failure is None:
        wanted = walk.wanted(repetitions)
        failure = await _step(work, walk, wanted)
        if failure is None:
            doubtful = False
        elif wanted > 1 and failure.fault in SIZE_FAULTS and not (doubtful and failure.fault is Fault.TIMEOUT):
            failure = await _step(work, walk, 1)
            if failure is None:
                repetitions = max(wanted // 2, 1)
                work.limit(repetitions)
    silent = failure is not None and failure.fault is Fault.TIMEOUT and (doubtful or not work.answered)
    if failure is not None and (silent or failure.fault not in SIZE_FAULTS):
        work.stop(failure)
    return failure


async def _step(work: Work, walk: Walk, repetitions: int) -> SnmpError | None:
    """One request of a walk: the answer is taken, an error handed back."""
    before = work.session.received_bytes
    try:
        rows = await (work.bulk((walk.last,), repetitions) if repetitions > 1 else work.next(walk.last))
    except SnmpError as error:
        if error.status == Status.NO_SUCH_NAME and repetitions <= 1:
            walk.done = True  # the end of the MIB, as v1 says it
            return None
        return error
    walk.take(rows, work.session.received_bytes - before)
    return None
