"""Which sender of SNMPv3 is believed: keys as the RFC has them, digests, and the time window of each engine."""

from __future__ import annotations

import msgspec
import pytest

from agent.settings import Secret
from agent.snmp.auth import Auth, AuthProtocol, PrivProtocol, Version
from collector.poll.trap_frame import look
from collector.poll.trap_users import Credential, Users
from tests.collector.poll.trap_kit import AUTH, ENGINE, v3

OWN = bytes.fromhex("80007ed905aabbccdd")


def users(*auths: Auth, listed: dict[bytes, str] | None = None, most: int = 2) -> Users:
    return Users(auths or (AUTH,), listed or {}, most, OWN)


def believes(some: Users, data: bytes) -> bool:
    return some.believe(look(data), data) is not None


@pytest.mark.parametrize(
    ("protocol", "key"),
    [
        (AuthProtocol.MD5, "9faf3283884e92834ebc9847d8edd963"),
        (AuthProtocol.SHA, "9fb5cc0381497b3793528939ff788d5d79145211"),
    ],
)
def test_keys_of_the_rfc(protocol: AuthProtocol, key: str) -> None:
    """The password `maplesyrup` becomes the master key that RFC 3414 prints (appendix A.3)."""
    auth = Auth(name="a", version=Version.V3, username="u", auth_protocol=protocol, password=Secret("maplesyrup"))
    assert Credential(auth).auth_key.hex() == key


def test_password_is_proven() -> None:
    """The digest of the right password is believed; one octet of the message changed, or another password, is not."""
    data = v3()
    assert believes(users(), data)
    assert not believes(users(), data[:-1] + b"\xff")
    assert not believes(users(msgspec.structs.replace(AUTH, password=Secret("another one"))), data)
    assert not believes(users(msgspec.structs.replace(AUTH, username="other")), data)


def test_protection_has_to_be_what_the_entry_says() -> None:
    """Neither less nor more: a user with a password is not believed without digest."""
    bare = msgspec.structs.replace(AUTH, auth_protocol=AuthProtocol.NONE)
    private = msgspec.structs.replace(AUTH, priv_protocol=PrivProtocol.AES, priv_password=Secret("privpass12"))
    assert not believes(users(), v3(bare))
    assert believes(users(bare), v3(bare))
    assert not believes(users(private), v3())
    assert users(private).is_user(look(v3())) is False


def test_listed_engine_has_its_entry_only() -> None:
    """A listed engine may not use another entry of the same user; with nothing to learn, no other engine is believed."""
    twin = msgspec.structs.replace(AUTH, name="twin", password=Secret("another one"))
    some = users(AUTH, twin, listed={ENGINE: "twin"}, most=0)
    assert not believes(some, v3())
    assert believes(some, v3(twin))
    assert not believes(some, v3(twin, engine_id=b"another"))
    assert believes(some, v3(twin, engine_id=OWN))


def test_time_window() -> None:
    """What is older than 150 s by its engine's own clock is stale, and so is every earlier boot (RFC 3414 section 3.2, 7b)."""
    some = users()
    clocks = [(1, 100), (1, 1_000), (1, 850), (1, 849), (2, 5), (1, 2_000), (2, 0), (2**31 - 1, 5)]
    assert [some.is_stale(look(v3(boots=boots, time_s=time_s))) for boots, time_s in clocks] == [
        False, False, False, True, False, True, False, True,
    ]  # fmt: skip


def test_engine_whose_clock_stands_still() -> None:
    """Some cards always say time 0: they are heard."""
    some = users()
    assert [some.is_stale(look(v3(time_s=0))) for _ in range(3)] == [False] * 3


def test_learnt_engines_are_bounded() -> None:
    """The ones heard longest ago are forgotten, and named so that their keys go too."""
    some = users(most=2)
    for number in (1, 2, 1, 3):
        some.is_stale(look(v3(engine_id=b"engine" + bytes([number]))))
    assert some.forgotten() == [b"engine\x02"]
    assert (some.learnt, some.forgotten()) == (2, [])
    assert [some.knows(b"engine" + bytes([number])) for number in (1, 2, 3)] == [True, False, True]
