"""Work that makes many values and no cycles, undisturbed by the collector of cycles: it would look at all of them again and
again and find nothing, for a fifth of a report's time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for cycles inside; reference counting frees as ever. It goes on afterwards if it did before."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
