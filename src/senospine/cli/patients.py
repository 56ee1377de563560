"""The command for virtual patients: a population beside published figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from senospine.cli.output import Json, console, print_json, progress
from senospine.cli.trial import REACH_HELP, bank_of


def patients(
    therapy: Annotated[
        list[str] | None, typer.Option(help="Also follow everyone under this therapy; give the option again for more.")
    ] = None,
    people: Annotated[int, typer.Option(help="Sampled in each draw of the parameters.", min=50)] = 1000,
    draws: Annotated[int, typer.Option(help="Of the parameters; 1 is the register without doubt.", min=1)] = 12,
    weeks: Annotated[float, typer.Option(help="How long they are followed.", min=1)] = 52,
    stop: Annotated[
        list[float] | None,
        typer.Option(
            help="Also follow those who stop each therapy for good on this day; give the option again for more. By "
            "default every 28 days; 0 for none."
        ),
    ] = None,
    parameters: Annotated[str, typer.Option(help="Gains of mice from: fit, register, or the file of a fit.")] = "fit",
    out: Annotated[Path, typer.Option(help="Folder of the bank.")] = Path("results/bank"),
    picture: Annotated[Path | None, typer.Option(help="Draw the population here (.svg or .png).")] = None,
    reach: Annotated[str, typer.Option(help=REACH_HELP)] = "all",
    seed: Annotated[int, typer.Option(help="Seed of every draw.", min=0)] = 20240913,
    workers: Annotated[int | None, typer.Option(help="Processes; all processors by default.", min=1)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an older bank.")] = False,
    as_json: Json = False,
) -> None:
    """Make a bank of virtual patients, and show its marginals and odds ratios beside the published ones."""
    from senospine.report.population import draw_population, print_population
    from senospine.runs import NOTICE
    from senospine.trial import coverage_table, population_table

    stops = [day for day in stop if day != 0] if stop else None
    with progress(as_json) as on_progress:
        bank = bank_of(
            out, therapy or (), weeks, stops, people, draws, parameters, seed, workers, overwrite, on_progress, reach
        )
    if picture is not None:
        draw_population(bank, picture)
    if as_json:
        table = population_table(bank.baseline)
        print_json({
            "notice": NOTICE, "folder": str(out), "refused": bank.made_by["refused"],
            "effective": bank.made_by["effective"],
            "figures": table.astype(object).where(table.notna(), None).to_dict("records"),
            "coverage": coverage_table(bank.baseline).astype({"age": str}).to_dict("records"),
        })  # fmt: skip
        return
    print_population(console(), bank)
    console().print(f"bank in {out}" + (f", picture in {picture}" if picture else ""), markup=False)
