"""Many inputs measured one after another: a bad one is named and passed over, a finished one is not done again."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from senospine.errors import FileError, MeasureError, SenospineError, suggest
from senospine.measure.inputs import MEASURERS, Measurer, content_hash, find_inputs
from senospine.measure.measured import Measured, Picture
from senospine.measure.reading import Reading
from senospine.runs import FolderLock, cannot_write, fingerprint, sweep_temporaries, write_then_rename

NOTE = "senospine measurements 1"


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
    left_out : dict of str to str
        Files that are no inputs of their own, and why.
    """

    measured: dict[str, Measured] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    reused: int = 0
    left_out: dict[str, str] = field(default_factory=dict)

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
        Passed to ``measure_file``; a path is a protocol. What it chooses, and the contents of the files it names,
        belong to what an input reads: where they change, the input is measured again.
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
    measurer = MEASURERS[kind]
    chosen: Any = {} if options is None else options
    if measurer.by_protocol:
        chosen = import_module(measurer.module).load_protocol(chosen)
    batch = Batch()
    inputs = []
    for path in find_inputs(measurer, paths):
        reason = chosen.left_out(path) if measurer.by_protocol else None
        if reason is None:
            inputs.append(path)
        else:
            batch.left_out[str(path)] = reason
    if not inputs:
        raise MeasureError(f"no input of kind '{kind}' among the paths given", remedy="check the paths")
    claim_folder(folder := Path(out), kind)
    try:
        (folder / "parts").mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    lock = FolderLock(folder)
    try:
        sweep_temporaries(folder / "parts", lambda name: name.endswith(".json"), locked=True)
        seen: dict[str, Path] = {}
        for index, path in enumerate(inputs):
            if on_progress:
                on_progress(f"measure {kind}", index, len(inputs))
            _measure(batch, kind, measurer, path, folder / "parts", chosen, seen)
        if on_progress:
            on_progress(f"measure {kind}", len(inputs), len(inputs))
        return batch
    finally:
        lock.release()


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
        write_then_rename(mark, text)


def _measure(
    batch: Batch, kind: str, measurer: Measurer, path: Path, parts: Path, chosen: Any, seen: dict[str, Path]
) -> None:
    name = str(path)
    try:
        content = content_hash(path)
        if content in seen:
            raise MeasureError(f"holds the same as {seen[content]}", where=name,
                               why="an animal would count twice", remedy="leave one of them out")  # fmt: skip
        seen[content] = path
        part = parts / f"{_key(kind, measurer, path, content, chosen)}.json"
        found = _finished(part)
        if found is None:
            found = _whole(import_module(measurer.module).measure_file(path, chosen))
            text = json.dumps(_packed(found), allow_nan=True)
            write_then_rename(part, text)
        else:
            batch.reused += 1
        batch.measured[name] = replace(found, arrive={**found.arrive, **chosen.arrive}) if _rules(chosen) else found
    except SenospineError as error:
        if isinstance(error, FileError) and error.where and Path(error.where).parent == parts:
            raise  # a full disk is no fault of this input
        batch.failures.append(Failure(name, str(error)))
    except MemoryError:
        batch.failures.append(Failure(name, f"{path}: larger than this machine's memory"))
    except Exception as error:  # a fault of ours in one input must not cost the others
        logging.getLogger(__name__).debug("while measuring %s", path, exc_info=True)
        told = f"{path}: could not be measured, {type(error).__name__}: {error}"
        batch.failures.append(Failure(name, f"{told}\n  what to do: this is a fault of senospine; please report it"))


def _rules(chosen: Any) -> bool:
    return not isinstance(chosen, Mapping | Path)


def _key(kind: str, measurer: Measurer, path: Path, content: str, chosen: Any) -> str:
    """Return the name under which what an input gave is kept: another one as soon as anything behind it differs."""
    if _rules(chosen):
        options: Any = chosen.basis(path)
    else:
        options = f"{chosen.name} {content_hash(chosen)}" if isinstance(chosen, Path) else dict(chosen)
    stamp = {"kind": kind, "options": options, "content": f"{path.name} {content}", "source": fingerprint()["source"]}
    return hashlib.sha256(json.dumps(stamp, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _whole(found: Any) -> Measured:
    if isinstance(found, Measured):
        return found
    readings, pictures = found
    named = [(getattr(item, "title", None) or item.name, item) for item in pictures]
    return Measured(tuple(readings), tuple(Picture(title, item.caption, item.png) for title, item in named))


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
