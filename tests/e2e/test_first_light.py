"""`make run` as a newcomer meets it: what it says, that it stops in order and continues, and what it says when it cannot."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Program, fetch, free_port, wait_for

pytestmark = pytest.mark.e2e


class Local(Program):
    """`haidang-collector local` on free ports, in a session of its own as a terminal would give it."""

    def __init__(self, data: Path, folder: Path, language: str = "en", port: int = 0, agent_port: int = 0) -> None:
        self.data = data
        self.port = port or free_port()
        self.agent_port = agent_port or free_port()
        command = [sys.executable, "-m", "collector", "local", "--data", str(data), "--port", str(self.port)]
        super().__init__([*command, "--agent-port", str(self.agent_port)], folder, "local", {"HAIDANG_LANG": language})

    def wait_for_words(self, words: str) -> str:
        """Everything said, once `words` are among it."""
        wait_for(lambda: words in self.said() or self._over(), 90, self.said)
        assert words in self.said()
        return self.said()

    def _over(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def children(self) -> list[int]:
        """Process ids of collector and agent, in the order in which they were started."""
        assert self.process is not None
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]


def _gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_first_light_and_the_next_day(tmp_path: Path) -> None:
    """The first run enrols and shows this machine in plain words; Ctrl-C ends agent, then collector; the second continues."""
    data = tmp_path / "var"
    with Local(data, tmp_path) as local:
        said = local.wait_for_words("Ctrl-C stops both")
        assert re.search(r"Host +\S+ \(Linux ", said)
        assert re.search(r"State +up\n", said)
        assert re.search(r"CPU +\d+ cores, load \d+\.\d\d", said)
        assert re.search(r"Memory +\d+% of \d+\.\d GiB in use", said)
        assert re.search(r"Fullest file system +(/\S*|none)", said)
        assert re.search(r"Uptime +\d+ days \d+ h \d+ min", said)
        for address in re.findall(r"http://127\.0\.0\.1:\d+(/\S*)", said):
            assert fetch(local.port, address)[0] == 200, address
        local.signal(signal.SIGINT)
        assert local.wait() == 0
    said = local.said()
    assert said.index("Stopping") < said.index("The agent has stopped") < said.index("The collector has stopped")
    identity = {name: (data / "agent" / name).read_bytes() for name in ("token", "ca.pem", "agent.yml", "spool/stream")}
    reports = _stored(data)
    assert reports > 0

    second = Local(data, tmp_path / "second", port=local.port, agent_port=local.agent_port)
    with second:
        second.wait_for_words("Ctrl-C stops both")
        assert second.stop() == 0
    assert {name: (data / "agent" / name).read_bytes() for name in identity} == identity
    assert (more := _stored(data)) > reports

    with Local(data, tmp_path / "third") as third:  # on other ports: the agent is told the new address
        third.wait_for_words("Ctrl-C stops both")
        assert third.stop() == 0
    assert (data / "agent" / "spool" / "stream").read_bytes() == identity["spool/stream"]
    assert _stored(data) > more


def _stored(data: Path) -> int:
    """Reports in the evidence of a collector that is not running."""
    from sqlalchemy import create_engine, text

    engine = create_engine(f"sqlite:///{data / 'haidang.db'}")
    try:
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT SUM(count) FROM evidence")).scalar_one())
    finally:
        engine.dispose()


def test_it_speaks_vietnamese(tmp_path: Path) -> None:
    """HAIDANG_LANG=vi, and SIGTERM is as good as Ctrl-C."""
    with Local(tmp_path / "var", tmp_path, "vi") as local:
        said = local.wait_for_words("Ctrl-C dừng cả hai")
        assert re.search(r"Trạng thái +hoạt động\n", said)
        assert local.stop() == 0
    assert "Đang dừng: tác tử trước, bộ thu thập sau." in local.said()


def test_children_do_not_outlive_it(tmp_path: Path) -> None:
    """Killed without a chance to clean up, it leaves nothing running."""
    with Local(tmp_path / "var", tmp_path) as local:
        local.wait_for_words("Ctrl-C stops both")
        children = local.children()
        assert len(children) == 2
        local.kill()
        wait_for(lambda: all(_gone(pid) for pid in children), 30)


def test_a_program_that_ends_is_named(tmp_path: Path) -> None:
    """If one of the two ends by itself, the other is stopped, and its last words are shown."""
    with Local(tmp_path / "var", tmp_path) as local:
        local.wait_for_words("Ctrl-C stops both")
        collector, agent = local.children()
        os.kill(agent, signal.SIGKILL)
        local.wait_for_words("The agent ended by itself (exit code -9)")
        assert local.wait() == 1
        assert _gone(collector)


@pytest.mark.parametrize("option", ["port", "agent_port"])
def test_taken_port_is_named(tmp_path: Path, option: str) -> None:
    """A port that is taken is named before anything starts, with what to do."""
    local = Local(tmp_path / "var", tmp_path)
    with socket.create_server(("127.0.0.1", getattr(local, option))), local:
        local.wait_for_words(f"Port {getattr(local, option)} cannot be used")
        assert local.wait() == 1
    assert f"make run {option.upper()}=" in local.said()
    assert not (tmp_path / "var" / "haidang.db").exists()


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nobody can write; root too cannot, as on a file system mounted read-only."""
    target = tmp_path / "read-only"
    target.mkdir(mode=0o555)
    if os.geteuid() != 0:
        yield target
        return
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(target)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no right to mount: {mounted.stderr.strip()}")
    yield target
    subprocess.run(["umount", str(target)], check=True)


def test_read_only_folder_is_named(tmp_path: Path, read_only: Path) -> None:
    """A folder that cannot be written is named, with what to do."""
    with Local(read_only / "var", tmp_path) as local:
        local.wait_for_words(f"Nothing can be written to {read_only / 'var'}")
        assert local.wait() == 1
    assert "make run DATA=" in local.said()


def test_second_run_at_once_is_refused(tmp_path: Path) -> None:
    """Two on one folder would fight over the database; the second says who is there."""
    with Local(tmp_path / "var", tmp_path) as first:
        first.wait_for_words("Ctrl-C stops both")
        with Local(tmp_path / "var", tmp_path / "second") as second:
            assert first.process is not None
            second.wait_for_words(f"already runs on {tmp_path / 'var'} (process {first.process.pid})")
            assert second.wait() == 1
