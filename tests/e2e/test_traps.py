"""Real traps and informs, sent by net-snmp's programs to the receiver of the collector over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.settings import Secret
from agent.snmp.auth import Auth, AuthProtocol, PrivProtocol, Version
from collector.poll.trap_desk import Fate, Heard
from collector.poll.trap_file import load_table
from collector.poll.trap_receiver import Receiver
from collector.poll.trap_settings import TrapEngine, TrapSettings
from tests.e2e.snmpd import tool

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

TABLE = load_table([Path(__file__).parents[2] / "config" / "snmp" / "notifications.yml"])
LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"
LINK = ("1.3.6.1.2.1.2.2.1.1.3", "i", "3", "1.3.6.1.2.1.2.2.1.2.3", "s", "eth3", "1.3.6.1.2.1.2.2.1.8.3", "i", "1")
ENGINE = "8000000001020304"
OTHER = "80000000010203ff"


def v3(name: str, auth: AuthProtocol = AuthProtocol.NONE, priv: PrivProtocol = PrivProtocol.NONE, user: str = "") -> Auth:
    """An entry whose passwords are made of its name."""
    return Auth(
        name=name,
        version=Version.V3,
        username=user or name,
        auth_protocol=auth,
        password=Secret(f"auth-{name}") if auth else Secret(""),
        priv_protocol=priv,
        priv_password=Secret(f"priv-{name}") if priv else Secret(""),
    )


AUTHS = {
    auth.name: auth
    for auth in (
        Auth(name="v2", community=Secret("open-sesame")),
        v3("nobody"),
        v3("twin-one", AuthProtocol.SHA, PrivProtocol.AES, user="twin"),
        v3("twin-two", AuthProtocol.SHA, PrivProtocol.AES, user="twin"),
        *[v3(f"u-{auth}", auth) for auth in AuthProtocol if auth],
        *[v3(f"u-{priv}", AuthProtocol.SHA, priv) for priv in PrivProtocol if priv],
    )
}
NET_SNMP = {"SHA224": "SHA-224", "SHA256": "SHA-256", "SHA384": "SHA-384", "SHA512": "SHA-512"} | {
    "AES192": "AES-192", "AES256": "AES-256", "AES192C": "AES-192-C", "AES256C": "AES-256-C",
}  # fmt: skip


class Ground:
    """A receiver that runs, and what it said."""

    def __init__(self, folder: Path, settings: TrapSettings) -> None:
        self.folder = folder
        self.heard: asyncio.Queue[Heard] = asyncio.Queue()
        self.polls: list[tuple[str, bool]] = []
        self.receiver = Receiver(
            settings,
            AUTHS,
            TABLE,
            SystemClock(),
            poll_now=lambda target, reset: self.polls.append((target, reset)),
            record=self.heard.put_nowait,
        )

    def place(self, index: int = 0) -> str:
        host, port = self.receiver.addresses[index]
        return f"udp6:[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def send(self, program: str, *arguments: str) -> None:
        await asyncio.to_thread(tool, program, self.folder, *arguments)

    async def trap(self, *who: str, program: str = "snmptrap", place: str = "", binds: tuple[str, ...] = LINK) -> None:
        await self.send(program, *who, place or self.place(), "", LINK_DOWN, *binds)

    async def next(self) -> Heard:
        async with asyncio.timeout(20):
            return await self.heard.get()

    async def fate(self, fate: Fate, count: int = 1) -> None:
        """Wait until so many had this fate."""
        tally = self.receiver.tally
        async with asyncio.timeout(20):
            while tally.fates[fate] < count:
                await asyncio.sleep(0.01)
        assert sum(tally.fates.values()) == tally.received
        assert self.heard.empty()


Listen = Callable[[TrapSettings], Awaitable[Ground]]


@pytest.fixture
async def listen(tmp_path: Path) -> AsyncIterator[Listen]:
    """Starts receivers for which 127.0.0.1 is target router-01."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(settings: TrapSettings) -> Ground:
            ground = Ground(tmp_path, settings)
            await ground.receiver.start()
            stack.push_async_callback(ground.receiver.stop)
            ground.receiver.know({"127.0.0.1": ["router-01"], "::1": ["router-06"], "192.0.2.7": ["ups-07"]})
            return ground

        yield start


PLAIN = TrapSettings(listen=("127.0.0.1:0",), same_s=0, poll_gap_s=0, burst_per_source=1000)


def user(name: str, level: str = "", wrong: str = "") -> tuple[str, ...]:
    """The arguments of net-snmp's programs for an entry of `AUTHS`; `wrong` is a password that is not the entry's."""
    auth = AUTHS[name]
    line: tuple[str, ...] = ("-v3", "-u", auth.username)
    if auth.auth_protocol:
        line += ("-a", NET_SNMP.get(auth.auth_protocol, auth.auth_protocol), "-A", wrong or auth.password.reveal())
    if auth.priv_protocol:
        line += ("-x", NET_SNMP.get(auth.priv_protocol, auth.priv_protocol), "-X", auth.priv_password.reveal())
    usual = "authPriv" if auth.priv_protocol else "authNoPriv" if auth.auth_protocol else "noAuthNoPriv"
    return (*line, "-l", level or usual)


