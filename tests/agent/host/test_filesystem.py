"""Mounts: which are served, how they are called, and that a hanging one costs nobody else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.host import filesystem
from agent.host.mounts import MAX_STUCK, PATIENCE, Asker, Space
from agent.host.reading import Host, NoData, Reader, ReaderError
from agent.model import Readings, Reason

Copied = Callable[[str], tuple[Host, Path]]
Samples = Callable[[Readings], dict[str, float]]
SPACE: Space = (1000.0, 500.0, 400.0, 64.0, 32.0)
SOON = filesystem.Settings(timeout_s=0.02)


def measured(path: str) -> Space:
    """A file system whose size follows from its path; the one under `/boot` fails."""
    if path.endswith("/boot"):
        raise OSError(5, "Input/output error")
    size = 1000.0 * len(os.path.basename(path) or "/")
    return size, size / 2, size / 4, 64.0, 32.0


class Hanging:
    """A `statvfs` that does not return for some paths until `released`."""

    def __init__(self, *endings: str) -> None:
        self.endings = endings
        self.released = threading.Event()
        self.entered = threading.Semaphore(0)
        self.asked: list[str] = []
        self.threads: list[threading.Thread] = []

    def __call__(self, path: str) -> Space:
        self.asked.append(path)
        if path.endswith(self.endings):
            self.threads.append(threading.current_thread())
            self.released.wait()
        return SPACE

    def release(self) -> None:
        self.released.set()
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def hanging() -> Iterator[Callable[..., Hanging]]:
    made: list[Hanging] = []

    def make(*endings: str) -> Hanging:
        made.append(Hanging(*endings))
        return made[-1]

    yield make
    for one in made:
        one.release()


def test_a_server_with_volumes_binds_and_a_network_mount(
    recorded: Callable[[str], Host], golden: Callable[[str, str, Readings], None]
) -> None:
    golden("rack", "filesystem", filesystem.open_reader(filesystem.Settings(), recorded("rack"), measured)())


def test_the_layout_stays_the_same(recorded: Callable[[str], Host], same_layout: Callable[[Reader], None]) -> None:
    same_layout(filesystem.open_reader(filesystem.Settings(), recorded("rack"), measured))


def host_with(tmp_path: Path, mounts: str) -> Host:
    (tmp_path / "mounts").write_text(mounts)
    return Host(str(tmp_path), str(tmp_path), "/", "linux")


def test_mount_points_are_unescaped_and_asked_by_their_true_path(tmp_path: Path, samples: Samples) -> None:
    asked: list[str] = []

    def ask(path: str) -> Space:
        asked.append(path)
        return SPACE

    host = host_with(
        tmp_path, "/dev/sda1 /srv/a\\040b\\011c\\012d\\134040 ext4 rw,noatime 0 0\n//nas/a\\040b /srv/x xfs ro 0 0\n"
    )
    found = samples(filesystem.open_reader(filesystem.Settings(), host, ask)())
    assert asked == ["/srv/a b\tc\nd\\040", "/srv/x"]
    assert found['node_filesystem_readonly{device="/dev/sda1",fstype="ext4",mountpoint="/srv/a b\tc\\nd\\\\040"}'] == 0.0
    assert found['node_filesystem_readonly{device="//nas/a\\\\040b",fstype="xfs",mountpoint="/srv/x"}'] == 1.0


def test_a_path_that_is_not_utf_8_is_asked_by_its_bytes(tmp_path: Path, samples: Samples) -> None:
    asked: list[bytes] = []

    def ask(path: str) -> Space:
        asked.append(os.fsencode(path))
        return SPACE

    (tmp_path / "mounts").write_bytes(b"/dev/sda1 /srv/\xff ext4 rw 0 0\n")
    host = Host(str(tmp_path), str(tmp_path), "/", "linux")
    found = samples(filesystem.open_reader(filesystem.Settings(), host, ask)())
    assert asked == [b"/srv/\xff"]
    assert 'node_filesystem_files{device="/dev/sda1",fstype="ext4",mountpoint="/srv/\ufffd"}' in found


def test_the_same_mount_twice_is_one_and_the_upper_one_counts(tmp_path: Path, samples: Samples) -> None:
    host = host_with(tmp_path, "tmpfs /srv tmpfs rw 0 0\ntmpfs /srv tmpfs ro,size=1k 0 0\n")
    found = samples(filesystem.open_reader(filesystem.Settings(), host, lambda _: SPACE)())
    assert found['node_filesystem_readonly{device="tmpfs",fstype="tmpfs",mountpoint="/srv"}'] == 1.0
    assert len(found) == 7


def test_what_is_left_out_can_be_set(tmp_path: Path, samples: Samples) -> None:
    host = host_with(tmp_path, "a / ext4 rw 0 0\nb /mnt/x ext4 rw 0 0\nc /proc proc rw 0 0\nd /var/lib/docker/x xfs rw 0 0\n")

    def points(settings: filesystem.Settings) -> set[str]:
        found = samples(filesystem.open_reader(settings, host, lambda _: SPACE)())
        return {name.split('mountpoint="')[1].rstrip('"}') for name in found}

    assert points(filesystem.Settings()) == {"/"}
    assert points(filesystem.Settings(exclude_mount_points="^/$")) == {"/mnt/x", "/var/lib/docker/x"}
    assert points(filesystem.Settings(exclude_mount_points="", exclude_types="")) == {
        "/",
        "/mnt/x",
        "/proc",
        "/var/lib/docker/x",
    }


def test_mounts_that_change_are_seen(tmp_path: Path, samples: Samples) -> None:
    host = host_with(tmp_path, "a / ext4 rw 0 0\n")
    read = filesystem.open_reader(filesystem.Settings(), host, lambda _: SPACE)
    assert len(samples(read())) == 7
    (tmp_path / "mounts").write_text("a / ext4 rw 0 0\nb /srv ext4 rw 0 0\n")
    assert len(samples(read())) == 14


def test_an_error_marks_the_mount_and_a_recovery_clears_it(tmp_path: Path, samples: Samples) -> None:
    broken = True

    def ask(path: str) -> Space:
        if broken:
            raise OSError(5, "Input/output error")
        return SPACE

    read = filesystem.open_reader(filesystem.Settings(), host_with(tmp_path, "a / ext4 rw 0 0\nb /n nfs4 rw 0 0\n"), ask)
    assert samples(read()) == {
        'node_filesystem_device_error{device="a",fstype="ext4",mountpoint="/"}': 1.0,
        'node_filesystem_device_error{device="b",fstype="nfs4",mountpoint="/n"}': 1.0,
    }
    broken = False
    found = samples(read())
    assert found['node_filesystem_device_error{device="b",fstype="nfs4",mountpoint="/n"}'] == 0.0
    assert found['node_filesystem_avail_bytes{device="b",fstype="nfs4",mountpoint="/n"}'] == 400.0


MOUNTS = "a / ext4 rw 0 0\nb /dead nfs4 rw 0 0\nc /well fuse.sshfs rw 0 0\n"


def errors(found: dict[str, float]) -> dict[str, float]:
    prefix = "node_filesystem_device_error"
    return {name.split('mountpoint="')[1].rstrip('"}'): value for name, value in found.items() if name.startswith(prefix)}


def test_a_mount_that_hangs_is_marked_once_and_left_alone_until_it_answers(
    tmp_path: Path, samples: Samples, hanging: Callable[..., Hanging]
) -> None:
    ask = hanging("/dead")
    read = filesystem.open_reader(SOON, host_with(tmp_path, MOUNTS), ask)
    for _ in range(3):
        found = samples(read())
        assert errors(found) == {"/": 0.0, "/dead": 1.0, "/well": 0.0}
        assert 'node_filesystem_size_bytes{device="b",fstype="nfs4",mountpoint="/dead"}' not in found
        assert found['node_filesystem_size_bytes{device="c",fstype="fuse.sshfs",mountpoint="/well"}'] == 1000.0
    assert ask.asked.count("/dead") == 1
    assert ask.asked.count("/well") == 3
    ask.release()
    assert errors(samples(read())) == {"/": 0.0, "/dead": 0.0, "/well": 0.0}


def test_many_hanging_mounts_cost_few_threads_and_little_patience(hanging: Callable[..., Hanging]) -> None:
    ask = hanging("dead")
    asker = Asker(ask, 0.01)
    paths = [f"/{number}/dead" for number in range(3 * MAX_STUCK)]
    assert asker.ask(paths) == {}
    assert len(ask.threads) == PATIENCE
    for _ in range(2 * MAX_STUCK):
        asker.ask(paths)
    assert len(ask.threads) == MAX_STUCK
    ask.release()
    assert asker.ask(paths) == dict.fromkeys(paths, SPACE)


def test_slow_mounts_that_do_answer_are_waited_for() -> None:
    """Every wait ends without all answers, but each brought one, so none is taken for a mount that hangs."""
    may_answer = threading.Semaphore(0)
    entered = {path: threading.Event() for path in ("/a", "/b", "/c")}
    coming = iter(entered.values())

    class Waits(threading.Event):
        """Lets one mount answer, and ends without the whole answer when the next one is asked."""

        def wait(self, timeout: float | None = None) -> bool:
            may_answer.release()
            next(coming).wait(10)
            following = next(iter([event for event in entered.values() if not event.is_set()]), None)
            if following is None:
                return super().wait(10)
            assert following.wait(10)
            return False

    def ask(path: str) -> Space:
        entered[path].set()
        assert may_answer.acquire(timeout=10)
        return SPACE

    assert Asker(ask, 0.05, Waits).ask(entered) == dict.fromkeys(entered, SPACE)


def test_this_machine_s_root_is_served(samples: Samples) -> None:
    if not Path("/proc/1/mounts").exists():
        pytest.skip("no /proc")
    found = samples(filesystem.open_reader(filesystem.Settings(), Host())())
    stat = os.statvfs("/")
    sizes = [value for name, value in found.items() if name.startswith("node_filesystem_size") and name.endswith('="/"}')]
    assert sizes in ([], [float(stat.f_blocks * stat.f_frsize)])  # a container's root is an overlay, which is left out


def test_broken_and_missing_lists_are_named(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match="mounts") as caught:
        filesystem.open_reader(filesystem.Settings(), host_with(tmp_path, "tmpfs /srv\n"))()
    assert caught.value.reason is Reason.MISMATCH
    (tmp_path / "mounts").unlink()
    with pytest.raises(NoData, match="mounts"):
        filesystem.open_reader(filesystem.Settings(), Host(str(tmp_path), str(tmp_path), "/", "linux"))()
    with pytest.raises(NoData, match="excluded"):
        filesystem.open_reader(filesystem.Settings(), host_with(tmp_path, "proc /proc proc rw 0 0\n"))()


@pytest.mark.parametrize("key", ["exclude_mount_points", "exclude_types"])
def test_a_pattern_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=rf"{key}: '\[' is no regular expression"):
        filesystem.Settings(**{key: "["})  # type: ignore[arg-type]
