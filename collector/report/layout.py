"""What an organisation decides about how its reports look; the figures do not depend on it."""

from __future__ import annotations

from fractions import Fraction

import msgspec


class Layout(msgspec.Struct, frozen=True):
    """Letterhead and printing. Empty texts leave no gap on the page."""

    organisation: str = ""
    """Who issues the report; stands on the upper left."""
    superior: str = ""
    """The body above it, a line above it."""
    place: str = ""
    """Where it is signed."""
    national_header: bool = False
    """The state's name and motto on the upper right, as administrative documents in Viet Nam have them."""
    digits: int = 4
    """Printed decimals of a percentage (R16.2), 1 to 6."""
    min_coverage: Fraction = Fraction(99, 100)
    """Below it a figure is marked as insufficiently measured (R12.5)."""
    maintenance_cap_ms: int = 0
    """Maintenance a month that a contract allows one target (R11.6); 0: there is no cap."""
    headline_rows: int = 200
    """Most lines of groups and sites on the page."""
    rows: int = 100
    """Longest list of anything else there; the rest is counted and found in the workbook."""

    def __post_init__(self) -> None:
        if not 1 <= self.digits <= 6:
            raise ValueError(f"layout: digits {self.digits}: expected 1 to 6")
        if not 0 <= self.min_coverage <= 1:
            raise ValueError(f"layout: min_coverage {self.min_coverage}: expected a ratio from 0 to 1")
        if self.maintenance_cap_ms < 0:
            raise ValueError(f"layout: maintenance_cap_ms {self.maintenance_cap_ms}: expected 0 or more")
        if self.rows < 1 or self.headline_rows < 1:
            raise ValueError(f"layout: rows {self.rows}, headline_rows {self.headline_rows}: expected 1 or more")
