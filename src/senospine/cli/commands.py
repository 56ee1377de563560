"""Commands for studies, calibration and speed; those of other rooms are joined here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from senospine.cli.drug import drug_app
from senospine.cli.evidence import evidence_app
from senospine.cli.measure import measure_app
from senospine.cli.model import model_app
from senospine.cli.output import Json, console, print_json, progress
from senospine.cli.patients import patients
from senospine.cli.procedure import procedure_app
from senospine.cli.trial import trial
from senospine.cli.uncertainty import uncertainty
from senospine.errors import BenchmarkError, CalibrationError, SenospineError

if TYPE_CHECKING:
    from senospine.calibration.worlds import Doubt

DESCRIPTION = """In-silico laboratory for senolytic therapy of spinal pain.

An instrument for ranking hypotheses, never medical advice; all it makes is synthetic data."""

app = typer.Typer(help=DESCRIPTION, no_args_is_help=True, rich_markup_mode=None, add_completion=False)
app.add_typer(model_app, name="model")
app.add_typer(evidence_app, name="evidence")
app.add_typer(measure_app, name="measure")
app.add_typer(drug_app, name="drug")
app.add_typer(procedure_app, name="procedure")

Animals = Annotated[int, typer.Option(help="Virtual animals per arm.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of every draw.", min=0)]
Workers = Annotated[int | None, typer.Option(help="Processes; all processors by default.", min=1)]
Scheduler = Annotated[
    str | None, typer.Option(help="A Dask scheduler, such as tcp://node-1:8786, instead of this machine's processes.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an older run of the same study.")]
Parameters = Annotated[
    str | None,
    typer.Option(
        help="'posterior': draws, so that intervals carry what the data leave open (default of simulate); "
        "'fit': the best point; 'register': the priors' values; or the file of a fit or a posterior of your own."
    ),
]
Worlds = Annotated[
    int, typer.Option(help="Draws of the posterior at most; each is a world with its share of the animals.", min=2)
]
Doubts = Annotated[
    str,
    typer.Option(
        "--doubt",
        help="What is drawn, comma between: gains (posterior), translation (mouse to people), priors (of the rest).",
    ),
]


@app.command()
def reproduce(
    out: Annotated[Path, typer.Option(help="Folder for outcomes, scoreboard and report.")] = Path("results/reproduce"),
    animals: Animals = 1000,
    repeats: Annotated[int, typer.Option(help="Virtual experiments per published contrast.", min=1)] = 1000,
    seed: Seed = 20240913,
    workers: Workers = None,
    scheduler: Scheduler = None,
    parameters: Parameters = "fit",
    worlds: Worlds = 50,
    doubt: Doubts = "gains,translation,priors",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Run all published studies, score them against the papers, write the report."""
    from senospine.calibration import chosen_values
    from senospine.evidence import doubts
    from senospine.evidence import reproduce as run
    from senospine.evidence.doubt import SUBJECTS_IN_REPORT, WORLDS
    from senospine.evidence.leverage import PAIRS
    from senospine.model import ParameterDraws, load_model
    from senospine.report import write_report
    from senospine.report.terminal import print_scoreboard
    from senospine.therapy import compose_model

    model = load_model("mouse")
    choice = parameters or "fit"
    chosen_values(choice, model, seed=seed)  # before hours of work: a stale file must stop here
    with progress(as_json) as on_progress:
        result = run(
            out,
            animals=animals,
            repeats=repeats,
            seed=seed,
            workers=workers,
            scheduler=scheduler,
            overwrite=overwrite,
            parameters=lambda study, filled: chosen_values(
                choice, compose_model(study.species, study.drugs), min(worlds, filled), seed=seed, doubt=_doubts(doubt)
            ),
            on_progress=on_progress,
        )
        asked = []
        for index, outcome in enumerate(result.outcomes):
            on_progress("ask what doubts rest on", index, len(result.outcomes))
            if outcome.worlds > 1:
                own = outcome.study
                drawn = chosen_values(choice, outcome.model, WORLDS, seed=seed, doubt=_doubts(doubt))
                assert isinstance(drawn, ParameterDraws)  # as its animals carry draws
                asked += doubts(own, drawn, seed=seed, pairs=own.compare[:PAIRS], subjects=SUBJECTS_IN_REPORT)
        on_progress("ask what doubts rest on", len(result.outcomes), len(result.outcomes))
        on_progress("write report", 0, 1)
        report = write_report(
            out / "report.html",
            outcomes=result.outcomes,
            laboratories=result.laboratories,
            scores=result.scores,
            model=model,
            command=" ".join(["senospine", *sys.argv[1:]]),
            doubts=asked,
        )
        on_progress("write report", 1, 1)
    if as_json:
        print_json({**result.to_dict(), "doubts": [item.to_dict() for item in asked], "report": str(report)})
    else:
        print_scoreboard(console(), result, report)


