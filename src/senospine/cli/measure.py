"""Commands for a laboratory's own animals: templates, measuring, and measured beside simulated."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from senospine.cli.options import Animals
from senospine.cli.output import Json, console, print_json, progress

if TYPE_CHECKING:
    from senospine.measure.animals import Analysis
    from senospine.measure.batch import Batch

measure_app = typer.Typer(help="Measure a laboratory's own animals.", no_args_is_help=True, rich_markup_mode=None)

Inputs = Annotated[list[Path], typer.Argument(help="Files, or folders that are searched.")]
WithProtocol = Annotated[
    list[Path],
    typer.Argument(
        help="The protocol (.yaml), and files or folders that are searched; its own folder if none is given."
    ),
]
Out = Annotated[Path, typer.Option(help="Folder for readings, tables and report.")]
Control = Annotated[str | None, typer.Option(help="Group that the others are compared with.")]
Unit = Annotated[str, typer.Option(help="What was assigned to treatment by itself: animal or cage.")]


@measure_app.command("template")
def measure_template(
    sheet: Annotated[str, typer.Argument(help="Which sheet; 'animals' has one row an animal.")] = "animals",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; standard output by default.")] = None,
    as_json: Json = False,
) -> None:
    """Print an empty sheet to fill in, every column explained; no image is needed."""
    from senospine.errors import FileError
    from senospine.measure.behaviour import schemas, template
    from senospine.runs import write_then_rename

    text = template(sheet)
    if output is not None:
        if output.exists():
            raise FileError("the file exists", where=str(output), why="it may be filled in", remedy="name another")
        write_then_rename(output, text)
    if as_json:
        content: dict[str, Any] = {"file": str(output)} if output else {"text": text}
        print_json({"sheet": sheet, "sheets": list(schemas()), **content})
    elif output is None:
        sys.stdout.write(text)
    else:
        console().print(f"sheet '{sheet}' written to {output}; other sheets: {', '.join(schemas())}")


@measure_app.command("behaviour")
def measure_behaviour(
    inputs: Inputs, out: Out = Path("results/behaviour"), control: Control = None, unit: Unit = "animal",
    as_json: Json = False,
) -> None:  # fmt: skip
    """Read sheets of behaviour and tables; write readings, animals, comparisons and a report."""
    measure_batch("behaviour", inputs, out, {}, control, unit, as_json)


@measure_app.command("volume")
def measure_volume(
    inputs: WithProtocol, out: Out = Path("results/volume"), control: Control = None, unit: Unit = "animal",
    as_json: Json = False,
) -> None:  # fmt: skip
    """Read micro-CT scans by a protocol; write readings, animals, comparisons and a report with pictures."""
    protocol, scans = _protocol(inputs)
    measure_batch("volume", scans, out, protocol, control, unit, as_json)


@measure_app.command("section")
def measure_section(
    inputs: WithProtocol, out: Out = Path("results/section"), control: Control = None, unit: Unit = "animal",
    as_json: Json = False,
) -> None:  # fmt: skip
    """Read images of sections by a protocol; write readings, animals, comparisons and a report with pictures."""
    protocol, images = _protocol(inputs)
    measure_batch("section", images, out, protocol, control, unit, as_json)


@measure_app.command("thresholds")
def measure_thresholds(
    protocol: Annotated[Path, typer.Argument(help="Protocol of sections that names a file of thresholds.")],
    controls: Annotated[Path, typer.Argument(help="Table of control images: file, animal, kind, channels.")],
    as_json: Json = False,
) -> None:
    """Set the thresholds a protocol of sections names, on control images."""
    from dataclasses import asdict

    from senospine.measure.section import thresholds_of_table

    path, made = thresholds_of_table(protocol, controls)
    if as_json:
        print_json(
            {"file": str(path), "thresholds": [{k: v for k, v in asdict(item).items() if v == v} for item in made]}
        )
        return
    for item in made:
        said = f"{item.marker} ({item.region}): {item.value:g}, which {item.false_positive:.2%} of {len(item.images)}"
        console().print(f"{said} control images exceed", markup=False, highlight=False)
        for warning in item.warnings:
            console().print(f"  {warning}", markup=False, highlight=False)
    console().print(f"written: {path}", markup=False, highlight=False)


def _protocol(paths: list[Path]) -> tuple[Path, list[Path]]:
    """Return the protocol among the paths, or in a folder among them, and what is to be measured."""
    from senospine.errors import MeasureError

    given = [path for path in paths if path.suffix.lower() in (".yaml", ".yml")]
    inputs = [path for path in paths if path not in given]
    found = given or [path / "protocol.yaml" for path in inputs if (path / "protocol.yaml").is_file()]
    if len(found) != 1:
        raise MeasureError(
            f"{len(found)} protocols among what was given" if found else "no protocol was given",
            why="what is bone, what is a cell, and which animal a file is from, is chosen beforehand and written down",
            remedy="name one page of YAML, such as scans/protocol.yaml; see docs/measure.md",
        )
    return found[0], inputs or [found[0].parent]


def measure_batch(
    kind: str,
    inputs: list[Path],
    out: Path,
    options: Mapping[str, Any] | Path,
    control: str | None,
    unit: str,
    as_json: bool,
) -> None:
    """Measure inputs of one kind and write everything that follows; exit with 2 where an input gave nothing."""
    from senospine.measure import readings_table
    from senospine.measure.animals import analyse
    from senospine.measure.batch import run_batch

    with progress(as_json) as on_progress:
        batch = run_batch(kind, inputs, out, options=options, on_progress=on_progress)
    if batch.measured:
        table = readings_table(batch.readings)
        stated = [item.arrive for item in batch.measured.values()]
        analysis = analyse(table, control=control, unit=unit, stated=stated)
        written = _write(out, analysis, batch)
    else:
        analysis, written = None, []
    _tell(analysis, batch, written, as_json)
    if batch.failures or (analysis is not None and analysis.refusals):
        raise typer.Exit(2)


@measure_app.command("animals")
def measure_animals(
    readings: Annotated[
        list[Path], typer.Argument(help="readings.csv of measurements, or their folders: of the same animals.")
    ],
    study: Annotated[
        str | None, typer.Option(help="A shipped study, or a study file, to set the animals beside.")
    ] = None,
    arm: Annotated[list[str] | None, typer.Option(help="GROUP=ARM, where names differ; may be repeated.")] = None,
    session: Annotated[str | None, typer.Option(help="Only this session.")] = None,
    control: Control = None,
    unit: Unit = "animal",
    out: Out = Path("results/animals"),
    outcome: Annotated[
        Path | None, typer.Option(help="Folder of the study's outcome; results/STUDY by default.")
    ] = None,
    animals: Animals = 1000,
    as_json: Json = False,
) -> None:
    """Compare groups of animals, and set them beside the simulated arms of a study."""
    from senospine.measure.animals import analyse, beside_simulated
    from senospine.measure.batch import claim_folder
    from senospine.measure.results import read_all, read_stated

    table = read_all(readings, session)
    claim_folder(out, "animals")  # a laboratory's own tables may stand there
    analysis = analyse(table, control=control, unit=unit, stated=read_stated(readings))
    beside = None
    if study is not None and not analysis.refusals:
        from senospine.study import load_study, run_study

        loaded = load_study(study)
        arms = _arms(arm) if arm else None
        with progress(as_json) as on_progress:
            run = run_study(loaded, outcome or Path("results") / loaded.name, animals=animals,
                            on_progress=lambda done, of: on_progress(f"simulate {loaded.name}", done, of))  # fmt: skip
        beside = beside_simulated(analysis.animals, run, arms, control=control)
    written = _write(out, analysis, None, beside)
    _tell(analysis, None, written, as_json, beside)
    if analysis.refusals:
        raise typer.Exit(2)


def _arms(pairs: list[str]) -> dict[str, str]:
    from senospine.errors import MeasureError

    found = {}
    for pair in pairs:
        group, equals, name = pair.partition("=")
        if not equals or not group or not name:
            raise MeasureError(f"--arm '{pair}' is not GROUP=ARM", remedy="such as --arm treated=navitoclax")
        found[group] = name
    return found


def _write(out: Path, analysis: Analysis, batch: Batch | None, beside: Any = None) -> list[Path]:
    from senospine.measure.results import write_results
    from senospine.report.measurements import write_measurements

    written = write_results(out, analysis, batch, beside)
    report = write_measurements(out / "report.html", analysis, batch=batch, beside=beside,
                                command=" ".join(["senospine", *sys.argv[1:]]))  # fmt: skip
    return [*written, report]


def _tell(
    analysis: Analysis | None, batch: Batch | None, written: list[Path], as_json: bool, beside: Any = None
) -> None:
    from senospine.report.measurements_terminal import measurements_dict, print_measurements

    if as_json:
        print_json(measurements_dict(analysis, batch, written, beside))
    else:
        print_measurements(console(), console(stderr=True), analysis, batch, written, beside)
