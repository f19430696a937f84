"""The wheel that `make wheel` built, once: what is inside, and that both programs run from it and from nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import agent


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The one wheel in HAIDANG_WHEEL."""
    folder = os.environ.get("HAIDANG_WHEEL")
    if not folder:
        pytest.skip("`make wheel` builds the wheel and runs this")
    [found] = Path(folder).glob("*.whl")
    return found


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, as pip would lay it."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def _run(python: str | Path, *arguments: str, site: Path | None = None, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(cwd)}
    if site:
        env["PYTHONPATH"] = str(site)
    return subprocess.run([python, *arguments], env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_wheel_holds_the_program_only(wheel: Path) -> None:
    """Two packages, the migrations, the licence and the metadata; no test, no configuration of ours."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"agent", "collector"}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any("collector/store/migrations/" in name for name in names)
    assert not any("__pycache__" in name for name in names)
    assert f"-{agent.__version__}-" in wheel.name


def test_profiles_travel_inside_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    """Modules, profiles, vocabulary and rules are found where pip puts them, and all profiles are whole."""
    code = (
        "from agent.snmp.library import Library, shipped; library = Library.load(); "
        "print(shipped()); print(len(library.profile_names) > 40, library.problems())"
    )
    ran = _run(sys.executable, "-c", code, site=unpacked, cwd=tmp_path)
    assert ran.stdout.splitlines() == [str(unpacked / "agent/snmp/files"), "True []"], ran.stderr


def test_agent_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """In the base install pip takes the wheel, and the command it makes collects."""
    folder = os.environ.get("HAIDANG_BASE")
    if not folder:
        pytest.skip("`make wheel` makes the base install too")
    base = Path(folder) / "bin"
    installed = _run(
        base / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", str(wheel), cwd=tmp_path
    )
    assert installed.returncode == 0, installed.stderr
    assert _run(base / "haidang-agent", "version", cwd=tmp_path).stdout.strip().endswith(agent.__version__)
    ended = _run(base / "haidang-agent", "once", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "\nnode_cpu_seconds_total{" in ended.stdout


def test_collector_runs_from_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    """The collector opens a new database (its migrations are in the wheel) and gives an enrolment code."""
    where = _run(sys.executable, "-c", "import collector; print(collector.__file__)", site=unpacked, cwd=tmp_path)
    assert where.stdout.startswith(str(unpacked))
    config = tmp_path / "collector.yml"
    config.write_text("data: data\n")
    ended = _run(
        sys.executable, "-m", "collector", "agent", "add", "web-01", "--site", "dic", "--config", str(config),
        site=unpacked, cwd=tmp_path,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "HD1-" in ended.stdout
