"""Lets go of very many values a few at a time: to free a million at once keeps every other thread waiting for a tenth of a
second, the one that serves agents too. For threads beside the event loop; whoever calls keeps no other reference. Pure.
"""

from __future__ import annotations

from typing import Any, Final

from collector.core.monthly import Report

_STEP: Final = 100


def let_go_of(reports: list[Report]) -> None:
    """Empties the list, and its reports with it."""
    lists = [getattr(report, name) for report in reports for name in Report.__struct_fields__]
    parts = [list(part) for part in lists if isinstance(part, tuple)]
    del lists
    reports.clear()
    for part in parts:
        while part:
            del part[-_STEP:]


def drain(*tables: dict[Any, Any]) -> None:
    """Empties the tables."""
    for table in tables:
        while table:
            table.popitem()
