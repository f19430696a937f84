"""A machine that has the agent's base install and nothing else: `make base` makes one and names it in HAIDANG_BASE."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def python() -> Path:
    """The base install's interpreter."""
    folder = os.environ.get("HAIDANG_BASE")
    if not folder:
        pytest.skip("`make base` makes the base install and runs this")
    return Path(folder) / "bin" / "python"


def _run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([python, *arguments], env=env, capture_output=True, text=True, timeout=120, check=False)


def test_nothing_else_is_installed(python: Path) -> None:
    """The three packages of the base install, and what builds the project; no extra came along."""
    ended = _run(python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check")
    names = {line.partition("==")[0].lower() for line in ended.stdout.splitlines()}
    assert {"msgspec", "psutil", "pyyaml"} <= names
    assert names & {"aiohttp", "pysnmp", "prometheus-client", "prometheus_client", "sqlalchemy", "cryptography"} == set()


def test_every_agent_module_imports(python: Path) -> None:
    """Each module of the agent imports with the base install alone; some probes want the packages of their extra, no more."""
    program = (
        "import importlib, pkgutil, agent\n"
        "def load(name):\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except ModuleNotFoundError as error:\n"
        "        package = (error.name or '').partition('.')[0]\n"
        "        if not name.startswith('agent.probes.') or package not in ('cryptography', 'h11', 're2'):\n"
        "            raise\n"
        "extras = ('agent.probes.snmp', 'agent.__main__', 'agent.service_windows')\n"
        "names = [m.name for m in pkgutil.walk_packages(agent.__path__, 'agent.') if m.name not in extras]\n"
        "[load(name) for name in names]\n"
        "print(len(names))\n"
    )
    ended = _run(python, "-c", program)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 40


def test_agent_collects(python: Path) -> None:
    """`haidang-agent once` prints this machine's readings."""
    ended = _run(python, "-m", "agent", "once")
    assert ended.returncode == 0, ended.stderr
    assert "\nnode_cpu_seconds_total{" in ended.stdout
    assert "\nnode_memory_MemTotal_bytes " in ended.stdout


def test_collector_names_its_extra(python: Path) -> None:
    """The collector's command without its packages says what to install, and shows no traceback."""
    ended = _run(python, "-m", "collector", "run")
    assert ended.returncode != 0
    assert "haidang[collector]" in ended.stderr
    assert "Traceback" not in ended.stderr
