"""Which SNMPv3 sender is believed: the user's entry, the password proven by the digest, and the time window of its engine.

Told the time; no I/O. An engine that nobody listed is learnt when a message of it proves the password of a user we know.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final

import msgspec

from agent.packets import usm
from agent.snmp.auth import Auth, Version
from collector.poll.trap_frame import Frame

LAST_BOOT: Final = 2**31 - 1
"""An engine that counted so far needs a new id (RFC 3414 section 2.2.2)."""


class Credential:
    """An entry of `auths` with the keys that its passwords become; both take milliseconds, once."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth
        self.level = 0 if not auth.auth_protocol else 2 if auth.priv_protocol else 1
        self._hash, self.digest_octets = usm.HASHES.get(auth.auth_protocol.value, ("", 0))

    @cached_property
    def auth_key(self) -> bytes:
        """The master key of authentication (RFC 3414 appendix A.2); b"" for none."""
        return self._master(self.auth.password.reveal()) if self.level else b""

    @cached_property
    def priv_key(self) -> bytes:
        """The master key of privacy, made with the hash of authentication; b"" for none."""
        return self._master(self.auth.priv_password.reveal()) if self.level == 2 else b""

    def proves(self, frame: Frame, data: bytes) -> bool:
        """Whether the digest of the message was made with this password for its engine."""
        if len(frame.digest) != self.digest_octets:
            return False
        key = usm.localized(self.auth.auth_protocol.value, self.auth_key, frame.engine_id)
        end = frame.digest_at + self.digest_octets
        blank = data[: frame.digest_at] + bytes(self.digest_octets) + data[end:]
        return hmac.compare_digest(hmac.digest(key, blank, self._hash)[: self.digest_octets], frame.digest)

    def _master(self, password: str) -> bytes:
        return usm.password_key(self.auth.auth_protocol.value, password.encode())


class Engine(msgspec.Struct):
    """What is known of an engine: its clock at the last message that was authenticated."""

    boots: int = -1
    time_s: int = 0


class Users:
    """Senders of SNMPv3. `listed` are engines by id with the name of their entry; at most `most` others are learnt."""

    def __init__(self, auths: Iterable[Auth], listed: Mapping[bytes, str], most: int, own_engine: bytes) -> None:
        self._by_user: dict[bytes, list[Credential]] = {}
        for auth in auths:
            if auth.version is Version.V3 and auth.username:
                self._by_user.setdefault(auth.username.encode(), []).append(Credential(auth))
        self._listed = dict(listed)
        self._clocks: dict[bytes, Engine] = {engine_id: Engine() for engine_id in listed}
        self._learnt: OrderedDict[bytes, Engine] = OrderedDict()
        self._most = most
        self._own = own_engine

    @property
    def learnt(self) -> int:
        """Engines that were learnt and are remembered."""
        return len(self._learnt)

    def is_user(self, frame: Frame) -> bool:
        """Whether anybody is called so, at the protection that the message has."""
        return any(each.level == frame.level for each in self._by_user.get(frame.user, ()))

    def knows(self, engine_id: bytes) -> bool:
        """Whether an engine is our own, listed or learnt."""
        return engine_id == self._own or engine_id in self._clocks or engine_id in self._learnt

    def believe(self, frame: Frame, data: bytes) -> Credential | None:
        """The entry whose user sent the message; None if none did.

        A message with less protection than its user's entry asks for is not believed, nor one with more.
        """
        wanted = self._listed.get(frame.engine_id)
        is_own = frame.engine_id == self._own
        if not frame.engine_id or (wanted is None and not self._most and not is_own):
            return None
        for each in self._by_user.get(frame.user, ()):
            is_meant = each.level == frame.level and wanted in (None, each.auth.name)
            if is_meant and (not each.level or each.proves(frame, data)):
                return each
        return None

    def is_stale(self, frame: Frame) -> bool:
        """Whether a believed message is older than its engine's time window (RFC 3414 section 3.2, step 7b), which is what
        somebody sends who recorded it. Its engine is remembered; our own keeps its clock elsewhere.

        The window ends at the latest time that was received and not at what our clock makes of it since: some cards never
        count their engine's time. What comes without authentication has no clock, and does not set one.
        """
        if frame.engine_id == self._own or (not frame.level and frame.engine_id in self._listed):
            return False
        engine = self._clocks.get(frame.engine_id) or self._remember(frame.engine_id)
        if not frame.level:
            return False
        now, last = (frame.boots, frame.time_s), (engine.boots, engine.time_s)
        if frame.boots == LAST_BOOT or frame.boots < engine.boots:
            return True
        if frame.boots == engine.boots and frame.time_s < engine.time_s - usm.TIME_WINDOW_S:
            return True
        engine.boots, engine.time_s = max(now, last)
        return False

    def forgotten(self) -> list[bytes]:
        """Engines that are too many, the ones heard longest ago; they are forgotten by this call."""
        out = []
        while len(self._learnt) > self._most:
            out.append(self._learnt.popitem(last=False)[0])
        return out

    def _remember(self, engine_id: bytes) -> Engine:
        engine = self._learnt.get(engine_id)
        if engine is None:
            engine = self._learnt[engine_id] = Engine()
        else:
            self._learnt.move_to_end(engine_id)
        return engine
