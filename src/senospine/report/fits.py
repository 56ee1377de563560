"""A fit and a posterior in the terminal: what moved, how far from its prior, and what the data said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rich.console import Console

from senospine.calibration import Fit, Posterior, Progress
from senospine.report.tables import new_table

#: parameters moved less than this, in prior SDs, are counted and not listed
SMALL = 0.5


def print_fit(console: Console, fit: Fit) -> None:
    """Print the starts, the parameters that moved most, and the likelihood before and after."""
    table = new_table("Starts", ">start", ">begun at", ">reached", ">steps", "ended because")
    for start in fit.starts:
        table.add_row(
            str(start.number + 1), f"{start.begun:.2f}", f"{start.reached:.2f}", str(start.iterations), start.message
        )
    console.print(table)
    order = sorted(fit.values, key=lambda name: -abs(_shift(fit, name)))
    moved = [name for name in order if abs(_shift(fit, name)) >= SMALL]
    table = new_table("Parameters that moved", "parameter", ">register", ">fit", ">moved by, prior SDs")
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


#: parameters of which the data took less of the prior's variance than this are counted and not listed
LITTLE = 0.1


def show_sampling(show: Callable[[str, int, int], None], draws: int) -> Callable[[Progress], None]:
    """Return what shows a sampler's progress: how warm, then how many effective draws of how many."""

    def told(now: Progress) -> None:
        if now.phase == "temper":
            show("prior to posterior", round(100 * now.temperature), 100)
        elif now.phase == "adapt":
            show("adapt the moves", now.round, now.round + 1)
        else:
            known = 0 if now.effective != now.effective else int(now.effective)
            show("effective draws", min(known, draws), draws)

    return told


def print_posterior(console: Console, posterior: Posterior) -> None:
    """Print what the data spoke about, how sure of it one may be, and whether the sampler arrived."""
    contraction = posterior.contraction()
    values = posterior.values()
    order = sorted(contraction, key=lambda name: -contraction[name])
    heard = [name for name in order if contraction[name] >= LITTLE]
    table = new_table(
        "What the data spoke about", "parameter", ">5 %", ">median", ">95 %", ">prior variance taken away"
    )
    for name in heard:
        low, middle, high = (f"{value:.3g}" for value in np.quantile(values[name], [0.05, 0.5, 0.95]))
        table.add_row(name, low, middle, high, f"{contraction[name]:.0%}")
    console.print(table)
    found, evidence = posterior.diagnostics, posterior.log_evidence
    console.print(f"{len(order) - len(heard)} of {len(order)} lost less than {LITTLE:.0%}: of them the prior speaks.")
    console.print(
        f"effective draws at least {found['smallest_bulk_effective']:.0f} (tails "
        f"{found['smallest_tail_effective']:.0f}), nested R-hat at most {found['largest_nested_rhat']:.3f}, "
        f"Pareto k at most {found['largest_pareto_k']:.2f}; log evidence {np.mean(evidence):.2f}, islands "
        f"{min(evidence):.2f} to {max(evidence):.2f}"
    )
