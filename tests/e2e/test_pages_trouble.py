"""What goes wrong on the way: a database that takes nothing, a receiver whose certificate nobody knows, on-call files that
change while pages wait, and one that is wrong.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.pages import Hook, Plan, Scene, check_order, sleep_until, webhook
from tests.e2e.worlds import Dial
from tests.probes.certs import Shown, certs
from tests.servers import wait_for

pytestmark = pytest.mark.e2e


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another program writes, and does not end."""
    with contextlib.closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


def test_a_database_that_takes_nothing(tmp_path: Path) -> None:
    """The emergency receivers are told of it at once, past the database; the page of what died meanwhile comes when it can be
    written; the trouble is resolved; nothing comes twice."""
    dial = Dial(tmp_path / "clock")
    scene = Scene(tmp_path / "scene", {"web": "", "mail": ""}, dial=dial)
    with Hook() as noc, Hook() as chief:
        plan = Plan(more="emergency: [chief, noc]\n")
        with scene.centre_with({"noc": webhook(noc), "chief": webhook(chief)}, plan):
            with locked(scene.centre.database):
                scene.services["web"].die()
                for hook in (chief, noc):
                    page = hook.wait("firing", "collector", 90)
                    assert page.payload["commonLabels"]["name"] == "database", page.payload
                wait_for(lambda: "is decided again" in scene.said(), 60, scene.said)
                assert not noc.of("firing", "web")
            noc.wait("firing", "web")
            scene.wait_delivered()
            scene.wait(web="down", mail="up")
            scene.services["web"].live()
            noc.wait("resolved", "web")
            for hook in (chief, noc):
                sleep_until(dial, lambda hook=hook: hook.of("resolved", "collector"), hook.told)
    assert sorted((post.event, *post.subjects) for post in chief.posts) == [("firing", "collector"), ("resolved", "collector")]
    told = [("firing", "collector"), ("firing", "web"), ("resolved", "collector"), ("resolved", "web")]
    assert sorted((post.event, *post.subjects) for post in noc.posts) == told, noc.told()
    scene.close()


@pytest.mark.parametrize("shown", [certs().unknown_authority(), certs().expired()], ids=["unknown", "expired"])
def test_a_receiver_with_a_bad_certificate(tmp_path: Path, shown: Shown) -> None:
    """It is told nothing; that is called a failure of TLS, and its second channel gets the page in time. With a good
    certificate and its authority, after a reload, it gets the same event itself, and both get the resolved."""
    scene = Scene(tmp_path, {"web": ""})
    (tmp_path / "ca.pem").write_text(certs().ca_pem)
    with Hook(shown.context()) as noc, Hook() as second:
        receivers = {"noc": webhook(noc, fallback="second", confirm_within="2s"), "second": webhook(second)}
        with scene.centre_with(receivers):
            scene.services["web"].die()
            page = second.wait("firing", "web")
            wait_for(lambda: scene.books.rows("SELECT 1 FROM outbox WHERE receiver = 'noc' AND error LIKE 'tls: %'"), 10)
            assert noc.posts == []
            noc.use(certs().good().context())
            scene.call(receivers | {"noc": webhook(noc, "tls: {ca_file: ca.pem}", fallback="second", confirm_within="2s")})
            scene.reload()
            assert noc.wait("firing", "web", 40).event_id == page.event_id
            scene.services["web"].live()
            resolved = second.wait("resolved", "web")
            assert noc.wait("resolved", "web").event_id == resolved.event_id
    for hook in (noc, second):
        assert [post.event for post in hook.posts] == ["firing", "resolved"], hook.told()
        check_order(hook.posts)
    scene.close()


def test_on_call_files_that_change_while_pages_wait(tmp_path: Path) -> None:
    """A file that is wrong is refused with its place, and the one before goes on; so is one whose secrets cannot be read. What
    waits for a receiver goes where the next file says that it is."""
    scene = Scene(tmp_path, {"web": "", "mail": ""})
    with Hook() as old, Hook() as new:
        old.answer = lambda _: 503
        with scene.centre_with({"noc": webhook(old)}):
            scene.services["web"].die()
            page = old.wait("firing", "web")
            scene.call({"noc": webhook(new), "other": "webhook: {url: 'ftp://10.0.0.1/'}"}, Plan(notify=("nobody",)))
            scene.reload()
            place = f"{scene.oncall}:"
            wait_for(lambda: "reload refused" in scene.said(), 10, scene.said)
            refused = [line for line in scene.centre.said().splitlines() if "reload refused" in line]
            assert any(place in line and "nobody" in line for line in refused), refused
            old.wait("firing", "web", count=2)
            scene.call({"noc": webhook(new)}, Plan(more="heartbeat: [{url_file: absent}]\n"))
            scene.reload()
            wait_for(lambda: "reload refused: heartbeat" in scene.said(), 10, scene.said)
            old.wait("firing", "web", count=len(old.posts) + 1)
            assert new.posts == []
            scene.call({"noc": webhook(new)})
            scene.reload()
            assert new.wait("firing", "web").event_id == page.event_id
            scene.services["web"].live()
            new.wait("resolved", "web")
    assert not old.of("resolved")
    check_order([*old.posts, *new.posts])
    scene.close()


def test_a_key_of_links_that_others_may_read(tmp_path: Path) -> None:
    """A reload with it is refused and said; the next one, with the key private again, is taken."""
    scene = Scene(tmp_path, {"web": ""})
    with Hook() as noc, scene.centre_with({"noc": webhook(noc)}):
        key = scene.centre.data / "ack.key"
        key.chmod(0o644)
        scene.reload()
        wait_for(lambda: "reload refused" in scene.said(), 10, scene.said)
        key.chmod(0o600)
        scene.reload()
        wait_for(lambda: "reloaded" in scene.said(), 10, scene.said)
    scene.close()
