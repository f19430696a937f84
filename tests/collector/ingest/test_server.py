"""The agents' door over real sockets into a real store: who may enter, what it costs, and that nobody harms others."""

from __future__ import annotations

import asyncio
import math
import random
import re
import ssl
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import wire
from agent.model import Block, Kind, Lane, Loss, LossReason
from collector.config import Agents, Config, Limits
from collector.core.evidence import TargetInfo
from collector.core.refusal import RefusalCode

MIB = 1024 * 1024


async def test_a_batch_is_stored_acknowledged_and_shown(start: Any, sender: Any, layout: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one, shape = sender("srv-1"), layout("node_load1")
    body = one.batch(one.report(blocks=(shape.block(0.25),)), schemas=(shape.encoded,))
    answer = (await running.post(token, body)).answer
    assert answer.acknowledged[Lane.BULK] == 1
    assert (answer.wanted, answer.refused) == ((), ())
    assert answer.credit == Limits().backlog_reports
    assert abs(answer.now_ms - running.collector.now_ms()) < 10_000
    page = await running.page("/metrics/targets/srv-1")
    assert 'node_load1{instance="srv-1",site="dic",class="server"} 0.25' in page.body.decode()
    assert (await running.collector.store.counts()).reports == 1


async def test_a_second_copy_is_harmless(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    body = one.batch(one.report(), one.report())
    for _ in range(3):
        assert (await running.post(token, body)).answer.acknowledged[Lane.BULK] == 2
    assert (await running.collector.store.counts()).reports == 2
    assert running.collector.tally.duplicates == 4


async def test_a_deflated_batch_is_the_same(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    body = zlib.compress(one.batch(*[one.report() for _ in range(300)]))
    assert (await running.post(token, body, Content_Encoding="deflate")).answer.acknowledged[Lane.BULK] == 300


async def test_a_large_batch_is_the_same(start: Any, sender: Any, layout: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one, shape = sender("srv-1"), layout("m", ("n",), tuple((str(i),) for i in range(1_000)))
    reports = [one.report(blocks=(shape.block(*range(1_000)),)) for _ in range(60)]
    body = one.batch(*reports, schemas=(shape.encoded,))
    assert len(body) > 400_000
    assert (await running.post(token, body)).answer.acknowledged[Lane.BULK] == 60
    assert (await running.post(token, zlib.compress(body), Content_Encoding="deflate")).answer.acknowledged[Lane.BULK] == 60


async def test_an_unknown_schema_is_asked_for_until_it_comes(start: Any, sender: Any, layout: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one, shape = sender("srv-1"), layout("node_load1")
    answer = (await running.post(token, one.batch(one.report(blocks=(shape.block(1.0),))))).answer
    assert answer.wanted == (shape.digest,)
    answer = (await running.post(token, one.batch(one.report(blocks=(shape.block(2.0),)), schemas=(shape.encoded,)))).answer
    assert answer.wanted == ()


async def test_a_loss_record_is_counted(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    loss = Loss(
        seq=1, lane=Lane.BULK, boot="b1", first_seq=1, last_seq=5, count=5, from_ms=1, until_ms=2,
        reason=LossReason.BYTES, at_ms=3, uptime_ms=4,
    )  # fmt: skip
    group = wire.Group(boot="b1", lane=Lane.FACTS, losses=(loss,))
    marks = (wire.Watermark(Lane.BULK, produced=9, oldest=6, reports=4, bytes=400),)
    answer = (await running.post(token, one.batch(groups=(group,), watermarks=marks))).answer
    assert answer.acknowledged[Lane.FACTS] == 1
    entry = running.collector.tally.agent("srv-1")
    assert entry.lost == {"bytes": 5}
    assert entry.lanes[Lane.BULK].held_reports == 4


async def test_r2_4_a_wrong_clock_is_said_once(start: Any, sender: Any, caplog: pytest.LogCaptureFixture) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    for wrong_ms in (0, 4_000, 6_000, 7_000, -70_000, 0):
        wall_ms = running.collector.now_ms() + wrong_ms
        assert (await running.post(token, one.batch(wall_ms=wall_ms))).status == 200
    said = [text for text in caplog.messages if "wall clock" in text]
    assert [text.partition(" s off ours ")[2].partition(";")[0] for text in said] == ["(warning)", "(event)", ""]
    assert "agrees with ours" in said[2]


# --- who may enter


async def test_without_a_valid_token_nobody_enters(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    body = sender("srv-1").batch()
    for wrong in ("", "x" * 43, token[:-1], token + "x", token.swapcase(), "x" * 4_000, "ÿ"):
        response = await running.post(wrong, body)
        assert (response.status, response.code) == (401, "unknown_token")
        assert response.headers["www-authenticate"] == "Bearer"
    async with running.caller() as caller:
        assert (await caller.call("POST", "/v1/batches", body, Authorization=f"Basic {token}")).status == 401
    async with running.caller() as caller:
        assert (await caller.call("POST", "/v1/batches", body)).status == 401
    assert (await running.post(token, body)).status == 200


async def test_a_revoked_token_is_refused_and_its_host_is_no_target(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    assert (await running.post(token, one.batch(one.report()))).status == 200
    await running.collector.store.revoke("srv-1", running.collector.now_ms())
    await running.collector._tokens.refresh()
    assert (await running.post(token, one.batch(one.report()))).status == 401
    assert running.collector.fleet.get("srv-1") is None


async def test_an_agent_enrolled_by_another_process_enters_without_waiting_for_the_poll(start: Any, sender: Any) -> None:
    running = await start()
    store, now_ms = running.collector.store, running.collector.now_ms()
    await store.add_agent("srv-2", "dic", "server", now_ms)
    await store.create_code("srv-2", b"c", now_ms + 1_000, now_ms)
    from collector.ingest.enrol import make_token

    token, token_hash = make_token()
    await store.redeem_code(b"c", token_hash, now_ms)
    assert (await running.post(token, sender("srv-2").batch())).status == 200


async def test_a_flood_of_wrong_tokens_is_held_back_without_harm_to_the_right_one(
    start: Any, sender: Any, make_config: Callable[..., Config]
) -> None:
    running = await start(make_config(limits=Limits(enrol_per_minute=5)))
    token = await running.agent("srv-1")
    body = sender("srv-1").batch()
    statuses = [(await running.post("wrong" * 8, body)).status for _ in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    response = await running.post("wrong" * 8, body)
    assert (response.code, int(response.headers["retry-after"]) > 0) == ("too_many_attempts", True)
    assert (await running.post(token, body)).status == 200


async def test_another_agents_target_is_refused(start: Any, sender: Any, caplog: pytest.LogCaptureFixture) -> None:
    running = await start()
    token = await running.agent("srv-1")
    await running.agent("srv-2")
    one = sender("srv-1")
    response = await running.post(token, one.batch(one.report(target="srv-2")))
    assert (response.status, response.code) == (403, "not_yours")
    answer = (await running.post(token, one.batch(one.report(), one.report(target="srv-2")))).answer
    said = "target_not_yours: target 'srv-2' is not one that inventory lets this agent report"
    assert answer.refused == (wire.Refused(Lane.BULK, 3, said),)
    counts = await running.collector.store.counts()
    assert counts.reports == 1
    assert running.collector.tally.refused == {"target_not_yours": 2}
    (line,) = [message for message in caplog.messages if "refused" in message]
    assert line == f"agent srv-1: reports are refused for good, such as {said}"
    target = running.collector.fleet.get("srv-2")
    assert target is not None
    assert target.modules == {}


async def test_two_agents_with_one_identity_are_told_apart(start: Any, sender: Any, caplog: Any) -> None:
    """The second is refused, and both sides say so; the log is not filled by one that keeps trying."""
    running = await start()
    token = await running.agent("srv-1")
    one, other = sender("srv-1"), sender("srv-1", stream="s2", boot="b2")
    assert (await running.post(token, one.batch(one.report()))).status == 200
    response = await running.post(token, other.batch(other.report()))
    assert (response.status, response.code) == (409, "identity_conflict")
    assert (await running.post(token, other.batch(other.report()))).status == 409
    assert running.collector.tally.agent("srv-1").conflicts == 2
    (said,) = (record.getMessage() for record in caplog.records if "is refused" in record.getMessage())
    assert said.startswith("agent srv-1: a batch is refused, another machine reports as this agent")
    assert (await running.post(token, one.batch(one.report()))).status == 200


async def test_every_refusal_is_counted_under_a_reason_of_the_closed_list(start: Any, sender: Any) -> None:
    """What people read is in the answer; a label value that an agent could choose would be a series each."""
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    reports = [
        one.report(detail="a\0b"),
        one.report(module="Bad"),
        one.report(module="m", blocks=(Block(b"h" * 16, bytes(400_008)),)),
        *[one.report(module=f"m{number}") for number in range(70)],
    ]
    answer = (await running.post(token, one.batch(*reports))).answer
    assert {refused.reason.partition(": ")[0] for refused in answer.refused} == {
        "unstorable", "bad_module", "too_many_values", "too_many_modules",
    }  # fmt: skip
    assert running.collector.tally.refused == {"unstorable": 1, "bad_module": 1, "too_many_values": 1, "too_many_modules": 8}
    page = (await running.page("/metrics")).body.decode()
    shown = set(re.findall(r'^haidang_ingest_refused_reports_total\{reason="(.*)"\}', page, re.MULTILINE))
    assert shown == {code.value for code in RefusalCode}


# --- what a request may look like


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/batches", 405, "bad_method"),
        ("POST", "/v1/ca", 405, "bad_method"),
        ("PUT", "/v1/enrol", 405, "bad_method"),
        ("GET", "/", 404, "not_found"),
        ("POST", "/v1/batches/", 404, "not_found"),
        ("POST", "/v1/batches?x=1", 404, "not_found"),
        ("GET", "/metrics", 404, "not_found"),
    ],
)
async def test_other_paths_and_methods(start: Any, method: str, path: str, status: int, code: str) -> None:
    running = await start()
    async with running.caller() as caller:
        response = await caller.call(method, path)
    assert (response.status, response.code) == (status, code)


async def test_wrong_type_and_encoding_are_415(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    body = sender("srv-1").batch()
    assert (await running.post(token, body, Content_Type="application/json")).code == "bad_type"
    assert (await running.post(token, body, Content_Encoding="br")).code == "bad_encoding"
    assert (await running.post(token, body, Content_Type=f"{wire.CONTENT_TYPE}; charset=x")).status == 200


async def test_a_body_over_the_limit_is_refused_before_it_is_read(start: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    async with running.caller() as caller:
        head = (
            f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: {wire.CONTENT_TYPE}\r\nContent-Length: {5 * MIB}\r\n\r\n"
        )
        response = await caller.say(head.encode())
    assert (response.status, response.code) == (413, "too_large")
    assert response.headers["connection"] == "close"
    assert running.collector._door._budget.held == 0


async def test_a_body_of_unstated_length_is_cut_at_the_limit(start: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    async with running.caller() as caller:
        head = (
            f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: {wire.CONTENT_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        caller.writer.write(head.encode())
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        caller.writer.write(chunk * (4 * MIB // 0x10000 + 1))
        response = await caller.say(b"")
    assert (response.status, response.code) == (413, "too_large")


async def test_a_chunked_body_within_the_limit_is_taken(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    body = one.batch(one.report())
    async with running.caller() as caller:
        head = (
            f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: {wire.CONTENT_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
        response = await caller.say(head.encode() + chunks)
    assert response.answer.acknowledged[Lane.BULK] == 1


async def test_expect_continue_is_answered(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    body = sender("srv-1").batch()
    async with running.caller() as caller:
        head = (
            f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nExpect: 100-continue\r\n"
            f"Content-Type: {wire.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        assert (await caller.say(head.encode())).status == 100
        assert (await caller.say(body)).status == 200


async def test_many_batches_on_one_connection(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    async with running.caller() as caller:
        for seq in range(1, 51):
            assert (await caller.post(token, one.batch(one.report()))).answer.acknowledged[Lane.BULK] == seq


async def test_a_request_of_unusual_form_keeps_its_connection_too(start: Any, sender: Any) -> None:
    """A header that agents do not send must not cost a connection a batch."""
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    async with running.caller() as caller:
        for seq in range(1, 4):
            response = await caller.post(token, one.batch(one.report()), X_Unusual="1")
            assert response.answer.acknowledged[Lane.BULK] == seq
            assert "connection" not in response.headers
        assert (await caller.post(token, one.batch(one.report()))).answer.acknowledged[Lane.BULK] == 4


@pytest.mark.parametrize("size", [20 * MIB, 900 * MIB])
async def test_a_decompression_bomb_is_refused(start: Any, size: int) -> None:
    running = await start()
    token = await running.agent("srv-1")
    deflate = zlib.compressobj(9)
    body = b"".join([*[deflate.compress(bytes(MIB)) for _ in range(size // MIB)], deflate.flush()])
    response = await running.post(token, body, Content_Encoding="deflate")
    assert (response.status, response.code) == (413, "too_large")


async def test_a_body_that_does_not_come_is_408_and_a_silent_connection_is_cut(
    start: Any, sender: Any, make_config: Callable[..., Config]
) -> None:
    running = await start(make_config(limits=Limits(body_timeout_s=0.05, header_timeout_s=0.05)))
    token = await running.agent("srv-1")
    async with running.caller() as caller:
        head = (
            f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: {wire.CONTENT_TYPE}\r\nContent-Length: 100\r\n\r\n"
        )
        response = await caller.say(head.encode() + b"x")
    assert (response.status, response.code) == (408, "too_slow")
    async with running.caller() as caller:
        caller.writer.write(b"POST /v1/batches HTTP/1.1\r\nX-Slow: ")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await caller.say(b"a")


async def test_connections_beyond_the_limit_are_cut_and_places_come_free(
    start: Any, sender: Any, make_config: Callable[..., Config]
) -> None:
    running = await start(make_config(limits=Limits(connections=2)))
    token = await running.agent("srv-1")
    body = sender("srv-1").batch()
    async with running.caller() as first, running.caller() as second:
        assert (await first.post(token, body)).status == 200
        assert (await second.post(token, body)).status == 200
        async with running.caller() as third:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await third.post(token, body)
        assert (await first.post(token, body)).status == 200


async def test_one_agent_cannot_send_more_than_its_share(start: Any, sender: Any, make_config: Callable[..., Config]) -> None:
    running = await start(make_config(limits=Limits(requests_per_s=0.1, requests_burst=3)))
    token, other = await running.agent("srv-1"), await running.agent("srv-2")
    body = sender("srv-1").batch()
    assert [(await running.post(token, body)).status for _ in range(4)] == [200, 200, 200, 429]
    response = await running.post(token, body)
    assert (response.code, response.headers["retry-after"]) == ("too_often", "10")
    assert (await running.post(other, sender("srv-2").batch())).status == 200


async def test_bytes_have_their_share_too(start: Any, sender: Any, make_config: Callable[..., Config]) -> None:
    running = await start(make_config(limits=Limits(bytes_per_s=1.0, bytes_burst=4 * MIB)))
    token = await running.agent("srv-1")
    one = sender("srv-1")
    assert (await running.post(token, bytes(4 * MIB))).status == 400
    assert (await running.post(token, one.batch(one.report()))).code == "too_much"


async def test_bodies_held_at_once_are_bounded(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    budget = running.collector._door._budget
    assert budget.reserve(budget.limit)
    response = await running.post(token, sender("srv-1").batch())
    assert (response.status, response.code, response.headers["retry-after"]) == (503, "busy", "5")
    budget.release(budget.limit)
    assert (await running.post(token, sender("srv-1").batch())).status == 200
    assert budget.held == 0


async def test_a_stopping_committer_says_busy(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    await running.collector._committer.drain()
    response = await running.post(token, sender("srv-1").batch())
    assert (response.status, response.code) == (503, "busy")
    assert int(response.headers["retry-after"]) > 0


async def test_a_caller_that_leaves_does_not_lose_the_commit(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    body = one.batch(one.report())
    async with running.caller() as caller:
        head = (
            f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: {wire.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        caller.writer.write(head.encode() + body)
        await caller.writer.drain()
    assert (await running.post(token, body)).answer.acknowledged[Lane.BULK] == 1
    assert (await running.collector.store.counts()).reports == 1


# --- what a batch may hold


async def test_random_and_truncated_bytes_are_400(start: Any, sender: Any, layout: Any, make_config: Any) -> None:
    running = await start(make_config(limits=Limits(requests_per_s=1e6, requests_burst=1e6)))
    token = await running.agent("srv-1")
    one, shape = sender("srv-1"), layout("m", ("a",), (("x",), ("y",)))
    whole = one.batch(one.report(blocks=(shape.block(1.0, 2.0),)), schemas=(shape.encoded,))
    async with running.caller() as caller:
        for end in range(len(whole)):
            response = await caller.post(token, whole[:end])
            assert response.status == 400, end
        chance = random.Random(1)
        for _ in range(300):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            response = await caller.post(token, bytes(damaged))
            assert response.status in {200, 400, 403, 409}, bytes(damaged)
    assert (await running.post(token, one.batch())).status in {200, 409}


async def test_hypothetical_messagepack_never_breaks_the_door(start: Any, make_config: Any) -> None:
    running = await start(make_config(limits=Limits(requests_per_s=1e6, requests_burst=1e6)))
    token = await running.agent("srv-1")
    names = ["version", "stream", "boot", "uptime_ms", "awake_ms", "wall_ms", "groups", "schemas", "reports", "lane", "seq"]
    numbers = st.integers(-(2**63), 2**64 - 1) | st.floats() | st.booleans() | st.none()
    values = st.recursive(
        numbers | st.text(max_size=8) | st.binary(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(names), inner, max_size=8),
        max_leaves=20,
    )
    bodies: list[bytes] = []

    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(values | st.binary(max_size=64))
    def collect(value: Any) -> None:
        bodies.append(value if isinstance(value, bytes) else msgspec.msgpack.encode(value))

    collect()
    async with running.caller() as caller:
        for body in bodies:
            response = await caller.post(token, body)
            assert response.status == 400, body
            assert response.code


async def test_a_bad_schema_costs_only_itself_and_is_not_asked_for_again(start: Any, sender: Any, layout: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one, good, bad = sender("srv-1"), layout("node_load1"), layout("9bad name")
    schemas = (good.encoded, bad.encoded, b"\xc0")
    reports = one.report(blocks=(good.block(1.0), bad.block(2.0)))
    answer = (await running.post(token, one.batch(reports, schemas=schemas))).answer
    assert answer.acknowledged[Lane.BULK] == 1
    assert answer.wanted == ()
    assert running.collector.tally.schemas_refused == 2
    page = (await running.page("/metrics/targets/srv-1")).body.decode()
    assert "node_load1{" in page
    assert "bad" not in page


@pytest.mark.parametrize(
    "value",
    ['"', "\\", "\n", 'x"} 1\nforged{instance="srv-2"} 1', "\r\n", "\t", "\u2028", "\x1b[2J", "é" * 500, "{}", "\\n", "# HELP"],
)
async def test_hostile_label_values_cannot_forge_a_line(start: Any, sender: Any, layout: Any, value: str) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    running = await start()
    token = await running.agent("srv-1")
    one, shape = sender("srv-1"), layout("node_x", ("name",), ((value,),))
    body = one.batch(one.report(blocks=(shape.block(1.0),)), schemas=(shape.encoded,))
    assert (await running.post(token, body)).status == 200
    page = (await running.page("/metrics/targets/srv-1")).body.decode()
    samples = [s for family in text_string_to_metric_families(page) for s in family.samples if s.name == "node_x"]
    assert [(s.labels["instance"], s.labels["name"], s.value) for s in samples] == [("srv-1", value, 1.0)]
    assert all(not line.startswith("forged") for line in page.splitlines())


@pytest.mark.parametrize("label", ["instance", "site", "class", "__name__", "a b", 'a"', "a\n", "", "é"])
async def test_hostile_label_names_are_refused(start: Any, sender: Any, layout: Any, label: str) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one, shape = sender("srv-1"), layout("node_x", (label,), (("v",),))
    body = one.batch(one.report(blocks=(shape.block(1.0),)), schemas=(shape.encoded,))
    assert (await running.post(token, body)).status == 200
    assert "node_x" not in (await running.page("/metrics/targets/srv-1")).body.decode()
    assert running.collector.tally.schemas_refused == 1


async def test_strings_of_a_megabyte_are_refused(start: Any, sender: Any, layout: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one, long = sender("srv-1"), "x" * MIB
    for body in (
        one.batch(one.report(detail=long)),
        one.batch(one.report(module=long)),
        one.batch(one.report(target=long)),
        one.batch(stream=long),
        one.batch(boot=long),
        one.batch(agent_version=long),
    ):
        response = await running.post(token, body)
        assert response.status == 400
        assert len(response.body) < 1_000
    shape = layout("node_x", ("name",), ((long,),))
    assert (await running.post(token, one.batch(schemas=(shape.encoded,)))).status == 200
    assert running.collector.tally.schemas_refused == 1
    assert len(running.collector.book) == 0


async def test_values_that_are_not_finite_are_kept_as_they_are(start: Any, sender: Any, layout: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one, shape = sender("srv-1"), layout("node_x", ("n",), (("a",), ("b",), ("c",)))
    body = one.batch(one.report(blocks=(shape.block(math.nan, math.inf, -math.inf),)), schemas=(shape.encoded,))
    assert (await running.post(token, body)).status == 200
    page = (await running.page("/metrics/targets/srv-1")).body.decode()
    assert [line.rsplit(" ", 1)[1] for line in page.splitlines() if line.startswith("node_x{")] == ["NaN", "+Inf", "-Inf"]


@pytest.mark.parametrize("at_ms", [-(2**53) + 1, 0, 2**53 - 1])
@pytest.mark.parametrize("uptime_ms", [0, 2**53 - 1])
async def test_far_past_and_future_are_placed_at_arrival_or_before(start: Any, sender: Any, at_ms: int, uptime_ms: int) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    report = one.report(at_ms=at_ms, uptime_ms=uptime_ms, awake_ms=uptime_ms)
    assert (await running.post(token, one.batch(report))).answer.acknowledged[Lane.BULK] == 1
    now_ms = running.collector.now_ms()
    runs = [run async for run in running.collector.store.evidence("srv-1", -(2**53), 2**53)]
    assert len(runs) == 1
    target = running.collector.fleet.get("srv-1")
    assert target is not None
    evidence = target.modules["host"].evidence
    assert evidence is not None
    assert evidence.t_ms <= now_ms


@pytest.mark.parametrize("field", ["at_ms", "uptime_ms", "awake_ms", "seq"])
@pytest.mark.parametrize("value", [2**53, 2**63, 2**64 - 1])
async def test_numbers_beyond_all_columns_are_400(start: Any, sender: Any, field: str, value: int) -> None:
    running = await start()
    token = await running.agent("srv-1")
    one = sender("srv-1")
    assert (await running.post(token, one.batch(one.report(**{field: value})))).status == 400


async def test_ten_thousand_schemas_stay_within_the_agents_share_and_others_are_served(
    start: Any, sender: Any, layout: Any, make_config: Callable[..., Config]
) -> None:
    running = await start(make_config(limits=Limits(requests_per_s=1e6, requests_burst=1e6)))
    token, other = await running.agent("srv-1"), await running.agent("srv-2")
    one, two = sender("srv-1"), sender("srv-2")
    shape = layout("node_load1")
    schemas = tuple(layout(f"m_{number}").encoded for number in range(10_000))
    async with running.caller() as caller, running.caller() as quiet:
        assert (await caller.post(token, one.batch(schemas=schemas))).status == 400
        for first in range(0, len(schemas), 500):
            flood = caller.post(token, one.batch(schemas=schemas[first : first + 500]))
            fair = quiet.post(other, two.batch(two.report(blocks=(shape.block(1.0),)), schemas=(shape.encoded,)))
            assert [response.status for response in await asyncio.gather(flood, fair)] == [200, 200]
    assert len(running.collector.book) <= 513
    assert (await running.collector.store.counts()).schemas <= 1_100
    assert "node_load1{" in (await running.page("/metrics/targets/srv-2")).body.decode()


async def test_schemas_that_are_too_much_are_refused_before_they_are_decoded(start: Any, sender: Any, layout: Any) -> None:
    running = await start()
    token, other = await running.agent("srv-1"), await running.agent("srv-2")
    one, two = sender("srv-1"), sender("srv-2")
    series = tuple((f"{number:x}",) for number in range(2_500))
    body = zlib.compress(one.batch(schemas=tuple(layout(f"m{number}", ("a",), series).encoded for number in range(500))), 9)
    assert len(body) < 100_000
    floods = [running.post(token, body, Content_Encoding="deflate") for _ in range(5)]
    *refused, fair = await asyncio.gather(*floods, running.post(other, two.batch(two.report())))
    assert {(response.status, response.code) for response in refused} == {(413, "too_large")}
    assert fair.status == 200
    assert len(running.collector.book) == 0


async def test_memory_stays_flat_under_abuse_and_others_are_served_meanwhile(
    start: Any, sender: Any, layout: Any, make_config: Callable[..., Config]
) -> None:
    running = await start(make_config(limits=Limits(requests_per_s=1e6, requests_burst=1e6, bytes_per_s=1e9, bytes_burst=1e9)))
    token, other = await running.agent("srv-1"), await running.agent("srv-2")
    one, two = sender("srv-1"), sender("srv-2")
    deflate = zlib.compressobj(9)
    bomb = b"".join([deflate.compress(bytes(MIB)) for _ in range(64)]) + deflate.flush()
    nested = b"\x91" * MIB
    empty_groups = b"\x81\xa6groups\xdd\x00\x10\x00\x00" + b"\x80" * MIB

    async def abuse() -> None:
        async with running.caller() as caller:
            for _ in range(5):
                assert (await caller.post(token, bomb, Content_Encoding="deflate")).status == 413
                assert (await caller.post(token, nested)).status == 400
                assert (await caller.post(token, empty_groups)).status == 400
                assert (await caller.post(token, one.batch(one.report(detail="x" * MIB)))).status == 400

    async def honest() -> int:
        served = 0
        async with running.caller() as caller:
            for _ in range(40):
                served += (await caller.post(other, two.batch(two.report()))).status == 200
        return served

    await asyncio.gather(abuse(), honest())
    before = resident()
    for _ in range(4):
        _, served = await asyncio.gather(abuse(), honest())
        assert served == 40
    assert resident() - before < 48 * MIB
    assert running.collector._door._budget.held == 0


def resident() -> int:
    """Resident memory of this process, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


# --- enrolment


def trusting(pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem.decode())
    return context


async def test_enrolment_over_tls(start: Any, sender: Any, make_config: Callable[..., Config]) -> None:
    running = await start(make_config(agents=Agents(listen="127.0.0.1:0", interval_s=20)))
    store, now_ms = running.collector.store, running.collector.now_ms()
    from collector.ingest.enrol import hash_secret

    await store.add_agent("srv-1", "dic", "server", now_ms)
    await store.create_code("srv-1", hash_secret("SECRET"), now_ms + 60_000, now_ms)
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    async with running.caller(blind) as caller:
        ca = await caller.call("GET", "/v1/ca")
    context = trusting(ca.body)
    asked = msgspec.json.encode({"secret": "SECRET", "agent_version": "0.1.0", "hostname": "srv-1.example.vn"})
    async with running.caller(context) as caller:
        response = await caller.call("POST", "/v1/enrol", asked)
        assert response.status == 200
        got = msgspec.json.decode(response.body)
        assert (got["agent"], got["interval_s"], got["urls"]) == ("srv-1", 20, ["https://localhost"])
        one = sender("srv-1")
        assert (await caller.post(got["token"], one.batch(one.report()))).answer.acknowledged[Lane.BULK] == 1
    async with running.caller(context) as caller:
        second = await caller.call("POST", "/v1/enrol", asked)
        assert (second.status, second.code) == (403, "code_used")
    (account,) = await store.agents()
    assert (account.hostname, account.agent_version) == ("srv-1.example.vn", "0.1.0")


async def test_plain_http_to_a_tls_listener_is_not_answered(start: Any, make_config: Callable[..., Config]) -> None:
    running = await start(make_config(agents=Agents(listen="127.0.0.1:0")))
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        async with running.caller() as caller:
            await caller.call("GET", "/v1/ca")


async def test_wrong_and_expired_codes_are_refused_and_guessing_is_held_back(
    start: Any, make_config: Callable[..., Config]
) -> None:
    running = await start(make_config(limits=Limits(enrol_per_minute=6)))
    store, now_ms = running.collector.store, running.collector.now_ms()
    from collector.ingest.enrol import hash_secret

    await store.add_agent("srv-1", "dic", "server", now_ms)
    await store.create_code("srv-1", hash_secret("OLD"), now_ms - 1, now_ms - 10)

    async def enrol(body: bytes) -> tuple[int, str]:
        async with running.caller() as caller:
            response = await caller.call("POST", "/v1/enrol", body)
            return response.status, response.code

    assert await enrol(b'{"secret": "OLD"}') == (403, "code_expired")
    assert await enrol(b'{"secret": "GUESS"}') == (403, "code_unknown")
    assert await enrol(b"{}") == (400, "bad_request")
    assert await enrol(b'{"secret": "a", "hostname": "x\\u0000"}') == (400, "bad_request")
    assert await enrol(b"[" * 4_000) == (400, "bad_request")
    assert await enrol(b" " * 5_000) == (413, "too_large")
    assert await enrol(b'{"secret": "GUESS"}') == (429, "too_many_attempts")


async def test_inventory_decides_who_may_report_a_device(start: Any, sender: Any) -> None:
    running = await start()
    token, other = await running.agent("box"), await running.agent("srv-2")
    inventory = msgspec.structs.replace(
        running.collector._inventory, targets={"sw-1": TargetInfo(id="sw-1", site="dic", class_="switch", via="box")}
    )
    running.collector._take_inventory(inventory)
    box, srv = sender("box"), sender("srv-2")
    assert (await running.post(token, box.batch(box.report(target="sw-1", kind=Kind.OBS, module="snmp")))).status == 200
    assert (await running.post(other, srv.batch(srv.report(target="sw-1", kind=Kind.OBS, module="snmp")))).status == 403
