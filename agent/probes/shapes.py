"""Types for the settings of probes that module files write in their own way: durations, sizes, expressions, secrets.

The values in a `Settings` are plain already (seconds, bytes, text); `agent.probes.module_file` makes them by these marks.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

Duration = Annotated[float, Meta(ge=0, extra={"form": "duration", "expected": "a duration such as 5s, 500ms or 1m30s"})]
"""Seconds; in a file Go's form: `5s`, `1m30s`, `500ms`."""
ByteSize = Annotated[int, Meta(ge=0, extra={"form": "size", "expected": "a size such as 4096, 64KB or 10MB"})]
"""Bytes; in a file a whole number or one with B, KB, MB, GB, TB (KiB and so on: the same, 1024 each)."""
GoRegex = Annotated[str, Meta(extra={"form": "regex", "expected": "a regular expression of RE2 that Python's re knows too"})]
"""An expression that `agent.sheets.gopattern.compile_go` can compile; looked at when the file is loaded."""
Secret = Annotated[str, Meta(extra={"form": "secret", "expected": "text"})]
"""Text that nothing may print. A file that holds it (`X_file`) must be readable by its owner only, and blanks around it there
do not count."""
IpName = Annotated[Literal["ip6", "ip4"], Meta(description="Family of the address to take where a name has both.")]
Fallback = Annotated[bool, Meta(description="Take the other family where the name has no address of the preferred one.")]
SourceIp = Annotated[str, Meta(description="Own address to ask from; empty: the one that the system chooses.")]
CertDays = Annotated[
    float,
    Meta(ge=0, le=3_650, description="`degraded` when a certificate that the server sent ends within so many days; 0: never."),
]

_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d)")
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([KMGTP]?)(?:iB|B)?", re.IGNORECASE)
_MAX_TEXT: Final = 64


def seconds(text: str) -> float:
    """Seconds of a duration as Go writes it (`1h2m3.5s`, `300ms`), with `d` for 24 hours too; `0` needs no unit. Raises
    `ValueError`: nothing is guessed about numbers without a unit."""
    if text == "0":
        return 0.0
    total, place = 0.0, 0
    while (part := _PART.match(text, place)) is not None and len(text) <= _MAX_TEXT:
        total += float(part[1]) * _UNITS[part[2]]
        place = part.end()
    if not text or place != len(text):
        raise ValueError(f"no duration: {text[:_MAX_TEXT]!r}")
    return total


def bytes_of(text: str) -> int:
    """Bytes of a size such as `64KB` or `1.5MiB`, of 1024 in either spelling. Raises `ValueError`."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"no size: {text[:_MAX_TEXT]!r}")
    return int(float(found[1]) * 1024 ** " KMGTP".index(found[2].upper() or " "))


def form_of(hint: Any) -> str:
    """The mark of a field's type: `duration`, `size`, `regex`, `secret`; "" for any other type."""
    for meta in getattr(hint, "__metadata__", ()):
        if isinstance(meta, Meta) and meta.extra and "form" in meta.extra:
            return str(meta.extra["form"])
    return ""
