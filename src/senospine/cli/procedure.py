"""Commands for procedures: which there are, what each takes, and the check of a file of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from senospine.cli.output import Json, console, print_json, report_findings

procedure_app = typer.Typer(
    help="Show procedures such as nerve ablation, check procedure files.", no_args_is_help=True, rich_markup_mode=None
)


@procedure_app.command("list")
def procedure_list(as_json: Json = False) -> None:
    """List the procedures, what they take a share of, and what they look like to a patient."""
    from senospine.report.procedures import print_procedures, procedure_dict
    from senospine.therapy import load_procedure, procedure_names

    procedures = [load_procedure(name) for name in procedure_names()]
    if as_json:
        print_json([procedure_dict(item) for item in procedures])
    else:
        print_procedures(console(), procedures)


@procedure_app.command("show")
def procedure_show(
    name: Annotated[str, typer.Argument(help="A procedure by name or synonym, or a path to its file (.yaml).")],
    as_json: Json = False,
) -> None:
    """Print what a procedure takes: numbers with sources and reasons, gaps."""
    from senospine.report.procedures import print_procedure, procedure_dict
    from senospine.therapy import load_procedure

    procedure = load_procedure(name)
    if as_json:
        print_json(procedure_dict(procedure))
    else:
        print_procedure(console(), procedure)


@procedure_app.command("check")
def procedure_check(
    file: Annotated[Path, typer.Argument(help="A procedure file (.yaml).")],
    as_json: Json = False,
) -> None:
    """Check a procedure file: units, sources, what is possible; list every finding."""
    from senospine.therapy import check_procedure

    report_findings(check_procedure(file), f"procedure file '{file}': units, numbers and sources are clean", as_json)
