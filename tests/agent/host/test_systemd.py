"""Units of systemd, asked by a real child process: a `systemctl` made for the test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agent.host import systemd
from agent.host.reading import Host, NoData, Reader, ReaderError
from agent.model import Readings, Reason

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is on Linux only")
Samples = Callable[[Readings], dict[str, float]]
RECORDED = """Id=nginx.service
Type=forking
ActiveState=active

Id=backup.timer
ActiveState=inactive

Type=notify
Id=postgresql@15-main.service
ActiveState=failed
"""
UNITS = ("nginx.service", "backup.timer", "postgresql@15-main.service")


class Machine:
    """A folder with `systemctl` in it, alone on the PATH, and a root where systemd runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        (folder / "root" / "run" / "systemd" / "system").mkdir(parents=True)
        self.host = Host(str(folder), str(folder), str(folder / "root"), "linux")

    def systemctl(self, script: str) -> None:
        program = self.folder / "systemctl"
        program.write_text(f'#!/bin/sh\necho "$*" >> "{self.calls}"\n{script}\n')
        program.chmod(0o755)

    def answer(self, text: str) -> None:
        (self.folder / "answer").write_text(text)
        self.systemctl(f'while IFS= read -r line; do echo "$line"; done < "{self.folder / "answer"}"')

    def reader(self, *, units: tuple[str, ...] = UNITS, every: int = 1, timeout_s: float = 10.0) -> Reader:
        return systemd.open_reader(systemd.Settings(units, every, timeout_s), self.host)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("PATH", str(tmp_path))
    return Machine(tmp_path)


def active(found: dict[str, float]) -> set[str]:
    return {name for name, value in found.items() if value == 1.0}


def test_each_unit_is_in_one_state(machine: Machine, samples: Samples) -> None:
    machine.answer(RECORDED)
    found = samples(machine.reader()())
    assert len(found) == 15
    assert active(found) == {
        'node_systemd_unit_state{name="nginx.service",state="active",type="forking"}',
        'node_systemd_unit_state{name="backup.timer",state="inactive",type=""}',
        'node_systemd_unit_state{name="postgresql@15-main.service",state="failed",type="notify"}',
    }
    assert machine.calls.read_text() == f"show --property=Id,ActiveState,Type -- {' '.join(UNITS)}\n"


def test_a_unit_that_reloads_is_active(machine: Machine, samples: Samples) -> None:
    machine.answer("ActiveState=reloading\nType=simple\n")
    found = samples(machine.reader(units=("a.service",))())
    assert active(found) == {'node_systemd_unit_state{name="a.service",state="active",type="simple"}'}


def test_it_is_asked_at_a_slower_pace(machine: Machine, samples: Samples, same_layout: Callable[[Reader], None]) -> None:
    machine.answer(RECORDED)
    read = machine.reader(every=3)
    first = [read() for _ in range(3)]
    machine.answer(RECORDED.replace("failed", "active"))
    second = [samples(read()) for _ in range(3)]
    assert first[0] is first[1] is first[2]
    assert machine.calls.read_text().count("\n") == 2
    assert 'node_systemd_unit_state{name="postgresql@15-main.service",state="active",type="notify"}' in active(second[0])
    same_layout(read)


def failure(read: Reader) -> ReaderError:
    with pytest.raises(ReaderError) as caught:
        read()
    return caught.value


def test_one_that_hangs_is_ended_with_its_children(machine: Machine) -> None:
    machine.systemctl(f'echo $$ > "{machine.folder}/pid"; /bin/sleep 600 & /bin/sleep 600')
    error = failure(machine.reader(timeout_s=1.0))
    assert (error.reason, error.detail) == (Reason.TIMEOUT, "systemctl: no answer within 1 s")
    group = int((machine.folder / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(group, 0)


def test_one_that_never_stops_talking_is_ended(machine: Machine) -> None:
    machine.systemctl("while :; do echo ActiveState=active; done")
    error = failure(machine.reader())
    assert (error.reason, error.detail) == (Reason.MISMATCH, "systemctl: answer of more than 262144 bytes")


@pytest.mark.parametrize(
    ("script", "reason", "detail"),
    [
        ("exit 3", Reason.INTERNAL, "systemctl: ended with 3, expected 0"),
        ("echo ActiveState=active", Reason.MISMATCH, "systemctl: 1 units in the answer, expected 3"),
        ("for i in 1 2 3; do echo Id=x; echo; done", Reason.MISMATCH, "systemctl: no ActiveState of nginx.service"),
    ],
)
def test_a_wrong_answer_is_named_and_asked_for_again(machine: Machine, script: str, reason: Reason, detail: str) -> None:
    machine.systemctl(script)
    read = machine.reader(every=50)
    for _ in range(2):
        error = failure(read)
        assert (error.reason, error.detail) == (reason, detail)
    machine.answer(RECORDED)
    assert len(read()) == 1


def test_no_child_and_no_descriptor_is_left(machine: Machine) -> None:
    machine.answer(RECORDED)
    read = machine.reader()
    read()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        read()
    machine.systemctl("exit 1")
    failure(read)
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_where_there_is_nothing_to_ask_there_is_no_data(machine: Machine) -> None:
    with pytest.raises(NoData, match="no unit is named"):
        machine.reader(units=())()
    with pytest.raises(NoData, match="no such program"):
        machine.reader()()
    (machine.folder / "root" / "run" / "systemd" / "system").rmdir()
    with pytest.raises(NoData, match="systemd does not run here"):
        machine.reader()()


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (["nginx"], "units: 'nginx' is no unit, expected a full name such as nginx.service"),
        (["-H evil.service"], "units: '-H evil.service' is no unit"),
        (["--help.service"], "units: '--help.service' is no unit"),
        (["a.service", "a.service"], "units: a unit stands there twice"),
    ],
)
def test_wrong_settings_are_refused(units: list[str], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert({"units": units}, systemd.Settings)
