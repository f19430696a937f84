"""The province simulated: the real collector, and everything that it watches, in three processes until somebody stops it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import socket
import ssl
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from agent.enrolment import Identity, enrol
from agent.probes.probe import Job
from collector.config import Config, ConfigError, load
from collector.core.accounts import AccountError
from collector.ingest.enrol import make_code, open_authority, utc
from collector.inventory import COLLECTOR, Inventory, load_inventory
from collector.inventory.equipment import equip
from collector.inventory.probes import jobs_of
from collector.local.children import Child, LocalError, finish, say
from collector.local.words import Words
from collector.store.store import Store
from tests.province import walks
from tests.province.agents import Agent, Spool, states
from tests.province.cast import Cast, choose
from tests.province.derive import ECHO_PORT, SNMP_PORT, Ground, any_credentials, derive, derive_modules
from tests.province.devices import Devices, Scripted, scripted
from tests.province.machines import CONFIG, Meter, free_port, start_collector, start_snmpsim
from tests.province.pager import Page, Pager, derive_oncall
from tests.province.services import Door, Services, doors
from tests.province.town import Town
from tests.province.trouble import Act, Stage, acts
from tests.province.words import WORDS
from tests.servers import fetch

READY_S: Final = 60.0
LOOK_S: Final = 30.0
SHOWN: Final = 12


class Options(NamedTuple):
    """What a person may choose."""

    source: Path
    """The collector's own file, which names the inventory."""
    data: Path
    port: int
    base: int
    language: str
    trouble: tuple[float, float, float] | None
    """Seconds until the first trouble, between two beginnings, and that each lasts; None: nothing happens."""
    seconds: float
    """0: until somebody stops it."""


