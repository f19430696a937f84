"""Where an exception of others arose, without what it says: texts of libraries may repeat an address or a token."""

from __future__ import annotations

import traceback


def trace_of(error: BaseException) -> str:
    """Its class and the lines of code that it came through, innermost first; no value of any variable."""
    frames = [f"{one.filename}:{one.lineno} {one.name}" for one in traceback.extract_tb(error.__traceback__)]
    return " < ".join([type(error).__name__, *reversed(frames)])
