"""A new user's way: an on-call file, a service that dies, a signed page, somebody who acknowledges it, and its end; in both
languages. Then what people mute on purpose.
"""

from __future__ import annotations

import http.client
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.pages import KEY, Hook, Plan, Scene, webhook
from tests.servers import ROOT, Program, free_port, wait_for

pytestmark = pytest.mark.e2e


def test_from_a_death_to_the_end_of_its_incident(tmp_path: Path) -> None:
    """One signed page to each receiver in its language, verified by the example receiver; acknowledged by its link's button
    alone; listed, explained and resolved."""
    port = free_port()
    scene = Scene(tmp_path, {"portal": ""})
    example = Program(
        [sys.executable, str(ROOT / "config/webhook_receiver.py"), str(port)], tmp_path, "example", {"HAIDANG_WEBHOOK_KEY": KEY}
    )
    with example, Hook() as vi, Hook() as en:
        scene.call(
            {
                "example": f"webhook: {{url: 'http://127.0.0.1:{port}/', secret_file: {scene.key.name}}}",
                "vi": webhook(vi, f"secret_file: {scene.key.name}"),
                "en": webhook(en, language="en"),
            },
            Plan(notify=("example", "vi", "en")),
        )
        scene.person("an", "operator")
        assert "portal" in scene.centre.command("route", "explain", "portal", "critical")
        with scene.centre:
            scene.settle()
            assert "an" not in scene.act("an", "incidents")
            scene.services["portal"].die()
            page = vi.wait("firing", "portal")
            assert re.fullmatch(r"v1=[0-9a-f]{64}", page.signature)
            assert "Máy chủ portal" in page.ours["subject"]
            told = en.wait("firing", "portal")
            assert "Server portal" in told.ours["subject"]
            assert (told.event_id, told.number, told.signature) == (page.event_id, 1, "")
            wait_for(lambda: f"NEW {page.event_id} {page.ours['subject']}" in example.said(), 10, example.said)
            scene.wait_held("portal", "paged")
            acknowledge(page.ours["acknowledge_url"], scene)
            assert vi.wait("acknowledged", "portal").ours["by"]
            listed = scene.act("an", "incidents")
            assert "Server portal" in listed
            assert "portal (Máy" in scene.act("an", "incidents", language="vi")
            scene.services["portal"].live()
            for hook in (vi, en):
                hook.wait("resolved", "portal")
            wait_for(lambda: "-2 " in example.said(), 10, example.said)
            shown = scene.act("an", "incidents", "show", "1")
            for line in ("by link of vi", "Trực ca A", "delivered", "example"):
                assert line in shown, shown
            explained = scene.centre.command("explain", "portal")
            assert "#1" in explained, explained
            assert example.said().count("NEW ") == 3, example.said()
    assert [event for event, _ in vi.ids()] == ["firing", "acknowledged", "resolved"]
    assert [post.event_id for post in en.posts] == [post.event_id for post in vi.posts], "each once, the same for everybody"
    scene.close()


def acknowledge(url: str, scene: Scene) -> None:
    """Opening the link changes nothing; one that was changed is refused; its button acknowledges, once."""
    parts = urlsplit(url)
    assert parts.port == scene.centre.port
    for _ in range(2):
        status, page = ask("GET", url)
        assert (status, "<button>" in page) == (200, True)
    assert "open" in scene.act("an", "incidents", "show", "1")
    token = parts.path.rpartition("/")[2]
    forged = url.replace(token, token[:-2] + ("AA" if not token.endswith("AA") else "BB"))
    for method in ("GET", "POST"):
        assert ask(method, forged)[0] == 403
    assert "Acknowledged" not in scene.act("an", "incidents", "show", "1")
    status, page = ask("POST", url, "name=Tr%E1%BB%B1c+ca+A")
    assert status == 200
    assert "Đã tiếp nhận" in page
    assert "<button>" not in ask("GET", url)[1]
    assert ask("POST", url, "name=B")[0] == 200, "whoever is second sees who was first"
    assert [row["actor"] for row in scene.books.rows("SELECT actor FROM audit WHERE act LIKE 'incident.%'")] == ["link:vi"]


def ask(method: str, url: str, body: str = "") -> tuple[int, str]:
    """Status and page of a link that somebody opens or whose button they press."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request(method, parts.path, body, {"Content-Type": "application/x-www-form-urlencoded"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_what_people_mute(tmp_path: Path) -> None:
    """A silence hides a page and says so when its end comes with the target still down, which pages then; a maintenance window
    hides one until somebody ends it. Whoever asks is told why nobody was."""
    scene = Scene(tmp_path, {"web": "", "mail": "", "dns": ""})
    with Hook() as noc, Hook() as chief:
        plan = Plan(more="silences: {notify: [chief]}\n")
        scene.call({"noc": webhook(noc, language="en"), "chief": webhook(chief, language="en")}, plan)
        for name, role in (("an", "operator"), ("binh", "approver"), ("chi", "approver")):
            scene.person(name, role)
        with scene.centre:
            scene.settle()
            period = ("--from", "now", "--for", "1h", "--reason", "moved", "--change", "CH-1")
            window = scene.act("binh", "maintenance", "add", "--target", "mail", *period).split()[0]
            scene.act("chi", "maintenance", "approve", window)  # it began a moment ago, so that somebody else must agree
            made = scene.act("an", "silence", "add", "instance=web", "--comment", "thay nguồn", "--for", "12s")
            for name in ("web", "mail"):
                scene.services[name].die()
            scene.wait_held("web", "silence")
            scene.wait_held("mail", "maintenance")
            assert "silence" in scene.centre.command("explain", "web")
            scene.services["dns"].die()
            noc.wait("firing", "dns")
            noc.wait("firing", "web")
            notice = chief.wait("notice")
            assert f" {notice.event_id.rpartition('-')[0]} " in f" {made} ".replace(":", " ").replace(",", " "), made
            assert notice.kinds == {("web", "down")} or "web" in str(notice.payload), notice.payload
            scene.act("binh", "maintenance", "end", window, "--reason", "done")
            noc.wait("firing", "mail")
            for service in scene.services.values():
                service.live()
            for name in scene.services:
                noc.wait("resolved", name)
    told = [(post.event, *sorted(post.subjects)) for post in noc.posts]
    assert told[:3] == [("firing", "dns"), ("firing", "web"), ("firing", "mail")], noc.told()
    assert sorted(told[3:]) == [("resolved", "dns"), ("resolved", "mail"), ("resolved", "web")], noc.told()
    assert [post.event for post in chief.posts] == ["notice"], chief.told()
    scene.close()
