"""Commands for models: show, check, map, core, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senospine.cli.output import Json, console, print_json, progress, report_findings

if TYPE_CHECKING:
    from senospine.model import Model

model_app = typer.Typer(help="Show, check or export a model.", no_args_is_help=True, rich_markup_mode=None)
export_app = typer.Typer(help="Export a model for other tools.", no_args_is_help=True, rich_markup_mode=None)
model_app.add_typer(export_app, name="export")

ModelName = Annotated[str, typer.Argument(help="A shipped model, or a path to .ant or .xml.")]
Drugs = Annotated[
    str | None,
    typer.Option(
        help="Drugs and procedures to compose a person's or a dog's model with: names or files, comma between."
    ),
]
Register = Annotated[Path | None, typer.Option(help="Parameter register (CSV) of a model of your own.")]


def _model(name: str, register: Path | None, drugs: str | None) -> Model:
    """Return the model that a command line names, composed with drugs where it names some."""
    from senospine.errors import RegimenError
    from senospine.model import load_model, shipped_models
    from senospine.therapy import (
        COMPOSED,
        compose_model,
        is_procedure,
        is_procedure_file,
        load_drug,
        read_drug,
        read_procedure,
    )

    if drugs is None:
        return load_model(name, register)
    if name not in COMPOSED or name not in shipped_models():
        raise RegimenError(
            f"model '{name}' is not composed of drugs", where="--drugs",
            remedy=f"leave it out, or name one of: {', '.join(word for word in COMPOSED if word in shipped_models())}",
        )  # fmt: skip
    words = [word.strip() for word in drugs.split(",") if word.strip()]
    files = {word for word in words if Path(word).suffix.lower() in {".yaml", ".yml"}}
    done = {word for word in words if (is_procedure_file(word) if word in files else is_procedure(word))}
    given = [read_drug(word) if word in files else load_drug(word, "--drugs") for word in words if word not in done]
    return compose_model(
        name, given, procedures=[read_procedure(word) if word in files else word for word in words if word in done]
    )


@model_app.command("show")
def model_show(
    model: ModelName = "mouse",
    register: Register = None,
    drugs: Drugs = None,
    picture: Annotated[Path | None, typer.Option(help="Write the mechanism as an SVG picture here.")] = None,
    as_json: Json = False,
) -> None:
    """Show equations, values and how much of a model is sourced."""
    from senospine.report.models import model_dict, print_model

    loaded = _model(model, register, drugs)
    if picture is not None:
        from senospine.report import write_mechanism

        write_mechanism(loaded, picture)
    if as_json:
        print_json(model_dict(loaded) | ({"picture": str(picture)} if picture else {}))
    else:
        print_model(console(), loaded)
        if picture is not None:
            console().print(f"picture written to {picture}")


@model_app.command("check")
def model_check(
    model: ModelName = "mouse", register: Register = None, drugs: Drugs = None, as_json: Json = False
) -> None:
    """Check units, dimensions, names and sources of a model; list every finding."""
    from senospine.model import check_register

    findings = check_register(register) if register else []
    findings = findings or _model(model, register, drugs).check()
    report_findings(findings, f"model '{model}': units, names and sources are clean", as_json)


@model_app.command("map")
def model_map(
    model: ModelName = "human",
    picture: Annotated[Path | None, typer.Option(help="Write the map as an SVG picture here.")] = None,
    as_json: Json = False,
) -> None:
    """Show how far each link from mouse to human was measured in people: the extrapolation map."""
    from senospine.model import extrapolation_map, load_model
    from senospine.report.extrapolation import map_dict, print_map, write_map

    loaded = load_model(model)
    links = extrapolation_map(loaded)
    if picture is not None:
        write_map(loaded, links, picture)
    if as_json:
        print_json(map_dict(loaded, links) | ({"picture": str(picture)} if picture else {}))
    else:
        print_map(console(), loaded, links)
        if picture is not None:
            console().print(f"picture written to {picture}")


@model_app.command("core")
def model_core(
    samples: Annotated[int, typer.Option(help="Points tried in each core's ranges; a power of two.", min=16)] = 512,
    picture: Annotated[Path | None, typer.Option(help="Write predicted against measured here (.svg or .png).")] = None,
    as_json: Json = False,
) -> None:
    """Compare rival cores of senescence on published removal rates and their rise with age."""
    from senospine.calibration import READINGS, compare_cores
    from senospine.report.core_fits import draw_cores, print_cores

    with progress(as_json) as on_progress:
        comparisons = []
        for reading in READINGS:
            on_progress(f"fit cores, reading '{reading}'", 0, 1)
            comparisons.append(compare_cores(reading, samples=samples))
            on_progress(f"fit cores, reading '{reading}'", 1, 1)
    if picture is not None:
        draw_cores(comparisons, picture)
    if as_json:
        print_json([item.to_dict() for item in comparisons])
    else:
        print_cores(console(), comparisons)
        if picture is not None:
            console().print(f"picture written to {picture}")


@export_app.command("sbml")
def model_export_sbml(
    model: ModelName = "mouse",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; standard output by default.")] = None,
    register: Register = None,
    drugs: Drugs = None,
    as_json: Json = False,
) -> None:
    """Export SBML Level 3 with every value, and every source as a note."""
    from senospine.runs import write_then_rename

    loaded = _model(model, register, drugs)
    text = loaded.to_sbml()
    if output is not None:
        write_then_rename(output, text)
    if as_json:
        content = {} if output else {"sbml": text}
        print_json({"model": loaded.name, "sha256": loaded.sha256, "file": str(output) if output else None, **content})
    elif output is None:
        sys.stdout.write(text)
    else:
        console().print(f"model '{loaded.name}' written to {output}")
