"""PyPI's `snmpsim` as a process that plays recorded devices, for tests that want answers which are not ours.

A device's name is its v1 and v2c community and its v3 context. Fixture `simulator` of tests/conftest.py: all recordings.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.snmp import devices, tinyber

SYSTEM = tinyber.arcs("1.3.6.1.2.1.1")
AUTH_KEY, PRIV_KEY = "auth-pass-12", "priv-pass-12"


@dataclass(frozen=True)
class User:
    """A v3 user of a simulated engine; its keys are `AUTH_KEY` and `PRIV_KEY`. Protocols are spelled as in `snmp.yml`."""

    name: str
    auth: str = ""
    priv: str = ""


USERS = (
    User("nobody"),
    User("md5", "MD5"),
    User("sha", "SHA"),
    User("md5des", "MD5", "DES"),
    User("shaaes", "SHA", "AES"),
    User("sha224aes", "SHA224", "AES"),
    User("sha256aes192", "SHA256", "AES192"),
    User("sha256aes192c", "SHA256", "AES192C"),
    User("sha384aes256c", "SHA384", "AES256C"),
    User("sha512aes256", "SHA512", "AES256"),
)
"""Users of every engine that does not say otherwise."""

_PRIV = {"AES192": "AES192BLMT", "AES192C": "AES192", "AES256": "AES256BLMT", "AES256C": "AES256"}
"""The key extension without a mark is Reeder's there and Blumenthal's in `snmp.yml`."""


@dataclass(frozen=True)
class Engine:
    """One SNMP engine: a folder of `NAME.snmprec` files served on some addresses of 127.0.0.0/8."""

    folder: Path
    addresses: tuple[str, ...] = ("127.0.0.1",)
    users: tuple[User, ...] = USERS
    engine_id: str = "auto"
    """Hexadecimal; two engines with one id are the fault of cloned machines."""


@dataclass(frozen=True)
class Simulator:
    """A running simulator: every engine's addresses answer on `port`."""

    port: int
    names: tuple[str, ...]
    """The devices of the first engine."""
    process: subprocess.Popen[bytes]
    files: dict[str, Path] = field(default_factory=dict)
    """What is served for each name, for whom compares."""


def _arguments(engine: Engine, port: int) -> list[str]:
    options = [f"--v3-engine-id={engine.engine_id}"]
    for user in engine.users:
        options.append(f"--v3-user={user.name}")
        if user.auth:
            options += [f"--v3-auth-key={AUTH_KEY}", f"--v3-auth-proto={user.auth}"]
        if user.priv:
            options += [f"--v3-priv-key={PRIV_KEY}", f"--v3-priv-proto={_PRIV.get(user.priv, user.priv)}"]
    options += [f"--data-dir={engine.folder}"]
    return [*options, *(f"--agent-udpv4-endpoint={address}:{port}" for address in engine.addresses)]


def free_udp_port() -> int:
    """A port that no UDP socket of 127.0.0.0/8 had a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def simulating(work: Path, *engines: Engine) -> Iterator[Simulator]:
    """The engines in one process until the block ends. `work` is an empty folder for its index and log. The test is skipped
    where snmpsim is not installed."""
    if importlib.util.find_spec("snmpsim") is None:
        pytest.skip("snmpsim is not installed: pip install 'haidang[dev]'")
    port, log = free_udp_port(), work / "simulator.log"
    code = "from snmpsim.commands.responder import main; main()"
    options = ["--cache-dir", str(work / "index"), "--logging-method=stderr", "--log-level=error"]
    command = [sys.executable, "-W", "ignore", "-c", code, *options]
    for engine in engines:
        command += _arguments(engine, port)
    env = {**os.environ, "SNMPSIM_ALLOW_ROOT": "true"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=work)
    try:
        served = {path.stem: path for path in sorted(engines[0].folder.glob("*.snmprec"))}
        for engine in engines:
            probe = min(engine.folder.glob("*.snmprec"), key=lambda path: path.stat().st_size)
            for address in engine.addresses:
                _await_answer(process, (address, port), probe.stem, log)
        yield Simulator(port, tuple(served), process, served)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_answer(process: subprocess.Popen[bytes], address: tuple[str, int], community: str, log: Path) -> None:
    """Return when the device answers; raises with the log when the process ends or a minute is over."""
    pdu = tinyber.Pdu(tinyber.GETNEXT, 1, 0, 0, (((1, 3, 6), (tinyber.NULL, b"")),))
    request = tinyber.message(1, community.encode(), pdu)
    deadline = time.monotonic() + 60
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect(address)
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                asker.send(request)
                if select.select([asker], [], [], 0.2)[0] and asker.recv(65_535):
                    return
    said = re.sub(r"(?m)^.*(redis|sql).*$\n?", "", log.read_text(errors="replace"))
    raise RuntimeError(f"the simulator does not answer for {community} at {address}: {said[-2000:]}")


def recordings(folder: Path, *, wanted: Sequence[str] = ()) -> dict[str, Path]:
    """Put all recordings that this machine has (or those `wanted`) into `folder`, ready to be served: name -> file."""
    found = {**devices.beside(), **devices.from_pypi()}
    return {name: devices.prepared(path, folder, name) for name, path in found.items() if not wanted or name in wanted}
