"""The real Alertmanager takes our alerts, groups, silences and resolves them; amtool sees them; a restart and a cluster lose
and double nothing. And what we post ourselves has the shape of what it posts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.core.notice import AlertFacts, EventKind
from collector.notify.alertmanager import AlertmanagerChannel, open_channel
from collector.notify.bodies import make_body
from collector.notify.channel import Delivery
from collector.notify.settings import AlertmanagerEntry, ReceiverEntry, WebhookEntry
from collector.notify.tools import Tools
from tests.collector.notify.deliveries import delivery, facts
from tests.e2e.alertmanager import Alertmanager, Posted, now_ms, webhook
from tests.servers import free_port, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

LINK = "https://haidang.example.vn/incidents/12"


@pytest.fixture
def posted() -> Iterator[Posted]:
    """The webhook receiver behind Alertmanager."""
    with webhook() as receiver:
        yield receiver


@contextlib.asynccontextmanager
async def channel_to(*peers: Alertmanager) -> AsyncIterator[AlertmanagerChannel]:
    """Our channel to these peers."""
    entry = ReceiverEntry(alertmanager=AlertmanagerEntry(urls=tuple(peer.url for peer in peers), resend_s=60))
    channel = await open_channel("am", entry, Tools(Path(), "haidang.example.vn", "0.1"))
    try:
        yield channel
    finally:
        await channel.close()


def tell(peers: tuple[Alertmanager, ...], what: Callable[[AlertmanagerChannel], Awaitable[str]]) -> str:
    """Run `what` with a channel to these peers."""

    async def telling() -> str:
        async with channel_to(*peers) as channel:
            return await what(channel)

    return asyncio.run(telling())


def event(kind: EventKind, *subjects: str, since_ms: int, **more: Any) -> Delivery:
    """An event of now about these subjects, which all are out since that moment."""
    alerts: tuple[AlertFacts, ...] = tuple(
        facts(name, since_ms=since_ms, is_cause=not number) for number, name in enumerate(subjects)
    )
    if kind is EventKind.RESOLVED:
        alerts = tuple(msgspec.structs.replace(one, ended_ms=now_ms() - 10) for one in alerts)
    made = delivery(kind, alerts=alerts, sent_ms=now_ms(), url=LINK, **more)
    return msgspec.structs.replace(made, notice=msgspec.structs.replace(made.notice, made_ms=made.sent_ms))


def _of(payload: dict[str, Any]) -> dict[str, str]:
    return {alert["labels"]["instance"]: alert["status"] for alert in payload["alerts"]}


def test_it_groups_shows_silences_and_resolves(tmp_path: Path, posted: Posted) -> None:
    """One incident is one group; amtool finds its alerts by our labels; a silence of amtool mutes one subject alone; the end
    arrives as an end."""
    since_ms = now_ms() - 30_000
    with Alertmanager(tmp_path, posted.url) as alertmanager:
        alertmanager.amtool("silence", "add", "instance=mute-01", "kind=down", "--comment=test", "--duration=1h", "--author=an")
        peers = (alertmanager,)
        page = event(EventKind.FIRING, "q1-router", "web-01", "mute-01", since_ms=since_ms)
        assert tell(peers, lambda channel: channel.send(page)) == ""
        first = posted.wait(lambda one: True)
        assert _of(first) == {"q1-router": "firing", "web-01": "firing"}
        assert first["groupLabels"] == {"site": "q1"}
        [found] = alertmanager.found("alertname=TargetDown", "severity=critical", "instance=web-01", "class=network")
        assert found["labels"] == {
            "alertname": "TargetDown", "class": "network", "floor": "2", "instance": "web-01", "kind": "down",
            "severity": "critical", "site": "q1",
        }  # fmt: skip
        assert found["generatorURL"] == LINK
        [muted] = [one for one in alertmanager.alerts() if one["status"]["state"] == "suppressed"]
        assert muted["labels"]["instance"] == "mute-01"
        over = event(EventKind.RESOLVED, "q1-router", "web-01", "mute-01", since_ms=since_ms)
        tell(peers, lambda channel: channel.send(over))
        last = posted.wait(lambda one: one["status"] == "resolved")
        assert _of(last) == {"q1-router": "resolved", "web-01": "resolved"}
        assert alertmanager.found("alertname=TargetDown") == []
    assert [one["status"] for one in posted.all] == ["firing", "resolved"]


def test_the_keep_alive_brings_alerts_back_after_a_restart(tmp_path: Path, posted: Posted) -> None:
    """Alertmanager keeps no alerts over a restart: the next telling of what lasts has them there again, and the end told after
    it arrives."""
    since_ms = now_ms() - 30_000
    alertmanager = Alertmanager(tmp_path, posted.url)
    with alertmanager:
        tell((alertmanager,), lambda channel: channel.send(event(EventKind.FIRING, "web-01", since_ms=since_ms)))
        posted.wait(lambda one: one["status"] == "firing")
    with alertmanager:
        assert alertmanager.alerts() == []
        now = event(EventKind.UPDATE, "web-01", since_ms=since_ms)
        assert tell((alertmanager,), lambda channel: channel.refresh([now], now_ms())) == ""
        [found] = alertmanager.found("instance=web-01")
        assert found["status"]["state"] in ("active", "unprocessed")
        tell((alertmanager,), lambda channel: channel.send(event(EventKind.RESOLVED, "web-01", since_ms=since_ms)))
        last = posted.wait(lambda one: one["status"] == "resolved")
        assert _of(last) == {"web-01": "resolved"}


def test_two_peers_of_a_cluster_tell_once(tmp_path: Path, posted: Posted) -> None:
    """Both are told by us and know the alert; of the two one tells people. With one of them dead the other suffices."""
    ports, since_ms = (free_port(), free_port()), now_ms() - 30_000
    first = Alertmanager(tmp_path / "a", posted.url, cluster=ports)
    second = Alertmanager(tmp_path / "b", posted.url, cluster=ports[::-1])
    with first, second:
        posted_peers = (first, second)
        _until(lambda: first.peers() == second.peers() == 2)
        page = event(EventKind.FIRING, "web-01", since_ms=since_ms)
        assert tell(posted_peers, lambda channel: channel.send(page)) == ""
        assert [len(peer.found("instance=web-01")) for peer in posted_peers] == [1, 1]
        posted.wait(lambda one: one["status"] == "firing")
        _until(lambda: first.asked_log() >= 1 and second.asked_log() >= 1)  # the slower one, too, has decided
        assert [one["status"] for one in posted.all] == ["firing"]
        second.kill()
        over = event(EventKind.RESOLVED, "web-01", since_ms=since_ms)
        assert "refused" in tell(posted_peers, lambda channel: channel.send(over))
        posted.wait(lambda one: one["status"] == "resolved")
    assert [one["status"] for one in posted.all] == ["firing", "resolved"]


def _until(what: Callable[[], bool]) -> None:
    wait_for(what, 30)


OURS = {
    "haidang": "only ours: what Alertmanager's payload has no place for",
    "alerts[].labels.incident": "only ours: for Alertmanager labels are identity, and an incident's number is none",
    "groupLabels.incident": "ours is grouped by incident; Alertmanager's by what its route says",
    "commonLabels.incident": "as above",
}
THEIRS = {
    "groupLabels.site": "the test's route groups by site",
    "alerts[].annotations.incident": "the number stands there instead of among the labels",
    "commonAnnotations.incident": "as above",
}
"""Where the payloads differ in shape, and why."""


def _shape(value: Any, path: str = "") -> dict[str, str]:
    """Path of each leaf -> its type; of a list the shape of its members."""
    if path == "haidang":
        return {path: "ours"}
    if isinstance(value, dict):
        return {key: kind for name, one in value.items() for key, kind in _shape(one, f"{path}.{name}".lstrip(".")).items()}
    if isinstance(value, list):
        return {key: kind for one in value for key, kind in _shape(one, f"{path}[]").items()}
    return {path: type(value).__name__}


@pytest.mark.parametrize("kind", [EventKind.FIRING, EventKind.RESOLVED])
def test_our_webhook_has_the_shape_of_alertmanagers(tmp_path: Path, posted: Posted, kind: EventKind) -> None:
    """For the same alert the same keys and types, and the same values where both know them; the differences are listed."""
    since_ms = now_ms() - 30_000
    with Alertmanager(tmp_path, posted.url) as alertmanager:
        tell((alertmanager,), lambda channel: channel.send(event(EventKind.FIRING, "web-01", since_ms=since_ms)))
        theirs = posted.wait(lambda one: one["status"] == "firing")
        said = event(kind, "web-01", since_ms=since_ms)
        if kind is EventKind.RESOLVED:
            tell((alertmanager,), lambda channel: channel.send(said))
            theirs = posted.wait(lambda one: one["status"] == "resolved")
    ours = json.loads(make_body(WebhookEntry(url="http://127.0.0.1"), said, "").data)
    our_shape, their_shape = _shape(ours), _shape(theirs)
    assert {path for path in our_shape if path not in their_shape} == set(OURS)
    assert {path for path in their_shape if path not in our_shape} == set(THEIRS)
    assert {path: kind for path, kind in our_shape.items() if path not in OURS} == {
        path: kind for path, kind in their_shape.items() if path not in THEIRS
    }
    [our], [their] = ours["alerts"], theirs["alerts"]
    assert {name: text for name, text in our["labels"].items() if name != "incident"} == their["labels"]
    assert {name: text for name, text in their["annotations"].items() if name != "incident"} == our["annotations"]
    for key in ("status", "generatorURL"):
        assert our[key] == their[key], key
    for key in ("startsAt", "endsAt"):  # as moments: Go drops zeros at the end
        assert datetime.fromisoformat(our[key]) == datetime.fromisoformat(their[key]), key
    assert (ours["version"], ours["status"], ours["truncatedAlerts"]) == ("4", theirs["status"], theirs["truncatedAlerts"])
