"""A laboratory's own animals on one page: readings, groups, comparisons, pictures, ARRIVE, and what was refused."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from senospine.measure import definition
from senospine.measure.animals import Analysis, beside_plot, estimation_plot, superplot, with_group
from senospine.report.svg import number
from senospine.report.template import write_page
from senospine.report.words import p_text, to_float

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from senospine.measure.batch import Batch

#: rows of readings on the page; the file holds all
_SHOWN = 400


def write_measurements(
    path: str | Path, analysis: Analysis, *, batch: Batch | None = None, beside: Any = None, command: str = ""
) -> Path:
    """Write one self-contained HTML page and return its path.

    Parameters
    ----------
    path : path
    analysis : Analysis
    batch : Batch, optional
        Adds pictures of inputs, and inputs that gave nothing.
    beside : tuple, optional
        What :func:`senospine.measure.animals.beside_simulated` returned.
    command : str

    Raises
    ------
    FileError
        The file cannot be written.
    """
    filters = {"number": _number, "p": p_text, "end": _end}
    return write_page(path, "measurements.html", _contents(analysis, batch, beside, command), filters)


def _number(value: object) -> str:
    found = to_float(value)
    return number(0.0 if abs(found) < 1e-12 else found, 3)  # what is left of a mean of zero is rounding


def _end(value: object) -> str:
    found = to_float(value)
    return ("∞" if found > 0 else "−∞") if math.isinf(found) else number(found, 3)


def _contents(analysis: Analysis, batch: Batch | None, beside: Any, command: str) -> dict[str, Any]:
    animals = analysis.animals
    with_plots = not animals.empty
    pictures = [
        (name, item.title, item.caption, _inline(item.png), _is_wide(item.png))
        for name, item in (batch.pictures if batch else [])
    ]
    inputs = sorted({name for text in analysis.readings["inputs"] for name in _keys(text)})
    used = list(dict.fromkeys(analysis.readings["definition"]))
    return {
        "analysis": analysis,
        "groups": _rows(analysis.groups),
        "comparisons": _rows(analysis.comparisons),
        "animals": _rows(animals),
        "readings": _rows(analysis.readings.head(_SHOWN)),
        "readings_in_all": len(analysis.readings),
        "n_animals": animals[["study", analysis.unit]].drop_duplicates().shape[0] if with_plots else 0,
        "definitions": [definition(str(name)) for name in used],
        "label": lambda identity: definition(str(identity)).label,
        "superplot": _figure(superplot(with_group(analysis.readings), analysis.unit)) if with_plots else "",
        "estimation": _figure(estimation_plot(animals, analysis.control)) if len(analysis.comparisons) else "",
        "beside": _rows(beside[0]) if beside else [],
        "beside_plot": _figure(beside_plot(animals, beside[0], beside[1], analysis.control)) if beside else "",
        "pictures": pictures,
        "failures": batch.failures if batch else [],
        "inputs": inputs,
        "warnings": _warnings(analysis.readings),
        "command": command,
    }


def _keys(text: str) -> list[str]:
    import json

    return list(json.loads(text or "{}"))


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _warnings(readings: pd.DataFrame) -> list[tuple[str, str, list[str]]]:
    """Return each warning once, with its definition and the animals it concerns."""
    found: dict[tuple[str, str], list[str]] = {}
    for identity, animal, text in zip(readings["definition"], readings["animal"], readings["warnings"], strict=True):
        for warning in str(text).split("; ") if text else []:
            mine = found.setdefault((definition(str(identity)).label, warning), [])
            if animal not in mine:
                mine.append(str(animal))
    return [(label, warning, animals) for (label, warning), animals in found.items()]


def _figure(figure: Figure) -> Markup:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=144)
    return _inline(out.getvalue())


def _is_wide(png: bytes) -> bool:
    """Tell whether a picture needs the page's width, from the size in its header."""
    width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
    return width > 2 * height


def _inline(png: bytes) -> Markup:
    return Markup(f"data:image/png;base64,{base64.b64encode(png).decode()}")
