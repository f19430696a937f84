"""systemd hears what its protocol says, on a real socket; nothing breaks where there is none."""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.service_systemd import READY, STOPPING, Notifier, is_shutting_down

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux'")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """systemd's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(5)
        yield sock


def test_states_arrive(manager: socket.socket) -> None:
    """Several states are one message, one a line."""
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()}, 1)
    assert notifier.send(READY)
    assert manager.recv(4096) == b"READY=1"
    assert notifier.send("RELOADING=1", "MONOTONIC_USEC=5")
    assert manager.recv(4096) == b"RELOADING=1\nMONOTONIC_USEC=5"


def test_abstract_address() -> None:
    """`@name` is the abstract socket of that name."""
    name = f"haidang-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{name}")
        sock.settimeout(5)
        assert Notifier({"NOTIFY_SOCKET": f"@{name}"}, 1).send(STOPPING)
        assert sock.recv(4096) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "relative/path", "/nonexistent/notify"])
def test_nobody_listens(address: str) -> None:
    """Outside of systemd nothing is sent and nothing raised."""
    assert Notifier({"NOTIFY_SOCKET": address}, 1).send(READY) is False


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "42"}, 120.0),
        ({"WATCHDOG_USEC": "500000"}, 0.5),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "43"}, 0.0),
        ({"WATCHDOG_USEC": "often"}, 0.0),
        ({}, 0.0),
    ],
)
def test_watchdog_is_ours_only_if_it_names_us(environment: dict[str, str], seconds: float) -> None:
    """A child of a watched service inherits the variables and must not answer for it."""
    assert Notifier({"NOTIFY_SOCKET": "/run/x", **environment}, 42).watchdog_s == seconds


@pytest.mark.parametrize(("answer", "expected"), [("stopping", True), ("running", False), ("degraded", False)])
def test_shutdown_is_what_systemd_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, expected: bool) -> None:
    """Only a machine that is stopping makes the stop a shutdown (SPEC R8.5)."""
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\necho {answer}\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert is_shutting_down(str(tmp_path)) is expected


def test_without_systemd_it_is_no_shutdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In doubt it is not: no folder of systemd's, no systemctl."""
    assert is_shutting_down(str(tmp_path / "absent")) is False
    monkeypatch.setenv("PATH", str(tmp_path))
    assert is_shutting_down(str(tmp_path)) is False
