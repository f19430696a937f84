"""What the uplink sends, in which order, and what it does with every answer a collector can give."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.model import Kind, Lane, LossReason, schema_hash
from agent.spool import Spool, SpoolLimits
from agent.transport import HttpTransport, TransportSettings
from agent.uplink import Uplink, UplinkSettings, UplinkState
from agent.wire import Batch, Limits, Refused, decode_schema
from tests.agent import collector_kit as server
from tests.agent import spool_kit as kit

HALF = 0.5


@pytest.fixture
def clock() -> kit.JumpClock:
    return kit.JumpClock()


@pytest.fixture
def spool(tmp_path: Path, clock: kit.JumpClock) -> Iterator[Spool]:
    with_limits = kit.reopen(tmp_path, SpoolLimits(), clock)
    yield with_limits
    with_limits.close()


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    made = HttpTransport(TransportSettings(token="secret-token"))
    yield made
    made.close()


@pytest.fixture
def make(spool: Spool, clock: kit.JumpClock, transport: HttpTransport) -> Callable[..., Uplink]:
    def build(*urls: str, **settings: object) -> Uplink:
        made = UplinkSettings(urls=urls, **settings)
        return Uplink(spool, transport, clock, made, boot=kit.BOOT, agent_version="9.9", random=lambda: HALF)

    return build


def _collect(spool: Spool, clock: kit.JumpClock, count: int = 1) -> None:
    for _ in range(count):
        spool.append_collection(facts=[kit.heartbeat(clock)], bulk=[kit.host(clock)])
        clock.advance(15)


def _sent(batch: Batch) -> list[tuple[Lane, int]]:
    return [(group.lane, item.seq) for group in batch.groups for item in (*group.reports, *group.losses)]


def test_one_collection_is_one_post_with_the_senders_clocks(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    with server.collector() as collector:
        uplink = make(collector.url)
        _collect(spool, clock)
        assert uplink.step() is None, "nothing is left to do before the next collection"
        (request,) = collector.requests
        assert request.path == "/v1/batches"
        assert request.headers["Authorization"] == "Bearer secret-token"
        assert request.headers["Content-Type"] == "application/vnd.haidang.batch.v1+msgpack"
        batch = request.batch
        assert (batch.stream, batch.boot, batch.agent_version) == (spool.stream, kit.BOOT, "9.9")
        assert (batch.uptime_ms, batch.awake_ms, batch.wall_ms) == (clock.uptime, clock.uptime, clock.wall)
        assert _sent(batch) == [(Lane.FACTS, 1), (Lane.BULK, 1)]
        assert [(w.lane, w.produced, w.reports) for w in batch.watermarks] == [(Lane.FACTS, 1, 1), (Lane.BULK, 1, 1)]
        assert kit.unsent(spool) == []
        status = uplink.status()
        assert (status.state, status.reports, status.batches, status.failures) == (UplinkState.OK, 2, 1, 0)
        assert status.last_success_at_ms == clock.wall


def test_fresh_goes_before_backlog_and_backlog_within_credit(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    _collect(spool, clock, 40)
    answers = iter([server.ok(credit=10), server.ok(credit=1000), server.ok(credit=7)])
    with server.collector(lambda request: next(answers)) as collector:
        uplink = make(collector.url)
        assert uplink.step() == 0.0
        assert uplink.step() == 0.0
        assert uplink.step() is None
        first, second, third = collector.batches()
        assert _sent(first) == [(Lane.FACTS, n) for n in range(25, 41)] + [(Lane.BULK, n) for n in range(37, 41)]
        assert _sent(second) == [(Lane.FACTS, n) for n in range(1, 11)]
        assert _sent(third) == [(Lane.FACTS, n) for n in range(11, 25)] + [(Lane.BULK, n) for n in range(1, 37)]
        assert kit.unsent(spool) == []


def test_without_credit_the_backlog_waits_and_one_report_asks_for_more(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    _collect(spool, clock, 40)
    with server.collector(lambda request: server.ok(credit=0)) as collector:
        uplink = make(collector.url)
        assert uplink.step() == 15.0
        assert uplink.step() == 15.0
        assert len(collector.requests) == 1
        clock.advance(15)
        uplink.step()
        assert _sent(collector.batches()[1]) == [(Lane.FACTS, 1)]
        _collect(spool, clock)
        uplink.step()
        assert _sent(collector.batches()[2]) == [(Lane.FACTS, 41), (Lane.BULK, 41)], "fresh needs no credit"


def test_reports_of_an_earlier_boot_travel_in_a_group_of_their_own(
    tmp_path: Path, clock: kit.JumpClock, transport: HttpTransport
) -> None:
    folder = tmp_path / "old"
    old = kit.reopen(folder, SpoolLimits(), clock, boot="boot-0")
    old.append_collection(facts=[kit.marker(clock, Kind.AGENT_STOP)], bulk=[kit.host(clock)])
    kit.kill(old)
    spool = kit.reopen(folder, SpoolLimits(), clock)
    with server.collector() as collector:
        settings = UplinkSettings(urls=(collector.url,))
        uplink = Uplink(spool, transport, clock, settings, boot=kit.BOOT, agent_version="", random=lambda: HALF)
        spool.append(Lane.FACTS, [kit.marker(clock)])
        assert uplink.step() == 0.0
        assert uplink.step() is None
        groups = [(g.boot, g.lane, [r.seq for r in g.reports]) for batch in collector.batches() for g in batch.groups]
    assert groups == [
        (kit.BOOT, Lane.FACTS, [2]),
        ("boot-0", Lane.FACTS, [1]),
        ("boot-0", Lane.BULK, [1]),
    ]
    spool.close()


def test_schemas_are_sent_until_confirmed_and_when_wanted(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    known = dict([kit.schema(1), kit.schema(2)])
    one, two = known

    def collect() -> None:
        spool.append_collection(bulk=[kit.host(clock, kit.block(one), kit.block(two))], schemas=known)

    answers = iter([server.error(503), server.ok(), server.ok(wanted=(two,)), server.ok(), server.ok()])
    with server.collector(lambda request: next(answers)) as collector:
        uplink = make(collector.url)
        collect()
        wait = uplink.step()
        clock.advance(wait or 0)
        assert uplink.step() is None, "confirmed by the second answer"
        collect()
        assert uplink.step() == 0.0, "a wanted schema follows at once"
        assert uplink.step() is None
        collect()
        uplink.step()
        sent = [sorted(bytes(schema) for schema in batch.schemas) for batch in collector.batches()]
        both = sorted(known.values())
        assert sent == [both, both, [], [known[two]], []]
        assert collector.batches()[3].groups == (), "the reports themselves were stored"


def test_schemas_that_are_too_much_for_one_batch_follow_in_the_next(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    """At first contact everything is unknown to the collector; what it is sent must stay under its limit all the same."""
    limits = Limits()
    known = dict([kit.schema(number, 15_000) for number in range(30)])
    size = sum(map(len, known.values()))
    assert limits.all_schema_bytes * 2 < size
    hashes = list(known)

    def answer(request: server.Request) -> server.Reply:
        batch = request.batch
        here = {schema_hash(decode_schema(bytes(raw))) for batch in collector.batches() for raw in batch.schemas}
        used = [block.schema for group in batch.groups for report in group.reports for block in report.blocks]
        return server.ok(wanted=tuple([needed for needed in used if needed not in here]))

    with server.collector(answer) as collector:
        uplink = make(collector.url)
        wide = [kit.host(clock, *[kit.block(needed) for needed in hashes])]
        spool.append_collection(bulk=wide, schemas=known)
        for _ in range(3):
            spool.append_collection(bulk=wide, schemas={})
            while uplink.step() == 0.0:
                pass
        sent = [[bytes(raw) for raw in batch.schemas] for batch in collector.batches()]
    assert {data for schemas in sent for data in schemas} == set(known.values())
    for schemas in sent:
        assert sum(map(len, schemas)) <= limits.all_schema_bytes
        assert len(schemas) <= limits.schemas
    assert len(sent) < 10, "each is sent once, or nearly so"
    assert uplink.status().state is UplinkState.OK
    assert uplink.status().refused == 0


def test_many_reports_with_schemas_of_their_own_are_sent_in_parts(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    """So that each comes with its schema, and the collector can show it at once."""
    with server.collector() as collector:
        uplink = make(collector.url)
        for number in range(12):
            digest, data = kit.schema(number, 25_000)
            spool.append_collection(bulk=[kit.host(clock, kit.block(digest))], schemas={digest: data})
        while uplink.step() == 0.0:
            pass
        batches = collector.batches()
    assert len(batches) > 1
    for batch in batches:
        assert sum(len(bytes(raw)) for raw in batch.schemas) <= Limits().all_schema_bytes
        assert sum(len(group.reports) for group in batch.groups) == len(batch.schemas)
    assert sum(len(batch.schemas) for batch in batches) == 12


def test_a_collector_that_wants_for_ever_does_not_make_the_uplink_spin(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    hash_, data = kit.schema(1)
    with server.collector(lambda request: server.ok(wanted=(hash_, b"x" * 16))) as collector:
        uplink = make(collector.url)
        spool.append_collection(bulk=[kit.host(clock, kit.block(hash_))], schemas={hash_: data})
        steps = 0
        while uplink.step() == 0.0:
            steps += 1
            assert steps < 5
        assert len(collector.requests) <= 4


def test_refused_reports_become_losses_and_the_rest_counts_as_stored(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    answers = iter([server.ok(refused=(Refused(Lane.BULK, 1, "not your target"),), acknowledged={Lane.BULK: 1}), server.ok()])
    with server.collector(lambda request: next(answers)) as collector:
        uplink = make(collector.url)
        _collect(spool, clock)
        assert uplink.step() == 0.0
        assert uplink.status().detail == "refused: not your target"
        uplink.step()
        (group,) = collector.batches()[1].groups
        (loss,) = group.losses
        assert (loss.lane, loss.first_seq, loss.last_seq, loss.reason) == (Lane.BULK, 1, 1, LossReason.REFUSED)
        assert (uplink.status().reports, uplink.status().refused) == (2, 1)


def test_a_poison_report_is_found_by_halving_and_only_it_is_lost(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    spool.append(Lane.FACTS, [kit.heartbeat(clock, "poison" if n == 5 else "") for n in range(12)])

    def script(request: server.Request) -> server.Reply:
        bad = any(r.detail == "poison" for g in request.batch.groups for r in g.reports)
        return server.error(400, "bad_report", "nonsense") if bad else server.ok(credit=50)

    with server.collector(script) as collector:
        uplink = make(collector.url)
        for _ in range(30):
            if uplink.step() is None:
                break
        stored = [seq for batch in collector.batches() for _, seq in _sent(batch) if not _is_bad(batch)]
        stated = [loss for batch in collector.batches() for g in batch.groups for loss in g.losses]
        assert sorted(stored) == [n for n in range(1, 14) if n != 6]
        assert [(loss.first_seq, loss.last_seq, loss.reason) for loss in stated] == [(6, 6, LossReason.REFUSED)]
        assert uplink.status().state is UplinkState.OK


def _is_bad(batch: Batch) -> bool:
    return any(report.detail == "poison" for group in batch.groups for report in group.reports)


@pytest.mark.parametrize("status", [400, 413])
def test_a_collector_that_refuses_everything_costs_few_reports(
    status: int, spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    """Each single report refused means that the fault is elsewhere: the uplink slows down instead of burning the spool."""
    _collect(spool, clock, 100)
    with server.collector(lambda request: server.error(status, "bad_batch", "no")) as collector:
        uplink = make(collector.url)
        until = clock.uptime + 3600 * 1000
        while clock.uptime < until:
            clock.advance(uplink.step() or 0)
        assert uplink.status().state is UplinkState.REFUSED
        assert uplink.status().detail == f"the collector cannot take the batch (HTTP {status} bad_batch): no"
        assert 1 <= uplink.status().refused <= 30
        assert len(collector.requests) < 60


@pytest.mark.parametrize(
    ("reply", "state", "detail"),
    [
        (server.error(401), UplinkState.AUTH, "token"),
        (
            server.error(409, "conflict", "heard 3 s ago"),
            UplinkState.CONFLICT,
            "another agent uses this identity: heard 3 s ago",
        ),
        (server.error(400, "bad_version", "version 1, expected 2"), UplinkState.INCOMPATIBLE, "version 1, expected 2"),
        (server.error(415), UplinkState.INCOMPATIBLE, "HTTP 415"),
    ],
)
def test_what_needs_a_person_loses_nothing_waits_long_and_is_said(
    reply: server.Reply, state: UplinkState, detail: str, spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    with server.collector(lambda request: reply) as collector:
        uplink = make(collector.url)
        _collect(spool, clock)
        assert uplink.step() == 15.0
        assert uplink.step() == 15.0, "a wake-up in between does not shorten the wait"
        assert len(collector.requests) == 1
        waits = []
        for _ in range(6):
            clock.advance(uplink.step() or 0)
            waits.append(uplink.step())
        assert waits == [30.0, 60.0, 120.0, 150.0, 150.0, 150.0]
        assert uplink.status().state is state
        assert detail in uplink.status().detail
        assert "secret-token" not in uplink.status().detail
        assert len(kit.unsent(spool)) == 2
        collector.script = lambda request: server.ok()
        clock.advance(150)
        assert uplink.step() is None
        assert uplink.status().state is UplinkState.OK


@pytest.mark.parametrize(("headers", "wait"), [({"Retry_After": "40"}, 44.0), ({}, 0.5), ({"Retry_After": "soon"}, 0.5)])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_collector_names_the_wait(
    status: int, headers: dict[str, str], wait: float, spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    with server.collector(lambda request: server.error(status, "busy", "queue is full", **headers)) as collector:
        uplink = make(collector.url)
        _collect(spool, clock)
        assert uplink.step() == wait
        assert uplink.status().state is UplinkState.BUSY
        assert "queue is full" in uplink.status().detail
        assert len(kit.unsent(spool)) == 2


def test_a_forbidden_batch_is_tried_again_before_it_is_given_up_and_the_backlog_is_kept(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    _collect(spool, clock, 40)
    with server.collector(lambda request: server.error(403, "forbidden", "no target of srv-01")) as collector:
        uplink = make(collector.url)
        for _ in range(2):
            clock.advance(uplink.step() or 0)
        assert kit.losses(kit.unsent(spool)) == []
        assert (uplink.step() or 0) >= 15
        assert uplink.status().state is UplinkState.FORBIDDEN
        assert {loss.reason for loss in kit.losses(kit.unsent(spool))} == {LossReason.REFUSED}
        assert uplink.status().refused == 20
        assert {len(_sent(batch)) for batch in collector.batches()} == {20}


def test_compression_is_tried_and_given_up_if_the_collector_cannot(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    def script(request: server.Request) -> server.Reply:
        return server.error(415) if "Content-Encoding" in request.headers else server.ok()

    with server.collector(script) as collector:
        uplink = make(collector.url, compress="on")
        spool.append(Lane.BULK, [kit.host(clock, *[kit.block(b"h" * 16)] * 100, detail="a" * 1000)])
        assert uplink.step() == 0.0
        assert uplink.step() is None
        assert len(collector.requests[0].body) < 600 < 3000 < len(collector.requests[1].body)
        assert _sent(collector.batches()[0]) == _sent(collector.batches()[1])


def test_on_loopback_nothing_is_compressed_unless_asked(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    with server.collector() as collector:
        spool.append(Lane.BULK, [kit.host(clock, *[kit.block(b"h" * 16)] * 100, detail="a" * 1000)])
        make(collector.url).step()
        assert "Content-Encoding" not in collector.requests[0].headers


@pytest.mark.parametrize(
    "reply",
    [
        server.Reply(body=b"\xc1 not msgpack"),
        server.Reply(body=b"<html>welcome to the hotel</html>"),
        server.Reply(500),
        server.Reply(302, headers={"Location": "http://127.0.0.1:1/"}),
        server.Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n"),
        server.Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        server.Reply(raw=b""),
        server.Reply(body=b"x" * (1024 * 1024 + 1)),
    ],
)
def test_an_answer_that_is_none_frees_nothing(
    reply: server.Reply, spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    with server.collector(lambda request: reply) as collector:
        uplink = make(collector.url)
        _collect(spool, clock)
        assert uplink.step() == HALF
        assert uplink.status().state is UplinkState.UNREACHABLE
        assert len(kit.unsent(spool)) == 2
        collector.script = lambda request: server.ok()
        clock.advance(1)
        assert uplink.step() is None
        assert kit.unsent(spool) == []


def test_the_next_collector_is_tried_at_once_kept_and_left_for_the_first_later(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    with server.collector() as first, server.collector() as second:
        first.script = lambda request: server.error(500)
        uplink = make(first.url, second.url)
        _collect(spool, clock)
        assert uplink.step() == 0.0
        assert uplink.step() is None
        assert uplink.status().url == second.url
        first.script = lambda request: server.ok()
        _collect(spool, clock, 3)
        uplink.step()
        assert (len(first.requests), len(second.requests)) == (1, 2)
        clock.advance(300)
        _collect(spool, clock)
        uplink.step()
        assert (len(first.requests), len(second.requests)) == (2, 2)
        assert uplink.status().url == first.url


def test_the_waits_grow_while_nobody_answers_and_nothing_is_lost(
    spool: Spool, clock: kit.JumpClock, make: Callable[..., Uplink]
) -> None:
    with server.collector() as gone:
        url = gone.url
    uplink = make(url)
    _collect(spool, clock)
    waits = []
    for _ in range(9):
        waits.append(uplink.step())
        clock.advance(waits[-1] or 0)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert uplink.status().state is UplinkState.UNREACHABLE
    assert "refuses the connection" in uplink.status().detail
    with server.collector(port=int(url.rsplit(":", 1)[1])):
        assert uplink.step() is None
    assert kit.unsent(spool) == []
