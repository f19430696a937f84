"""One rule for all tests: on CI a test may not be skipped for want of a Debian package."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

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
