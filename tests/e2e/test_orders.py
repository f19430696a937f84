"""Orders from the centre with real processes: an agent that knows its URL and token alone is told what to do, and says what it
made of it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent import wire
from agent.orders import decode
from tests.e2e.crowd import Crowd, Member, _answer
from tests.e2e.ground import Books, Centre, Enrolled, Station, now_ms
from tests.e2e.line import Line, Mode
from tests.servers import wait_for

pytestmark = pytest.mark.e2e

BOX, DEVICE = "box", "door"


@pytest.fixture
def server() -> Iterator[int]:
    """Something that listens at a TCP port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


class Ordering:
    """A centre whose inventory a test writes, and its agents' stations."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        self.inventory = folder / "inventory"
        self.inventory.mkdir()
        (folder / "modules.yml").write_text("modules:\n  port: {prober: tcp, timeout: 2s}\n")
        self.write("")
        config = f"inventory: {self.inventory}\nprobes: {{module_files: [{folder / 'modules.yml'}]}}\n"
        self.centre = Centre(folder / "centre", config)
        self.enrolled = self.centre.enrol(*names)

    def write(self, text: str) -> None:
        """What the inventory says of targets."""
        (self.inventory / "all.yml").write_text(f"sites: [{{id: dic}}]\ntargets:\n{text}" if text else "sites: [{id: dic}]\n")

    def reload(self) -> None:
        """The collector reads it again."""
        done = self.centre.said().count("inventory reloaded")
        self.centre.signal(signal.SIGHUP)
        wait_for(lambda: self.centre.said().count("inventory reloaded") > done, 30, self.centre.said)

    def station(self, name: str = BOX, more: str = "", url: str = "") -> Station:
        """An agent's machine."""
        station = Station(self.folder / name, name, self.enrolled[name], url or self.centre.url)
        if more:
            station.config.write_text(station.config.read_text() + more)
        return station

    def orders(self, name: str = BOX) -> dict[str, Any]:
        """What the centre knows of an agent's orders."""
        agents = json.loads(self.centre.page("/api/v1/agents")[1] or '{"agents": []}')["agents"]
        return next((one["orders"] for one in agents if one["id"] == name), {})

    def state(self, target: str = DEVICE) -> str:
        """The state of a target."""
        return str(json.loads(self.centre.page(f"/api/v1/targets/{target}")[1] or "{}").get("state", ""))


def probed(port: int, via: str = BOX, target: str = DEVICE) -> str:
    """A target with one probe each second."""
    return (
        f"  - {{id: {target}, site: dic, class: server, via: {via}, address: 127.0.0.1,"
        f" interval_s: 1, probes: [{{module: port, port: {port}}}]}}\n"
    )


def test_an_agent_is_told_what_to_probe_and_told_again_when_it_changes(tmp_path: Path, server: int) -> None:
    """It begins to probe, and stops; its copy is its own to read, and is gone with the orders."""
    world = Ordering(tmp_path, BOX)
    with world.centre, world.station() as box:
        wait_for(lambda: world.orders().get("state") == "current", 30, box.said)
        assert world.orders()["runs"] == "none"
        world.write(probed(server))
        world.reload()
        wait_for(lambda: world.state() == "up", 30, lambda: f"{world.orders()} {box.said()[-3000:]}")
        assert world.orders()["state"] == "current"
        tag = world.orders()["runs"]
        copy = tmp_path / BOX / "orders"
        assert copy.stat().st_mode & 0o777 == 0o600
        said = [line for line in world.centre.page("/metrics")[1].splitlines() if line.startswith("haidang_agent_orders_")]
        labels = f'instance="{BOX}",site="dic",class="server"'
        assert said == [
            f'haidang_agent_orders_info{{tag="{tag}",refused="",{labels}}} 1.0',
            f"haidang_agent_orders_current{{{labels}}} 1.0",
        ]
        assert "current" in world.centre.command("agent", "list")
        page = world.centre.page(f"/metrics/targets/{DEVICE}")[1]
        assert 'probe_success{module="port",instance="door",site="dic",class="server"} 1' in page
        world.write("")
        world.reload()
        wait_for(lambda: world.orders().get("runs") == "none", 30, box.said)
        wait_for(lambda: not copy.exists(), 10, box.said)


