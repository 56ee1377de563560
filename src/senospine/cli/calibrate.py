"""The command that fits a model to published findings and samples the posterior."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from senospine.cli.options import Seed
from senospine.cli.output import Json, console, print_json, progress
from senospine.errors import CalibrationError


def calibrate(
    problem: Annotated[str, typer.Argument(help="A published problem (mouse), or a YAML file of your own.")] = "mouse",
    out: Annotated[Path, typer.Option(help="Folder for starts, fit, rounds and posterior.")] = Path(
        "results/calibration"
    ),
    starts: Annotated[int, typer.Option(help="Climbs; the first begins at the register's values.", min=0)] = 4,
    iterations: Annotated[int, typer.Option(help="Steps of one climb, at most.", min=1)] = 40,
    animals: Annotated[int, typer.Option(help="Virtual animals per arm of a climb.", min=2)] = 24,
    draws: Annotated[int, typer.Option(help="Draws from the posterior to keep; 0: climb only.", min=0)] = 2000,
    effective: Annotated[
        int | None, typer.Option(help="Effective draws to reach, of every parameter; by default as many as are kept.")
    ] = None,
    walkers: Annotated[int, typer.Option(help="Candidates solved at once while sampling.", min=16)] = 256,
    width: Annotated[float | None, typer.Option(help="Factor on the priors' widths, such as 0.5, 1 or 2.")] = None,
    seed: Seed = 20240913,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the folder; an error if none.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fit the free parameters to the calibration rows, then sample their posterior.

    A call that was stopped, however, goes on where it was.
    """
    from dataclasses import replace

    from senospine.calibration import calibrate as climb
    from senospine.calibration import load_problem, sample, write_fit
    from senospine.report.fits import print_fit, print_posterior, show_sampling

    if resume and not any((out / name / "problem.json").exists() for name in (".", "posterior")):
        raise CalibrationError(
            "nothing to resume", where=str(out), remedy="leave --resume out, or name the folder with --out"
        )
    command = f"senospine calibrate {problem} --animals {animals} --seed {seed}"
    loaded = load_problem(problem, animals=animals, seed=seed)
    if width is not None:
        loaded, command = replace(loaded, width=width), f"{command} --width {width:g}"
    told: dict[str, object] = {}
    with progress(as_json) as on_progress:
        if starts:

            def climbed(start: int, step: int, height: float) -> None:
                on_progress(f"start {start + 1} of {starts}, log posterior {height:.2f}", step, iterations)

            fit = climb(
                loaded.without_factors(), out, starts=starts, iterations=iterations, on_progress=climbed,
                command=f"{command} --starts {starts} --iterations {iterations}",
            )  # fmt: skip
            write_fit(fit, out / "fit.json")
            told |= fit.to_dict()
        if draws:
            posterior = sample(
                loaded.for_sampling(), folder=out / "posterior", draws=draws, walkers=walkers, seed=seed,
                effective=effective, on_progress=show_sampling(on_progress, effective or draws),
                command=f"{command} --draws {draws} --effective {effective or draws} --walkers {walkers}",
            )  # fmt: skip
            posterior.save(out / "posterior.npz")
            told["posterior"] = posterior.to_dict()
    if as_json:
        print_json(told)
        return
    if starts:
        print_fit(console(), fit)
        console().print(f"fit written to {out / 'fit.json'}; use it with --parameters {out / 'fit.json'}")
    if draws:
        print_posterior(console(), posterior)
        console().print(f"posterior written to {out / 'posterior.npz'}")
