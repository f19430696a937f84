"""Tells systemd that the agent is ready, alive, reloading or stopping (sd_notify protocol), without a library."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
WATCHDOG: Final = "WATCHDOG=1"


class Notifier:
    """Sends states to `NOTIFY_SOCKET`; does nothing if the agent is not a systemd service of type notify.

    `watchdog_s` is how often systemd wants to hear from us at the latest, 0 if it does not watch.
    """

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # Only an absolute path or an abstract name is an address by the protocol.
        self._address = "\0" + address[1:] if address.startswith("@") else address if address.startswith("/") else ""
        self.watchdog_s = _watchdog_s(environment, pid) if self._address else 0.0

    def send(self, *states: str) -> bool:
        """Send states in one message; true if systemd took it. Never raises, never blocks."""
        if not self._address:
            return False
        import socket

        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock:
                sock.sendto("\n".join(states).encode(), self._address)
        except OSError:
            return False
        return True


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float:
    text, owner = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(pid))
    return int(text) / 1e6 if text.isdigit() and owner == str(pid) else 0.0


def is_shutting_down(folder: str = "/run/systemd/system") -> bool:
    """Whether this machine is being shut down or restarted, as far as systemd says; false in doubt (SPEC R8.5)."""
    if not os.path.isdir(folder):
        return False
    import subprocess

    try:
        done = subprocess.run(["systemctl", "is-system-running"], capture_output=True, timeout=1.0, check=False)  # noqa: S607
    except (OSError, subprocess.SubprocessError):
        return False
    return done.stdout.strip() == b"stopping"
