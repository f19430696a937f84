"""A site behind a line, out of network namespaces: the centre, the province's network, the line, and behind the site's router
an agent's machine, a room's codec and a switch.

    centre 10.9.0.1 -- net (192.0.2.1) -- line -- gate 10.9.1.2 -- box 10.9.2.2, room 10.9.3.2, switch 10.9.4.2

The collector and the agent are the real programs on real clocks, and the agent takes its orders from the centre. The test
itself sits at the centre.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from collector.core.state import Span, View
from collector.report.rfc3339 import instant
from tests.agent.probes.h323_terminal import RELEASE_COMPLETE, STATUS_ENQUIRY, cause, message
from tests.e2e.branch import court_of
from tests.e2e.ground import Books, Centre, Station, now_ms
from tests.e2e.netns import Network
from tests.e2e.snmpd import COMMUNITY, Snmpd
from tests.servers import wait_for

LINE, GATE, BOX, ROOM, SWITCH = "line", "gate", "box", "room", "switch"
FAR = ("10.9.0.0/16", "10.9.1.2/32")
"""What the province's network sends over the line: the site's networks, and the far end itself."""
H323 = 1720
LATE_MS = 4_000
TTL_MS = 5_000
"""How long a sample of the probes here holds: 2.5 intervals."""
MODULES = """\
modules:
  echo: {prober: icmp, timeout: 800ms, icmp: {preferred_ip_protocol: ip4}}
  codec: {prober: h323, timeout: 900ms}
"""
INVENTORY = f"""\
uplinks:
  - {{id: wan, references: [192.0.2.1], via: collector}}
sites:
  - {{id: branch, name: Chi nhánh, name_en: Branch, link: {LINE}, uplink: wan, agent: {BOX}}}
targets:
  - {{id: {LINE}, site: branch, class: link, via: collector, address: 10.9.1.2, interval_s: 2, fail_after: 2,
     probes: [{{module: echo, retry_s: 1}}]}}
  - {{id: {GATE}, site: branch, class: router, address: 10.9.2.1, interval_s: 2, fail_after: 2, parents: [{LINE}],
     probes: [{{module: echo, retry_s: 1}}]}}
  - {{id: {BOX}, site: branch, class: server, via: {BOX}, interval_s: 2, parents: [{LINE}]}}
  - {{id: {ROOM}, site: branch, class: room, via: collector, also_via: [{BOX}], address: 10.9.3.2, interval_s: 2,
     fail_after: 2, parents: [{LINE}], probes: [{{module: echo, retry_s: 1}}, {{module: codec, retry_s: 1}}]}}
  - {{id: {SWITCH}, site: branch, class: switch, address: 10.9.4.2, interval_s: 5, parents: [{LINE}],
     snmp: {{auth: site, port: 1161, timeout_s: 0.5, retries: 0, ping: false}}}}
