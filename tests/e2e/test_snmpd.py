"""Debian's snmpd as a device: every pair of protocols, restarts, wrong credentials, views and IPv6, with net-snmp's own
programs as a second opinion."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from agent.packets import ber
from agent.settings import Secret
from agent.snmp.auth import Auth, AuthProtocol, PrivProtocol, Version
from agent.snmp.client import Client
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.peer import Peer
from agent.snmp.session import Session
from agent.snmp.walk import Plan, fetch
from tests.e2e.snmpd import COMMUNITY, CONFIG, Snmpd, tool

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

SYSTEM, NAME, UPTIME = (ber.oid_of(text) for text in ("1.3.6.1.2.1.1", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.3.0"))
PASSWORD, PRIV_PASSWORD = "long-enough-1", "long-enough-2"
NET_SNMP = {
    "SHA224": "SHA-224",
    "SHA256": "SHA-256",
    "SHA384": "SHA-384",
    "SHA512": "SHA-512",
    "AES192": "AES-192",
    "AES256": "AES-256",
}
"""Protocols that net-snmp spells in its own way."""

PAIRS = [
    (AuthProtocol.NONE, PrivProtocol.NONE),
    *itertools.product(
        [each for each in AuthProtocol if each],
        [PrivProtocol.NONE, PrivProtocol.DES, PrivProtocol.AES, PrivProtocol.AES192, PrivProtocol.AES256],
    ),
]
"""All that net-snmp has: it extends short keys as Blumenthal does, so the C variants have no peer here."""


def user(auth: AuthProtocol, priv: PrivProtocol) -> Auth:
    """The credentials of a pair."""
    return Auth(
        name=f"v3-{auth}-{priv}",
        version=Version.V3,
        username=f"user{auth}{priv}",
        auth_protocol=auth,
        password=Secret(PASSWORD),
        priv_protocol=priv,
        priv_password=Secret(PRIV_PASSWORD),
    )


def _lines(auth: AuthProtocol, priv: PrivProtocol) -> str:
    """The same user in snmpd.conf."""
    made = user(auth, priv)
    words = [made.username]
    if auth:
        words += [NET_SNMP.get(auth, auth), PASSWORD]
    if priv:
        words += [NET_SNMP.get(priv, priv), PRIV_PASSWORD]
    return f"createUser {' '.join(words)}\nrouser {made.username} {'priv' if priv else 'auth' if auth else 'noauth'}\n"


USERS = "".join(_lines(auth, priv) for auth, priv in PAIRS)
STRONG = user(AuthProtocol.SHA256, PrivProtocol.AES)
PLAIN = Auth(name="v2", community=Secret(COMMUNITY))


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    """An snmpd with a user for every pair."""
    with Snmpd(tmp_path_factory.mktemp("snmpd"), CONFIG + USERS) as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of this test's loop."""
    made = Client()
    await made.open()
    yield made
    await made.close()


def session(client: Client, agent: Snmpd, auth: Auth, **settings: float) -> Session:
    """A session that tries for 3 s at most."""
    chosen = {"timeout_s": 3.0, "retries": 0, **settings}
    return client.session(Peer(host=agent.host, port=agent.port, auth=auth, **chosen))  # type: ignore[arg-type]


async def name_of(asked: Session) -> object:
    """What the device says of itself."""
    rows = await asked.get([NAME], asked._client.clock() + 10)
    return rows.values[0]


async def fault_of(asked: Session) -> SnmpError:
    """How asking fails."""
    with pytest.raises(SnmpError) as caught:
        await name_of(asked)
    return caught.value


@pytest.mark.parametrize(("auth", "priv"), PAIRS, ids=lambda each: each or "none")
async def test_every_pair_of_protocols(client: Client, agent: Snmpd, auth: AuthProtocol, priv: PrivProtocol) -> None:
    """One message to find the engine, one to ask; the next request needs only one, and a walk works the same way."""
    asked = session(client, agent, user(auth, priv))
    asked.log = []
    assert await name_of(asked) == b"device-01"
    assert await name_of(asked) == b"device-01"
    assert [entry.tries for entry in asked.log] == [2, 1]
    assert asked.engine_boots == 1
    found = await fetch(asked, Plan(walks=(SYSTEM,)), client.clock() + 10)
    assert found.failed == found.truncated == ()
    assert b"device-01" in found.rows.values


