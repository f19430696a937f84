"""Links that messages carry, both signed: to the page of the incident, and the one by which its receiver acknowledges.

Keys stand in `ack.key` of the data folder, one a line in hexadecimal, the newest first: that one signs, all of them verify. To
change the key put a new line on top, and take the old one away when its links have expired. The file is never shown.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from collector.core.acklink import ACKNOWLEDGE, LEAST_KEY, VIEW, Claim, LinkError, LinkProblem, sign, verify
from collector.core.incident import IncidentState
from collector.core.notice import EventKind, Outgoing
from collector.core.paging_answers import LinkClaim
from collector.notify.channel import ChannelError, Failure
from collector.notify.private import read_private

KEY_FILE: Final = "ack.key"
INCIDENT_PATH: Final = "/incidents"
ACKNOWLEDGE_PATH: Final = "/acknowledge"
VALID_FOR_S: Final = 7 * 86_400
"""How long after its event a link works."""
MOST_KEYS: Final = 8
_ASKING: Final = (EventKind.FIRING, EventKind.UPDATE, EventKind.REMINDER)
"""Events that want somebody to acknowledge."""


class Links:
    """Makes links for what is delivered, and reads acknowledge links again."""

    def __init__(self, keys: Sequence[bytes], base_url: str, valid_for_s: int = VALID_FOR_S) -> None:
        """The first key signs. Without a base there are no links, and those made before still verify. `ValueError` without a
        key that can sign."""
        if not keys or any(len(key) < LEAST_KEY for key in keys):
            raise ValueError(f"keys of {LEAST_KEY} bytes or more are needed")
        self._keys = tuple(keys)
        self._base = quote(base_url.rstrip("/"), safe=":/?#[]@!$&'()*+,;=%~")
        self._valid_for_ms = valid_for_s * 1000

    def of(self, outgoing: Outgoing) -> tuple[str, str]:
        """Link to the page of the incident, and acknowledge link; each empty where there is none. What is about no incident has
        no page that opens without a token of a person. The same event and receiver have the same links at every attempt."""
        incident = outgoing.notice.incident
        if not self._base or incident is None:
            return (f"{self._base}/" if self._base and outgoing.event is EventKind.TEST else ""), ""
        expires_ms = outgoing.created_ms + self._valid_for_ms
        url = f"{self._base}{INCIDENT_PATH}/{self._sign(VIEW, LinkClaim(incident.uid, outgoing.receiver, expires_ms))}"
        if outgoing.event not in _ASKING or incident.state is not IncidentState.OPEN:
            return url, ""
        token = self._sign(ACKNOWLEDGE, LinkClaim(incident.uid, outgoing.receiver, expires_ms))
        return url, f"{self._base}{ACKNOWLEDGE_PATH}/{token}"

    def verify(self, token: str, now_ms: int, purpose: str = ACKNOWLEDGE) -> LinkClaim:
        """What a link says. Raises `LinkError` that tells why it is refused."""
        claim = verify(token, self._keys, now_ms, purpose)
        if not claim.incident or not claim.receiver:
            raise LinkError(LinkProblem.MALFORMED)
        return LinkClaim(claim.incident, claim.receiver, claim.expires_ms)

    def read(self, token: str, now_ms: int) -> LinkClaim | None:
        """What an acknowledge link says; None for one that is forged, expired or made for another purpose."""
        return self._read(token, now_ms, ACKNOWLEDGE)

    def read_view(self, token: str, now_ms: int) -> LinkClaim | None:
        """What a link to the page of an incident says; None as above."""
        return self._read(token, now_ms, VIEW)

    def view_of(self, claim: LinkClaim) -> str:
        """The token of the page for who may acknowledge, as long as that link works."""
        return self._sign(VIEW, claim)

    def _read(self, token: str, now_ms: int, purpose: str) -> LinkClaim | None:
        try:
            return self.verify(token, now_ms, purpose)
        except LinkError:
            return None

    def _sign(self, purpose: str, claim: LinkClaim) -> str:
        return sign(Claim(purpose, claim.incident, claim.receiver, claim.expires_ms), self._keys[0])


def load_keys(folder: Path) -> tuple[bytes, ...]:
    """The keys of the data folder; the file is made, readable by its owner alone, where there is none. Raises `ChannelError`
    (settings): readable by others, no key, or something that is no key; nothing in the error says what stands there."""
    file = folder / KEY_FILE
    if not file.exists():
        _make(file)
    keys = [_key(line) for line in read_private(file, KEY_FILE).split(b"\n") if line.strip()]
    if not 1 <= len(keys) <= MOST_KEYS:
        raise ChannelError(Failure.SETTINGS, f"{KEY_FILE}: {len(keys)} keys, expected 1 to {MOST_KEYS}, one a line")
    return tuple(keys)


def _key(line: bytes) -> bytes:
    try:
        key = bytes.fromhex(line.strip().decode("ascii"))
    except (UnicodeDecodeError, ValueError):
        raise ChannelError(Failure.SETTINGS, f"{KEY_FILE}: a line that is not hexadecimal") from None
    if len(key) < LEAST_KEY:
        raise ChannelError(Failure.SETTINGS, f"{KEY_FILE}: a key of {len(key)} bytes, expected {LEAST_KEY} or more")
    return key


def _make(file: Path) -> None:
    """Whole or not at all, and never over one that is there: whoever comes second reads what the first wrote."""
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "wb") as stream:
            stream.write(secrets.token_bytes(LEAST_KEY).hex().encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, file)
    except OSError as error:
        raise ChannelError(Failure.SETTINGS, f"{KEY_FILE}: {(error.strerror or 'cannot be written').lower()}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
