"""The psutil readers, which serve Windows, tell on Linux what `/proc` tells."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

from agent.host import psutil_base
from agent.host.reading import Host, Reader, ReaderError
from agent.model import Readings, Reason

Samples = Callable[[Readings], dict[str, float]]
KINDS = ["cpu", "meminfo", "loadavg", "stat", "uname"]


def opened(kind: str, platform: str) -> Reader:
    module = importlib.import_module(f"agent.host.{kind}")
    reader: Reader = module.open_reader(module.Settings(), Host(platform=platform))
    return reader


@pytest.mark.parametrize("kind", KINDS)
def test_other_systems_are_read_through_psutil(kind: str, samples: Samples, same_layout: Callable[[Reader], None]) -> None:
    read = opened(kind, "win32")
    assert samples(read())
    same_layout(read)


# what psutil counts otherwise than the kernel's file of the same name
_OTHERWISE = {"node_memory_Cached_bytes", "node_memory_Active_bytes", "node_memory_Inactive_bytes"}
_MOVES = {"node_memory_MemFree_bytes", "node_memory_MemAvailable_bytes", "node_memory_Buffers_bytes"}


@pytest.mark.skipif(sys.platform != "linux", reason="compares with /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_psutil_and_proc_agree(kind: str, samples: Samples) -> None:
    """Read between two readings of `/proc`: within 1 %, or between the two."""
    proc, other = opened(kind, "linux"), opened(kind, "win32")
    before, ours, after = samples(proc()), samples(other()), samples(proc())
    shared = (set(ours) & set(before)) - _OTHERWISE
    assert len(shared) >= len(ours) - len(_OTHERWISE)
    for name in shared:
        low, high = sorted((before[name], after[name]))
        slack = 0.05 * abs(high) if name in _MOVES else 0.01 * abs(high) + 0.011
        assert low - slack <= ours[name] <= high + slack, name


def test_errors_of_psutil_are_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise psutil.AccessDenied

    def failing(*_: object, **__: object) -> None:
        raise psutil.Error

    monkeypatch.setattr(psutil, "cpu_stats", denied)
    with pytest.raises(ReaderError, match=r"psutil\.cpu_stats") as caught:
        psutil_base.open_stat()()
    assert caught.value.reason is Reason.AUTH
    monkeypatch.setattr(psutil, "cpu_stats", failing)
    with pytest.raises(ReaderError) as caught:
        psutil_base.open_stat()()
    assert caught.value.reason is Reason.INTERNAL


def test_linux_never_pays_for_psutil() -> None:
    """psutil costs megabytes; on Linux no reader of these kinds may import it."""
    program = (
        "import sys, importlib\n"
        "from agent.host.reading import Host\n"
        f"for kind in {KINDS}:\n"
        "    module = importlib.import_module('agent.host.' + kind)\n"
        "    module.open_reader(module.Settings(), Host(platform='linux'))\n"
        "heavy = {'psutil', 'asyncio', 'logging', 'argparse', 'yaml', 'dataclasses', 'json', 'socket', 'ctypes'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
