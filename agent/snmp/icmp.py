"""ICMP errors about what a socket sent (Linux): a closed port or a missing route need not be waited for. For the SNMP sockets.

Elsewhere there are none, and silence says the same, later.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""IP_RECVERR and IPV6_RECVERR of <linux/in.h> and <linux/in6.h>, which the socket module does not name."""
_ERROR = struct.Struct("=IBBBBII")
"""struct sock_extended_err of <linux/errqueue.h>: errno, origin, type, code, padding, info, data."""
_FROM_ICMP = (2, 3)
_AT_ONCE = 256
_ANCILLARY = 512


def listen(sock: socket.socket) -> bool:
    """Have the kernel keep ICMP errors for `errors`; False where it does not."""
    if sys.platform != "linux":
        return False
    try:
        sock.setsockopt(*_RECVERR[socket.AddressFamily(sock.family)], 1)
    except OSError:
        return False
    return True


def errors(sock: socket.socket) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The errors that came since the last call, some hundred at most: errno, and the address that was sent to."""
    if sys.platform != "linux":
        return
    for _ in range(_AT_ONCE):
        try:
            _, ancillary, _, address = sock.recvmsg(0, _ANCILLARY, socket.MSG_ERRQUEUE)
        except OSError:
            return
        for level, kind, data in ancillary:
            known = (level, kind) in _RECVERR.values() and len(data) >= _ERROR.size
            number, origin, *_ = _ERROR.unpack_from(data) if known else (0, 0)
            if origin in _FROM_ICMP:
                yield number, address