@pytest.mark.parametrize("version", [Version.V1, Version.V2C])
async def test_a_walk_is_that_of_snmpwalk(client: Client, agent: Snmpd, tmp_path: Path, version: Version) -> None:
    """The same names in the same order, and the same count, as net-snmp's program finds."""
    root = ber.oid_of("1.3.6.1.2.1.1")
    auth = msgspec.structs.replace(PLAIN, version=version)
    found = await fetch(session(client, agent, auth), Plan(walks=(root,)), client.clock() + 10)
    flag = "-v1" if version is Version.V1 else "-v2c"
    printed = tool("snmpwalk", tmp_path, flag, "-c", COMMUNITY, "-On", "-OQ", agent.address, ".1.3.6.1.2.1.1")
    names = [line.split(" = ")[0].removeprefix(".") for line in printed.splitlines() if line.startswith(".1.3.6.1.2.1.1.")]
    assert [ber.text_of(oid) for oid in found.rows.oids] == names
    assert (found.failed, found.truncated) == ((), ())


async def test_a_restart_is_met_without_a_timeout(client: Client, tmp_path: Path) -> None:
    """After a restart the boot count is one more and the clock begins anew: the agent reports it, and the request is repeated
    once, at once."""
    with Snmpd(tmp_path, CONFIG + USERS) as agent:
        asked = session(client, agent, STRONG)
        assert await name_of(asked) == b"device-01"
        agent.restart()
        assert await name_of(asked) == b"device-01"
        assert asked.engine_boots == 2
        assert client.stats.timeouts == 0


async def test_another_engine_at_the_address_is_met_too(client: Client, tmp_path: Path) -> None:
    """The machine was set up anew: its engine id differs, keys are localised anew, no timeout."""
    with Snmpd(tmp_path, CONFIG + USERS) as agent:
        asked = session(client, agent, STRONG)
        assert await name_of(asked) == b"device-01"
        before = asked.engine
        agent.stop()
        agent.forget()
        agent.start()
        assert await name_of(asked) == b"device-01"
        assert before is not None
        assert asked.engine is not None
        assert asked.engine.engine_id != before.engine_id
        assert client.stats.timeouts == 0


async def test_a_clock_that_is_off_is_set(client: Client, agent: Snmpd) -> None:
    """An hour of error on our side, or boots that we missed or that were taken back, cost one message and no timeout."""
    asked = session(client, agent, STRONG)
    assert await name_of(asked) == b"device-01"
    assert asked.engine is not None
    for late_s, boots in ((3600, 0), (0, -1), (0, 1)):
        asked.engine.time += late_s
        asked.engine.boots += boots
        asked.log = []
        assert await name_of(asked) == b"device-01"
        assert [entry.tries for entry in asked.log] == [2]
        assert asked.engine_time is not None
        assert asked.engine_time < 600
    assert client.stats.timeouts == 0


async def test_after_silence_the_engine_is_found_anew(client: Client, tmp_path: Path) -> None:
    """A device that was dead is asked who it is."""
    with Snmpd(tmp_path, CONFIG + USERS) as agent:
        asked = session(client, agent, STRONG, timeout_s=0.3)
        assert await name_of(asked) == b"device-01"
        agent.stop()
        assert (await fault_of(asked)).fault in (Fault.TIMEOUT, Fault.REFUSED)
        assert asked.engine is None
        agent.start()
        asked.log = []
        assert await name_of(asked) == b"device-01"
        assert [entry.tries for entry in asked.log] == [2]


