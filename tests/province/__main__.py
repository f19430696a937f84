"""`make province`: the example province simulated on this machine, with the real collector, until Ctrl-C.

python -m tests.province [--data DIR] [--port PORT] [--base PORT] [--trouble yes|no|soon] [--seconds N] [--lang vi|en]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

from collector.local import lease, prepare
from collector.local.children import LocalError
from collector.local.words import Words, language
from collector.words import LANGUAGES
from tests.province.simulation import Options, Simulation

TROUBLE: Final = {"yes": (150.0, 45.0, 300.0), "soon": (45.0, 3.0, 55.0), "no": None}
"""Seconds until the first one, between two beginnings, and that each lasts."""
SOURCE: Final = Path(__file__).parents[2] / "config" / "province.yml"


def main() -> int:
    """0 after Ctrl-C, SIGTERM or the seconds asked for; 1 if something is in the way."""
    options = _options()
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of every client that closes TLS in its own way
    try:
        prepare(options.data, Words.of(options.language))
        with lease(options.data, Words.of(options.language)):
            asyncio.run(_run(options))
    except LocalError as failure:
        sys.stderr.write(f"\n{failure}\n")
        return 1
    return 0


async def _run(options: Options) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    running = asyncio.create_task(Simulation(options).run(stop))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        # Also in the midst of preparing; while it is ending by itself this does no harm.
        running.cancel()
    stopped.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.province", description=__doc__)
    parser.add_argument("--source", type=Path, default=SOURCE, help="the collector.yml that names the inventory")
    parser.add_argument("--data", type=Path, default=Path("var/province"))
    parser.add_argument("--port", type=int, default=8600, help="of the collector's pages; agents use the next one")
    parser.add_argument("--base", type=int, default=20_000, help="added to the port of every simulated service")
    parser.add_argument("--trouble", choices=TROUBLE, default="yes")
    parser.add_argument("--seconds", type=float, default=0.0, help="end after so many; 0: only when asked to")
    parser.add_argument("--lang", choices=LANGUAGES, default=language(os.environ))
    said = parser.parse_args()
    return Options(said.source, said.data.absolute(), said.port, said.base, said.lang, TROUBLE[said.trouble], said.seconds)


if __name__ == "__main__":
    raise SystemExit(main())
