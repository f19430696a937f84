"""The table of kinds: every entry opens, and the settings choose which run."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from agent import kinds
from agent.host.reading import Host, ReaderError
from agent.settings import ReadersSettings

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="opens readers that read /proc and /sys")


@pytest.mark.parametrize("kind", sorted(kinds.READERS))
def test_every_kind_loads(kind: str) -> None:
    """Module, settings with defaults and descriptions, and the function that the table names."""
    module = kinds.load(kind)
    settings = module.Settings()
    assert hasattr(module, kinds.READERS[kind].where.partition(":")[2])
    info = msgspec.inspect.type_info(type(settings))
    assert isinstance(info, msgspec.inspect.StructType)
    for field in info.fields:
        assert isinstance(field.type, msgspec.inspect.Metadata), field.name
        assert (field.type.extra_json_schema or {}).get("description"), field.name


@LINUX_ONLY
@pytest.mark.parametrize("kind", [kind for kind in sorted(kinds.READERS) if kinds.runs_here(kind, "linux")])
def test_every_kind_opens_on_an_empty_machine(kind: str, tmp_path: Path) -> None:
    """Where there is nothing to read a reader says so by its own error and nothing else."""
    host = Host(proc=str(tmp_path / "proc"), sys=str(tmp_path / "sys"), root=str(tmp_path))
    try:
        readings = kinds.open_reader(kind, {}, host)()
    except ReaderError as error:
        readings = []
        text = error.detail
        assert text
    assert all(len(series) == len(values) for _, series, values in readings)


def test_unknown_kind() -> None:
    """A kind that is not in the table is a `KeyError`: settings were checked before."""
    with pytest.raises(KeyError):
        kinds.load("printer")


@pytest.mark.parametrize(
    ("readers", "extra", "missing"),
    [
        (ReadersSettings(), set(), {"textfile", "systemd", "service"}),
        (ReadersSettings(enable=("textfile",)), {"textfile"}, {"systemd"}),
        (ReadersSettings(settings={"systemd": {"units": ["nginx.service"]}}), {"systemd"}, {"textfile"}),
        (ReadersSettings(disable=("cpu",)), set(), {"cpu"}),
        (ReadersSettings(settings={"service": {}}), set(), {"service"}),
    ],
)
def test_settings_choose_what_runs(readers: ReadersSettings, extra: set[str], missing: set[str]) -> None:
    """Usual ones less the disabled, plus the enabled and those with settings; never one of another system."""
    chosen = kinds.chosen(readers, "linux")
    assert extra <= set(chosen)
    assert not missing & set(chosen)
    assert list(chosen) == [kind for kind in kinds.READERS if kind in chosen]


def test_windows_has_its_own() -> None:
    """What is read from /proc and /sys does not run there, services do."""
    chosen = kinds.chosen(ReadersSettings(enable=("service",)), "win32")
    assert {"cpu", "meminfo", "filesystem", "service"} <= set(chosen)
    assert not {"netstat", "systemd", "hwmon"} & set(chosen)
