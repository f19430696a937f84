"""The files of an inventory: those of its folder, and what they include. Nothing outside the folder is ever read."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Final

from collector.config import Document, shown

A_PATTERN: Final = "a path below the folder of this file, such as `sites/*.yml`"


def read_documents(folder: Path) -> list[Document]:
    """Every file once, in the order of names, those that a file includes behind it. Problems stand in the documents."""
    reading = _Reading(folder.resolve())
    for file in sorted(folder.glob("*.yml")):
        reading.take(file, ())
    return list(reading.documents.values())


class _Reading:
    """The files while they are read."""

    def __init__(self, folder: Path) -> None:
        self.documents: dict[Path, Document] = {}
        self._folder = folder

    def take(self, file: Path, above: tuple[Path, ...]) -> None:
        """Read a file and what it includes; one that is known already is not read again."""
        real = file.resolve()
        if real in self.documents:
            return
        document = self.documents[real] = Document(file)
        said = document.value.get("include") if isinstance(document.value, dict) else None
        for index, pattern in enumerate(said if isinstance(said, list) else ()):
            if isinstance(pattern, str):
                self._include(document, index, pattern, (*above, real))

    def _include(self, document: Document, index: int, pattern: str, above: tuple[Path, ...]) -> None:
        place = ("include", index)
        pure = PurePath(pattern)
        if not pure.parts or pure.is_absolute() or ".." in pure.parts:
            document.problem(place, shown(pattern), A_PATTERN)
            return
        folder = Path(document.file).parent
        found = sorted(file for file in folder.glob(pattern) if file.is_file())
        if not found:
            document.problem(place, shown(pattern), "a file that exists")
        for file in found:
            real = file.resolve()
            if not real.is_relative_to(self._folder):
                document.problem(
                    place, f"a way outside: {shown(pattern)} leads to {real}", "a file inside the folder of the inventory"
                )
            elif real in above:
                document.problem(
                    place, f"a cycle: {shown(pattern)} leads back to {file.name}", "files that do not include themselves"
                )
            else:
                self.take(file, above)
