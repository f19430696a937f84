"""Orders from the centre with real processes: an agent that knows its URL and token alone is told what to do, and says what it
made of it."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ground import Centre, Station
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
