"""The commands of all rooms joined, in the order of use, and how bad input ends."""

from __future__ import annotations

import sys

import typer

from senospine.cli.bench import bench
from senospine.cli.calibrate import calibrate
from senospine.cli.drug import drug_app
from senospine.cli.evidence import evidence_app
from senospine.cli.measure import measure_app
from senospine.cli.model import model_app
from senospine.cli.patients import patients
from senospine.cli.procedure import procedure_app
from senospine.cli.study import reproduce, simulate
from senospine.cli.trial import trial
from senospine.cli.uncertainty import uncertainty
from senospine.errors import SenospineError

DESCRIPTION = """In-silico laboratory for senolytic therapy of spinal pain.

An instrument for ranking hypotheses, never medical advice; all it makes is synthetic data."""

app = typer.Typer(help=DESCRIPTION, no_args_is_help=True, rich_markup_mode=None, add_completion=False)
for command in (reproduce, simulate, calibrate, uncertainty, patients, trial, bench):
    app.command()(command)
for name, joined in {
    "model": model_app,
    "evidence": evidence_app,
    "measure": measure_app,
    "drug": drug_app,
    "procedure": procedure_app,
}.items():
    app.add_typer(joined, name=name)


def main() -> None:
    """Run the command line; bad input ends with a message and exit code 2, never with a traceback."""
    try:
        app()
    except SenospineError as error:
        sys.stderr.write(f"senospine: {error}\n")
        sys.exit(2)
