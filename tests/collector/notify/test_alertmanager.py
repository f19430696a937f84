"""What Alertmanagers are told: by a server that writes down every alert; peers that are down, slow, or refuse."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.alert import Severity
from collector.core.notice import EventKind
from collector.notify.alertmanager import GRACE_S, MOST_ALERTS, AlertmanagerChannel, open_channel
from collector.notify.alertmanager_labels import LIVES, told_by, valid_labels
from collector.notify.alertmanager_memory import KEPT_MS, Memory
from collector.notify.channel import CHANNELS, ChannelError, Delivery, Failure
from collector.notify.moments import say_iso
from collector.notify.settings import AlertmanagerEntry, ReceiverEntry, TlsEntry
from collector.notify.tools import Tools
from tests.agent.probes.http_kit import raw, serving
from tests.collector.notify.deliveries import ROUTER, SINCE_MS, delivery, facts, trial
from tests.probes.certs import certs

MINUTE_MS = 60_000
RESEND_S = 60


class Peer:
    """An Alertmanager that writes down what it is told."""

    def __init__(self) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200

    async def answer(self, request: web.Request) -> web.Response:
        assert request.path == "/prefix/api/v2/alerts"
        self.headers.append(dict(request.headers))
        if self.status == 200:
            self.requests.append(json.loads(await request.read()))
        return web.Response(status=self.status, headers={"Retry-After": "30"})

    @property
    def last(self) -> list[dict[str, Any]]:
        """The alerts of the newest request."""
        return self.requests[-1]


@contextlib.asynccontextmanager
async def opened(*urls: str, folder: Path = Path(), timeout_s: float = 5.0, **more: Any) -> AsyncIterator[AlertmanagerChannel]:
    """A channel to these peers."""
    entry = AlertmanagerEntry(urls=tuple(f"{url}/prefix/" for url in urls), resend_s=RESEND_S, **more)
    receiver = ReceiverEntry(alertmanager=entry, timeout_s=timeout_s)
    channel = await open_channel("am", receiver, Tools(folder, "haidang.example.vn", "0.1"))
    try:
        yield channel
    finally:
        await channel.close()


async def _hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(65_536):
        pass


def _at(given: Delivery, made_ms: int) -> Delivery:
    """The same, with the facts of another moment."""
    return msgspec.structs.replace(given, sent_ms=made_ms, notice=msgspec.structs.replace(given.notice, made_ms=made_ms))


def test_the_table_of_kinds_names_this_module() -> None:
    """A receiver of the kind finds its channel."""
    assert CHANNELS["alertmanager"] == f"{open_channel.__module__}:{open_channel.__name__}"


async def test_a_page() -> None:
    """Labels by which everybody's routes match, words in the receiver's language, and an end that has to be put off."""
    peer, page = Peer(), delivery(url="https://haidang.example.vn/incidents/12")
    async with serving(peer.answer) as url, opened(url, labels={"cluster": "province", "severity": "page"}) as channel:
        assert await channel.send(page) == ""
    [alert] = peer.last
    assert alert["labels"] == {
        "alertname": "TargetDown", "instance": "q1-router", "kind": "down", "severity": "critical", "site": "q1",
        "class": "network", "floor": "2", "cluster": "province",
    }  # fmt: skip
    assert "Router Quận 1" in alert["annotations"]["summary"]
    assert alert["annotations"]["incident"] == "12"
    assert alert["startsAt"] == say_iso(SINCE_MS)
    assert alert["endsAt"] == say_iso(page.sent_ms + LIVES * RESEND_S * 1000)
    assert alert["generatorURL"] == "https://haidang.example.vn/incidents/12"


async def test_a_resolved() -> None:
    """Ends when it was over; what a person closed while it lasted ends when it was closed."""
    peer, over = Peer(), delivery(EventKind.RESOLVED, 3)
    closed = delivery(EventKind.RESOLVED, 4, alerts=(facts("web-01"),))
    async with serving(peer.answer) as url, opened(url) as channel:
        await channel.send(over)
        await channel.send(closed)
    assert [alert["endsAt"] for alert in peer.requests[0]] == [say_iso(over.notice.made_ms - 5_000)]
    assert [alert["endsAt"] for alert in peer.requests[1]] == [say_iso(closed.notice.made_ms)]


async def test_events_without_an_incident_end_by_themselves() -> None:
    """Two tests are two alerts, and neither stays."""
    peer = Peer()
    async with serving(peer.answer) as url, opened(url) as channel:
        await channel.send(trial())
        await channel.send(msgspec.structs.replace(trial(), event_id="test-2-0"))
    [first], [second] = peer.requests
    assert first["labels"]["alertname"] == "HaidangTest"
    assert first["labels"] != second["labels"]
    assert first["endsAt"] == say_iso(trial().sent_ms + LIVES * RESEND_S * 1000)


async def test_what_lasts_is_told_again_and_ends_for_a_quarter_of_an_hour() -> None:
    """Keep-alive: the end moves on with each telling; a resolved one is told until 15 minutes are over, then no more."""
    peer, page = Peer(), delivery()
    async with serving(peer.answer) as url, opened(url) as channel:
        await channel.send(page)
        now_ms = page.sent_ms + MINUTE_MS
        assert await channel.refresh([_at(page, now_ms)], now_ms) == ""
        assert [alert["endsAt"] for alert in peer.last] == [say_iso(now_ms + LIVES * RESEND_S * 1000)]
        over = delivery(EventKind.RESOLVED, 3)
        await channel.send(over)
        await channel.refresh([], over.sent_ms + KEPT_MS)
        assert [alert["endsAt"] for alert in peer.last] == [say_iso(over.notice.made_ms - 5_000)]
        count = len(peer.requests)
        await channel.refresh([], over.sent_ms + KEPT_MS + 1)
    assert len(peer.requests) == count


async def test_after_a_restart_the_open_incidents_suffice() -> None:
    """A new channel that never sent anything keeps alive what it is given."""
    peer, page = Peer(), delivery()
    async with serving(peer.answer) as url, opened(url) as channel:
        await channel.refresh([page], page.sent_ms)
    assert [alert["labels"]["instance"] for alert in peer.last] == ["q1-router"]


async def test_facts_of_before_do_not_bring_an_ended_alert_back() -> None:
    """A refresh with facts of before the end, and a late repetition of the page, both tell the end."""
    peer, page, over = Peer(), delivery(), delivery(EventKind.RESOLVED, 3)
    async with serving(peer.answer) as url, opened(url) as channel:
        await channel.send(page)
        await channel.send(over)
        await channel.refresh([_at(page, over.sent_ms - 1)], over.sent_ms + 100)
        assert [alert["endsAt"] for alert in peer.last] == [say_iso(over.notice.made_ms - 5_000)]
        await channel.send(page)
        assert [alert["endsAt"] for alert in peer.last] == [say_iso(page.sent_ms)]  # the end may not lie ahead of the moment


async def test_an_outage_anew_is_not_ended_by_the_one_before() -> None:
    """Same labels, new alert: the end of the old one is told no more."""
    peer, over = Peer(), delivery(EventKind.RESOLVED, 3)
    again = delivery(EventKind.FIRING, 4, alerts=(*over.notice.alerts, facts(since_ms=over.sent_ms + 1_000)))
    async with serving(peer.answer) as url, opened(url) as channel:
        await channel.send(over)
        await channel.send(again)
        await channel.refresh([again], again.sent_ms)
    for request in peer.requests[1:]:
        [alert] = request
        assert alert["startsAt"] == say_iso(over.sent_ms + 1_000)
        assert alert["endsAt"] == say_iso(again.sent_ms + LIVES * RESEND_S * 1000)


async def test_a_graver_alert_ends_under_its_old_labels() -> None:
    """The severity is a label: without that the old alert would stay beside the new one."""
    peer = Peer()
    mild = delivery(alerts=(facts(severity=Severity.WARNING),))
    grave = delivery(EventKind.FIRING, 1, alerts=(facts(),))
    async with serving(peer.answer) as url, opened(url) as channel:
        await channel.send(mild)
        await channel.send(grave)
    ends = {alert["labels"]["severity"]: alert["endsAt"] for alert in peer.last}
    assert ends == {
        "warning": say_iso(grave.notice.made_ms), "critical": say_iso(grave.sent_ms + LIVES * RESEND_S * 1000)
    }  # fmt: skip


async def test_requests_are_of_bounded_size() -> None:
    """Many alerts go in several requests."""
    peer = Peer()
    many = delivery(alerts=tuple(facts(f"host-{number}") for number in range(MOST_ALERTS + 1)))
    async with serving(peer.answer) as url, opened(url) as channel:
        await channel.refresh([many], many.sent_ms)
    assert sorted(len(request) for request in peer.requests) == [1, MOST_ALERTS]


async def test_one_peer_suffices() -> None:
    """Delivered, with a remark on the one that is down; it is told by the next keep-alive."""
    up, down, page = Peer(), Peer(), delivery()
    down.status = 503
    async with serving(up.answer) as first, serving(down.answer) as second, opened(first, second) as channel:
        remark = await channel.send(page)
        assert remark == f"{second.rpartition('/')[2]}: server: status 503"
        down.status = 200
        await channel.refresh([page], page.sent_ms)
    assert len(down.requests) == 1


async def test_a_peer_that_hangs_delays_nobody() -> None:
    """Neither the page nor the next one wait for it longer than the grace, and the keep-alive in its way changes nothing."""
    up, clock = Peer(), asyncio.get_running_loop().time
    async with serving(up.answer) as first, raw(_hang) as second, opened(first, f"http://{second}", timeout_s=30.0) as channel:
        began = clock()
        keeping = asyncio.create_task(channel.refresh([delivery()], SINCE_MS))
        for seq in range(2):
            assert await channel.send(delivery(seq=seq)) == f"{second}: timeout: no answer yet"
        await keeping
        assert clock() - began < 3 * GRACE_S + 2.0
    assert len(up.requests) == 3


async def test_no_peer_takes_it() -> None:
    """The outbox tries again unless every peer refused for good; the shortest pause asked for is kept."""
    one, other = Peer(), Peer()
    async with serving(one.answer) as first, serving(other.answer) as second, opened(first, second) as channel:
        one.status, other.status = 400, 429
        with pytest.raises(ChannelError) as failure:
            await channel.send(delivery())
        assert (failure.value.permanent, failure.value.retry_after_s) == (False, 30.0)
        assert failure.value.failure is Failure.RATE_LIMIT
        other.status = 400
        with pytest.raises(ChannelError) as failure:
            await channel.send(delivery())
        assert failure.value.permanent
        assert "status 400" in await channel.refresh([delivery()], SINCE_MS)


async def test_the_only_peer_hangs() -> None:
    """The attempt ends within the receiver's time."""
    async with raw(_hang) as address, opened(f"http://{address}", timeout_s=0.3) as channel:
        with pytest.raises(ChannelError) as failure:
            await channel.send(delivery())
    assert (failure.value.failure, failure.value.permanent) == (Failure.TIMEOUT, False)


