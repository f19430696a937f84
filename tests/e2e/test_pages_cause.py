"""One cause, one page: a router with what is behind it; a collector that sees nothing itself, stands still, or whose clock is
put wrong; and the switch that tells when it does not even run.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.e2e.branch import instant_ms
from tests.e2e.netns import Network
from tests.e2e.pages import Ground, Hook, Plan, Scene, check_order, sleep_until, webhook
from tests.e2e.worlds import Dial
from tests.servers import wait_for

pytestmark = pytest.mark.e2e

STILL_S = 12
"""Five times as long as a sample here holds."""
BEHIND = ("web", "mail", "dns")


def test_a_router_dies_with_all_behind_it(tmp_path: Path) -> None:
    """One page for the router and one resolved, twice over; what stays dead after its return pages by itself."""
    scene = Scene(tmp_path, {"gate": "class: router", **dict.fromkeys(BEHIND, "parents: [gate]")})
    with Hook() as noc, scene.centre_with({"noc": webhook(noc)}, Plan(holding=Plan().holding.replace("5m", "0s"))):
        for count in (1, 2):
            for name in (*BEHIND, "gate"):
                scene.services[name].die()
            page = noc.wait("firing", "gate", count=count)
            scene.wait(gate="down", web="unreachable", mail="unreachable", dns="unreachable")
            for name in BEHIND:
                scene.wait_held(name, "parent_down")
            assert page.subjects == {"gate"}, noc.told()
            for name in ("gate", *BEHIND)[: 4 if count == 1 else 3]:
                scene.services[name].live()
            noc.wait("resolved", "gate", count=count)
        page = noc.wait("firing", "dns")
        assert page.subjects == {"dns"}
        scene.wait(gate="up", web="up", mail="up", dns="down")
        scene.services["dns"].live()
        noc.wait("resolved", "dns")
    heard = [(event, *sorted(post.subjects)) for event, id_ in noc.ids() for post in noc.posts if post.event_id == id_]
    assert [one for one in heard if one[0] == "firing"] == [("firing", "gate"), ("firing", "gate"), ("firing", "dns")], (
        noc.told()
    )
    assert [one[0] for one in heard].count("resolved") == 3, noc.told()
    check_order(noc.posts)
    scene.close()


@pytest.mark.debian
def test_a_collector_that_sees_nothing(tmp_path: Path) -> None:
    """It accuses no target, and says so of itself through the receiver that it still reaches; with its sight back that is
    resolved, and nothing else was said."""
    with Network() as net:
        net.host("centre", "net")
        cable = net.join("net", "10.9.0.2/30", "centre", "10.9.0.1/30")
        net.ip("net", "address", "add", "192.0.2.1/32", "dev", "lo")
        net.route("centre", "default", "10.9.0.2")
        dial, ground = Dial(tmp_path / "clock"), Ground("10.9.0.2", lambda: net.inside("net"))
        scene = Scene(tmp_path / "scene", {"web": "", "mail": ""}, ground, "192.0.2.1", dial)
        with net.inside("centre"), Hook() as noc, scene.centre_with({"noc": webhook(noc)}):
            net.pull(cable)
            page = noc.wait("firing", "collector", 45)
            assert page.kinds == {("collector", "collector")}
            assert page.payload["alerts"][0]["labels"]["name"] == "blind", page.payload
            scene.wait(web="unknown", mail="unknown")
            net.plug(cable)
            scene.settle()
            sleep_until(dial, lambda: noc.of("resolved", "collector"), noc.told)
            assert len(noc.posts) == 2, noc.told()
            scene.services["web"].die()
            noc.wait("firing", "web")
            assert len(noc.posts) == 3, noc.told()
        check_order(noc.posts)
        scene.close()


def test_a_collector_that_stands_still(tmp_path: Path) -> None:
    """The dead man's switch beats while it runs, and is silent while it is stopped for longer than any sample holds; going on
    it pages nobody for that time."""
    scene = Scene(tmp_path, {"web": "", "mail": ""})
    with Hook() as noc, Hook() as watch:
        beats = watch.beats
        more = f"heartbeat: [{{url: '{watch.url}', every: 1s}}]\n"
        with scene.centre_with({"noc": webhook(noc)}, Plan(more=more)):
            wait_for(lambda: len(beats) >= 3, 20, scene.said)
            scene.centre.signal(signal.SIGSTOP)
            wait_for(lambda: time.monotonic() - beats[-1] > STILL_S, 40)
            scene.centre.signal(signal.SIGCONT)
            count = len(beats)
            wait_for(lambda: len(beats) >= count + 3, 20, scene.said)
            scene.wait(web="up", mail="up")
            assert noc.posts == [], noc.told()
            scene.services["web"].die()
            noc.wait("firing", "web")
            assert len(noc.posts) == 1, noc.told()
    scene.close()


def test_steps_of_the_wall_clock(tmp_path: Path) -> None:
    """An hour on, then two back: nobody is paged for a target, and a page that is due comes with the time that passed, not with
    the step. The step itself is told."""
    dial = Dial(tmp_path / "clock")
    scene = Scene(tmp_path / "scene", {"web": "", "mail": ""}, dial=dial)
    with Hook() as noc, scene.centre_with({"noc": webhook(noc)}):
        before_ms = dial.now_ms()
        dial.set_wall(3_600_000)
        page = noc.wait("firing", "collector")
        assert page.payload["commonLabels"]["name"] == "clock", page.payload
        scene.services["web"].die()
        page = noc.wait("firing", "web")
        [since] = [one["startsAt"] for one in page.payload["alerts"]]
        assert before_ms <= instant_ms(since) <= dial.now_ms()
        dial.set_wall(-7_200_000)
        scene.wait(web="down", mail="up")
        scene.services["web"].live()
        noc.wait("resolved", "web")
    assert {kind for post in noc.posts for kind in post.kinds} == {("web", "down"), ("collector", "collector")}, noc.told()
    check_order(noc.posts)
    scene.close()
