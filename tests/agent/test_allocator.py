"""glibc takes the wish; a program without it goes on."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from agent import allocator


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc")
def test_one_arena_serves_all_threads() -> None:
    """After it, threads that allocate side by side get no arena of their own (`malloc_info` counts them)."""
    script = (
        "import ctypes, threading, sys\n"
        "from agent import allocator\n"
        "if sys.argv[1] == 'one': assert allocator.one_arena()\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.malloc.restype = ctypes.c_void_p\n"
        "barrier = threading.Barrier(4)\n"
        "def work():\n"
        "    libc.malloc(1000); barrier.wait(); libc.malloc(1000)\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "libc.fdopen.restype = ctypes.c_void_p\n"
        "out = ctypes.c_void_p(libc.fdopen(1, b'w'))\n"
        "libc.malloc_info(0, out); libc.fflush(out)\n"
    )
    arenas = {
        how: subprocess.run(
            [sys.executable, "-c", script, how], capture_output=True, text=True, check=True, timeout=30
        ).stdout.count("<heap nr=")
        for how in ("one", "many")
    }
    assert arenas["one"] == 1
    assert arenas["many"] > 1


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is called where the function means nothing."""
    monkeypatch.setattr(sys, "platform", "win32")
    assert allocator.one_arena() is False
