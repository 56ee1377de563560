"""A run's journal: one whole file a round, so that a run killed at any moment goes on as if it had not been."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.errors import CalibrationError, FileError
from senospine.runs import write_then_rename

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Journal:
    """Rounds of one problem in a folder; made by :meth:`claim`."""

    folder: Path

    @classmethod
    def claim(cls, folder: str | Path, identity: Mapping[str, Any]) -> Journal:
        """Return the journal in a folder, begun if there is none.

        Parameters
        ----------
        folder : path
        identity : mapping
            Everything that decides what the rounds hold, as plain data.

        Raises
        ------
        CalibrationError
            It holds rounds of another problem.
        FileError
            The folder cannot be used.
        """
        folder = Path(folder)
        path = folder / "problem.json"
        mine = json.loads(json.dumps(identity))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                kept = json.loads(path.read_text(encoding="utf-8"))
                if kept != mine:
                    raise CalibrationError(
                        "the folder holds a run of another problem", where=str(folder),
                        why=f"different: {', '.join(_different(kept, mine))}; their heights cannot be compared",
                        remedy="choose another folder with --out; what lies here stays as it is",
                    )  # fmt: skip
                return cls(folder)
            text = json.dumps(mine, indent=1) + "\n"
            write_then_rename(path, text)
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise FileError(f"cannot use this folder: {error}", where=str(folder), remedy="choose another") from None
        return cls(folder)

    def has(self, number: int) -> bool:
        """Return whether a round is kept."""
        return self._path(number).exists()

    def keep(self, number: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write a round, whole or not at all; equal arrays give equal bytes."""
        content = io.BytesIO()
        np.savez(content, **dict(arrays))  # type: ignore[arg-type]
        write_then_rename(self._path(number), content.getvalue())

    def read(self, number: int) -> Arrays:
        """Return a round.

        Raises
        ------
        FileError
            It cannot be read.
        """
        path = self._path(number)
        try:
            with np.load(path, allow_pickle=False) as kept:
                return {name: kept[name] for name in kept.files}
        except (OSError, ValueError, EOFError, KeyError) as error:
            raise FileError(
                f"cannot read a round of the run: {error}", where=str(path),
                remedy="remove this file and those with higher numbers, and resume: they are made again",
            ) from None  # fmt: skip

    def _path(self, number: int) -> Path:
        return self.folder / f"round-{number:05d}.npz"


def _different(kept: Any, mine: Mapping[str, Any]) -> list[str]:
    """Return names of what differs between two identities."""
    if not isinstance(kept, dict):
        return ["everything"]
    names = sorted(name for name in {*kept, *mine} if kept.get(name) != mine.get(name))
    inner = {
        name: [part for part in sorted({*kept[name], *mine[name]}) if kept[name].get(part) != mine[name].get(part)]
        for name in names
        if isinstance(kept.get(name), dict) and isinstance(mine.get(name), dict)
    }
    return [f"{name} ({', '.join(inner[name])})" if name in inner else name for name in names]
