"""The agents' door for orders: each agent gets its own and no other's, with the credentials it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent import wire
from agent.model import Kind, Lane
from agent.orders import decode, sealed
from collector.config import Config, Snmp
from collector.inventory import Inventory, load_inventory
from collector.inventory.equipment import equip
from collector.orders import OrderBook, orders_of
from collector.settings import Probes

INVENTORY = """
sites: [{id: dic}]
uplinks: [{id: wan, references: [192.0.2.1], via: box-a}]
targets:
  - {id: sw-a, site: dic, class: switch, via: box-a, address: 192.0.2.10, uplink: wan, snmp: {auth: of_a}}
  - {id: web, site: dic, class: server, via: box-a, also_via: [box-b], address: 192.0.2.20, probes: [{module: port, port: 443}]}
  - {id: sw-b, site: dic, class: switch, via: box-b, address: 192.0.2.30, snmp: {auth: of_b}}
  - {id: box-b, site: dic, class: server, via: box-b, interval_s: 30, readers: {disable: [cpu]}}
"""
AUTHS = "auths:\n  of_a: {community: secret-of-a}\n  of_b: {community: secret-of-b}\n  of_none: {community: secret-of-none}\n"


@pytest.fixture
def config(tmp_path: Path, make_config: Any) -> Config:
    """A collector with that inventory."""
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "all.yml").write_text(INVENTORY)
    auths = tmp_path / "auths.yml"
    auths.write_text(AUTHS)
    auths.chmod(0o600)
    (tmp_path / "modules.yml").write_text("modules:\n  port: {prober: tcp, timeout: 2s}\n")
    made: Config = make_config(
        inventory=str(folder), snmp=Snmp(auths_file=str(auths)), probes=Probes(module_files=(str(tmp_path / "modules.yml"),))
    )
    return made


async def fetch(running: Any, token: str, **headers: str) -> Any:
    async with running.caller() as caller:
        return await caller.call("GET", "/v1/orders", Authorization=f"Bearer {token}", **headers)


async def enrolled(running: Any, *names: str) -> list[str]:
    """Tokens of agents that the inventory knows before they are: the collector starts without it."""
    return [await running.agent(name) for name in names]


@pytest.fixture
async def world(start: Any, config: Config) -> tuple[Any, list[str]]:
    """A collector that got its inventory by a reload, as agents must be there first."""
    bare = msgspec.structs.replace(config, inventory="")
    settings = [bare]
    running = await start(bare, lambda: settings[0])
    tokens = await enrolled(running, "box-a", "box-b", "box-c")
    settings[0] = config
    assert await running.collector.reload()
    return running, tokens


async def test_each_agent_gets_its_own_orders_with_the_credentials_it_needs(world: Any) -> None:
    running, tokens = world
    a, b = [await fetch(running, token) for token in tokens[:2]]
    first, second = decode(a.body), decode(b.body)
    assert [(job.target, job.address) for job in first.jobs] == [("web", "192.0.2.20:443")]
    assert [device.target for device in first.devices] == ["sw-a"]
    assert [auth.community.reveal() for auth in first.auths] == ["secret-of-a"]
    assert [(way.id, way.references) for way in first.uplinks] == [("wan", ("192.0.2.1",))]
    assert first.uplink_of == {"sw-a": "wan"}
    assert [device.target for device in second.devices] == ["sw-b"]
    assert second.readers is not None
    assert (second.interval_s, second.readers.disable) == (30, ("cpu",))
    assert b"secret-of-b" not in a.body
    assert b"secret-of-none" not in a.body + b.body


async def test_who_has_them_already_gets_no_body(world: Any) -> None:
    running, (token, *_) = world
    tag = (await fetch(running, token)).headers["etag"]
    again = await fetch(running, token, If_None_Match=tag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert (await fetch(running, token, If_None_Match='"other"')).status == 200


async def test_nobody_else_gets_any(world: Any) -> None:
    """No token, a wrong one, or one that another process has just revoked."""
    running, (token, *_) = world
    assert (await fetch(running, "wrong")).status == 401
    await running.collector.store.revoke("box-a", running.collector.now_ms())
    assert (await fetch(running, token)).status == 401


async def test_an_answer_names_the_orders_and_a_batch_says_what_became_of_them(world: Any, sender: Any) -> None:
    running, (token, _, other) = world
    one = sender("box-a")
    answer = (await running.post(token, one.batch(one.report()))).answer
    assert answer.config_tag == decode((await fetch(running, token)).body).tag
    state = wire.OrdersState("none", answer.config_tag, "no way")
    await running.post(token, one.batch(one.report(), orders=state))
    tally = running.collector.tally.agent("box-a")
    assert (tally.orders_state, tally.orders_detail) == ("refused", "no way")
    await running.post(token, one.batch(one.report(), orders=wire.OrdersState(answer.config_tag)))
    assert tally.orders_state == "current"
    page = msgspec.json.decode((await running.page("/api/v1/agents")).body)
    assert page["agents"][0]["orders"]["state"] == "current"
    idle = sender("box-c", stream="s3")
    assert (await running.post(other, idle.batch(idle.report()))).answer.config_tag == "none"


@pytest.mark.parametrize(
    "state", [wire.OrdersState("A B"), wire.OrdersState("c1", "x" * 65), wire.OrdersState("c1", "c2", "a\nb")]
)
async def test_a_batch_with_an_impossible_state_is_refused(world: Any, sender: Any, state: wire.OrdersState) -> None:
    running, (token, *_) = world
    one = sender("box-a")
    answer = await running.post(token, one.batch(one.report(), orders=state))
    assert (answer.status, answer.code) == (400, "bad_orders")


async def test_every_observer_of_a_target_may_report_it_and_nobody_else(world: Any, sender: Any) -> None:
    running, tokens = world
    for token, name, refused in zip(tokens, ("box-a", "box-b", "box-c"), (0, 0, 1), strict=True):
        one = sender(name, stream=name)
        own, seen = one.report(Lane.FACTS), one.report(Lane.FACTS, target="web", module="port", kind=Kind.OBS)
        blind = one.report(Lane.FACTS, target="web", module="sight", kind=Kind.BLIND, from_ms=1, until_ms=2, interval_ms=0)
        answer = (await running.post(token, one.batch(own, seen, blind, lane=Lane.FACTS))).answer
        assert len(answer.refused) == 2 * refused, answer


def test_what_an_agent_may_observe_is_found_for_all_at_once(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of agents ask after every reload: nobody looks through all targets for each, nor again when an agent came."""
    inventory = load_inventory(Path(config.inventory), None, config, equip)
    names = ["box-a", "box-b", "box-c"]
    expected = [sealed(orders_of(inventory, name), b"key").tag for name in names]
    looked: list[str] = []
    chosen = Inventory.chosen
    monkeypatch.setattr(Inventory, "chosen", lambda self, entry: looked.append(entry.id) or chosen(self, entry))
    book = OrderBook(b"key")
    for _ in range(2):
        book.configure(inventory)
        assert [book.tag(name) for name in names] == expected
    assert expected[0] != expected[1]
    assert looked.count("sw-a") <= 3
    assert looked.count("sw-b") <= 3
