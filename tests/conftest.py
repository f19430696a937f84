"""For all tests: on CI none may be skipped for want of a Debian package; and the recorded devices are played once a session."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest

from tests.snmp.simulator import Engine, Simulator, recordings, simulating

_SKIP = "debian:"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip whose reason starts with `debian:` into a failure when CI=true."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith(_SKIP):
            report.outcome = "failed"
            report.longrepr = f"on CI nothing may be missing: {reason}"
    return report


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """All recorded devices of this machine on 127.0.0.1, started with the first test that asks for them."""
    work = tmp_path_factory.mktemp("simulator")
    folder = work / "devices"
    folder.mkdir()
    recordings(folder)
    with simulating(work, Engine(folder)) as running:
        yield running
