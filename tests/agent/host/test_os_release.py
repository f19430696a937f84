"""The distribution's file: shell quoting, versions as numbers, read anew only when it changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.host import os_release
from agent.host.reading import Host, ReaderError
from agent.model import Readings

Samples = Callable[[Readings], dict[str, float]]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=Debian", "Debian"),
        ('NAME="Debian GNU/Linux"', "Debian GNU/Linux"),
        ("NAME='Debian'", "Debian"),
        (r'NAME="a \"b\" \$c \\ d"', r'a "b" $c \ d'),
        ("NAME=", ""),
        ('  NAME="x"  ', "x"),
        ('NAME="', '"'),
        ("NAME=a=b", "a=b"),
    ],
)
def test_quoting(line: str, value: str) -> None:
    assert os_release.parse(f"# NAME=no\nnonsense\n{line}\n") == {"NAME": value}


@given(st.text())
def test_any_text_is_parsed(content: str) -> None:
    for name, value in os_release.parse(content).items():
        assert "=" not in name
        assert "\n" not in value


@pytest.mark.parametrize(
    ("version_id", "number"), [("12", 12.0), ("22.04", 22.04), ("9.3.1", 9.3), ("rolling", None), ("", None), ("7.x", 7.0)]
)
def test_versions_are_numbers_or_left_out(version_id: str, number: float | None, tmp_path: Path, samples: Samples) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(f'ID=x\nVERSION_ID="{version_id}"\n')
    found = samples(os_release.open_reader(os_release.Settings(), Host(root=str(tmp_path)))())
    assert found.get('node_os_version{id="x",id_like="",name=""}') == number


def test_an_upgrade_shows(copied: Callable[[str], tuple[Host, Path]], samples: Samples) -> None:
    host, folder = copied("vm")
    read = os_release.open_reader(os_release.Settings(), host)
    before = read()
    assert read() is before
    new = folder / "root/etc/os-release.new"
    new.write_text('NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="13"\n')
    new.rename(folder / "root/etc/os-release")
    assert samples(read())['node_os_version{id="debian",id_like="",name="Debian GNU/Linux"}'] == 13


def test_a_file_without_assignments_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("nonsense\n")
    with pytest.raises(ReaderError, match="no line NAME=value"):
        os_release.open_reader(os_release.Settings(), Host(root=str(tmp_path)))()
