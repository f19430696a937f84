"""Who may import whom, and one door per heavy package: the design's table, read from the source and the table of kinds."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.project.source import PACKAGES, imports, module_name, python_files, tree

FROM_AGENT = (
    "model",
    "wire",
    "clock",
    "config_words",
    "backoff",
    "schedule",
    "blocks",
    "kinds",
    "orders",
    "orders_copy",
    "packets",
    "packing",
    "probes",
    "results",
    "runner",
    "settings",
    "sheets",
    "snmp",
    "text",
)
"""What a folder of the collector may use of the agent."""

FROM = tuple(f"agent.{name}" for name in FROM_AGENT)

VALUE_MODULES = (
    "agent.model", "agent.wire", "agent.schedule", "agent.backoff", "agent.packets", "agent.http1", "agent.snmp.rows",
)  # fmt: skip
"""Pure modules: standard library without I/O, msgspec and `agent.model`."""

PACKET_VALUES = ("agent.model", "agent.packets", "agent.snmp.rows")
"""What protocol bytes are turned into."""

CONNECTING = ("commands", "inventory", "local", "replay")
"""Rooms of the collector that connect the others, like the files beside them."""

IMPURE = {
    "asyncio", "concurrent", "ctypes", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "socketserver", "ssl", "subprocess", "tempfile", "threading", "time",
    "urllib", "uuid",
}  # fmt: skip
"""Standard modules that do I/O, read a clock, are random or run things side by side: absent from pure files."""

DOORS: dict[str, tuple[str, ...]] = {
    "psutil": ("agent.host",),
    "msgspec": PACKAGES,
    "yaml": ("agent.config", "agent.sheets.sheet", "collector.config"),
    "pysnmp": ("collector.poll.trap",),
    "pyasn1": ("collector.poll.trap",),  # whose errors pysnmp lets through
    "aiohttp": ("collector.ingest", "collector.expose", "collector.notify", "collector.forward", "agent.probes.http"),
    "prometheus_client": ("collector.expose",),
    "sqlalchemy": ("collector.store",),
    "alembic": ("collector.store",),
    "asyncpg": ("collector.store",),
    "cryptography": ("agent.probes.certificates", "agent.snmp.ciphers", "collector.ingest.enrol"),
    "h11": ("agent.probes.http_exchange",),
    "aiosmtplib": ("collector.notify.email",),
    "apprise": ("collector.notify.apprise",),
    "jinja2": ("collector.report.html_file", "collector.notify.template_worker"),
    "re2": ("agent.probes.patterns",),
    "markupsafe": ("collector.report.html_file",),
    "weasyprint": ("collector.report.pdf_file",),
    "xlsxwriter": ("collector.report.xlsx_file",),
}
"""Package -> the modules (and what is below them) that may import it. A package that is not here may not be imported at all."""

SOURCES = python_files(*PACKAGES)


def _within(module: str, *rooms: str) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def _kinds() -> dict[str, str]:
    """The agent's table of kinds as it is: kind -> `module:function`."""
    from agent.kinds import READERS

    return {kind: entry.where for kind, entry in READERS.items()}


def test_sources_are_found() -> None:
    """The tests below look at the real tree."""
    assert {"agent.model", "agent.app", "collector.app", "collector.core.evidence"} <= {module_name(path) for path in SOURCES}


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_follow_the_table(path: Path) -> None:
    """Each import of a module of ours is one that the table of the design allows."""
    breaches = [
        f"{path}:{line}: {name}" for name, line in imports(path) if _within(name, *PACKAGES) and not _allowed(path, name)
    ]
    assert breaches == []


def _allowed(path: Path, imported: str) -> bool:
    module, top = module_name(path), path.parts[0]
    if top == "agent":
        if _within(module, *VALUE_MODULES):
            return _within(imported, *(PACKET_VALUES if _within(module, "agent.packets") else ("agent.model",)))
        return not _within(imported, "collector")
    if len(path.parts) == 2 or path.parts[1] in CONNECTING:  # collector/app.py, __main__.py, config.py ... connect the rooms
        return not _within(imported, "agent") or imported == "agent" or _within(imported, *FROM)
    room = f"collector.{path.parts[1]}"
    if room == "collector.core":
        return _within(imported, "agent.model", "collector.core")
    shared = (
        "collector.core",
        "collector.config",
        "collector.settings",
        "collector.config_forms",
        "collector.inventory",
        "collector.notify.settings",  # what the on-call file may say of receivers: values alone
        "collector.files",
        "collector.tasks",
        "collector.traces",
        "collector.waiting",
        *FROM,
    )
    return imported in ("agent", "collector") or _within(imported, room, *shared)


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_heavy_packages_have_one_door(path: Path) -> None:
    """A package outside the standard library is imported in its door only."""
    module = module_name(path)
    breaches = [
        f"{path}:{line}: {name}"
        for name, line in imports(path)
        if not _within(name, *PACKAGES)
        and (package := name.split(".")[0]) not in sys.stdlib_module_names
        and not _within(module, *DOORS.get(package, ()))
    ]
    assert breaches == []


@pytest.mark.parametrize("path", [p for p in SOURCES if _within(module_name(p), "collector.core", *VALUE_MODULES)], ids=str)
def test_pure_files_are_pure(path: Path) -> None:
    """No I/O, no clock, no randomness, no async: the core is told the time."""
    breaches = [f"{path}:{line}: {name}" for name, line in imports(path) if name.split(".")[0] in IMPURE]
    waits = [
        f"{path}:{node.lineno}: async" for node in ast.walk(tree(path)) if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]
    opens = [
        f"{path}:{node.lineno}: {node.func.id}()"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "print", "input"}
    ]
    assert breaches + waits + opens == []


def test_kinds_name_modules_of_the_agent() -> None:
    """The table of kinds is text; each entry names a function that exists, in a module of the agent."""
    known = {module_name(path): path for path in SOURCES}
    wrong = []
    for kind, where in _kinds().items():
        module, _, function = where.partition(":")
        defined = (
            {node.name for node in tree(known[module]).body if isinstance(node, ast.FunctionDef)} if module in known else set()
        )
        if not _within(module, "agent") or function not in defined:
            wrong.append(f"{kind}: {where}")
    assert wrong == []


def test_every_reader_is_in_the_table() -> None:
    """A file in agent/host/ that offers `open_reader` is reachable through the table."""
    listed = {where.partition(":")[0] for where in _kinds().values()}
    offered = {
        module_name(path)
        for path in SOURCES
        if path.parts[:2] == ("agent", "host")
        and any(isinstance(node, ast.FunctionDef) and node.name == "open_reader" for node in tree(path).body)
    }
    assert offered - listed == set()
