"""Windows services; the service manager is the outermost edge and is given to the reader."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.host import service
from agent.host.reading import Host, NoData, Reader
from agent.model import Readings

Samples = Callable[[Readings], dict[str, float]]
WINDOWS = Host(platform="win32")
SETTINGS = service.Settings(("W32Time", "Spooler", "Absent", "Odd"))


def status_of(name: str) -> str | None:
    return {"w32time": "running", "spooler": "start_pending", "odd": "sideways"}.get(name)


def test_each_service_is_in_one_state(samples: Samples) -> None:
    found = samples(service.open_reader(SETTINGS, WINDOWS, status_of)())
    assert len(found) == 4 * 8
    assert {name for name, value in found.items() if value == 1.0} == {
        'windows_service_state{name="w32time",state="running"}',
        'windows_service_state{name="spooler",state="start pending"}',
        'windows_service_state{name="absent",state="unknown"}',
        'windows_service_state{name="odd",state="unknown"}',
    }


def test_the_layout_stays_the_same(same_layout: Callable[[Reader], None]) -> None:
    same_layout(service.open_reader(SETTINGS, WINDOWS, status_of))


def test_without_names_or_windows_there_is_no_data() -> None:
    with pytest.raises(NoData, match="no service is named"):
        service.open_reader(service.Settings(), WINDOWS, status_of)()
    with pytest.raises(NoData, match="on Windows only"):
        service.open_reader(SETTINGS, Host(platform="linux"))()


def test_a_service_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="services: a service stands there twice"):
        service.Settings(("Spooler", "spooler"))