"""


class Behind:
    """See the module. `open` it; then everything works and every state is known."""

    def __init__(self, folder: Path, inventory: str = INVENTORY) -> None:
        self._folder = folder
        (folder / "inventory").mkdir()
        (folder / "inventory" / "all.yml").write_text(inventory, encoding="utf-8")
        (folder / "modules.yml").write_text(MODULES)
        auths = folder / "auths.yml"
        auths.write_text(f"auths:\n  site: {{community: {COMMUNITY}}}\n")
        auths.chmod(0o600)
        self._config = (
            f"inventory: {folder / 'inventory'}\nlate_after_s: {LATE_MS // 1000}\nsnmp: {{auths_file: {auths}}}\n"
            f"probes: {{module_files: [{folder / 'modules.yml'}]}}\n"
        )
        self.net = Network()

    @contextlib.contextmanager
    def open(self) -> Iterator[Behind]:
        """Everything runs, and the test sits at the centre."""
        with self.net, contextlib.ExitStack() as stack:
            self._lay()
            stack.enter_context(self._codec())
            with self.net.inside(SWITCH):
                snmpd = Snmpd(self._folder / "snmpd", host="10.9.4.2", port=1161)
                stack.enter_context(snmpd)
            stack.enter_context(self.net.inside("centre"))
            self.centre = Centre(self._folder / "centre", self._config)
            listen = f"127.0.0.1:{self.centre.agent_port}\n"
            text = self.centre.config.read_text()
            self.centre.config.write_text(text.replace(listen, f"0.0.0.0:{self.centre.agent_port}\n  names: [10.9.0.1]\n"))
            enrolled = self.centre.enrol(BOX)
            self.books = Books(self.centre.database)
            stack.enter_context(self.centre)
            url = f"https://10.9.0.1:{self.centre.agent_port}"
            self.box = Station(self._folder / BOX, BOX, enrolled[BOX], url, interval_s=2)
            self.start_box()
            stack.callback(self.box.stop)
            yield self

    def _lay(self) -> None:
        net = self.net
        net.host("centre", BOX, ROOM, SWITCH)
        net.host("net", GATE, forwards=True)
        net.ip("net", "address", "add", "192.0.2.1/32", "dev", "lo")
        self.uplink = net.join("net", "10.9.0.2/30", "centre", "10.9.0.1/30")
        self.line = net.join("net", "10.9.1.1/30", GATE, "10.9.1.2/30")
        net.route("centre", "default", "10.9.0.2")
        net.route("net", FAR[0], "10.9.1.2")
        net.route(GATE, "default", "10.9.1.1")
        for number, host in ((2, BOX), (3, ROOM), (4, SWITCH)):
            cable = net.join(GATE, f"10.9.{number}.1/30", host, f"10.9.{number}.2/30")
            net.route(host, "default", f"10.9.{number}.1")
            if host == ROOM:
                self.room = cable

    @contextlib.contextmanager
    def _codec(self) -> Iterator[None]:
        """What answers the room's calls: it says that there is no such call."""
        with self.net.inside(ROOM):
            listener = socket.create_server(("10.9.3.2", H323))
            loop = asyncio.new_event_loop()
        end = asyncio.Event()

        async def serve() -> None:
            server = await asyncio.start_server(_answer, sock=listener)
            await end.wait()
            server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        thread = self.net.on(ROOM, lambda: loop.run_until_complete(serve()))
        try:
            yield
        finally:
            loop.call_soon_threadsafe(end.set)
            thread.join(10)
            loop.close()

    # --- what happens

    def start_box(self) -> None:
        """The agent runs."""
        with self.net.inside(BOX):
            self.box.start()

    def mend_line(self) -> int:
        """The line's cable is in again; when."""
        self.net.plug(self.line, (FAR[0], "10.9.1.2"))
        return now_ms()

    # --- what is read back

    def states(self, view: View) -> dict[str, str]:
        """What the running collector calls each target in a view."""
        status, body = self.centre.page("/api/v1/subjects?limit=1000")
        found = json.loads(body)["subjects"] if status == 200 else []
        return {one["id"]: one["views"][view.value]["state"] for one in found}

    def wait(self, view: View, seconds: float = 40.0, **wanted: str) -> int:
        """Until the states are these; when that was."""
        wait_for(lambda: self._holds(view, wanted), seconds, lambda: f"{self.states(view)} not {wanted}\n{self.said()}")
        return now_ms()

    def _holds(self, view: View, wanted: dict[str, str]) -> bool:
        states = self.states(view)
        return all(states.get(id_) == state for id_, state in wanted.items())

    def watch(self, until: Callable[[], object], seconds: float = 40.0) -> set[tuple[str, str, str]]:
        """Every state in every view (target, view, state) that was shown until something is true."""
        seen: set[tuple[str, str, str]] = set()

        def look() -> bool:
            for view in View:
                seen.update((id_, view.value, state) for id_, state in self.states(view).items())
            return bool(until())

        wait_for(look, seconds, lambda: f"{sorted(seen)}\n{self.said()}")
        return seen

    def delivered(self, since_ms: int) -> bool:
        """Whether the agent has handed over everything that it held at a moment."""
        status = self.box.status()
        return (
            status is not None
            and status.uplink.state.value == "ok"
            and status.uplink.last_success_at_ms > since_ms
            and sum(mark.reports for mark in status.spool.watermarks) <= 8
        )

    def back(self, since_ms: int) -> None:
        """Until everything is up, and the agent has delivered what it held since then."""
        self.wait(View.DEVICE, **dict.fromkeys((LINE, GATE, BOX, ROOM, SWITCH), "up"))
        self.wait(View.E2E, **dict.fromkeys((LINE, ROOM, BOX), "up"))
        wait_for(lambda: self.delivered(since_ms), 40, self.said)

    def explain(self, id_: str, from_ms: int, until_ms: int) -> str:
        """What the command says of a period."""
        return self.centre.command("explain", id_, "--from", instant(from_ms), "--to", instant(until_ms))

    def spans(self, id_: str, view: View, from_ms: int, until_ms: int) -> list[Span]:
        """Spans within a period, judged anew from what the database holds."""
        return list(court_of(self.centre.database, (from_ms, until_ms), now_ms()).spans(id_, view))

    def said(self) -> str:
        """What the programs said last."""
        return f"{self.centre.said()[-1500:]}\n{self.box.said()[-1500:]}"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(head[2:], "big") - 4)
            if body[4] == STATUS_ENQUIRY:
                writer.write(message(RELEASE_COMPLETE, int.from_bytes(body[2:4], "big"), cause(81)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()
