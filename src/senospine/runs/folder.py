"""An outcome's folder: Parquet parts written whole or not at all, and a manifest that says what they are."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from senospine.errors import FileError

MANIFEST = "manifest.json"
NOTICE = (
    "Synthetic data: simulated by senospine, not measured. An instrument for ranking hypotheses, never medical advice."
)


class OutcomeFolder:
    """A folder that belongs to one run of one study.

    Parameters
    ----------
    path : Path
    inputs : mapping
        Everything that decides the bytes: study, hashes, seed, sizes, code path.
    overwrite : bool
        Whether an older run of the *same* study may be replaced.

    Raises
    ------
    FileError
        The folder holds another study, or another run of this one without ``overwrite``, or files that no run of
        ours wrote, or cannot be written. Nothing is changed in that case.
    """

    def __init__(self, path: Path, inputs: Mapping[str, Any], *, overwrite: bool = False) -> None:
        self.path, self.inputs = path, dict(inputs)
        try:
            manifest = self._claim(overwrite)
            replaced = manifest is not None and manifest["inputs"] != _plain(self.inputs)
            self.parts: dict[str, Any] = manifest["parts"] if manifest and not replaced else {}
            (path / "parts").mkdir(parents=True, exist_ok=True)
            self.write_manifest("running")  # before the old parts go: a full disk must not cost them
            if replaced:
                shutil.rmtree(path / "parts", ignore_errors=True)
                (path / "parts").mkdir(exist_ok=True)
        except OSError as error:
            raise FileError(
                f"cannot write here: {error.strerror}", where=str(path), remedy="choose another folder"
            ) from None

    def _claim(self, overwrite: bool) -> dict[str, Any] | None:
        """Return the manifest of ours that stands here, or None for a fresh start; refuse what is not ours."""
        if not self.path.exists():
            return None
        if not self.path.is_dir():
            raise FileError("this is a file, not a folder", where=str(self.path), remedy="choose another folder")
        manifest = read_manifest(self.path)
        if manifest is None:
            if not all(_begun(item) for item in self.path.iterdir()):
                raise FileError(
                    "the folder holds files that no run of ours wrote",
                    where=str(self.path),
                    why="writing here could lose them",
                    remedy="choose another or an empty folder",
                )
            return None
        theirs = manifest.get("inputs", {})
        if theirs.get("study") != self.inputs.get("study"):
            raise FileError(
                f"the folder holds another study, '{theirs.get('study')}'",
                where=str(self.path),
                remedy="choose another folder",
            )
        mine = _plain(self.inputs)
        differing = sorted(key for key in {*theirs, *mine} if theirs.get(key) != mine.get(key))
        if differing and not overwrite:
            raise FileError(
                "the folder holds a run of this study with other inputs",
                where=str(self.path),
                why=f"these differ: {', '.join(differing)}",
                remedy="choose another folder, or replace the old run with --overwrite",
            )
        return manifest

    def has(self, name: str) -> bool:
        """Return whether a part was written whole by an earlier run of these same inputs."""
        return name in self.parts and (self.path / "parts" / f"{name}.parquet").is_file()

    def write_part(self, name: str, table: Any, record: Mapping[str, Any]) -> None:
        """Write one table as a Parquet part, then note it in the manifest with ``record``."""
        import pyarrow.parquet as parquet

        target = self.path / "parts" / f"{name}.parquet"
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"notice": NOTICE.encode()})
        write_then_rename(target, lambda path: parquet.write_table(table, path, compression="zstd"))
        self.parts[name] = dict(record)
        self.write_manifest("running")

    def write_manifest(self, state: str) -> None:
        """Write the manifest; ``state`` is 'running' until all parts stand, then 'complete'."""
        content = {
            "notice": NOTICE,
            "state": state,
            "inputs": self.inputs,
            "parts": dict(sorted(self.parts.items())),
            "versions": versions(),
        }
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        write_then_rename(self.path / MANIFEST, lambda path: path.write_text(text, encoding="utf-8"))


def _plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``inputs`` are once written and read again."""
    return dict(json.loads(json.dumps(inputs)))


def _begun(item: Path) -> bool:
    """Return whether this is all a run leaves that was stopped before its first manifest."""
    if item.name == "parts":
        return item.is_dir() and not any(item.iterdir())
    return item.name.startswith(f".{MANIFEST}.") and item.name.endswith(".tmp")


def write_then_rename(target: Path, write: Any) -> None:
    """Call ``write(path)`` beside the target, then rename: what stands under the target's name is always whole.

    Raises
    ------
    FileError
        The disk is full or the folder cannot be written; what stood there before stays.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise FileError(
            f"cannot write: {error.strerror or error}", where=str(target), remedy="check free space and permissions"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def read_manifest(path: Path) -> dict[str, Any] | None:
    """Return a folder's manifest, or None where there is none that can be read."""
    try:
        content = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or not isinstance(content.get("inputs"), dict):
        return None
    return content if isinstance(content.get("parts"), dict) else None


def versions() -> dict[str, str]:
    """Return the versions that could change a result's last digits."""
    names = ("senospine", "numpy", "scipy", "numba", "llvmlite", "antimony", "python-libsbml", "pyarrow")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}
