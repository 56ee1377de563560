"""What can be measured, and which files of a folder are inputs of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from senospine.errors import FileError
from senospine.measure.volume.files import is_scan
from senospine.runs import sha256_of


class Chosen(Protocol):
    """What a protocol has to tell a batch."""

    @property
    def arrive(self) -> Mapping[str, str]:
        """Items of ARRIVE 2.0 it states."""

    def basis(self, path: Path) -> Mapping[str, Any]:
        """Return all that decides what an input reads, other than the input: choices, place, contents of files."""

    def left_out(self, path: Path) -> str | None:
        """Return why a file is no input of its own, such as a mask; None for an input."""


@dataclass(frozen=True)
class Measurer:
    """How one kind of input is measured.

    Attributes
    ----------
    module : str
        Holds ``measure_file(path, options)``, which returns :class:`~senospine.measure.Measured`, or readings and
        pictures; a picture has ``caption``, ``png``, and a ``title`` or ``name``. Imported when first needed.
    is_input : callable
        Whether a path found in a folder is one input; of a folder that is one, nothing inside is looked at.
    by_protocol : bool
        The module also holds ``load_protocol(options)``, which returns :class:`Chosen`.
    """

    module: str
    is_input: Callable[[Path], bool]
    by_protocol: bool = False


MEASURERS: Mapping[str, Measurer] = MappingProxyType(
    {
        "behaviour": Measurer("senospine.measure.behaviour", lambda path: path.suffix.lower() == ".csv"),
        "volume": Measurer("senospine.measure.volume", is_scan, by_protocol=True),
        "section": Measurer("senospine.measure.section", lambda path: path.suffix.lower() in (".tif", ".tiff"), True),
    }
)


def find_inputs(measurer: Measurer, paths: Iterable[str | Path]) -> Iterator[Path]:
    """Yield every input once: paths given are taken as they are, folders are searched."""
    seen: set[Path] = set()

    def search(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if path.name.startswith("."):
                continue
            if measurer.is_input(path):
                yield path
            elif path.is_dir():
                yield from search(path)

    for given in map(Path, paths):
        whole = not given.is_dir() or measurer.is_input(given)
        for path in [given] if whole else search(given):
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def content_hash(path: Path) -> str:
    """Return the hash of a file, or of all files of a folder with their names.

    Raises
    ------
    FileError
        It cannot be read.
    """
    try:
        if not path.is_dir():
            return sha256_of(path)
        lines = [
            f"{item.relative_to(path).as_posix()} {sha256_of(item)}"
            for item in sorted(path.rglob("*"))
            if item.is_file()
        ]
    except OSError as error:
        raise FileError(f"cannot read the input: {error.strerror}", where=str(path), remedy="check the path") from None
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