async def test_trap_of_version_2c(listen: Listen) -> None:
    """A trap of a known device is heard with its words, and the device is polled at once."""
    ground = await listen(PLAIN)
    await ground.trap("-v2c", "-c", "open-sesame")
    heard = await ground.next()
    assert (heard.target, heard.notification, heard.object, heard.source) == ("router-01", "linkDown", "eth3", "127.0.0.1")
    assert heard.words.vi == "cổng eth3 báo mất liên kết"
    assert '1.3.6.1.2.1.2.2.1.2.3="eth3"' in heard.binds
    assert ground.polls == [("router-01", False)]
    await ground.fate(Fate.ACCEPTED)


async def test_trap_of_version_1(listen: Listen) -> None:
    """Generic and specific traps of version 1 become the notifications of version 2 that they stand for."""
    ground = await listen(PLAIN)
    v1 = ("-v1", "-c", "open-sesame", ground.place())
    await ground.send("snmptrap", *v1, "1.3.6.1.4.1.8072.3.2.10", "127.0.0.1", "0", "0", "7")
    await ground.send("snmptrap", *v1, "1.3.6.1.2.1.33.2", "0.0.0.0", "6", "1", "7", "1.3.6.1.2.1.33.1.2.3.0", "i", "9")
    cold, battery = await ground.next(), await ground.next()
    assert (cold.notification, cold.oid) == ("coldStart", "1.3.6.1.6.3.1.1.5.1")
    assert (battery.notification, battery.oid) == ("upsTrapOnBattery", "1.3.6.1.2.1.33.2.0.1")
    assert ground.polls == [("router-01", True), ("router-01", False)]


async def test_agent_address_names_the_device(listen: Listen) -> None:
    """What a known device forwards is about the device that agent-addr names, in version 2c snmpTrapAddress.0."""
    ground = await listen(PLAIN)
    battery = ("1.3.6.1.4.1.318", "192.0.2.7", "6", "5", "7")
    await ground.send("snmptrap", "-v1", "-c", "open-sesame", ground.place(), *battery)
    assert (await ground.next()).target == "ups-07"
    named = ("1.3.6.1.6.3.18.1.3.0", "a", "192.0.2.7", "1.3.6.1.6.3.18.1.4.0", "s", "open-sesame")
    await ground.trap("-v2c", "-c", "open-sesame", binds=(*LINK, *named))
    heard = await ground.next()
    assert heard.target == "ups-07"
    assert "open-sesame" not in f"{heard.binds} {heard.words}"


async def test_proxy_is_believed_about_known_devices_only(listen: Listen) -> None:
    """A proxy has no state of its own: what it forwards is a known device's, or a stranger's that is listed."""
    ground = await listen(PLAIN)
    ground.receiver.know({"192.0.2.7": ["ups-07"]})
    await ground.trap("-v2c", "-c", "open-sesame")
    await ground.fate(Fate.UNKNOWN_SOURCE)
    proxied = await listen(PLAIN)
    proxied.receiver.know({"192.0.2.7": ["ups-07"]})
    proxied.receiver.trust({"127.0.0.1": ["127.0.0.1"]})
    for address in ("192.0.2.99", "192.0.2.7"):
        arguments = ("-v1", "-c", "open-sesame", proxied.place(), "1.3.6.1.4.1.318", address, "6", "5", "7")
        await proxied.send("snmptrap", *arguments)
    assert (await proxied.next()).target == "ups-07"
    await proxied.fate(Fate.UNKNOWN_SOURCE)
    assert [stranger.source for stranger in proxied.receiver.strangers] == ["192.0.2.99 by 127.0.0.1"]


async def test_wrong_community_is_counted_and_listed(listen: Listen) -> None:
    """A known address is not enough: a wrong community is refused, and the list does not show it."""
    ground = await listen(PLAIN)
    await ground.trap("-v2c", "-c", "let-me-in")
    await ground.fate(Fate.BAD_COMMUNITY)
    [stranger] = ground.receiver.strangers
    assert stranger.source == "127.0.0.1"
    assert stranger.why == "bad_community: a community that no entry of auths has"
    assert ground.polls == []


@pytest.mark.parametrize("name", [name for name in AUTHS if name.startswith(("u-", "nobody"))])
async def test_trap_of_version_3(listen: Listen, name: str) -> None:
    """A trap of an engine that nobody listed is heard with every protocol, once the password is proven."""
    ground = await listen(PLAIN)
    await ground.trap("-e", ENGINE, *user(name))
    assert (await ground.next()).notification == "linkDown"
    assert ground.receiver.learnt_engines == 1
    await ground.fate(Fate.ACCEPTED)


