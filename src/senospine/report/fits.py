"""A fit in the terminal: what moved, how far from its prior, and what it bought."""

from __future__ import annotations

from rich.console import Console

from senospine.calibration import Fit
from senospine.report.terminal import new_table

#: parameters moved less than this, in prior SDs, are counted and not listed
SMALL = 0.5


def print_fit(console: Console, fit: Fit) -> None:
    """Print the starts, the parameters that moved most, and the likelihood before and after."""
    table = new_table("Starts")
    for name in ("start", "begun at", "reached", "steps", "ended because"):
        table.add_column(name, justify="left" if name == "ended because" else "right")
    for start in fit.starts:
        table.add_row(
            str(start.number + 1), f"{start.begun:.2f}", f"{start.reached:.2f}", str(start.iterations), start.message
        )
    console.print(table)
    order = sorted(fit.values, key=lambda name: -abs(_shift(fit, name)))
    moved = [name for name in order if abs(_shift(fit, name)) >= SMALL]
    table = new_table("Parameters that moved")
    for name in ("parameter", "register", "fit", "moved by, prior SDs"):
        table.add_column(name, justify="left" if name == "parameter" else "right")
    for name in moved:
        table.add_row(name, f"{fit.centres[name]:g}", f"{fit.values[name]:.4g}", f"{_shift(fit, name):+.1f}")
    console.print(table)
    console.print(
        f"{len(order) - len(moved)} of {len(order)} free parameters moved by less than {SMALL:g} prior SDs: "
        "the facts say little of them."
    )
    before, after = fit.log_likelihood["register"], fit.log_likelihood["fit"]
    console.print(f"tempered log likelihood of the calibration rows: {before:.1f} at the register, {after:.1f} fitted")


def _shift(fit: Fit, name: str) -> float:
    return fit.shift[name] - fit.register_shift[name]