@app.command()
def simulate(
    study: Annotated[str, typer.Argument(help="A shipped study, or a path to a study file (.yaml).")],
    out: Annotated[Path | None, typer.Option(help="Folder for the outcome; results/STUDY by default.")] = None,
    animals: Animals = 1000,
    seed: Seed = 20240913,
    workers: Workers = None,
    scheduler: Scheduler = None,
    parameters: Parameters = None,
    worlds: Worlds = 50,
    doubt: Doubts = "gains,translation,priors",
    why: Annotated[
        bool, typer.Option("--why", help="Say what each comparison's doubt rests on, and what to measure first.")
    ] = False,
    overwrite: Overwrite = False,
    spine: Annotated[
        Path | None,
        typer.Option(help="Draw endplate and disc of each arm here: .svg, .png, or .html to slide."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run one study and show what its animals would look like."""
    from senospine.calibration import chosen_values, default_choice, worlds_for
    from senospine.evidence import doubts
    from senospine.evidence.doubt import WORLDS
    from senospine.model import ParameterDraws
    from senospine.report.terminal import outcome_dict, print_outcome
    from senospine.study import load_study, run_study
    from senospine.therapy import compose_model

    loaded = load_study(study)
    folder = out or Path("results") / loaded.name
    choice, model = parameters or default_choice(), compose_model(loaded.species, loaded.drugs)
    values = chosen_values(choice, model, worlds_for(animals, worlds), seed=seed, doubt=_doubts(doubt))
    with progress(as_json) as on_progress:
        outcome = run_study(
            loaded, folder, animals=animals, seed=seed, workers=workers, scheduler=scheduler, overwrite=overwrite,
            parameters=values, on_progress=lambda done, of: on_progress(f"simulate {loaded.name}", done, of),
        )  # fmt: skip
    if spine is not None:
        from senospine.report import write_spine

        write_spine(outcome, spine)
    found = None
    if why:
        drawn = chosen_values(choice, model, WORLDS, seed=seed, doubt=_doubts(doubt))
        with progress(as_json) as on_progress:
            found = (
                doubts(
                    loaded,
                    drawn,
                    seed=seed,
                    on_progress=lambda done, of: on_progress("ask what doubts rest on", done, of),
                )
                if isinstance(drawn, ParameterDraws)
                else []
            )
    if as_json:
        print_json(outcome_dict(outcome, found) | ({"spine": str(spine)} if spine else {}))
    else:
        print_outcome(console(), outcome, found)
        if spine is not None:
            console().print(f"drawn spine written to {spine}")


def _doubts(text: str) -> tuple[Doubt, ...]:
    return cast("tuple[Doubt, ...]", tuple(word.strip() for word in text.split(",") if word.strip()))


@app.command()
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


app.command("uncertainty")(uncertainty)
app.command()(patients)
app.command()(trial)


@app.command()
def bench(
    models: Annotated[str | None, typer.Option(help="Names with commas between; all by default.")] = None,
    peers: Annotated[str | None, typer.Option(help="Names with commas between, or 'none'; all by default.")] = None,
    peer_python: Annotated[Path | None, typer.Option(help="The Python of the environment with the peers.")] = None,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.", min=1)] = 5,
    subjects: Annotated[int, typer.Option(help="Subjects on which errors are measured.", min=1)] = 64,
    seconds: Annotated[float, typer.Option(help="How long each solver works in a round, roughly.", min=0.01)] = 2.0,
    target: Annotated[float, typer.Option(help="Largest error allowed.", min=1e-8, max=0.1)] = 1e-3,
    work: Annotated[Path | None, typer.Option(help="Folder to keep peers' builds and logs in.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write a picture (.png or .svg) here.")] = None,
    sensitivities: Annotated[bool, typer.Option(help="Derivatives by all parameters, one subject, instead.")] = False,
    population: Annotated[
        int | None, typer.Option(help="Instead: a year of so many virtual subjects, only sketches kept.", min=1)
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Measure the engine's speed beside other solvers, at equal accuracy; or with --population a whole population."""
    if population is not None:
        from senospine.bench.population import print_population, run_population

        if models or peers or peer_python or picture or work or sensitivities:
            raise BenchmarkError(
                "--population measures this engine alone, on its own model",
                remedy="leave out --models, --peers, --peer-python, --work, --picture and --sensitivities",
            )
        with progress(as_json) as on_progress:
            year = run_population(population, workers=workers, on_progress=on_progress)
        print_json(year.to_dict()) if as_json else print_population(console(), year)
        return
    from senospine.bench import draw_benchmark, print_benchmark, run_benchmark

    if sensitivities:
        _bench_sensitivities(peers, peer_python, rounds, target, work, as_json)
        return
    with progress(as_json) as on_progress:
        result = run_benchmark(
            models.split(",") if models else None,
            None if peers is None else [] if peers == "none" else peers.split(","),
            peer_python=str(peer_python) if peer_python else None,
            rounds=rounds,
            subjects=subjects,
            seconds=seconds,
            target=target,
            work=work,
            on_progress=on_progress,
        )
    if picture is not None:
        draw_benchmark(result, picture)
    if as_json:
        print_json(result.to_dict() | ({"picture": str(picture)} if picture else {}))
    else:
        print_benchmark(console(), result)
        if picture is not None:
            console().print(f"picture written to {picture}")


def _bench_sensitivities(
    peers: str | None, peer_python: Path | None, rounds: int, target: float, work: Path | None, as_json: bool
) -> None:
    from senospine.bench.derivatives import print_sensitivity_benchmark, run_sensitivity_benchmark

    with progress(as_json) as on_progress:
        result = run_sensitivity_benchmark(
            None if peers is None else [] if peers == "none" else peers.split(","),
            peer_python=str(peer_python) if peer_python else None,
            rounds=rounds,
            target=target,
            work=work,
            on_progress=on_progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        print_sensitivity_benchmark(console(), result)


def main() -> None:
    """Run the command line; bad input ends with a message and exit code 2, never with a traceback."""
    try:
        app()
    except SenospineError as error:
        sys.stderr.write(f"senospine: {error}\n")
        sys.exit(2)
