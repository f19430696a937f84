"""What the kernel says of a running process: processor seconds and resident memory; and starting peers for a benchmark."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
import debian

_TICK = os.sysconf("SC_CLK_TCK")
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)")
"""The head of a mapping in `smaps`: addresses, rights, offset, device, inode, file."""


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of `pid`, in steps of the kernel's tick (10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def pss_bytes(pid: int | str) -> int:
    """Proportional set size: resident memory with shared pages divided among those who map them."""
    return _rollup(pid, "Pss:")


def rss_bytes(pid: int | str) -> int:
    """Resident set size: every page in full, however many processes map it."""
    return _rollup(pid, "Rss:")


def _rollup(pid: int | str, key: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/{pid}/smaps_rollup has no {key} line")


def alone_bytes(pid: int, own: Sequence[str]) -> int:
    """PSS as if no other process mapped the files whose paths begin with one of `own`: their resident pages count in full."""
    total, counted = 0, "Pss:"
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if mapping := _MAPPING.fullmatch(line):
            counted = "Rss:" if mapping[1].startswith(tuple(own)) else "Pss:"
        elif line.startswith(counted):
            total += int(line.split()[1]) * 1024
    return total


def interpreter_files() -> list[str]:
    """What a Python process maps that no other program does: the interpreter, its library and the packages, as `own` above."""
    library = os.path.join(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "")
    folders = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]
    return [os.path.realpath(path) for path in (sys.executable, library, *folders)]


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 20.0) -> None:
    """Return when something listens on the port; raises if the process ends first or time runs out."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with status {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")


@contextlib.contextmanager
def running(
    command: Sequence[str], port: int, log: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process that listens on `port`; ended when the block ends. Its output goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env)
        try:
            try:
                wait_for_port(port, process)
            except RuntimeError as error:
                raise RuntimeError(f"{error}:\n{log.read_text(errors='replace')[-2000:]}") from error
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def peer(name: str) -> str | None:
    """Path of a peer's program (Debian's, fetched by `make peers`); None if this machine does not have it."""
    path = debian.find(name)
    return str(path) if path else None
