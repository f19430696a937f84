"""What can be wrong with making a file of a report: something is not installed, or there is no such format."""

from __future__ import annotations


class ReportError(Exception):
    """A file of the report could not be made; the text says what to do, in the language asked for."""


class UnknownFormatError(ReportError):
    """A format or language that there is not."""


class MissingLibraryError(ReportError):
    """A package of Python or of the system is not installed, and the format needs it."""
