"""What is known of the SNMPv3 engines that were spoken to, for the sessions of one client.

State is kept per address and user, never per engine id alone: cloned machines answer with one id and different clocks.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agent.packets import usm
from agent.packets.usm import TIME_WINDOW_S, Keys
from agent.snmp.auth import Auth, AuthProtocol, PrivProtocol

MOST_KEYS: Final = 20_000
"""Privacy keys that are kept: an agent may name another engine with every answer."""
Key = tuple[str, int, Auth]
"""Address, port, credentials."""


class Engine(msgspec.Struct):
    """One agent's engine with its clock as last heard. Times are in seconds; `heard_at` is the client's clock."""

    engine_id: bytes
    boots: int
    time: int
    heard_at: float
    keys: Keys
    trusted: bool = False
    """Whether a message with a right digest said so; before that the clock is only a guess to begin with."""

    def time_at(self, now: float) -> int:
        """The engine's clock at this moment as far as we know."""
        return self.time + int(now - self.heard_at)

    def hear(self, boots: int, time: int, now: float) -> bool:
        """Take the clock of an authentic message; False when it lies outside the time window (RFC 3414 section 3.2, step 7b).

        A clock that went back further is taken all the same: the next request meets the agent where it says it is. One that
        stands still or goes slowly is followed with each message.
        """
        fits = not self.trusted or boots > self.boots or (boots == self.boots and time >= self.time_at(now) - TIME_WINDOW_S)
        if not fits or not self.trusted or (boots, time) >= (self.boots, self.time):
            self.boots, self.time, self.heard_at, self.trusted = boots, time, now, True
        return fits


class Engines:
    """Engines by address and credentials, and the keys of their users."""

    def __init__(self) -> None:
        self._engines: dict[Key, Engine] = {}
        self._from_password: dict[tuple[str, str], bytes] = {}
        self._localized: dict[tuple[str, ...], bytes] = {}

    def known(self, key: Key) -> Engine | None:
        """The engine there, if it was found before and not forgotten."""
        return self._engines.get(key)

    def forget(self, key: Key) -> None:
        """Ask again who is there: after a silence it may be another machine, or the same with another clock."""
        self._engines.pop(key, None)

    def learn(self, key: Key, message: usm.Message, now: float) -> Engine:
        """Take the engine that a report names, with the user's keys for it."""
        keys = self.keys(key[2], message.engine_id)
        engine = Engine(message.engine_id, message.boots, message.time, now, keys)
        self._engines[key] = engine
        return engine

    def duplicates(self) -> list[tuple[str, tuple[str, ...]]]:
        """Engine ids that are at more than one address now, with the addresses."""
        places: dict[bytes, dict[str, None]] = {}
        for (host, port, _), engine in self._engines.items():
            places.setdefault(engine.engine_id, {})[f"[{host}]:{port}" if ":" in host else f"{host}:{port}"] = None
        return [(engine_id.hex(), tuple(found)) for engine_id, found in places.items() if len(found) > 1]

    def keys(self, auth: Auth, engine_id: bytes) -> Keys:
        """Localised keys of these credentials at this engine. A new password costs some milliseconds, once."""
        if auth.auth_protocol is AuthProtocol.NONE:
            return Keys()
        kind = auth.auth_protocol.value
        own = usm.localized(kind, self._key(kind, auth.password.reveal()), engine_id)
        if auth.priv_protocol is PrivProtocol.NONE:
            return Keys(auth_protocol=kind, auth=own)
        return Keys(auth_protocol=kind, auth=own, priv_protocol=auth.priv_protocol.value, priv=self._private(auth, engine_id))

    def _key(self, protocol: str, password: str) -> bytes:
        found = self._from_password.get((protocol, password))
        if found is None:
            found = self._from_password[protocol, password] = usm.password_key(protocol, password.encode())
        return found

    def _private(self, auth: Auth, engine_id: bytes) -> bytes:
        """Kept for each engine too: the C variants hash a megabyte for each."""
        kind, password = auth.auth_protocol.value, auth.priv_password.reveal()
        place = (kind, auth.priv_protocol.value, password, engine_id.hex())
        found = self._localized.get(place)
        if found is None:
            if len(self._localized) >= MOST_KEYS:
                self._localized.clear()
            key = self._key(kind, password)
            found = self._localized[place] = usm.privacy_key(kind, auth.priv_protocol.value, key, engine_id)
        return found
