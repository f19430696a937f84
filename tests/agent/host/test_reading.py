"""What readers share: kernel files read again and again, and errors translated at the border."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from agent.host.reading import (
    SINGLE,
    File,
    Host,
    Layout,
    NoData,
    ReaderError,
    alone,
    gauge,
    guarded,
    malformed,
    read_once,
    text,
    translated,
)
from agent.model import Readings, Reason


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_kept_file_shows_what_was_written_since(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_bytes(b"1\n")
    file = File(str(path))
    assert file.read() == b"1\n"
    path.write_bytes(b"22\n")
    assert file.read() == b"22\n"
    path.write_bytes(b"")
    assert file.read() == b""


def test_a_file_longer_than_the_buffer_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(bytes(range(256)) * 100)
    assert File(str(path), size=1000).read() == path.read_bytes()
    assert read_once(str(path), 999) == path.read_bytes()


def test_a_file_that_never_ends_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as out:
        out.truncate(17 * 1024 * 1024)
    with pytest.raises(OSError, match="more than 16777216 bytes") as caught:
        File(str(path), size=4 * 1024 * 1024).read()
    assert caught.value.errno == errno.EFBIG


def test_a_file_given_back_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_bytes(b"old")
    file = File(str(path))
    assert file.read() == b"old"
    path.unlink()
    path.write_bytes(b"new")
    file.close()
    file.close()
    assert file.read() == b"new"


def test_a_missing_file_may_come_later(tmp_path: Path) -> None:
    file = File(str(tmp_path / "later"))
    with pytest.raises(FileNotFoundError):
        file.read()
    (tmp_path / "later").write_bytes(b"5")
    assert file.read() == b"5"


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_descriptors_are_kept_or_given_back_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_bytes(b"1")
    before = open_descriptors()
    brief = File(str(path), keep=False)
    brief.read()
    assert open_descriptors() == before
    kept = File(str(path))
    kept.read()
    kept.read()
    assert open_descriptors() == before + 1
    del kept
    assert open_descriptors() == before


@pytest.mark.skipif(sys.platform != "linux", reason="needs a kernel file whose object goes away")
def test_a_file_whose_process_ended_is_opened_anew_once() -> None:
    pid = os.posix_spawn("/bin/cat", ["cat"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/zero", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])  # fmt: skip
    file = File(f"/proc/{pid}/stat")
    try:
        assert file.read().startswith(b"%d (" % pid)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    with pytest.raises(FileNotFoundError):
        file.read()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("path", ["/proc/net/sockstat", "/proc/cpuinfo", "/proc/self/mountinfo", "/proc/devices"])
def test_kernel_files_that_come_in_pieces_are_read_whole(path: str) -> None:
    """The kernel hands out records a page at a time: a short read is not the end."""
    whole = b"".join(Path(path).read_bytes().split()[:1])
    file = File(path)
    first, second = file.read(), file.read()
    assert whole in first
    assert [line.split(b" ")[0] for line in first.splitlines()] == [line.split(b" ")[0] for line in second.splitlines()]
    assert len(first.splitlines()) == len(Path(path).read_bytes().splitlines())


def test_layouts_are_the_same_object_until_names_change() -> None:
    layout = Layout()
    first = layout.of([b"eth0", b"eth1"])
    assert first == (("eth0",), ("eth1",))
    assert layout.of([b"eth0", b"eth1"]) is first
    assert layout.of([b"eth0"]) == (("eth0",),)
    assert layout.of([]) == ()


def test_alone_gives_one_value_to_each_family() -> None:
    one, two = gauge("a", "A."), gauge("b", "B.")
    assert list(alone((one, two), (1.0, 2.0))) == [(one, SINGLE, (1.0,)), (two, SINGLE, (2.0,))]


def test_text_is_always_valid_utf8() -> None:
    assert text(b"caf\xc3\xa9") == "café"
    assert text(b"\xff\xfe").encode("utf-8") == "\ufffd\ufffd".encode()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOENT, Reason.NO_DATA),
        (errno.ENODEV, Reason.NO_DATA),
        (errno.EOPNOTSUPP, Reason.NO_DATA),
        (errno.EACCES, Reason.AUTH),
        (errno.EPERM, Reason.AUTH),
        (errno.EIO, Reason.INTERNAL),
        (errno.EMFILE, Reason.INTERNAL),
    ],
)
def test_errors_of_the_system_get_a_reason_from_the_list(number: int, reason: Reason) -> None:
    error = translated(OSError(number, os.strerror(number), "/proc/x"), "elsewhere")
    assert error.reason is reason
    assert error.detail == f"/proc/x: {os.strerror(number)}"
    assert isinstance(error, NoData) == (reason is Reason.NO_DATA)
    assert translated(OSError(number, "words"), "elsewhere").detail == "elsewhere: words"


def test_guarded_readers_raise_nothing_but_their_own_errors() -> None:
    def failing(error: Exception) -> Readings:
        raise error

    for error in (ValueError("no number"), IndexError("short"), KeyError("name")):
        with pytest.raises(ReaderError, match="/proc/x: ") as caught:
            guarded(lambda error=error: failing(error), "/proc/x")()
        assert caught.value.reason is Reason.MISMATCH
        assert caught.value.__cause__ is error
    own = NoData("nothing")
    with pytest.raises(NoData) as kept:
        guarded(lambda: failing(own), "/proc/x")()
    assert kept.value is own


def test_malformed_names_place_value_and_expectation() -> None:
    error = malformed("/proc/x", "y" * 500, "a number")
    assert error.reason is Reason.MISMATCH
    assert error.detail.startswith("/proc/x: found 'yyy")
    assert error.detail.endswith(", expected a number")
    assert len(error.detail) < 130


def test_a_host_knows_its_root() -> None:
    assert Host().in_root("/etc/os-release") == "/etc/os-release"
    assert Host(root="/srv/x").in_root("/etc/os-release") == "/srv/x/etc/os-release"
    assert Host().platform == sys.platform
