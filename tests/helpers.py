"""Small models written on the spot, and the tolerance each comparison is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from senospine.engine import Kernel, compile_model
from senospine.model import Model, load_model
from senospine.model.register import COLUMNS

UNITS = """
  unit day = 86400 second;
  unit per_day = 1 / (86400 second);
  unit fold = 1 dimensionless;
  unit mg = 1e-3 gram;
  unit g = 1 gram;
  unit time_unit = 86400 second;
"""

#: a clean model: one state, one parameter, every unit declared
DECAY = UNITS + "  k has per_day; x has fold; x' = -k * x; x = 1; k = 0.5;\n"

ROW = {
    "name": "k", "value": "0.5", "unit": "1/day", "species": "mouse", "prior": "lognormal", "low": "0.1", "high": "1",
    "between_animal_cv": "0", "meaning": "decay", "source": "assumption", "doi": "", "how_obtained": "assumption",
    "confidence": "low", "reason": "for a test",
}  # fmt: skip


def write_model(folder: Path, body: str, name: str = "m.ant") -> Path:
    """Write ``body`` inside a model block; its first line is line 2 of the file."""
    path = folder / name
    path.write_text(f"model *m()\n{body}\nend\n", encoding="utf-8")
    return path


def model_of(folder: Path, body: str) -> Model:
    """Load a model with equations ``body`` and no register."""
    return load_model(write_model(folder, body))


def compile_with(engine: str, model: Model, **options: Any) -> Kernel:
    """Compile ``model`` for one of the two engines."""
    return compile_model(model, engine=engine, **options)  # type: ignore[arg-type]


def write_register(folder: Path, *rows: dict[str, str], extra_cells: str = "") -> Path:
    """Write a register of ``rows``, each :data:`ROW` with some cells replaced; the first is line 2."""
    path = folder / "register.csv"
    lines = [",".join({**ROW, **row}[column] for column in COLUMNS) + extra_cells for row in rows]
    path.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n", encoding="utf-8")
    return path


def write_sbml(folder: Path, inside: str, extra: str = "", before: str = "") -> Path:
    """Write an SBML Level 3 file: ``inside`` the parameter list, ``extra`` after it, ``before`` it."""
    path = folder / "m.xml"
    path.write_text(
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        "<sbml xmlns='http://www.sbml.org/sbml/level3/version2/core' level='3' version='2'>"
        f"<model id='m'>{before}<listOfParameters>{inside}</listOfParameters>{extra}</model></sbml>",
        encoding="utf-8",
    )
    return path


def mathml(inside: str) -> str:
    """Wrap ``inside`` as MathML."""
    return f"<math xmlns='http://www.w3.org/1998/Math/MathML'>{inside}</math>"
