"""`lock/install.sh`, the first thing that a new user meets: what a machine lacks is named with what to do about it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.source import ROOT

SCRIPT = ROOT / "lock" / "install.sh"


def _python(folder: Path, version: str, *missing: str) -> Path:
    """A `python` that is the running one, but for its version and for modules that it lacks."""
    major, minor = version.split(".")
    lies = f"import sys; sys.version_info = ({major}, {minor}, 0); [sys.modules.__setitem__(m, None) for m in {missing!r}]; "
    program = folder / "python"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && shift && exec {sys.executable} -c "{lies}$1"\nexec {sys.executable} "$@"\n'
    )
    program.chmod(0o755)
    return program


def _install(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if key != "CI"} | {"PYTHON": python}
    return subprocess.run(
        [str(SCRIPT), str(folder / "venv"), "base"], env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("version", "missing", "said"),
    [
        ("3.9", (), "is Python 3.9; Hải Đăng needs Python 3.11 or newer"),
        ("3.12", ("ensurepip",), "sudo apt-get install python3.12-venv"),
        ("3.11", ("sqlite3",), "was built without the module named above"),
    ],
)
def test_unfit_python_is_named(tmp_path: Path, version: str, missing: tuple[str, ...], said: str) -> None:
    """A Python that cannot do is refused before anything is made."""
    ended = _install(tmp_path, str(_python(tmp_path, version, *missing)))
    assert ended.returncode == 1
    assert said in ended.stderr
    assert not (tmp_path / "venv").exists()


def test_folder_that_takes_nothing_is_named(tmp_path: Path) -> None:
    """A clone on a medium that cannot be written: the message says where, and what to do, in both languages."""
    (tmp_path / "file").touch()
    ended = _install(tmp_path / "file", sys.executable)
    assert ended.returncode == 1
    assert f"could not be made in {tmp_path / 'file' / 'venv'}" in ended.stderr
    assert f"{ROOT} must be writable" in ended.stderr
    assert "Hãy chép dự án" in ended.stderr


def test_absent_python_is_named(tmp_path: Path) -> None:
    """No Python at all: the message says which package brings it."""
    ended = _install(tmp_path, str(tmp_path / "python9"))
    assert ended.returncode == 1
    assert "sudo apt-get install python3 python3-venv" in ended.stderr
