"""The command for virtual randomised trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senospine.cli.output import Json, console, print_json, progress
from senospine.errors import FileError, TrialError

if TYPE_CHECKING:
    from senospine.report.trial import TrialReport
    from senospine.trial import Design, PatientBank

REACH_HELP = "What a systemic analgesic acts on beside endplate and disc: spine (nothing), tissue, persisting, all."


def trial(
    design: Annotated[str, typer.Argument(help="A shipped design, or a path to a design file (.yaml).")],
    bank: Annotated[
        str | None,
        typer.Option(
            help="Folder of a bank of patients; 'synthetic': closed forms; made from the human model if left out."
        ),
    ] = None,
    trials: Annotated[int, typer.Option(help="Simulated trials.", min=2)] = 1000,
    out: Annotated[Path | None, typer.Option(help="Folder for the run; results/trial-DESIGN by default.")] = None,
    effect: Annotated[
        float, typer.Option(help="With --bank synthetic: how much each therapy lowers pain, points of 0-10.")
    ] = 0.0,
    clears: Annotated[
        float, typer.Option(help="With --bank synthetic: share of senescent cells a therapy clears.", min=0, max=1)
    ] = 0.0,
    power: Annotated[float | None, typer.Option(help="Search the number of patients for this power instead.")] = None,
    sizes: Annotated[tuple[int, int], typer.Option(help="With --power: from how many patients to how many.")] = (
        40,
        2000,
    ),
    patients: Annotated[int, typer.Option(help="Of a bank that is made: people in each draw.", min=50)] = 1000,
    draws: Annotated[int, typer.Option(help="Of a bank that is made: draws of the parameters.", min=1)] = 12,
    parameters: Annotated[
        str, typer.Option(help="Of a bank that is made: fit, register, or the file of a fit.")
    ] = "fit",
    reach: Annotated[str, typer.Option(help=f"Of a bank that is made: {REACH_HELP}")] = "all",
    seed: Annotated[int, typer.Option(help="Seed of every draw.", min=0)] = 20240913,
    workers: Annotated[int | None, typer.Option(help="Processes; all processors by default.", min=1)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the trials that stand in the folder.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an older run of this design.")] = False,
    beside: Annotated[
        list[str] | None, typer.Option(help="Another design to put beside it; give the option again for more.")
    ] = None,
    beside_trials: Annotated[
        int, typer.Option(help="Trials of each other size and population, at most as many as of the design.", min=2)
    ] = 200,
    as_json: Json = False,
) -> None:
    """Simulate trials of a design: how often it is right, a report for a trial meeting, tables of the first trial."""
    from senospine.report.trial import print_trial, trial_dict, write_trial_report
    from senospine.trial import load_design, stop_days
    from senospine.trial.dosing import check_therapies
    from senospine.trial.run import bank_in, refuse_standing, standing

    loaded, beside = load_design(design), beside or []
    others = [load_design(item) for item in beside]
    if (effect or clears) and bank != "synthetic":
        name = "--effect" if effect else "--clears"
        raise TrialError(f"{name} is only for made-up patients", remedy="add --bank synthetic, or leave it out")
    folder = out or Path("results") / f"trial-{loaded.name}"
    if power is None:
        refuse_standing(folder, resume=resume, overwrite=overwrite)  # told before patients are made
    therapies = tuple(name for item in (loaded, *others) for name in item.therapies)
    days = max(item.visit_days[-1] for item in (loaded, *others))
    if bank == "synthetic":
        cleared = clears if _markers((loaded, *others)) else None
        people = _synthetic(loaded, therapies, effect, cleared, days, seed, folder, overwrite)
    elif bank is not None:
        people = Path(bank)
    else:
        people = folder.with_name(f"{folder.name}-bank")
        for item in (loaded, *others):
            check_therapies(item)
        stops = stop_days(days, [day for item in (loaded, *others) for day in item.visit_days[:-1]])
        with progress(as_json) as on_progress:
            bank_of(
                people, therapies, days / 7, stops, patients, draws, parameters, seed, workers, overwrite, on_progress,
                reach, markers=_markers((loaded, *others)),
            )  # fmt: skip
    for item in others:
        item.check_bank(bank_in(str(people)))
    if power is not None:
        _search(loaded, people, power, sizes, trials, seed, as_json)
        return

    def stopped() -> str:
        done = standing(folder, trials)
        return f"stopped; {done:,} of {trials:,} trials stand in {folder}" + (
            ", the same command with --resume goes on from them" if done else ", the same command begins again"
        )

    with progress(as_json, stopped) as on_progress:
        report, tables = _run(
            loaded, people, folder, trials, seed, workers, resume, overwrite, others, beside_trials,
            _command(design, bank, trials, effect, seed, beside, clears), on_progress,
        )  # fmt: skip
        page = folder / "report.html"
        write_trial_report(page, report)
    if as_json:
        print_json({**trial_dict(report), "folder": str(folder), "bank": str(people), "report": str(page),
                    "tables": [str(path) for path in tables]})  # fmt: skip
    else:
        print_trial(console(), report, page, tables, people)


def _run(
    design: Design, people: Path, folder: Path, trials: int, seed: int, workers: int | None, resume: bool,
    overwrite: bool, others: Sequence[Design], beside_trials: int, command: str,
    on_progress: Callable[[str, int, int], None],
) -> tuple[TrialReport, list[Path]]:  # fmt: skip
    """Return what a report is told from, and the tables of the first trial that were written."""
    from senospine.exchange import write_cdisc
    from senospine.report.trial import TrialReport
    from senospine.trial import (
        follow,
        operating_characteristics,
        predicted_benefit,
        read_bank,
        run_rivals,
        run_trials,
        simulate_trial,
    )

    run = run_trials(
        design, people, folder, trials=trials, seed=seed, workers=workers, resume=resume, overwrite=overwrite,
        on_progress=lambda done, of: on_progress(f"simulate {design.name}", done, of),
    )  # fmt: skip
    rivals = run_rivals(
        run, people, trials=min(trials, beside_trials), beside=others, workers=workers,
        on_progress=lambda done, of: on_progress("other sizes and populations", done, of),
    )  # fmt: skip
    on_progress("write the report", 0, 1)
    simulated = read_bank(people)
    tables: list[Path] = []
    if design.file.population.kind != "two-stage":
        first = simulate_trial(design, simulated, seed, 0, tables=True)
        tables = write_cdisc(design, simulated, first, folder / "first-trial")
    report = TrialReport(
        run, simulated, operating_characteristics(run), rivals, follow(run, simulated),
        tuple(predicted_benefit(design, simulated)), command,
    )  # fmt: skip
    on_progress("write the report", 1, 1)
    return report, tables


def _search(
    design: Design, people: Path, power: float, sizes: tuple[int, int], trials: int, seed: int, as_json: bool
) -> None:
    """Print the smallest number of patients that reaches a power, and the sizes that were tried."""
    from senospine.report.trial import print_search
    from senospine.trial import find_size, read_bank

    with progress(as_json, lambda: "stopped; a search keeps nothing") as on_progress:
        found = find_size(
            design, read_bank(people), power=power, low=sizes[0], high=sizes[1], trials=trials, seed=seed,
            on_progress=lambda size: on_progress(f"try {size} patients", 0, 1),
        )  # fmt: skip
    if as_json:
        print_json({"trial": design.name, "patients": found.size, "power": power, "seed": seed, "bank": str(people),
                    "tried": found.table.to_dict("records")})  # fmt: skip
    else:
        print_search(console(), design, found)


def _command(
    design: str, bank: str | None, trials: int, effect: float, seed: int, beside: Sequence[str], clears: float
) -> str:  # fmt: skip
    """Return the command without the places of this machine."""
    words = ["senospine trial", Path(design).name, f"--trials {trials}"]
    words += [f"--bank {Path(bank).name}"] if bank else []
    words += [f"--effect {effect:g}"] if effect else []
    words += [f"--clears {clears:g}"] if clears else []
    words += [f"--seed {seed}", *(f"--beside {Path(item).name}" for item in beside)]
    return " ".join(words)


def bank_of(
    folder: Path, therapies: Sequence[str], weeks: float, stops: Sequence[float] | None, patients: int, draws: int,
    parameters: str, seed: int, workers: int | None, overwrite: bool, on_progress: Callable[[str, int, int], None],
    reach: str, markers: Sequence[str] = (),
) -> PatientBank:  # fmt: skip
    """Return a bank made from the human model, or the rest of one, with the gains of mice that a word chooses."""
    from senospine.calibration import chosen_parameters
    from senospine.model import load_model
    from senospine.trial import UNTREATED, make_bank

    return make_bank(
        folder, [item for item in therapies if item != UNTREATED], patients=patients, draws=draws, weeks=weeks,
        stops=stops, seed=seed, centres=chosen_parameters(parameters, load_model("human")), reach=reach,
        uncertainty="all" if draws > 1 else "none", workers=workers, overwrite=overwrite,
        markers=markers, on_progress=lambda done, of: on_progress("simulate patients", done, of),
    )  # fmt: skip


def _markers(designs: Sequence[Design]) -> list[str]:
    """Return the markers that designs measure at visits."""
    from senospine.trial.measures import measure_of

    return sorted({measure_of(key).name for item in designs for key in item.marker_weeks})


def _synthetic(
    design: Design, therapies: tuple[str, ...], effect: float, clears: float | None, days: float, seed: int,
    folder: Path, overwrite: bool,
) -> Path:  # fmt: skip
    """Return the folder of a made-up bank; one that a run was made from is never exchanged below it."""
    from senospine.runs import read_manifest
    from senospine.trial import UNTREATED, simulate_trial, synthetic_bank

    wanted = {name: effect for name in therapies if name != UNTREATED}
    grid = [7.0 * week for week in range(int(days // 7) + 2)]
    cleared = None if clears is None else dict.fromkeys(wanted, clears)
    bank = synthetic_bank(wanted, days=grid, cleared=cleared)
    simulate_trial(design, bank, seed, 0)  # criteria that enrol no one leave nothing behind
    stands = read_manifest(folder)
    if stands is not None and stands["inputs"].get("bank") != bank.sha256 and not overwrite:
        raise FileError(
            "the trials in this folder were made from other patients", where=str(folder),
            remedy="give the same --effect, --clears and --beside, --overwrite them, or choose another folder",
        )  # fmt: skip
    return bank.write(folder.with_name(f"{folder.name}-bank"))
