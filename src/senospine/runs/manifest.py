"""The manifest of an outcome, the journal of parts it does not name yet, and the check of what stands."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from senospine.errors import FileError
from senospine.runs.files import cannot_write, sha256_of

MANIFEST = "manifest.json"
JOURNAL = "journal.jsonl"
NOTICE = (
    "Synthetic data: simulated by senospine, not measured. An instrument for ranking hypotheses, never medical advice."
)


class Journal:
    """Parts written since the manifest was; a line each, so that a run of many parts does not rewrite it for each."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL

    def append(self, name: str, record: Mapping[str, Any]) -> None:
        """Add a part; on a full disk the journal stays as it was.

        Raises
        ------
        FileError
            It cannot be written.
        """
        line = memoryview(json.dumps({"part": name, "record": record}, sort_keys=True).encode() + b"\n")
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            size = os.fstat(handle).st_size
            try:
                while line:
                    line = line[os.write(handle, line) :]
            except OSError:
                os.ftruncate(handle, size)
                raise
            finally:
                os.close(handle)
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def remove(self) -> None:
        """Forget the journal, once the manifest says all."""
        self.path.unlink(missing_ok=True)


def read_manifest(path: Path) -> dict[str, Any] | None:
    """Return a folder's manifest with the parts of its journal, or None where there is none that can be read."""
    try:
        content = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or not all(isinstance(content.get(key), dict) for key in ("inputs", "parts")):
        return None
    if content.get("state") != "replacing":
        content["parts"] |= _journalled(path / JOURNAL)
    return content


def _journalled(path: Path) -> dict[str, Any]:
    """Return the parts of a journal; its last line may be torn."""
    parts = {}
    try:
        for line in path.read_bytes().splitlines():
            entry = json.loads(line)
            parts[str(entry["part"])] = dict(entry["record"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return parts


def flaws(path: Path, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the parts whose bytes are not those that were written, each with what is wrong."""
    found = {name: _flaw(path / "parts" / f"{name}.parquet", record) for name, record in sorted(parts.items())}
    return {name: flaw for name, flaw in found.items() if flaw}


def _flaw(file: Path, record: Mapping[str, Any]) -> str:
    try:
        size = file.stat().st_size
        if size != record.get("bytes"):
            return f"of {size} bytes, not {record.get('bytes')}"
        return "" if sha256_of(file) == record.get("sha256") else "changed: its checksum is another"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable: {error.strerror}"


def check_parts(path: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse an outcome of which a part is damaged; reads every part once.

    Raises
    ------
    FileError
        Naming the damaged parts.
    """
    found = [f"part '{name}' is {flaw}" for name, flaw in flaws(path, manifest["parts"]).items()]
    if found:
        raise FileError(
            found[0] + (f", and {len(found) - 1} more are not what was written" if len(found) > 1 else ""),
            where=str(path),
            why="; ".join(found[1:6]) or "no number of it can be trusted",
            remedy="run the study again with the same command: only what is missing or damaged is computed anew",
        )


def plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a mapping is once written as JSON and read again."""
    return dict(json.loads(json.dumps(content)))
