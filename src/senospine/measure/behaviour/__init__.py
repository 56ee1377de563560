"""Behaviour and tables: what a laboratory writes down by hand, read into read-outs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from senospine.errors import MeasureError
from senospine.measure.behaviour.cells import Row
from senospine.measure.behaviour.latencies import read_acetone, read_latencies, read_postures
from senospine.measure.behaviour.panel import plate_shifts, read_panel
from senospine.measure.behaviour.schema import schemas
from senospine.measure.behaviour.scores import Agreement, grader_agreement, read_scores
from senospine.measure.behaviour.sheet import Sheet, read_sheet
from senospine.measure.behaviour.strength import read_grip
from senospine.measure.behaviour.template import EXAMPLE, template
from senospine.measure.behaviour.up_down import Threshold, read_up_down, up_down_threshold
from senospine.measure.behaviour.wheel import read_wheel
from senospine.measure.behaviour.wide import read_animals
from senospine.measure.behaviour.withdrawals import PsychometricSlope, psychometric_slope, read_withdrawals
from senospine.measure.measured import Measured

_READERS: Mapping[str, Callable[[Sheet], list[Any]]] = MappingProxyType(
    {
        "animals": read_animals,
        "withdrawals": read_withdrawals,
        "up_down": read_up_down,
        "latencies": read_latencies,
        "acetone": read_acetone,
        "grip": read_grip,
        "postures": read_postures,
        "wheel": read_wheel,
        "scores": read_scores,
        "panel": read_panel,
    }
)


def measure_file(path: str | Path, options: Mapping[str, Any] | None = None) -> Measured:
    """Return the read-outs in one sheet.

    Parameters
    ----------
    path : path
        A CSV file that begins with ``# sheet: NAME``; see :func:`template`.
    options : mapping, optional
        None are known here.

    Raises
    ------
    FileError, MeasureError
        The file cannot be read, or holds what cannot be right; nothing of it is used.
    """
    if options:
        raise MeasureError(f"unknown option '{min(options)}'", remedy="a sheet says everything itself")
    sheet = read_sheet(path)
    left = [row for row in sheet.rows if row.text("animal").startswith(EXAMPLE)]
    if left:
        raise MeasureError(
            f"animal '{left[0].text('animal')}' is the template's own", where=left[0].where,
            why="made-up numbers would be taken for data", remedy="replace these rows with your animals",
        )  # fmt: skip
    return Measured(tuple(_READERS[sheet.schema.name](sheet)), arrive=sheet.arrive)


__all__ = [
    "Agreement",
    "PsychometricSlope",
    "Row",
    "Sheet",
    "Threshold",
    "grader_agreement",
    "measure_file",
    "plate_shifts",
    "psychometric_slope",
    "read_sheet",
    "schemas",
    "template",
    "up_down_threshold",
]
