"""The boot id changes with a boot and only then."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.identity import boot_id, moment_of_boot


class Still:
    """A clock that stands."""

    def __init__(self, wall_ms: int, uptime_ms: int) -> None:
        self._wall_ms = wall_ms
        self._uptime_ms = uptime_ms

    def wall_ms(self) -> int:
        return self._wall_ms

    def uptime_ms(self) -> int:
        return self._uptime_ms

    def awake_ms(self) -> int:
        return self._uptime_ms

    def wait(self, event: threading.Event, seconds: float) -> bool:
        raise AssertionError("nobody waits for a boot id")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's boot id is Linux'")
def test_kernel_boot_id() -> None:
    """Twice the same, and what the wire takes as an id."""
    first = boot_id(SystemClock())
    assert first == boot_id(SystemClock())
    assert re.fullmatch(r"[0-9a-f-]{36}", first)


@pytest.mark.parametrize("content", [None, b"", b"\n", b"not an id!\n", b"\xff\xfe"])
def test_without_a_usable_file_the_moment_of_boot_counts(tmp_path: Path, content: bytes | None) -> None:
    """No such file (a container without /proc) or nonsense in it: still one id a boot."""
    file = tmp_path / "boot_id"
    if content is not None:
        file.write_bytes(content)
    clock = Still(1_700_000_123_456, 23_000)
    assert boot_id(clock, str(file)) == "boot-1700000100"


def test_moment_of_boot_is_the_same_throughout_a_boot() -> None:
    """Rounding takes up the jitter between reading two clocks."""
    ids = {
        moment_of_boot(Still(1_700_000_123_000 + passed + jitter, 23_000 + passed))
        for passed in (0, 10**9)
        for jitter in (0, 9)
    }
    assert ids == {"boot-1700000100"}
