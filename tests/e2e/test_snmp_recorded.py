"""Recorded devices, played by snmpsim, read with the real client: what is read is what was recorded.

The recordings beside the project where there are some, and those of PyPI's `snmpsim-data` on every machine.
"""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.packets import ber
from agent.settings import Secret
from agent.snmp.asking import SYSTEM as FACTS
from agent.snmp.asking import ask, identify, modules_of, parts_of, peer_of, system_of
from agent.snmp.auth import Auth, AuthProtocol, PrivProtocol, Version
from agent.snmp.client import Client
from agent.snmp.device import Device
from agent.snmp.library import Library
from agent.snmp.peer import Peer
from agent.snmp.rows import Rows
from agent.snmp.session import Session
from agent.snmp.tools import Tools
from agent.snmp.walk import Plan, fetch
from tests.snmp import devices, golden
from tests.snmp.recordings import WALKS, rows_of
from tests.snmp.simulator import AUTH_KEY, PRIV_KEY, USERS, Engine, Simulator, User, recordings, simulating

pytestmark = pytest.mark.e2e

NAMES = [*devices.beside(), *devices.from_pypi()]
WHOLE_BYTES = 120_000
"""Larger recordings are not walked to their end: the simulator reads some thousand rows a second."""
SYSTEM, PORTS = ber.oid_of("1.3.6.1.2.1.1"), ber.oid_of("1.3.6.1.2.1.2.2.1")
EVERYTHING = tuple(ber.oid_of(root) for root in ("1.0", "1.2", "1.3"))
UNTIL_S = 60.0


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of its own for each test."""
    made = Client()
    await made.open()
    yield made
    await made.close()


def session_with(client: Client, simulator: Simulator, auth: Auth, host: str = "127.0.0.1") -> Session:
    """A session; the simulator is slow with large answers when the machine is busy."""
    return client.session(Peer(host=host, port=simulator.port, auth=auth, timeout_s=10.0))


def community(name: str, version: Version = Version.V2C) -> Auth:
    """The device of this name."""
    return Auth(name=name, version=version, community=Secret(name))


def secured(user: User, device: str) -> Auth:
    """The same by a v3 user."""
    return Auth(
        name=user.name,
        version=Version.V3,
        username=user.name,
        auth_protocol=AuthProtocol(user.auth),
        password=Secret(AUTH_KEY if user.auth else ""),
        priv_protocol=PrivProtocol(user.priv),
        priv_password=Secret(PRIV_KEY if user.priv else ""),
        context_name=device,
    )


def recorded(path: Path, roots: tuple[bytes, ...]) -> list[tuple[str, int, object]]:
    """What a recording has below the roots: OID, tag and value, without what has no value."""
    rows = rows_of(path)
    return [row for row in listed(rows) if any(ber.oid_of(row[0]).startswith(root) for root in roots)]


def listed(rows: Rows) -> list[tuple[str, int, object]]:
    """Rows as people compare them."""
    parts = zip(rows.oids, rows.tags, rows.values, strict=True)
    return [(ber.text_of(oid), tag, value) for oid, tag, value in parts if value is not None]


@pytest.mark.skipif(not NAMES, reason="no recordings: neither ../shared/snmp/walks nor snmpsim-data")
@pytest.mark.parametrize("name", NAMES)
async def test_what_is_read_is_what_was_recorded(name: str, simulator: Simulator, client: Client) -> None:
    """Every row with its type and value, in order, by GETBULK; nothing is cut, nothing fails."""
    path = simulator.files[name]
    roots = EVERYTHING if path.stat().st_size < WHOLE_BYTES else (SYSTEM, PORTS)
    harvest = await fetch(session_with(client, simulator, community(name)), Plan(walks=roots), client.clock() + UNTIL_S)
    assert (harvest.failed, harvest.truncated, harvest.missing) == ((), (), ())
    assert listed(harvest.rows) == recorded(path, roots)


@cache
def library() -> Library:
    """The shipped modules and profiles."""
    return Library.load()


@cache
def classes() -> dict[str, str]:
    """What an inventory would say of the recorded devices."""
    if not (WALKS / "index.tsv").exists():
        return dict(devices.CLASSES)
    with (WALKS / "index.tsv").open(encoding="utf-8", newline="") as index:
        listed = {Path(row["file"]).stem: row["class"] for row in csv.DictReader(index, delimiter="\t")}
    return listed | devices.CLASSES


UNDERSTOOD = [name for name in NAMES if not name.startswith("pypi-") or name in devices.CLASSES]


@pytest.mark.skipif(not NAMES, reason="no recordings: neither ../shared/snmp/walks nor snmpsim-data")
@pytest.mark.parametrize("name", UNDERSTOOD)
async def test_a_device_that_is_polled_is_understood_as_reviewed(name: str, simulator: Simulator, client: Client) -> None:
    """Over the network as from the recording: the profile found, health with its reason, and every reading."""
    tools = Tools(library(), lambda result: None, SystemClock(), client=client)
    given = {"port": simulator.port, "timeout_s": 10.0, "class_": classes().get(name, "")}
    device = Device(target=name, host="127.0.0.1", auth=community(name), **given)  # type: ignore[arg-type]
    until = client.clock() + UNTIL_S
    session = client.session(peer_of(device, None))
    said = await fetch(session, Plan(gets=FACTS), until)
    identity, is_sure = await identify(session, device, tools, system_of(said.rows), until)
    assert is_sure
    profile = library().profile(identity.profile)
    session = client.session(peer_of(device, profile.settings))
    core = await fetch(session, Plan(gets=profile.core_oids), until)
    rows = Rows()
    for part in parts_of(modules_of(device, profile, tools), device, profile.settings):
        harvest = await ask(session, part, until)
        assert (harvest.failed, harvest.truncated, harvest.missing) == ((), (), ())
        rows.extend(harvest.rows)
    rows.extend(core.rows)
    golden.check(name, golden.document(identity, *golden.understood(profile, rows)))


SMALL = "pypi-eaton-9px-partial"


async def test_v1_reads_the_same(simulator: Simulator, client: Client) -> None:
    """By GETNEXT alone, to the end of the MIB."""
    session = session_with(client, simulator, community(SMALL, Version.V1))
    harvest = await fetch(session, Plan(walks=EVERYTHING), client.clock() + UNTIL_S)
    assert (harvest.failed, harvest.truncated) == ((), ())
    assert listed(harvest.rows) == recorded(simulator.files[SMALL], EVERYTHING)


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
async def test_every_kind_of_user_reads_the_same(user: User, simulator: Simulator, client: Client) -> None:
    """No authentication, every digest, every cipher with both key extensions, against keys that are not ours."""
    session = session_with(client, simulator, secured(user, SMALL))
    harvest = await fetch(session, Plan(walks=(SYSTEM,)), client.clock() + UNTIL_S)
    assert harvest.failed == ()
    assert listed(harvest.rows) == recorded(simulator.files[SMALL], (SYSTEM,))


async def test_two_engines_with_one_engine_id_are_both_read_and_named(tmp_path: Path, client: Client) -> None:
    """Clones on two addresses, each with its own data and clock."""
    engines = []
    for number, name in enumerate((SMALL, "pypi-vertiv-power")):
        folder = tmp_path / f"clone-{number}"
        folder.mkdir()
        [path] = recordings(folder, wanted=(name,)).values()
        path.rename(folder / "clone.snmprec")
        engines.append(Engine(folder, (f"127.0.0.{11 + number}",), engine_id="80001f88047477696e"))
    work = tmp_path / "work"
    work.mkdir()
    with simulating(work, *engines) as twins:
        user = next(user for user in USERS if user.name == "shaaes")
        sessions = [session_with(client, twins, secured(user, "clone"), engine.addresses[0]) for engine in engines]
        for _ in range(2):
            for session, engine in zip(sessions, engines, strict=True):
                harvest = await fetch(session, Plan(walks=(SYSTEM,)), client.clock() + UNTIL_S)
                assert listed(harvest.rows) == recorded(engine.folder / "clone.snmprec", (SYSTEM,))
    [(engine_id, places)] = client.duplicate_engines()
    assert engine_id == "80001f88047477696e"
    assert places == (f"127.0.0.11:{twins.port}", f"127.0.0.12:{twins.port}")
