"""Commands for studies: all published ones beside their papers, or one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from senospine.cli.options import Animals, Seed, Workers
from senospine.cli.output import Json, console, print_json, progress

if TYPE_CHECKING:
    from senospine.calibration.worlds import Doubt

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
    from senospine.report.scoreboard import print_scoreboard
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
    from senospine.report.outcomes import outcome_dict, print_outcome
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
