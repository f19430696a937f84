"""The collector is killed at the worst moments: between a death and its confirmation, in the middle of a hold, while a receiver
has the page and has not answered, while receivers are down. Every event arrives, twice only under the same id, in order; no
incident pages a second time.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.e2e.pages import CUT, Hook, Plan, Post, Scene, check_order, webhook
from tests.servers import wait_for

pytestmark = pytest.mark.e2e


def test_killed_before_an_outage_was_confirmed(tmp_path: Path) -> None:
    """What died while nobody watched, or a moment before, pages once after the start."""
    scene = Scene(tmp_path, {"web": "fail_after: 3", "other": ""})
    with Hook() as noc:
        scene.call({"noc": webhook(noc)})
        with scene.centre:
            scene.settle()
            scene.services["web"].die()
            failed = "SELECT 1 FROM evidence WHERE target = 'web' AND outcome = 'failed'"
            wait_for(lambda: scene.books.rows(failed), 10, scene.said)
            scene.centre.kill()
            assert noc.posts == []
        with scene.centre:
            noc.wait("firing", "web")
            scene.services["web"].live()
            noc.wait("resolved", "web")
            scene.wait(web="up", other="up")
    assert [event for event, _ in noc.ids()] == ["firing", "resolved"]
    check_order(noc.posts)
    scene.close()


def test_killed_in_the_middle_of_a_hold(tmp_path: Path) -> None:
    """While a parent that says nothing is looked at again and again, nobody is paged; the start goes on with that, and once the
    parent is seen the page comes, once."""
    scene = Scene(
        tmp_path,
        {
            "gate": "class: router, interval_s: 5, fail_after: 30, probes: [{module: greet, port: PORT, retry_s: 5}]",
            "web": "parents: [gate]",
        },
    )
    with Hook() as noc:
        scene.call({"noc": webhook(noc)})
        with scene.centre:
            scene.settle()
            scene.services["gate"].speaks.clear()
            scene.services["web"].die()
            scene.wait_held("web", "parent_checked")
            restart(scene)
            scene.wait_held("web", "parent_checked")
            assert noc.posts == []
            scene.services["gate"].speaks.set()
            noc.wait("firing", "web", 15)
            scene.services["web"].live()
            noc.wait("resolved", "web")
    assert [event for event, _ in noc.ids()] == ["firing", "resolved"], noc.told()
    check_order(noc.posts)
    scene.close()


def test_killed_while_the_receiver_has_it(tmp_path: Path) -> None:
    """The receiver took the page, and the collector died before it had the answer: the same event comes again under the same
    id, and nothing pages a second time. So with the resolved."""
    scene = Scene(tmp_path, {"web": ""})
    with Hook() as noc:
        deadly, dead = {"firing", "resolved"}, threading.Event()

        def answer(post: Post) -> int:
            if post.event in deadly:
                deadly.discard(post.event)
                scene.centre.kill()
                dead.set()
                return CUT
            return 200

        noc.answer = answer
        scene.call({"noc": webhook(noc)})
        with scene.centre:
            scene.settle()
            scene.services["web"].die()
            assert dead.wait(30), scene.said()
            dead.clear()
            scene.centre.start()
            firing = noc.wait("firing", "web", count=2)
            assert firing.attempt == 2
            scene.wait_held("web", "paged")
            scene.services["web"].live()
            assert dead.wait(30), scene.said()
            scene.centre.start()
            noc.wait("resolved", "web", count=2)
            scene.wait_delivered()
    assert [event for event, _ in noc.ids()] == ["firing", "resolved"], noc.told()
    assert len(noc.posts) == 4, noc.told()
    check_order(noc.posts)
    scene.close()


def test_killed_while_rows_wait(tmp_path: Path) -> None:
    """A receiver that is down through a whole incident and three kills gets the page, then the resolved, each once; one that is
    up gets them at once and not again."""
    scene = Scene(tmp_path, {"web": ""})
    with Hook() as noc, Hook() as late:
        scene.call({"noc": webhook(noc), "late": webhook(late)}, Plan(notify=("noc", "late")))
        late.close()
        with scene.centre:
            scene.settle()
            scene.services["web"].die()
            noc.wait("firing", "web")
            restart(scene)
            scene.services["web"].live()
            noc.wait("resolved", "web")
            restart(scene)
            scene.wait(web="up")
            late.open()
            late.wait("resolved", "web", 40)
            restart(scene)
            scene.wait(web="up")
            scene.wait_delivered()
    for hook in (noc, late):
        assert [event for event, _ in hook.ids()] == ["firing", "resolved"], hook.told()
        check_order(hook.posts)
    assert noc.ids() == late.ids()
    scene.close()


def restart(scene: Scene) -> None:
    """As after a power cut."""
    scene.centre.kill()
    scene.centre.start()