@pytest.mark.parametrize(
    ("more", "header"),
    [
        ({"username": "haidang", "password_file": "secret"}, "Basic aGFpZGFuZzpiw60gbeG6rXQ="),
        ({"token_file": "token"}, "Bearer t0ken"),
    ],
)
async def test_logins(tmp_path: Path, more: dict[str, str], header: str) -> None:
    """Basic authentication in UTF-8 (RFC 7617), or a token, over TLS of the settings."""
    for name, text in (("secret", "bí mật"), ("token", "t0ken"), ("ca.pem", certs().ca_pem)):
        (tmp_path / name).write_text(text)
        os.chmod(tmp_path / name, 0o600)
    peer, tls = Peer(), TlsEntry(ca_file="ca.pem")
    async with serving(peer.answer, shown=certs().good()) as url, opened(url, folder=tmp_path, tls=tls, **more) as channel:
        await channel.send(delivery())
    assert peer.headers[0]["Authorization"] == header


@pytest.mark.parametrize("more", [{"username": "haidang"}, {"token_file": "absent"}, {"tls": TlsEntry(ca_file="absent")}])
async def test_settings_that_cannot_be_used(tmp_path: Path, more: dict[str, Any]) -> None:
    """Are refused when the channel is opened."""
    with pytest.raises(ChannelError) as failure:
        async with opened("http://127.0.0.1:9", folder=tmp_path, **more):
            pass
    assert failure.value.failure is Failure.SETTINGS


