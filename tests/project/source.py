"""What the project's tests read: the tracked files, and the modules of the two packages as syntax trees."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent", "collector")


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project, relative to ROOT: what git tracks or would add; without git, all but hidden and built ones."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0:
        found = [Path(line) for line in listed.stdout.splitlines()]
    else:
        found = [
            path.relative_to(ROOT) for path in ROOT.rglob("*") if "/." not in str(path) and "__pycache__" not in path.parts
        ]
    return tuple(sorted(path for path in found if (ROOT / path).is_file()))


def text(path: Path) -> str | None:
    """Content of a file relative to ROOT, None when it is not text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def python_files(*folders: str) -> list[Path]:
    """Python files under the given top folders, relative to ROOT."""
    return [path for path in files() if path.suffix == ".py" and path.parts[0] in folders]


@cache
def tree(path: Path) -> ast.Module:
    """Syntax tree of a Python file relative to ROOT."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    """`agent/host/cpu.py` -> `agent.host.cpu`; a package's `__init__.py` is the package."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, anywhere in it, with the line; `from p import q` is `p.q` if that is our module."""
    ours = {module_name(each) for each in python_files(*PACKAGES)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; write the whole name"
            base = node.module or ""
            inner = [f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in ours]
            yield from ((name, node.lineno) for name in inner or [base])