def test_a_bad_order_is_refused_and_shown_and_what_ran_goes_on(tmp_path: Path, server: int) -> None:
    """The machine's own file forbids; the centre says why, once, and the orders before stay, also over a restart."""
    world = Ordering(tmp_path, BOX)
    world.write(probed(server))
    with world.centre, world.station(more="orders:\n  allow_addresses: [127.0.0.0/24]\n") as box:
        wait_for(lambda: world.state() == "up", 30, box.said)
        tag = world.orders()["runs"]
        world.write(probed(server) + probed(server, target="far").replace("127.0.0.1", "192.0.2.1"))
        world.reload()
        wait_for(lambda: world.orders().get("state") == "refused", 30, box.said)
        assert "192.0.2.1" in world.orders()["detail"]
        assert world.orders()["runs"] == tag
        assert "refuses its orders: probe 'port' of 'far'" in world.centre.command("agent", "list")
        assert world.centre.said().count("refuses its orders") == 1
        box.stop()
        box.start()
        wait_for(lambda: world.orders().get("state") == "refused", 30, box.said)
        assert world.orders()["runs"] == tag
        assert world.state() == "up"


def test_an_agent_goes_on_with_its_orders_when_nobody_answers(tmp_path: Path, server: int) -> None:
    """Begun anew without a collector it probes by the copy on its disk; a copy that is broken is said and not used."""
    world = Ordering(tmp_path, BOX)
    world.write(probed(server))
    with world.centre, world.station() as box:
        wait_for(lambda: world.state() == "up", 30, box.said)
        assert box.stop() == 0
        world.centre.stop()
        box.start()
        # Heartbeats alone are one fact a collection; what it observes comes besides.
        box.wait_for_status(lambda s: s.spool.watermarks[0].reports > s.collections + 5)
        assert box.stop() == 0
        copy = tmp_path / BOX / "orders"
        copy.write_bytes(copy.read_bytes()[:-1] + b"!")
        box.start()
        wait_for(lambda: "its bytes are not what they were" in box.said(), 20, box.said)


def test_readers_of_the_host_are_ordered(tmp_path: Path) -> None:
    """The agent begins anew with them, and again without them."""
    world = Ordering(tmp_path, BOX)
    kinds = "[loadavg]"
    with world.centre, world.station() as box:
        wait_for(lambda: world.orders().get("state") == "current", 30, box.said)
        world.write(f"  - {{id: {BOX}, site: dic, class: server, via: {BOX}, readers: {{disable: {kinds}}}}}\n")
        world.reload()
        wait_for(lambda: world.orders().get("runs") not in ("", "none"), 30, box.said)
        ran = box.wait_for_status(lambda s: "loadavg" not in {reader.kind for reader in s.readers} and s.collections > 1)
        assert "meminfo" in {reader.kind for reader in ran.readers}
        assert world.orders()["state"] == "current"


def test_a_dead_agent_makes_what_it_watches_unknown_and_never_down(tmp_path: Path, server: int) -> None:
    """R9.8: killed, it is blind, and says so itself when it is back; no evidence against the device was ever written."""
    world = Ordering(tmp_path, BOX)
    world.write(probed(server))
    books = Books(world.centre.database)
    with world.centre, world.station() as box:
        wait_for(lambda: world.state() == "up", 30, box.said)
        wait_for((tmp_path / BOX / "observed").exists, 20, box.said)
        box.kill()
        killed_ms = now_ms()
        seen: set[str] = set()
        wait_for(lambda: seen.add(world.state()) or "unknown" in seen, 40, lambda: f"{seen}")
        assert "down" not in seen
        box.start()
        wait_for(lambda: world.state() == "up", 30, box.said)
        [blind] = wait_for(lambda: books.markers(BOX, "blind"), 20, box.said)
        assert blind["from_ms"] <= killed_ms + 1_000 < blind["until_ms"]
        assert blind["from_ms"] > killed_ms - 12_000
    assert not books.rows("SELECT 1 FROM evidence WHERE target = ? AND outcome = 'failed'", DEVICE)


