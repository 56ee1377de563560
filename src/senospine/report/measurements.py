"""A laboratory's own animals on one page: readings, groups, comparisons, pictures, ARRIVE, and what was refused."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import senospine
from senospine.measure import definition
from senospine.measure.animals import Analysis, beside_plot, estimation_plot, superplot
from senospine.report.svg import number, write_text
from senospine.report.words import count

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

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
    environment = Environment(
        loader=PackageLoader("senospine.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {"count": count}
    environment.filters |= {"number": lambda value: number(_float(value), 3), "p": p_text, "end": _end}
    page = environment.get_template("measurements.html").render(_contents(analysis, batch, beside, command))
    return write_text(path, page)


def p_text(value: object) -> str:
    """Return a p value as a person writes it.

    Examples
    --------
    >>> p_text(0.00001), p_text(0.04321), p_text(float("nan"))
    ('< 0.001', '0.043', '–')
    """
    found = _float(value)
    return "–" if not math.isfinite(found) else "< 0.001" if found < 0.001 else f"{found:.3f}"


def _end(value: object) -> str:
    found = _float(value)
    return ("∞" if found > 0 else "−∞") if math.isinf(found) else number(found, 3)


def _span(low: object, high: object, between: str = "–") -> str:
    return f"{number(_float(low), 3)}{between}{number(_float(high), 3)}" if math.isfinite(_float(low)) else "–"


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def _contents(analysis: Analysis, batch: Batch | None, beside: Any, command: str) -> dict[str, Any]:
    animals = analysis.animals
    with_plots = not animals.empty
    pictures = [(name, item.title, item.caption, _inline(item.png)) for name, item in (batch.pictures if batch else [])]
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
        "superplot": _figure(superplot(analysis.readings, analysis.unit)) if with_plots else "",
        "estimation": _figure(estimation_plot(animals, analysis.control)) if len(analysis.comparisons) else "",
        "beside": _rows(beside[0]) if beside else [],
        "beside_plot": _figure(beside_plot(animals, beside[0], beside[1], analysis.control)) if beside else "",
        "pictures": pictures,
        "failures": batch.failures if batch else [],
        "inputs": inputs,
        "warnings": _warnings(analysis.readings),
        "command": command,
        "version": senospine.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "css": Markup((Path(__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")),
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


def _inline(png: bytes) -> Markup:
    return Markup(f"data:image/png;base64,{base64.b64encode(png).decode()}")


def measurements_dict(
    analysis: Analysis | None, batch: Batch | None, written: Sequence[Path], beside: Any = None
) -> dict[str, Any]:
    """Return everything as plain data for JSON; what is not finite is null."""
    found: dict[str, Any] = {
        "files": [str(path) for path in written],
        "failures": [{"input": item.input, "message": item.message} for item in batch.failures] if batch else [],
        "reused": batch.reused if batch else 0,
    }
    if analysis is not None:
        found |= {
            "refusals": list(analysis.refusals),
            "readings": len(analysis.readings),
            "animals": _plain(analysis.animals),
            "groups": _plain(analysis.groups),
            "comparisons": _plain(analysis.comparisons),
            "arrive": [{"number": line.item.number, "name": line.item.name, "origin": line.origin, "text": line.text}
                       for line in analysis.arrive],
        }  # fmt: skip
    if beside:
        found["beside"] = _plain(beside[0])
    return found


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    def value(item: Any) -> Any:
        item = item.item() if hasattr(item, "item") else item
        return None if isinstance(item, float) and not math.isfinite(item) else item

    return [{key: value(item) for key, item in row.items()} for row in _rows(table)]


def print_measurements(
    console: Console, errors: Console, analysis: Analysis | None, batch: Batch | None, written: Sequence[Path],
    beside: Any = None,
) -> None:  # fmt: skip
    """Print comparisons, what is missing, what failed, and where everything stands."""
    from rich.table import Table

    if analysis is not None and len(analysis.comparisons):
        table = Table(title="", box=None, pad_edge=False)
        for name, side in (("read-out", "left"), ("session", "left"), ("groups", "left"), ("n", "right"),
                           ("effect", "right"), ("95 %", "left"), ("p", "right"), ("g", "right")):  # fmt: skip
            table.add_column(name, justify=side)  # type: ignore[arg-type]
        for row in _rows(analysis.comparisons):
            label = ", ".join(word for word in (definition(row["definition"]).label, row["variant"]) if word)
            table.add_row(label, row["session"], f"{row['group']} vs {row['versus']}",
                          f"{row['n_group']}+{row['n_versus']}",
                          number(_float(row["effect"]), 3), _span(row["low"], row["high"], " to "),
                          p_text(row["p"]), number(_float(row["hedges_g"]), 2))  # fmt: skip
        console.print(table)
        console.print(
            "effects: odds ratio, ratio of rates or of geometric means, or difference of means; see the report"
        )
    if beside:
        _print_beside(console, beside[0])
    if analysis is not None:
        missing = [f"{line.item.number} {line.item.name}" for line in analysis.arrive if line.origin == "missing"]
        if missing:
            console.print(f"ARRIVE 2.0, not stated: {', '.join(missing)}", markup=False, highlight=False)
        for text in analysis.refusals:
            errors.print(f"refused: {text}", markup=False, highlight=False)
    for item in batch.failures if batch else []:
        errors.print(f"nothing from {item.input}: {item.message}", markup=False, highlight=False)
    if batch and batch.reused:
        console.print(f"{count(batch.reused, 'input')} had been measured before", highlight=False)
    for path in written:
        console.print(f"written: {path}", markup=False, highlight=False)


def _print_beside(console: Console, rows: pd.DataFrame) -> None:
    from rich.table import Table

    table = Table(title="measured beside simulated (SYNTHETIC DATA)", box=None, pad_edge=False, title_justify="left")
    for name in ("read-out", "group", "arm", "n", "measured", "simulated", "means of n", "percentile"):
        table.add_column(name)
    for row in _rows(rows):
        table.add_row(row["label"], row["group"], row["arm"], str(row["n"]), number(row["measured_mean"], 3),
                      f"{number(row['simulated_median'], 3)} ({_span(row['simulated_low'], row['simulated_high'])})",
                      _span(row["simulated_mean_low"], row["simulated_mean_high"]),
                      f"{row['percentile']:.0f}")  # fmt: skip
    console.print(table)