async def test_two_passwords_of_one_user(listen: Listen) -> None:
    """Devices may have a user of the same name with different passwords; each engine has the one that it proves."""
    ground = await listen(PLAIN)
    for engine, name in ((ENGINE, "twin-one"), (OTHER, "twin-two"), (ENGINE, "twin-one"), (OTHER, "twin-two")):
        await ground.trap("-e", engine, *user(name))
        assert (await ground.next()).notification == "linkDown"
    for name in ("twin-one", "twin-two", "twin-one"):
        await ground.trap(*user(name), program="snmpinform")
        assert (await ground.next()).notification == "linkDown"
    assert ground.receiver.learnt_engines == 2


async def test_wrong_password_does_not_get_in(listen: Listen) -> None:
    """Neither a wrong password, nor less protection than the user has, nor an unknown user is heard or learnt."""
    ground = await listen(PLAIN)
    await ground.trap("-e", ENGINE, *user("u-SHA256", wrong="not the password"))
    await ground.trap("-e", ENGINE, *user("u-AES", level="authNoPriv"))
    await ground.trap("-e", ENGINE, *user("u-AES", level="noAuthNoPriv"))
    await ground.trap("-e", ENGINE, "-v3", "-u", "mallory", "-l", "noAuthNoPriv")
    await ground.fate(Fate.BAD_USER, 4)
    assert ground.receiver.learnt_engines == 0
    assert ground.polls == []


async def test_wrong_password_of_privacy_does_not_get_in(listen: Listen) -> None:
    """A message that proves its user and cannot be decrypted is refused."""
    ground = await listen(PLAIN)
    who = ("-v3", "-u", "u-AES", "-a", "SHA", "-A", "auth-u-AES", "-x", "AES", "-X", "not the password", "-l", "authPriv")
    await ground.trap("-e", ENGINE, *who)
    await ground.fate(Fate.BAD_USER)


async def test_listed_engine_has_one_entry(listen: Listen) -> None:
    """A listed engine is heard with its entry; with no engine left to learn, others are not heard."""
    engines = (TrapEngine(engine_id=f"0x{ENGINE}", auth="twin-one"),)
    ground = await listen(TrapSettings(listen=("127.0.0.1:0",), engines=engines, learnt_engines=0))
    await ground.trap("-e", ENGINE, *user("twin-one"))
    assert (await ground.next()).target == "router-01"
    await ground.trap("-e", ENGINE, *user("twin-two"))
    await ground.trap("-e", OTHER, *user("twin-one"))
    await ground.fate(Fate.BAD_USER, 2)
    assert ground.receiver.learnt_engines == 0


@pytest.mark.parametrize(
    "who",
    [("-v2c", "-c", "open-sesame"), user("nobody"), user("u-SHA512"), user("u-DES"), user("u-AES256")],
    ids=["v2c", "noAuthNoPriv", "authNoPriv", "DES", "AES256"],
)
async def test_inform_is_acknowledged(listen: Listen, who: tuple[str, ...]) -> None:
    """The sender of an inform gets its answer, which its exit status says."""
    ground = await listen(PLAIN)
    await ground.trap(*who, program="snmpinform")
    assert (await ground.next()).notification == "linkDown"
    assert ground.polls == [("router-01", False)]


async def test_inform_of_a_stranger_is_not_acknowledged(listen: Listen) -> None:
    """Who is not trusted gets no answer to learn from."""
    ground = await listen(PLAIN)
    ground.receiver.know({})
    with pytest.raises(AssertionError, match="Timeout"):
        await ground.trap("-t", "0.2", "-r", "1", "-v2c", "-c", "open-sesame", program="snmpinform")
    await ground.fate(Fate.UNKNOWN_SOURCE, 2)


async def test_two_addresses_and_version_6(listen: Listen) -> None:
    """One receiver hears on several addresses of both families, and acknowledges from each."""
    ground = await listen(TrapSettings(listen=("127.0.0.1:0", "[::1]:0", "127.0.0.2:0"), same_s=0))
    for index, target in enumerate(("router-01", "router-06", "router-01")):
        await ground.trap("-v2c", "-c", "open-sesame", program="snmpinform", place=ground.place(index))
        assert (await ground.next()).target == target


async def test_repeated_trap_is_kept_once(listen: Listen) -> None:
    """The same notification of the same object within the window is a duplicate; of another object it is news."""
    ground = await listen(TrapSettings(listen=("127.0.0.1:0",), poll_gap_s=0))
    other = ("1.3.6.1.2.1.2.2.1.1.4", "i", "4")
    for binds in (LINK, LINK, other):
        await ground.trap("-v2c", "-c", "open-sesame", binds=binds)
    assert [(await ground.next()).object for _ in range(2)] == ["eth3", "4"]
    await ground.fate(Fate.DUPLICATE)
    assert len(ground.polls) == 2
