"""`haidang-agent`: a plain `run` goes straight to the program, everything else through the full command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def _without_typing_extensions() -> None:
    """msgspec takes `typing_extensions` where it happens to be installed and does as well without it; it drags `inspect`,
    `ast` and `dis` in, 1.6 MiB of a process that aims to stay under 20."""
    if "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]
    import msgspec  # noqa: F401

    del sys.modules["typing_extensions"]


def _plain_run(arguments: Sequence[str]) -> str | None:
    """The configuration file of `run [--config FILE]`; `None` if anything else is asked."""
    if arguments[:1] != ["run"]:
        return None
    rest = list(arguments[1:])
    if not rest:
        from agent.settings import DEFAULT_FILE

        return DEFAULT_FILE
    if len(rest) == 2 and rest[0] == "--config":
        return rest[1]
    if len(rest) == 1 and rest[0].startswith("--config="):
        return rest[0].removeprefix("--config=")
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _without_typing_extensions()
    file = _plain_run(given)
    if file is not None:
        from agent.app import run

        return run(file)
    from agent.cli import main as command_line

    return command_line(given)


if __name__ == "__main__":
    sys.exit(main())
