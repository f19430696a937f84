"""A folder of text files: merged, cached, and one bad file costs only itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.blocks import Layout
from agent.host import textfile
from agent.host.reading import Host, NoData, Noted, Reader
from agent.model import MetricType, Readings

Samples = Callable[[Readings], dict[str, float]]


class Place:
    """A folder and its reader."""

    def __init__(self, path: Path, samples: Samples) -> None:
        self.path = path
        self.folder = textfile.Folder(textfile.Settings(str(path)), Host())
        self._samples = samples
        self._clock = 1_700_000_000

    def write(self, name: str, content: str | bytes) -> None:
        """A file with a modification time of its own, as the resolution of the clock may not give it one."""
        data = content.encode() if isinstance(content, str) else content
        (self.path / name).write_bytes(data)
        self._clock += 1
        os.utime(self.path / name, (self._clock, self._clock))

    def read(self) -> dict[str, float]:
        return self._samples(self.folder.read())

    def label(self, name: str) -> str:
        return str(self.path / name).replace("\\", "\\\\")


@pytest.fixture
def place(tmp_path: Path, samples: Samples) -> Place:
    return Place(tmp_path, samples)


def test_files_are_merged_and_dated(place: Place) -> None:
    place.write("a.prom", '# TYPE age_seconds gauge\nage_seconds{job="db"} 5\n')
    place.write("b.prom", '# TYPE age_seconds gauge\nage_seconds{host="x"} 6\nplain 1\n')
    place.write("c.prom.1234", "half wr")
    assert place.read() == {
        "node_textfile_scrape_error": 0.0,
        f'node_textfile_mtime_seconds{{file="{place.label("a.prom")}"}}': 1_700_000_001.0,
        f'node_textfile_mtime_seconds{{file="{place.label("b.prom")}"}}': 1_700_000_002.0,
        'age_seconds{host="",job="db"}': 5.0,
        'age_seconds{host="x",job=""}': 6.0,
        "plain": 1.0,
    }
    assert place.folder.problems == ()
    families = {family.name: family for family, _, _ in place.folder.read()}
    assert families["age_seconds"].type is MetricType.GAUGE
    assert families["plain"].help == f"Metric read from {place.path / 'b.prom'}"


def test_unchanged_files_give_the_very_same_readings(place: Place, same_layout: Callable[[Reader], None]) -> None:
    place.write("a.prom", "a 1\n")
    place.write("bad.prom", "b x\n")
    assert place.folder.read() is place.folder.read()
    same_layout(place.folder.read)


def test_new_values_come_at_once_and_keep_the_layout(place: Place) -> None:
    place.write("a.prom", 'a{x="1"} 1\n')
    before = place.folder.read()
    place.write("a.prom", 'a{x="1"} 2\n')
    after = place.folder.read()
    assert after is not before
    assert all(one[0] is two[0] and one[1] is two[1] for one, two in zip(before, after, strict=True))
    assert place.read()['a{x="1"}'] == 2.0


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a 1 1700000000\n", "line 1: a has the time stamp '1700000000', expected none"),
        ("a 1", "line 1: the last line has no line end; was the file written half?"),
        ("ok 3\n", "ok with labels {} is in a file before it"),
        ('# TYPE ok counter\nok{x="1"} 3\n', "ok is counter, but untyped in a file before it"),
        ("node_textfile_scrape_error 0\n", "node_textfile_scrape_error is a name of the agent itself"),
        ("haidang_anything 0\n", "haidang_anything is a name of the agent itself"),
        ("a 1\n" * 300_000, "more than 1048576 bytes"),
        ("".join(f"a{number} 1\n" for number in range(5_001)), "line 5001: more than 5000 series"),
        ("".join(f"a{number} 1\n" for number in range(5_000)), "5001 series with the files before it, expected at most 5000"),
    ],
)
def test_a_bad_file_costs_only_itself(place: Place, content: str, problem: str) -> None:
    place.write("a.prom", "ok 1\n")
    place.write("b.prom", content)
    place.write("c.prom", "good 2\n")
    found = place.read()
    assert found.pop("node_textfile_scrape_error") == 1.0
    assert {name for name in found if "mtime" not in name} == {"ok", "good"}
    assert f'node_textfile_mtime_seconds{{file="{place.label("b.prom")}"}}' not in found
    (said,) = place.folder.problems
    assert said.startswith(str(place.path / "b.prom"))
    assert said.endswith(problem)
    readings = place.folder.read()
    assert isinstance(readings, Noted)
    assert readings.notes == (said,)
    place.write("b.prom", "mended 1\n")
    after = place.read()
    assert not isinstance(place.folder.read(), Noted)
    assert after["node_textfile_scrape_error"] == 0.0
    assert after["mended"] == 1.0
    assert place.folder.problems == ()


def test_a_file_taken_away_is_gone(place: Place) -> None:
    place.write("a.prom", "a 1\n")
    place.write("b.prom", "b 1\n")
    place.read()
    (place.path / "b.prom").unlink()
    assert set(place.read()) == {
        "a",
        "node_textfile_scrape_error",
        f'node_textfile_mtime_seconds{{file="{place.label("a.prom")}"}}',
    }
    (place.path / "a.prom").rename(place.path / "z.prom")
    assert f'node_textfile_mtime_seconds{{file="{place.label("z.prom")}"}}' in place.read()


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
def test_names_that_are_not_utf8_are_spelled_out(place: Place) -> None:
    """Labels and helps carry UTF-8 only; two strange names stay two, and the other files are served."""
    for name, content in ((b"a\xfe.prom", "x 1\n"), (b"a\xff.prom", "y 2\n"), (b"b\xff.prom", "broken {\n")):
        place.write(os.fsdecode(name), content)
    readings = place.folder.read()
    assert len(Layout().block(readings).values) == 5 * 8
    assert {name for name in place.read() if "mtime" in name} == {
        f'node_textfile_mtime_seconds{{file="{place.path}/a\\\\x{byte}.prom"}}' for byte in ("fe", "ff")
    }
    assert place.folder.problems[0].startswith(f"{place.path}/b\\xff.prom")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
def test_a_fifo_does_not_hang_the_reader(place: Place) -> None:
    os.mkfifo(place.path / "f.prom")
    place.write("a.prom", "a 1\n")
    assert place.read()["node_textfile_scrape_error"] == 1.0
    assert place.folder.problems == (f"{place.path / 'f.prom'}: a named pipe",)


def test_a_file_that_cannot_be_opened_costs_only_itself(place: Place) -> None:
    place.write("a.prom", "a 1\n")
    try:
        (place.path / "gone.prom").symlink_to(place.path / "nowhere")
    except OSError:
        pytest.skip("no symbolic links here")
    assert place.read()["a"] == 1.0
    assert place.folder.problems[0].startswith(f"{place.path / 'gone.prom'}: ")


def test_only_so_many_files_are_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textfile, "MAX_FILES", 2)
    for name in "abc":
        place.write(f"{name}.prom", f"{name} 1\n")
    found = place.read()
    assert found["node_textfile_scrape_error"] == 1.0
    assert {"a", "b"} <= set(found)
    assert "c" not in found
    assert place.folder.problems == (f"{place.path}: 3 files, only the first 2 are read",)


def test_a_machine_without_the_folder_has_no_data(tmp_path: Path) -> None:
    read = textfile.open_reader(textfile.Settings(str(tmp_path / "none")), Host())
    with pytest.raises(NoData, match="none"):
        read()


def test_an_empty_folder_is_no_error(place: Place) -> None:
    assert place.read() == {"node_textfile_scrape_error": 0.0}
