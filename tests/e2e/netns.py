"""Machines of a test as network namespaces of this one: their own interfaces, addresses and routes, joined by cables that a
test pulls, and routers that swallow what they should forward.

A namespace lives as long as the test holds its file, so a test that was killed leaves nothing behind. Whoever is `inside` one
opens sockets and starts programs there. Needs root.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

import pytest

from tests.e2e import debian

_CLONE_NEWNET = 0x40000000
_SELF = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)


class Cable(NamedTuple):
    """A cable between two hosts, and the name of its end at each."""

    first: str
    second: str
    at_first: str
    at_second: str


class Network:
    """Hosts by name. Skips the test where this machine does not let it make any."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            pytest.skip("network namespaces are made by root alone")
        self._ip = str(debian.binary("ip"))
        self._hosts: dict[str, int] = {}
        self._cables = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._hosts.values():
            os.close(file)

    # --- building

    def host(self, *names: str, forwards: bool = False) -> None:
        """Make hosts with nothing but loopback; those that forward are routers."""
        for name in names:
            self._hosts[name] = _made()
            self.ip(name, "link", "set", "lo", "up")
            if forwards:
                with self.inside(name), open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
                    file.write("1")

    def join(self, first: str, first_address: str, second: str, second_address: str) -> Cable:
        """Lay a cable with an address (`10.9.0.1/30`) at each end."""
        self._cables += 1
        cable = Cable(first, second, f"to-{second}"[:15], f"to-{first}"[:15])
        there = f"/proc/{os.getpid()}/fd/{self._hosts[second]}"
        kind = ("type", "veth", "peer", "name", cable.at_second, "netns", there)
        self.ip(first, "link", "add", "name", cable.at_first, *kind)
        for host, end, address in ((first, cable.at_first, first_address), (second, cable.at_second, second_address)):
            self.ip(host, "address", "add", address, "dev", end)
            self.ip(host, "link", "set", end, "up")
        return cable

    def route(self, host: str, to: str, via: str) -> None:
        """`to` (`default`, `10.9.2.0/24`) is reached over a router."""
        self.ip(host, "route", "replace", to, "via", via, "metric", "10")  # So that `swallow` goes before it.

    def ip(self, host: str, *arguments: str) -> str:
        """What `ip ARGUMENTS` on a host prints; it must succeed."""
        with self.inside(host):
            done = subprocess.run([self._ip, *arguments], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{host}: ip {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    # --- what happens

    @contextlib.contextmanager
    def inside(self, host: str) -> Iterator[None]:
        """This thread, and what it starts, is on that host."""
        with _opened() as home:
            _enter(self._hosts[host])
            try:
                yield
            finally:
                _enter(home)

    def on(self, host: str, serve: Callable[[], None]) -> threading.Thread:
        """Run something on a host in a thread of its own until it ends by itself."""
        with self.inside(host):
            thread = threading.Thread(target=serve, name=host, daemon=True)
            thread.start()
        return thread

    def pull(self, cable: Cable) -> None:
        """Pull a cable out at its first end: routers there say that there is no way, at the other end nobody answers."""
        self.ip(cable.first, "link", "set", cable.at_first, "down")

    def plug(self, cable: Cable, *routes: tuple[str, str]) -> None:
        """Put it in again, with the routes (to, via) over it that went with it."""
        self.ip(cable.first, "link", "set", cable.at_first, "up")
        for to, via in routes:
            self.route(cable.first, to, via)

    def swallow(self, router: str, *destinations: str) -> None:
        """What a router gets for these it forwards no more, and says nothing."""
        for destination in destinations:
            self.ip(router, "route", "add", "blackhole", destination, "metric", "0")

    def forward(self, router: str, *destinations: str) -> None:
        """It forwards it again."""
        for destination in destinations:
            self.ip(router, "route", "del", "blackhole", destination, "metric", "0")


@contextlib.contextmanager
def _opened() -> Iterator[int]:
    file = os.open(_SELF, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _made() -> int:
    """A new namespace, as a file."""
    with _opened() as home:
        if _libc.unshare(_CLONE_NEWNET) != 0:
            pytest.skip(f"this machine makes no network namespaces: {os.strerror(ctypes.get_errno())}")
        try:
            return os.open(_SELF, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _enter(home)
