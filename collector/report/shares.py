"""Shares of a whole in hundredths of a per cent that add up to exactly 100.00, and the bar that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

WHOLE: Final = 10_000


def shares(parts: Mapping[str, int]) -> dict[str, int]:
    """Each part's share in hundredths of a per cent, 10,000 in all: what flooring leaves goes to the largest remainders, of
    equals to the first. All 0 when there is nothing to share."""
    total = sum(parts.values())
    if not total:
        return dict.fromkeys(parts, 0)
    out = {key: part * WHOLE // total for key, part in parts.items()}
    by_rest = sorted(parts, key=lambda key: -(parts[key] * WHOLE % total))
    for key in by_rest[: WHOLE - sum(out.values())]:
        out[key] += 1
    return out


def hundredths(share: int) -> str:
    """`1234` as `12.34`."""
    return f"{share // 100}.{share % 100:02d}"


class Piece(msgspec.Struct, frozen=True):
    """One part of a bar that is 10,000 wide."""

    key: str
    x: int
    width: int


def bar(parts: Mapping[str, int]) -> tuple[Piece, ...]:
    """The parts side by side, those of no width left out."""
    out, x = [], 0
    for key, width in shares(parts).items():
        if width:
            out.append(Piece(key, x, width))
            x += width
    return tuple(out)
