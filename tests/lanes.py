"""Runs tests in several pytest processes side by side: `python tests/lanes.py [--files N] PATH...`.

Every file of the paths is run once, those of the first path first, N files of a folder to a process. What a process said is
shown when it failed, else its last line; at the end the sums. No test knows of another one: ports, folders, databases and
network namespaces are each test's own.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?|xfailed|xpassed|deselected)")


def chunks(paths: Iterable[Path], size: int) -> Iterator[list[Path]]:
    """The files of the paths, each once, at most `size` of one folder together."""
    seen: set[Path] = set()
    for path in paths:
        files = [path] if path.is_file() else sorted(path.rglob("test_*.py"))
        folders: dict[Path, list[Path]] = {}
        for file in files:
            if file not in seen:
                seen.add(file)
                folders.setdefault(file.parent, []).append(file)
        for found in folders.values():
            yield from (found[start : start + size] for start in range(0, len(found), size))


class Lanes:
    """So many processes at a time until nothing is left."""

    def __init__(self, waiting: list[list[Path]]) -> None:
        self._waiting = waiting
        self._lock = threading.Lock()
        self.counts: dict[str, int] = {}
        self.failed: list[str] = []

    def run(self, lanes: int) -> None:
        """Run everything; returns when all have ended."""
        threads = [threading.Thread(target=self._lane) for _ in range(lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _lane(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    return
                files = self._waiting.pop(0)
            command = [sys.executable, "-m", "pytest", "-q", *map(str, files)]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            with self._lock:
                self._note(files, done)

    def _note(self, files: list[Path], done: subprocess.CompletedProcess[str]) -> None:
        lines = done.stdout.rstrip().splitlines() or [f"pytest said nothing and ended with {done.returncode}"]
        for count, word in _COUNT.findall(lines[-1]):
            self.counts[word] = self.counts.get(word, 0) + int(count)
        name = f"{files[0].parent}: {files[0].name}" + (f" ... {files[-1].name}" if len(files) > 1 else "")
        if done.returncode:
            self.failed.append(name)
            print(done.stdout, flush=True)
        print(f"{name}: {lines[-1]}", flush=True)


def main() -> int:
    """0 if every process succeeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--lanes", type=int, default=max(1, min(4, os.cpu_count() or 1)))
    parser.add_argument("paths", type=Path, nargs="+")
    options = parser.parse_args()
    began = time.monotonic()
    lanes = Lanes(list(chunks(options.paths, options.files)))
    lanes.run(options.lanes)
    sums = ", ".join(f"{count} {word}" for word, count in sorted(lanes.counts.items(), key=lambda pair: -pair[1]))
    print(f"{sums or 'no test'} in {time.monotonic() - began:.0f} s")
    for name in lanes.failed:
        print(f"FAILED {name}")
    return 1 if lanes.failed or not lanes.counts.get("passed") else 0


if __name__ == "__main__":
    sys.exit(main())
