"""How sure a calibration is, on one page and in the terminal: pictures first, then words and tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from rich.console import Console

from senospine.calibration import Posterior
from senospine.calibration.ranks import Ranks
from senospine.calibration.rival_scores import CANNOT_TELL, ERRORS, LEAST_NATS
from senospine.report import uncertainty_figures as figures
from senospine.report.svg import number
from senospine.report.tables import new_table
from senospine.report.template import write_page

#: parameters whose marginal densities are drawn
DRAWN = 12


def uncertainty_figures(posterior: Posterior, parts: Mapping[str, Any]) -> dict[str, str]:
    """Return the pictures of the parts there are, as SVG text by name."""
    found = posterior.contraction()
    known = sorted(found, key=lambda name: -found[name])[:DRAWN]
    wanted: dict[str, Any] = {
        "contraction": lambda: figures.contraction_bars(posterior),
        "marginals": lambda: figures.marginals(posterior, known),
        "pairs": lambda: figures.pairs(posterior),
    }
    if parts.get("profiles"):
        wanted["profiles"] = lambda: figures.profiles(parts["profiles"])
    if "validation" in parts:
        wanted["validation"] = lambda: figures.validation(parts["validation"])
    if "rivals" in parts:
        wanted["rivals"] = lambda: figures.rivals(parts["rivals"])
    named = {}
    if "ranks" in parts:
        named["reduced problem"] = _ranks(parts["ranks"], 64)
    if "recovery" in parts:
        wanted["recovery"] = lambda: figures.recovery(parts["recovery"])
        named["full problem, stars"] = _ranks(parts["recovery"]["stars"], 0)
    if named:
        wanted["ranks"] = lambda: figures.rank_curves(named)
    return {name: figures.drawn(draw) for name, draw in wanted.items()}


def _ranks(part: Mapping[str, Any], draws: int) -> Ranks:
    return Ranks(tuple(part["names"]), np.array(part["ranks"]), int(part.get("draws", draws)))


def write_uncertainty(path: str | Path, posterior: Posterior, parts: Mapping[str, Any], *, command: str = "") -> Path:
    """Write one self-contained HTML page and return its path.

    Parameters
    ----------
    path : path
    posterior : Posterior
    parts : mapping
        What :func:`senospine.calibration.run_parts` returned.
    command : str

    Raises
    ------
    FileError
        The file cannot be written.
    """
    contents = {
        "command": command, "posterior": posterior, "parts": parts, "cannot_tell": CANNOT_TELL, "least": LEAST_NATS,
        "errors": ERRORS,
        "pictures": {name: Markup(text) for name, text in uncertainty_figures(posterior, parts).items()},
    }  # fmt: skip
    return write_page(
        path, "uncertainty.html", contents,
        {"number": lambda value: number(value, 3), "percent": _percent, "nats": _nats},
    )  # fmt: skip


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def print_uncertainty(console: Console, parts: Mapping[str, Any]) -> None:
    """Print the words and figures of the parts there are."""
    for line in parts.get("identify", {}).get("words", []):
        console.print(line, highlight=False, markup=False)
    if "validation" in parts:
        table = new_table(
            "Scores by role", "role", ">rows", ">log score", ">50 % sets", ">90 % sets", ">less naive rule",
            ">less burden alone",
        )  # fmt: skip
        for role, plain in parts["validation"]["roles"].items():
            gains = [f"{plain[rule]['gain']:+.1f} ± {plain[rule]['error']:.1f}" for rule in ("naive", "burden")]
            sets = [_percent(plain["signed"][f"coverage_{level}"]) for level in ("0.5", "0.9")]
            table.add_row(role, str(plain["rows"]), f"{plain['log_score']:.1f}", *sets, *gains)
        console.print(table)
    if "rivals" in parts:
        table = new_table("Rival mechanisms", "rival", ">× 0.5", ">× 1", ">× 2", ">validation", "verdict")
        for score in parts["rivals"]:
            cells = [_nats(score["evidence"].get(width)) for width in ("0.5", "1", "2")]
            table.add_row(score["rival"], *cells, _nats(score["validation"]), score["verdict"])
        console.print(table)
        console.print(
            f"log evidence less the model's, nats ± error. Told only above {LEAST_NATS:g} nat and {ERRORS:g} errors, "
            "the same way under every prior width."
        )
    if "ranks" in parts:
        verdict = parts["ranks"]["verdict"]
        console.print(
            f"simulation-based calibration: {verdict['replicates']} data sets, "
            f"{'ranks are uniform' if verdict['passes'] else 'RANKS ARE NOT UNIFORM'} "
            f"(smallest p, corrected: {verdict['smallest_p_corrected']:.2g})"
        )
    for design, plain in parts.get("recovery", {}).items():
        console.print(
            f"recovered by {design}: {plain['explained']:.0%} of the truths' spread, {plain['over_a_tenth']} of "
            f"{plain['parameters']} parameters by more than a tenth; intervals of 90 % hold {plain['coverage_90']:.0%}"
        )


def _nats(found: Mapping[str, Any] | None) -> str:
    if found is None or found["nats"] is None:
        return "–"
    return f"{found['nats']:+.1f} ± {'?' if found['error'] is None else format(found['error'], '.1f')}"
