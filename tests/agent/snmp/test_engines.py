"""The clocks of SNMPv3 engines, and whose state is whose."""

from __future__ import annotations

import pytest

from agent.packets import usm
from agent.settings import Secret
from agent.snmp.auth import Auth, AuthProtocol, PrivProtocol, Version
from agent.snmp.engines import Engine, Engines

AUTH = Auth(
    name="strong",
    version=Version.V3,
    username="u",
    auth_protocol=AuthProtocol.SHA,
    password=Secret("long-enough-1"),
    priv_protocol=PrivProtocol.AES,
    priv_password=Secret("long-enough-2"),
)


def engine(boots: int = 3, time: int = 1000, trusted: bool = True) -> Engine:
    """An engine heard at second 50 of our clock."""
    return Engine(b"engine-1", boots, time, 50.0, usm.Keys(), trusted)


@pytest.mark.parametrize(
    ("boots", "time", "fits"),
    [
        (3, 1100, True),
        (3, 2_000_000_000, True),
        (3, 950, True),
        (3, 949, False),
        (4, 0, True),
        (2, 1100, False),
        (2, 2_000_000_000, False),
        (3, -5, False),
    ],
)
def test_the_time_window(boots: int, time: int, fits: bool) -> None:
    """RFC 3414 section 3.2 step 7b, a hundred seconds after the engine was last heard at 3 boots and 1000 s."""
    known = engine()
    assert known.time_at(150.0) == 1100
    assert known.hear(boots, time, 150.0) is fits


def test_a_clock_outside_the_window_is_taken_for_the_next_message() -> None:
    """An agent that was taken back to an older state is refused once and understood after that."""
    known = engine()
    assert not known.hear(1, 10, 150.0)
    assert known.hear(1, 11, 151.0)
    assert (known.boots, known.time_at(161.0)) == (1, 21)


def test_a_guess_is_no_reason_to_refuse() -> None:
    """A clock from an unauthenticated report gives way to the first authentic one."""
    known = engine(trusted=False)
    assert known.hear(0, 0, 150.0)
    assert (known.boots, known.time, known.trusted) == (0, 0, True)


@pytest.mark.parametrize("pace", [0.0, 0.5, 0.97, 1.0, 1.5])
def test_clocks_that_stand_still_or_go_wrong_are_followed(pace: float) -> None:
    """Polled each minute for a week, an agent whose clock goes at another pace is never outside the window."""
    known = engine(time=0)
    assert all(known.hear(3, int(minute * 60 * pace), 50.0 + minute * 60) for minute in range(7 * 24 * 60))


def test_an_older_message_in_the_window_does_not_set_the_clock_back() -> None:
    """Nothing but the newest message counts."""
    known = engine()
    assert known.hear(3, 1100, 150.0)
    assert known.hear(3, 1060, 151.0)
    assert known.time_at(151.0) == 1101


def _report(engine_id: bytes) -> usm.Message:
    return usm.Message(1, 0, engine_id, 7, 70, b"", b"", 0, b"", b"", 0)


def test_state_is_kept_for_address_and_user() -> None:
    """Clones with one engine id have clocks of their own, two users of one machine have keys of their own."""
    engines, other = Engines(), Auth(name="other", version=Version.V3, username="v")
    places = [("192.0.2.1", 161, AUTH), ("192.0.2.2", 161, AUTH), ("192.0.2.1", 161, other), ("::1", 161, AUTH)]
    made = [engines.learn(place, _report(b"engine-1" if place != places[3] else b"engine-2"), 1.0) for place in places]
    assert len({id(each) for each in made}) == 4
    assert made[0].keys == made[1].keys != made[2].keys
    assert made[3].keys.auth != made[0].keys.auth
    assert engines.duplicates() == [(b"engine-1".hex(), ("192.0.2.1:161", "192.0.2.2:161"))]
    engines.forget(places[1])
    assert engines.known(places[1]) is None
    assert engines.duplicates() == []


def test_no_agent_makes_us_keep_keys_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that names another engine each time gets its keys, and they are not all kept."""
    monkeypatch.setattr("agent.snmp.engines.MOST_KEYS", 10)
    engines = Engines()
    found = {engines.keys(AUTH, b"\x80\0\0\0\x05" + bytes([number])).priv for number in range(100)}
    assert len(found) == 100
    assert len(engines._localized) <= 10
