"""What systemd wants to hear: ready, stopping, reloading and the watchdog's sign of life, by datagram and without a library.

Outside systemd every call does nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Speaks to the socket that `NOTIFY_SOCKET` names."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self.watchdog_s = _watchdog_s(environment)
        """Seconds between two signs of life (half of what systemd allows); 0 if none are wanted."""

    def ready(self) -> None:
        """Start, or a reload, is complete."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000}")

    def stopping(self) -> None:
        """A clean stop begins."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.settimeout(1.0)
                sock.sendto(message.encode(), self._address)
        except OSError:
            # The service manager is gone or restarts; it will ask again, and monitoring goes on without it.
            return


def _watchdog_s(environment: Mapping[str, str]) -> float:
    pid = environment.get("WATCHDOG_PID", "")
    micros = environment.get("WATCHDOG_USEC", "")
    if (pid and pid != str(os.getpid())) or not micros.isdecimal():
        return 0.0
    return int(micros) / 2_000_000