class Simulation:
    """`run` once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._words = WORDS[options.language]
        self._ground = Ground(options.data, options.base)
        self._began_s = time.monotonic()
        self._children: list[Child] = []
        self._agents: dict[str, Agent] = {}
        self._pager_key = b""
        self._pager_port = free_port()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises `LocalError` with what is in the way."""
        say(f"\n*** {self._words['mark']} ***\n{self._words['banner']}\n")
        if importlib.util.find_spec("snmpsim") is None:
            raise LocalError(self._words["snmpsim"])
        async with contextlib.AsyncExitStack() as stack:
            try:
                await self._live(stack, stop)
            except ConfigError as error:
                raise LocalError(self._words["refused"].format(problems=error)) from error
            except OSError as error:
                raise LocalError(self._words["taken"].format(error=error)) from error
            finally:
                say(f"\n{self._words['stopping']}")
                for child in reversed(self._children):
                    await asyncio.to_thread(finish, child, Words.of(self._options.language))

    async def _live(self, stack: contextlib.AsyncExitStack, stop: asyncio.Event) -> None:
        source, cast, town = self._prepared()
        if self._pager_key:
            pager = Pager(self._pager_key, self._paged)
            stack.push_async_callback(pager.close)
            await pager.open(self._pager_port)
        inventory = load_inventory(self._ground.folder / "inventory", None, self._config(), equip)
        names = sorted({observer for info in inventory.targets.values() for observer in info.observers} - {COLLECTOR})
        jobs = [job for observer in (COLLECTOR, *names) for job in jobs_of(inventory, observer)]
        codes = await self._codes(inventory, names)
        self._say("starting")
        player = free_port(socket.SOCK_DGRAM)
        self._children.append(start_snmpsim(self._ground.folder, player))
        played = await self._open(stack, inventory, town, cast, jobs, player)
        self._children.append(start_collector(self._ground.folder))
        devices = {id_: device for id_, device in played.items() if device is not None}
        self._say("world", targets=len(inventory.targets), sites=len(inventory.sites), agents=len(names), jobs=len(jobs),
                  devices=len(played), doors=len(doors(jobs, self._ground)))  # fmt: skip
        await self._until_ready()
        await self._enrol(stack, inventory, town, codes)
        self._say("open", port=self._options.port)
        pages = {job.target: job.address.partition("://")[2].partition(":")[0] for job in jobs if job.target == cast.page}
        places = {id_: entry.address or "" for id_, entry in inventory.entries.items()} | pages
        stage = Stage(town, cast, places, devices)
        tasks = [asyncio.create_task(self._watch()), asyncio.create_task(stop.wait())]
        if self._options.trouble is not None:
            tasks.append(asyncio.create_task(self._play(stage, source)))
        if self._options.seconds:
            tasks.append(asyncio.create_task(asyncio.sleep(self._options.seconds)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- preparing

    def _prepared(self) -> tuple[Inventory, Cast, Town]:
        """Write everything that the programs read."""
        folder = self._ground.folder
        (folder / "log").mkdir(parents=True, exist_ok=True, mode=0o700)
        self._say("making", folder=folder)
        config = load(self._options.source)
        source = load_inventory(Path(config.inventory), None, config, any_credentials)
        cast, town = choose(source), Town(folder / "certificates")
        derive_modules([Path(file) for file in config.probes.module_files], town.certificates.authority, self._ground)
        derive(source, Path(config.inventory), cast, self._ground)
        text = CONFIG.format(port=self._options.port, agent_port=self._agent_port)
        if config.oncall:
            ports = self._options.port, self._pager_port
            self._pager_key = derive_oncall(Path(config.oncall), folder, ports, self._options.language)
            text += "oncall: oncall.yml\n"
        (folder / "collector.yml").write_text(text, encoding="utf-8")
        walks.write(folder / "walks")
        return source, cast, town

    @property
    def _agent_port(self) -> int:
        return self._options.port + 1

    def _config(self) -> Config:
        return load(self._ground.folder / "collector.yml")

    async def _codes(self, inventory: Inventory, names: list[str]) -> dict[str, str]:
        """One-time codes for all agents, as `agent add` makes them."""
        data = self._ground.folder / "collector"
        data.mkdir(mode=0o700, exist_ok=True)
        now_ms = time.time_ns() // 1_000_000
        authority = open_authority(data, (), utc(now_ms))
        store = await Store.open(f"sqlite:///{data / 'haidang.db'}")
        found = {}
        try:
            for name in names:
                entry = inventory.entries.get(name)
                site, class_ = (entry.site, entry.class_) if entry is not None else (next(iter(inventory.sites)), "server")
                with contextlib.suppress(AccountError):  # it is there from the last time
                    await store.add_agent(name, site, class_, now_ms)
                code, hashed = make_code(authority)
                await store.create_code(name, hashed, now_ms + 600_000, now_ms)
                found[name] = code
        finally:
            await store.close()
        return found

    async def _open(
        self, stack: contextlib.AsyncExitStack, inventory: Inventory, town: Town, cast: Cast, jobs: list[Job], player: int
    ) -> dict[str, Scripted | None]:
        """Open all services and devices; the devices by target, with the ones that are played here."""
        services = Services(town)
        stack.push_async_callback(services.close)
        await services.open(doors(jobs, self._ground) | {Door("tcp", self._ground.port(ECHO_PORT), ECHO_PORT)})
        own, here = walks.own(), {cast.ups, cast.room, cast.host}
        played: dict[str, Scripted | None] = {}
        names: dict[str, str] = {}
        mine: dict[str, Scripted] = {}
        for entry in (entry for entry in inventory.entries.values() if inventory.chosen(entry).snmp is not None):
            name, device = walks.played_by(entry.class_), None
            if entry.id in here and name in own:
                device = mine[entry.address or ""] = scripted(own[name])
            names[entry.address or ""] = name
            played[entry.id] = device
        stack.callback(Devices(self._ground.port(SNMP_PORT), town, player, names, mine).close)
        return played

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while (await asyncio.to_thread(self._page, "/-/ready"))[0] != 200:
            self._check_children()
            if time.monotonic() > deadline:
                log, tail = self._children[-1].log, self._children[-1].tail()
                raise LocalError(self._words["not_ready"].format(seconds=int(READY_S), log=log, tail=tail))
            await asyncio.sleep(0.2)

    async def _enrol(self, stack: contextlib.AsyncExitStack, inventory: Inventory, town: Town, codes: dict[str, str]) -> None:
        """Redeem all codes over the wire, and let the agents live."""
        url, library = f"https://127.0.0.1:{self._agent_port}", inventory.equipment and inventory.equipment.library
        limit, context = asyncio.Semaphore(4), ssl.create_default_context()
        kept = self._ground.folder / "spools.json"
        spools = msgspec.json.decode(kept.read_bytes(), type=dict[str, Spool]) if kept.exists() else {}

        async def redeem(name: str) -> Identity:
            async with limit:
                identity, pem = await asyncio.to_thread(enrol, url, codes[name], hostname=name)
                if not self._agents:
                    context.load_verify_locations(cadata=pem)
                entry = inventory.entries.get(name)
                place = (town, (entry.address or "") if entry is not None else "")
                self._agents[name] = Agent(identity, context, self._agent_port, place, library, spools.get(name))
                return identity

        await asyncio.gather(*map(redeem, codes))
        tasks = [asyncio.create_task(agent.run()) for agent in self._agents.values()]

        async def end() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            kept.write_bytes(msgspec.json.encode({name: agent.spool for name, agent in self._agents.items()}))

        stack.push_async_callback(end)
        self._say("enrolled", agents=len(codes))

    # -- looking

    async def _watch(self) -> None:
        """Say every half minute how many targets have a state, and what it costs."""
        collector = Meter([self._children[-1].process.pid], time.monotonic())
        simulators = Meter([os.getpid(), self._children[0].process.pid], time.monotonic())
        while True:
            await asyncio.sleep(LOOK_S)
            self._check_children()
            found = await asyncio.to_thread(self._targets)
            counted = Counter(one["state"] for one in found)
            missing = [one["id"] for one in found if one["state"] == "unknown"]
            counts = ", ".join(f"{state} {count}" for state, count in counted.most_common())
            self._say("known", known=len(found) - len(missing), all=len(found), states=counts)
            if missing:
                self._say("missing", ids=", ".join(missing[:SHOWN]) + (" ..." if len(missing) > SHOWN else ""))
            for name, meter in (("collector", collector), ("simulators", simulators)):
                cpu, pss = meter.read(time.monotonic())
                self._say("use", name=self._words[name], cpu=cpu, pss=pss)
            for text in states(self._agents)[:SHOWN]:
                self._say("agents_wrong", text=text)

    def _paged(self, page: Page) -> None:
        link = f" – {page.url}" if page.event == "firing" else ""
        self._say("page", to=", ".join(page.to), subject=page.subject, link=link)

    def _check_children(self) -> None:
        for child in self._children:
            if (code := child.process.poll()) is not None:
                told = self._words["ended"].format(name=child.name, code=code, log=child.log, tail=child.tail())
                raise LocalError(told)

    def _page(self, path: str) -> tuple[int, str]:
        return fetch(self._options.port, path)

    def _targets(self) -> list[dict[str, Any]]:
        """Every target as the collector tells it."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            status, body = self._page(f"/api/v1/targets?limit=1000&after={after}")
            page = msgspec.json.decode(body) if status == 200 else {"targets": [], "next": ""}
            found += page["targets"]
            after = page["next"]
            if not after:
                return found

    # -- trouble

    async def _play(self, stage: Stage, source: Inventory) -> None:
        """Round after round of trouble."""
        assert self._options.trouble is not None
        wait_s, step_s, last_s = self._options.trouble
        await asyncio.sleep(max(0.0, wait_s - self._elapsed_s()))
        while True:
            began_s = self._elapsed_s()
            for act in acts(step_s, last_s):
                await asyncio.sleep(max(0.0, began_s + act.at_s - self._elapsed_s()))
                await self._happen(stage, act, source)
            await asyncio.sleep(last_s)

    async def _happen(self, stage: Stage, act: Act, source: Inventory) -> None:
        target = stage.target(act.part)
        if not target:
            if act.begins:
                self._say("nobody", part=act.part)
            return
        if not act.begins:
            seen = msgspec.json.decode((await asyncio.to_thread(self._page, f"/api/v1/targets/{target}"))[1] or b"{}")
            reasons = [seen.get("reason", {}).get(self._options.language, "")]
            reasons += [f"{one['module']}: {one['detail']}" for one in seen.get("modules", ()) if one.get("detail")]
            self._say("sees", target=target, state=seen.get("state", "?"), reason="; ".join(filter(None, reasons)))
        said = stage.play(act)
        self._say(f"{act.part}_{'begin' if act.begins else 'end'}", target=self._named(target, source), **said)

    def _named(self, target: str, source: Inventory) -> str:
        name = source.name_of(target, self._options.language)
        return f"{target} ({name})" if name != target else target

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    def _say(self, key: str, **values: object) -> None:
        minutes, seconds = divmod(int(self._elapsed_s()), 60)
        for line in self._words[key].format(**values).splitlines():
            say(f"[{self._words['mark']} {minutes:02}:{seconds:02}] {line}")
