"""Many inputs measured one after another: a bad one is named and passed over, a finished one is not done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from senospine.errors import FileError, MeasureError, SenospineError, suggest
from senospine.measure.measured import Measured, Picture
from senospine.measure.reading import Reading
from senospine.runs import FolderLock, cannot_write, fingerprint, sha256_of, sweep_temporaries, write_then_rename

NOTE = "senospine measurements 1"


@dataclass(frozen=True)
class Measurer:
    """How one kind of input is measured.

    Attributes
    ----------
    module : str
        Holds ``measure_file(path, options)``, which returns :class:`Measured`, or readings and pictures; a picture has
        ``caption``, ``png``, and a ``title`` or ``name``. Imported when first needed.
    is_input : callable
        Whether a path found in a folder is one input; of a folder that is one, nothing inside is looked at.
    """

    module: str
    is_input: Callable[[Path], bool]


MEASURERS: Mapping[str, Measurer] = MappingProxyType(
    {"behaviour": Measurer("senospine.measure.behaviour", lambda path: path.suffix.lower() == ".csv")}
)


@dataclass(frozen=True)
class Failure:
    """An input that gave nothing, and why."""

    input: str
    message: str


@dataclass
class Batch:
    """What all inputs of a batch gave, in their order.

    Attributes
    ----------
    measured : dict of str to Measured
        By input.
    failures : list of Failure
    reused : int
        Inputs that an earlier run had finished.
    """

    measured: dict[str, Measured] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    reused: int = 0

    @property
    def readings(self) -> list[Reading]:
        """All readings."""
        return [reading for item in self.measured.values() for reading in item.readings]

    @property
    def pictures(self) -> list[tuple[str, Picture]]:
        """All pictures, each with its input."""
        return [(name, picture) for name, item in self.measured.items() for picture in item.pictures]


def run_batch(
    kind: str,
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    options: Mapping[str, Any] | Path | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Batch:
    """Measure files, or all that folders hold, into a folder that can be gone on with.

    What an input gave is written whole, under its content's hash, the options' and the software's; the same command
    finds it again. What one input lacks keeps none of the others from being measured.

    Parameters
    ----------
    kind : str
        A key of :data:`MEASURERS`.
    paths : iterable of path
    out : path
        Folder; made if need be.
    options : mapping or path, optional
        Passed to ``measure_file``; a path is a protocol, and other contents of it are other options.
    on_progress : callable, optional
        Called with (words, inputs done, inputs in all).

    Raises
    ------
    MeasureError
        No such kind, or no input at all.
    FileError
        The folder is not ours to write, another run writes to it, or the disk is full.
    """
    if kind not in MEASURERS:
        raise MeasureError(f"'{kind}' cannot be measured", remedy=suggest(kind, MEASURERS))
    options = {} if options is None else options
    folder = Path(out)
    chosen = f"{options.name} {_content_hash(options)}" if isinstance(options, Path) else dict(options)
    inputs = list(find_inputs(kind, paths))
    if not inputs:
        raise MeasureError(f"no input of kind '{kind}' among the paths given", remedy="check the paths")
    claim_folder(folder, kind)
    try:
        (folder / "parts").mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    lock = FolderLock(folder)
    try:
        sweep_temporaries(folder / "parts", lambda name: name.endswith(".json"), locked=True)
        batch = Batch()
        for index, path in enumerate(inputs):
            if on_progress:
                on_progress(f"measure {kind}", index, len(inputs))
            _measure(batch, kind, path, folder, options, chosen)
        if on_progress:
            on_progress(f"measure {kind}", len(inputs), len(inputs))
        return batch
    finally:
        lock.release()


def find_inputs(kind: str, paths: Iterable[str | Path]) -> Iterator[Path]:
    """Yield every input once: paths given are taken as they are, folders are searched."""
    seen: set[Path] = set()

    def search(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if path.name.startswith("."):
                continue
            if MEASURERS[kind].is_input(path):
                yield path
            elif path.is_dir():
                yield from search(path)

    for given in map(Path, paths):
        whole = not given.is_dir() or MEASURERS[kind].is_input(given)
        for path in [given] if whole else search(given):
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def claim_folder(folder: Path, kind: str) -> None:
    """Make a folder ours, or refuse one that holds what no run of ours of this kind wrote.

    Raises
    ------
    FileError
        The folder holds other files, or cannot be written.
    """
    mark = folder / "measurements.json"
    try:
        if folder.exists() and not mark.exists() and any(item.name != ".lock" for item in folder.iterdir()):
            raise FileError("the folder holds files that no measurement of ours wrote", where=str(folder),
                            why="writing here could lose them", remedy="choose another or an empty folder")  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    if mark.exists():
        try:
            theirs = json.loads(mark.read_text(encoding="utf-8"))["kind"]
        except (ValueError, KeyError, TypeError):
            raise FileError("the file is damaged", where=str(mark), remedy="choose another folder") from None
        if theirs != kind:
            raise FileError(f"the folder holds measurements of {theirs}", where=str(folder), remedy="choose another")
    else:
        text = json.dumps({"note": NOTE, "kind": kind}) + "\n"
        write_then_rename(mark, lambda path: path.write_text(text, encoding="utf-8"))


def _measure(batch: Batch, kind: str, path: Path, folder: Path, options: Mapping[str, Any] | Path, chosen: Any) -> None:
    name = str(path)
    try:
        content = _content_hash(path)
        stamp = {"kind": kind, "options": chosen, "content": content, "source": fingerprint()["source"]}
        part = (
            folder
            / "parts"
            / f"{hashlib.sha256(json.dumps(stamp, sort_keys=True, default=str).encode()).hexdigest()[:24]}.json"
        )
        found = _finished(part)
        if found is None:
            found = _whole(import_module(MEASURERS[kind].module).measure_file(path, options))
            text = json.dumps(_packed(found), allow_nan=True)
            write_then_rename(part, lambda beside: beside.write_text(text, encoding="utf-8"))
        else:
            batch.reused += 1
        batch.measured[name] = found
    except SenospineError as error:
        if isinstance(error, FileError) and error.where and Path(error.where).parent == folder / "parts":
            raise  # a full disk is no fault of this input
        batch.failures.append(Failure(name, str(error)))
    except MemoryError:
        batch.failures.append(Failure(name, f"{path}: larger than this machine's memory"))


def _whole(found: Any) -> Measured:
    if isinstance(found, Measured):
        return found
    readings, pictures = found
    named = [(getattr(item, "title", None) or item.name, item) for item in pictures]
    return Measured(tuple(readings), tuple(Picture(title, item.caption, item.png) for title, item in named))


def _content_hash(path: Path) -> str:
    """Return the hash of a file, or of all files of a folder with their names."""
    try:
        if not path.is_dir():
            return f"{path.name} {sha256_of(path)}"
        lines = [
            f"{item.relative_to(path).as_posix()} {sha256_of(item)}"
            for item in sorted(path.rglob("*"))
            if item.is_file()
        ]
    except OSError as error:
        raise FileError(f"cannot read the input: {error.strerror}", where=str(path), remedy="check the path") from None
    return hashlib.sha256("\n".join([path.name, *lines]).encode()).hexdigest()


def _packed(found: Measured) -> dict[str, Any]:
    import base64

    return {
        "readings": [asdict(reading) | {name: dict(getattr(reading, name)) for name in ("place", "settings", "inputs")}
                     for reading in found.readings],
        "pictures": [{"title": item.title, "caption": item.caption, "png": base64.b64encode(item.png).decode()}
                     for item in found.pictures],
        "arrive": dict(found.arrive),
    }  # fmt: skip


def _finished(part: Path) -> Measured | None:
    """Return what an earlier run wrote, or None where there is nothing whole."""
    import base64

    try:
        content = json.loads(part.read_text(encoding="utf-8"))
        readings = tuple(Reading(**{**item, "warnings": tuple(item["warnings"])}) for item in content["readings"])
        pictures = tuple(
            Picture(item["title"], item["caption"], base64.b64decode(item["png"])) for item in content["pictures"]
        )
        return Measured(readings, pictures, content["arrive"])
    except (OSError, ValueError, KeyError, TypeError, MeasureError):
        return None