@pytest.mark.parametrize(
    ("changes", "fault", "word"),
    [
        ({"password": Secret("wrong-password")}, Fault.WRONG_DIGEST, "password"),
        ({"auth_protocol": AuthProtocol.SHA}, Fault.WRONG_DIGEST, "protocol"),
        ({"username": "nobody-there"}, Fault.UNKNOWN_USER, "user"),
        ({"priv_password": Secret("wrong-password")}, Fault.DECRYPTION, "privacy"),
        ({"priv_protocol": PrivProtocol.DES}, Fault.DECRYPTION, "privacy"),
    ],
)
async def test_wrong_credentials_say_what_is_wrong(
    client: Client, agent: Snmpd, changes: dict[str, object], fault: Fault, word: str
) -> None:
    """The words say what to look at and hold no secret; where the agent says what is wrong it is not asked again."""
    asked = session(client, agent, msgspec.structs.replace(STRONG, **changes), retries=3, timeout_s=0.2)
    asked.log = []
    error = await fault_of(asked)
    assert (error.fault, error.reason.value) == (fault, "auth")
    assert word in error.detail
    assert "wrong-password" not in error.detail
    assert PASSWORD not in error.detail
    assert fault is Fault.DECRYPTION or asked.log[0].tries == 2


async def test_a_level_that_the_user_does_not_have(client: Client, agent: Snmpd) -> None:
    """Privacy asked of a user who has none."""
    auth = msgspec.structs.replace(user(AuthProtocol.SHA, PrivProtocol.NONE), priv_protocol=PrivProtocol.AES)
    error = await fault_of(session(client, agent, auth))
    assert (error.fault, error.reason.value) == (Fault.UNSUPPORTED_LEVEL, "auth")


async def test_too_little_security_is_an_error_of_the_agent(client: Client, agent: Snmpd) -> None:
    """The view is for privacy only: snmpd answers authorizationError."""
    made = user(AuthProtocol.SHA, PrivProtocol.AES)
    error = await fault_of(session(client, agent, msgspec.structs.replace(made, priv_protocol=PrivProtocol.NONE)))
    assert (error.fault, error.status) == (Fault.ERROR_STATUS, 16)


async def test_a_wrong_community_is_silence(client: Client, agent: Snmpd) -> None:
    """As with every real agent."""
    wrong = Auth(name="v2", community=Secret("another"))
    assert (await fault_of(session(client, agent, wrong, timeout_s=0.2))).fault is Fault.TIMEOUT


async def test_views_hide_what_is_outside(client: Client, tmp_path: Path) -> None:
    """A community that may see the system group only: the rest is absent, not an error."""
    config = f"view small included .1.3.6.1.2.1.1\nrocommunity {COMMUNITY} default -V small\n"
    with Snmpd(tmp_path, config) as agent:
        outside = ber.oid_of("1.3.6.1.2.1.2")
        for version in (Version.V1, Version.V2C):
            asked = session(client, agent, msgspec.structs.replace(PLAIN, version=version))
            plan = Plan(gets=(NAME, outside + b"\x01\x00", UPTIME), walks=(SYSTEM, outside))
            found = await fetch(asked, plan, client.clock() + 10)
            assert found.rows.oids[:2] == [NAME, UPTIME]
            assert len(found.rows) > 10
            assert all(oid.startswith(SYSTEM) for oid in found.rows.oids)
            assert (found.failed, found.truncated, found.missing) == ((), (), ())


@pytest.mark.parametrize("auth", [PLAIN, STRONG], ids=lambda each: each.name)
async def test_by_ipv6(client: Client, tmp_path: Path, auth: Auth) -> None:
    """The same over IPv6."""
    with Snmpd(tmp_path, CONFIG + USERS, host="::1") as agent:
        assert await name_of(session(client, agent, auth)) == b"device-01"


async def test_cloned_engines_both_answer_and_are_named(client: Client, tmp_path: Path) -> None:
    """Two machines with one engine id and different clocks: both are read, over and over, and the duplicate is a finding."""
    clone = "engineID haidang-clone\n"
    with Snmpd(tmp_path / "one", clone + CONFIG + USERS) as one, Snmpd(tmp_path / "two", clone + CONFIG + USERS) as two:
        two.restart()
        sessions = [session(client, agent, STRONG) for agent in (one, two)]
        for asked in sessions * 3:
            assert await name_of(asked) == b"device-01"
        assert [asked.engine_boots for asked in sessions] == [1, 2]
        assert client.stats.timeouts == 0
        [(_, addresses)] = client.duplicate_engines()
        assert set(addresses) == {f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}"}
