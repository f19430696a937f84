"""Asks the references of an uplink whether they are there: an ICMP echo to a host, a TCP connection to `host:port`."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Final

from agent.probes.echo import Echoes

_OURS: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL}
)
"""Errors that say something of this machine and nothing of the way."""


class References:
    """One for a loop; `close` it at the end."""

    def __init__(self) -> None:
        self._echoes = Echoes()

    async def ask(self, reference: str, timeout_s: float) -> bool | None:
        """Whether it answers in time; None where this system does not let us ask. A refused connection is an answer."""
        host, port = parts_of(reference)
        if not port:
            return await self._echoes.is_reachable(host, timeout_s)
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as sock:
                sock.setblocking(False)
                async with asyncio.timeout(timeout_s):
                    await asyncio.get_running_loop().sock_connect(sock, (host, port))
        except ConnectionRefusedError:
            return True
        except TimeoutError:
            return False
        except OSError as error:
            return None if error.errno in _OURS else False
        return True

    def close(self) -> None:
        """Close the sockets."""
        self._echoes.close()


def parts_of(reference: str) -> tuple[str, int]:
    """Address and port of a reference; port 0 for one that is asked by an echo. Raises `ValueError` for what is neither."""
    text, port = reference, ""
    if text.startswith("["):
        text, closed, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if closed and (not rest or rest.startswith(":")) else "?"
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        socket.inet_pton(family, text.partition("%")[0])
    except OSError:
        raise ValueError(f"{reference!r}: expected an IP address, or one with a port") from None
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(f"{reference!r}: expected a port from 1 to 65535")
    return text, int(port or 0)
