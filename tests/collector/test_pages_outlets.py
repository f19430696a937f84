"""Receivers as they run beside the outbox: what is told again bears the same link all day."""

from __future__ import annotations

from pathlib import Path

from collector.core.alert import Severity
from collector.core.incident import IncidentState
from collector.core.notice import EventKind, IncidentFacts, Notice
from collector.notify.dispatch import Dispatcher
from collector.notify.settings import ReceiverEntry, WebhookEntry
from collector.oncall import OnCallFile
from collector.pages_outlets import Outlets
from collector.store.store import Store

NOON = 1_772_427_600_000
HOUR = 3_600_000
INCIDENT = IncidentFacts("a" * 16, 7, IncidentState.OPEN, Severity.CRITICAL, "dic", "", "", NOON, NOON)


async def test_what_is_told_again_bears_a_link_that_opens_and_stays_the_same_all_day(tmp_path: Path) -> None:
    """A receiver that forgets is told each minute: with another link each time its readers would see another alert."""
    now = [NOON]
    store = await Store.open(f"sqlite:///{tmp_path / 'haidang.db'}")
    try:
        dispatcher = Dispatcher(store, lambda: now[0])
        outlets = Outlets(dispatcher, tmp_path, "Asia/Ho_Chi_Minh", lambda: now[0])
        hook = ReceiverEntry(webhook=WebhookEntry(url="http://127.0.0.1:9/"))
        await outlets.follow(OnCallFile(receivers={"noc": hook}, folder=tmp_path, link="https://haidang.example.vn"))
        first = outlets.delivery(Notice(EventKind.FIRING, NOON, INCIDENT), "noc", "e-1")
        now[0] += HOUR
        again = outlets.delivery(Notice(EventKind.FIRING, now[0], INCIDENT), "noc", "e-1")
        assert first.url == again.url == again.notice.url
        token = again.url.removeprefix("https://haidang.example.vn/incidents/")
        assert outlets.links is not None
        claim = outlets.links.read_view(token, now[0])
        assert claim is not None
        assert claim.incident == INCIDENT.uid
        assert outlets.delivery(Notice(EventKind.TEST, NOON), "noc", "t").url == ""
        await dispatcher.close()
    finally:
        await store.close()