def test_what_was_observed_behind_a_cut_line_counts_for_the_device(tmp_path: Path, server: int) -> None:
    """R9.8: the observations come late out of the spool, and no moment of the device is missing."""
    world = Ordering(tmp_path, BOX)
    world.write(probed(server))
    books = Books(world.centre.database)
    with world.centre, Line(world.centre.agent_port) as line:
        with world.station(url=f"https://127.0.0.1:{line.port}") as box:
            wait_for(lambda: world.state() == "up", 30, box.said)
            line.become(Mode.CUT)
            cut_ms = now_ms()
            wait_for(lambda: world.state() == "unknown", 40, box.said)
            line.become(Mode.OPEN)
            mended_ms = now_ms()
            box.drain()
        runs = books.rows(
            "SELECT first_t_ms, last_t_ms, count FROM evidence WHERE target = ? AND module = 'port' AND outcome = 'ok'"
            " ORDER BY first_t_ms", DEVICE,
        )  # fmt: skip
    inside = sum(run["count"] for run in runs if run["last_t_ms"] > cut_ms)
    assert inside >= (mended_ms - cut_ms) // 1_000 - 2
    gaps = [after["first_t_ms"] - before["last_t_ms"] for before, after in pairwise(runs)]
    assert max(gaps, default=0) < 2_500


def test_a_revoked_agent_stops_with_its_next_batch(tmp_path: Path) -> None:
    """`agent revoke` has returned: nothing that is sent afterwards is stored, and no orders are handed out."""
    world = Ordering(tmp_path, BOX, "other")
    enrolled = world.enrolled
    with world.centre:
        crowd = Crowd(world.centre.agent_port, enrolled, 1)
        gone, stays = crowd.members
        for _ in range(3):
            assert [asyncio.run(ask(world.centre, enrolled[BOX], one)) for one in (gone, stays)] == [200, 200]
        world.centre.command("agent", "revoke", BOX)
        assert asyncio.run(ask(world.centre, enrolled[BOX], gone)) == 401
        assert asyncio.run(ask(world.centre, enrolled[BOX], stays)) == 200


async def ask(centre: Centre, enrolled: Enrolled, member: Member) -> int:
    """One batch of a member on a connection of its own; the status of the answer."""
    member.collect()
    context = ssl.create_default_context(cadata=enrolled.ca_pem)
    reader, writer = await asyncio.open_connection("127.0.0.1", centre.agent_port, ssl=context, server_hostname="127.0.0.1")
    try:
        writer.write(member.request())
        status, body = await _answer(reader)
    finally:
        writer.transport.abort()
    if status == 200:
        member.acknowledge(body)
    return status


def test_a_change_reaches_a_hundred_agents_within_one_interval(tmp_path: Path, server: int) -> None:
    """Light agents over the real wire, a batch each second: each was told at once, and has fetched its own."""
    names = [f"box-{number:03}" for number in range(100)]
    world = Ordering(tmp_path, *names)
    with world.centre:
        world.write("".join(probed(server, via=name, target=f"door-{name}") for name in names))
        world.reload()
        begun = time.monotonic()
        fetched = asyncio.run(fetch_all(world, names))
        print(f"100 agents have their orders {time.monotonic() - begun:.2f} s after the reload")
    for name, body in fetched.items():
        [job] = decode(body).jobs
        assert (job.target, job.module.kind) == (f"door-{name}", "tcp")


async def fetch_all(world: Ordering, names: list[str]) -> dict[str, bytes]:
    """Each agent sends its batch at a moment of its own within the interval, and fetches when the answer names other orders."""
    crowd = Crowd(world.centre.agent_port, world.enrolled, 1)
    context = ssl.create_default_context(cadata=next(iter(world.enrolled.values())).ca_pem)

    async def live(number: int, member: Member) -> tuple[str, bytes]:
        await asyncio.sleep(number / 100)
        port = world.centre.agent_port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="127.0.0.1")
        try:
            member.collect()
            writer.write(member.request())
            status, body = await _answer(reader)
            assert status == 200, body
            tag = wire.decode_answer(body).config_tag
            token = world.enrolled[member.name].token
            writer.write(f"GET /v1/orders HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            status, body = await _answer(reader)
            assert (status, decode(body).tag) == (200, tag)
        finally:
            writer.transport.abort()
        return member.name, body

    return dict(await asyncio.gather(*(live(number, member) for number, member in enumerate(crowd.members))))