NAMES = st.text(max_size=12)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(NAMES, st.text(max_size=20), max_size=6), st.dictionaries(NAMES, st.text(max_size=20), max_size=4))
def test_labels_are_such_as_alertmanager_takes(own: dict[str, str], more: dict[str, str]) -> None:
    """Whatever an inventory calls its labels: valid names, no empty value, and ours win."""
    subject = msgspec.structs.replace(ROUTER, labels=own)
    [told] = told_by(delivery(alerts=(msgspec.structs.replace(facts(), subject=subject),)), more)
    labels = told.posted.labels
    assert all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) and value.strip() for name, value in labels.items())
    assert (labels["alertname"], labels["instance"]) == ("TargetDown", "q1-router")
    msgspec.json.encode(told.posted)


def test_a_name_that_was_valid_wins() -> None:
    """`a-b` becomes `a_b` only where nothing has that name."""
    assert valid_labels({"a-b": "made", "a_b": "given"}, {"a_b": "more", "9": "nine"}) == {"a_b": "given", "_9": "nine"}


def test_memory_is_bounded_in_time() -> None:
    """What is over, and what nobody speaks of any more, is forgotten after a quarter of an hour."""
    memory = Memory()
    gone = memory.note(told_by(delivery(), {}))
    lasting = memory.note(told_by(delivery(alerts=(facts("web-01"),)), {}))
    memory.forget(lasting, SINCE_MS + 10_000 + KEPT_MS + 1)
    assert memory.newest(gone) == []
    assert len(memory.newest(lasting)) == 1
