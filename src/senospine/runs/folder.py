"""An outcome's folder: Parquet parts written whole or not at all, and a manifest that says what they are."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from senospine.errors import FileError
from senospine.runs.files import (
    cannot_write,
    is_temporary_of,
    sha256_of,
    sweep_temporaries,
    sync_folder,
    write_then_rename,
)
from senospine.runs.lock import LOCK, FolderLock
from senospine.runs.manifest import JOURNAL, MANIFEST, NOTICE, Journal, flaws, plain, read_manifest
from senospine.runs.versions import versions

_LOG = logging.getLogger("senospine.runs")


class OutcomeFolder:
    """A folder that belongs to one run of one study, locked until :meth:`close` or the end of a ``with`` block.

    Parameters
    ----------
    path : Path
    inputs : mapping
        Everything that decides the bytes: study, hashes, seed, sizes, code path.
    overwrite : bool
        Whether an older run of the *same* study may be replaced.

    Attributes
    ----------
    spoilt : dict of str to str
        Parts of an earlier run whose bytes are not those that were written, and what is wrong with them; they count
        as absent.

    Raises
    ------
    FileError
        The folder holds another study, or another run of this one without ``overwrite``, or an unfinished run by
        other versions of the software, or files that no run of ours wrote, or cannot be written, or another run is
        writing to it. Nothing is changed in that case.

    Notes
    -----
    Whatever kills the process, the folder holds a manifest, whole parts and a journal of those the manifest does
    not name yet. Opening reads every part of an earlier run once, to check it. In memory: what the manifest says.
    """

    def __init__(self, path: Path, inputs: Mapping[str, Any], *, overwrite: bool = False) -> None:
        self.path, self.inputs = path, plain(inputs)
        self.parts: dict[str, Any] = {}
        self.spoilt: dict[str, str] = {}
        self._journal, self._written = Journal(path), ""
        try:
            self._claim(overwrite)  # refuses before anything is touched
            path.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(path)
            try:
                self._begin(self._claim(overwrite), overwrite)
            except BaseException:
                self._lock.release()
                raise
        except OSError as error:
            raise cannot_write(path, error, "cannot write here") from None

    def _claim(self, overwrite: bool) -> dict[str, Any] | None:
        """Return the manifest of ours that stands here, or None for a fresh start; refuse what is not ours."""
        if not self.path.exists():
            return None
        if not self.path.is_dir():
            raise FileError("this is a file, not a folder", where=str(self.path), remedy="choose another folder")
        manifest = read_manifest(self.path)
        if manifest is None:
            foreign = [item.name for item in self.path.iterdir() if not _begun(item)]
            if MANIFEST in foreign:
                raise FileError(
                    "the folder holds a manifest that no run of ours wrote, or that is damaged",
                    where=str(self.path / MANIFEST),
                    why="without it nobody knows what the parts are",
                    remedy="choose another folder, or delete this one if nothing in it is needed",
                )
            if foreign:
                raise FileError(
                    "the folder holds files that no run of ours wrote",
                    where=str(self.path),
                    why=f"writing here could lose '{min(foreign)}'",
                    remedy="choose another or an empty folder",
                )
            return None
        theirs = manifest["inputs"]
        if theirs.get("study") != self.inputs.get("study"):
            raise FileError(
                f"the folder holds another study, '{theirs.get('study')}'",
                where=str(self.path),
                remedy="choose another folder",
            )
        differing = _differing(theirs, self.inputs)
        if differing and not overwrite:
            raise FileError(
                "the folder holds a run of this study with other inputs",
                where=str(self.path),
                why=f"these differ: {', '.join(differing)}",
                remedy="choose another folder, or replace the old run with --overwrite",
            )
        return manifest

    def _begin(self, manifest: dict[str, Any] | None, overwrite: bool) -> None:
        """Take the folder over: sweep, check what stands, and write what is so."""
        sweep_temporaries(self.path, MANIFEST.__eq__, locked=True)
        sweep_temporaries(self.path / "parts", lambda name: name.endswith(".parquet"), locked=True)
        if manifest is not None:
            replaced = manifest.get("state") == "replacing" or manifest["inputs"] != self.inputs
            if not replaced:
                self.spoilt = flaws(self.path, manifest["parts"])
                if manifest.get("state") == "complete" and not self.spoilt:
                    self.parts = dict(manifest["parts"])
                    self._written = "complete"
                    self._journal.remove()
                    return
                replaced = self._is_of_other_versions(manifest, overwrite)
            if replaced:
                self.spoilt = {}
                self._write("replacing")  # before the old parts go: a full disk must not cost them
                self._journal.remove()
                shutil.rmtree(self.path / "parts", ignore_errors=True)
            else:
                self.parts = {name: record for name, record in manifest["parts"].items() if name not in self.spoilt}
                for name, flaw in self.spoilt.items():
                    _LOG.warning("part '%s' is %s: it is computed again", name, flaw)
        (self.path / "parts").mkdir(exist_ok=True)
        self._write("running")
        self._journal.remove()

    def _is_of_other_versions(self, manifest: Mapping[str, Any], overwrite: bool) -> bool:
        """Return whether an unfinished run must give way, being by other software; refuse without ``overwrite``."""
        differing = _differing(manifest.get("versions") or {}, versions())
        if differing and not overwrite and manifest["parts"]:
            raise FileError(
                "the folder holds an unfinished run by other versions of the software, or on another processor",
                where=str(self.path),
                why=f"its last digits could differ from what would be added; these differ: {', '.join(differing)}",
                remedy="go on where it was begun, choose another folder, or begin anew with --overwrite",
            )
        return bool(differing)

    def has(self, name: str) -> bool:
        """Return whether a part was written whole by an earlier run of these same inputs."""
        return name in self.parts and (self.path / "parts" / f"{name}.parquet").is_file()

    def write_part(self, name: str, table: Any, record: Mapping[str, Any]) -> None:
        """Write one table as a Parquet part, then note it with ``record``, its size and its checksum."""
        import pyarrow.parquet as parquet

        table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"notice": NOTICE.encode()})
        entry = plain(record)

        def write(path: Path) -> None:
            parquet.write_table(table, path, compression="zstd")
            entry.update({"bytes": path.stat().st_size, "sha256": sha256_of(path)})

        write_then_rename(self.path / "parts" / f"{name}.parquet", write)
        self._journal.append(name, entry)
        self.parts[name] = entry
        self._written = ""

    def write_manifest(self, state: str) -> None:
        """Write the manifest; ``state`` is 'running' until all parts stand, then 'complete'."""
        if self._written == state:
            return
        try:
            sync_folder(self.path / "parts")
        except OSError as error:
            raise cannot_write(self.path / "parts", error) from None
        self._write(state)
        self._journal.remove()

    def _write(self, state: str) -> None:
        self._written = ""
        content = {
            "notice": NOTICE,
            "state": state,
            "inputs": self.inputs,
            "parts": dict(sorted(self.parts.items())),
            "versions": versions(),
        }
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        write_then_rename(self.path / MANIFEST, text)
        sync_folder(self.path)
        self._written = state

    def close(self) -> None:
        """Bring the manifest up to date and let the folder go; a second time does nothing."""
        try:
            if self._written == "":
                self.write_manifest("running")
        finally:
            self._lock.release()
            self._written = "closed"

    def __enter__(self) -> OutcomeFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        with contextlib.suppress(FileError):  # the journal holds what the manifest does not
            self.close()


def _begun(item: Path) -> bool:
    """Return whether this is all a run leaves that was stopped before its first manifest."""
    if item.name == "parts":
        return item.is_dir() and not any(item.iterdir())
    return item.name in {LOCK, JOURNAL} or is_temporary_of(item, [MANIFEST])


def _differing(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in {*theirs, *mine} if theirs.get(key) != mine.get(key))
