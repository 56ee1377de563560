"""Commands for published findings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from senospine.cli.output import Json, console, print_json, report_findings

evidence_app = typer.Typer(help="Show or check published findings.", no_args_is_help=True, rich_markup_mode=None)


@evidence_app.command("show")
def evidence_show(
    study: Annotated[str | None, typer.Option(help="Only this study.")] = None,
    role: Annotated[str | None, typer.Option(help="Only this role: calibration or validation.")] = None,
    as_json: Json = False,
) -> None:
    """Show the published findings the model is scored against."""
    from senospine.errors import EvidenceError, suggest
    from senospine.evidence import load_evidence
    from senospine.report.scoreboard import evidence_dicts, print_evidence

    rows = load_evidence()
    for name, wanted in (("study", study), ("role", role)):
        known = sorted({getattr(row, name) for row in rows})
        if wanted is not None and wanted not in known:
            raise EvidenceError(f"no evidence of {name} '{wanted}'", remedy=suggest(wanted, known))
    chosen = [row for row in rows if study in {None, row.study} and role in {None, row.role}]
    if as_json:
        print_json(evidence_dicts(chosen))
    else:
        print_evidence(console(), chosen)


@evidence_app.command("check")
def evidence_check(
    file: Annotated[Path | None, typer.Argument(help="An evidence table (CSV); all shipped ones by default.")] = None,
    as_json: Json = False,
) -> None:
    """Check an evidence table; list every finding."""
    from senospine.evidence import check_evidence, load_evidence

    findings = check_evidence(file)
    rows = 0 if findings else len(load_evidence(file))
    report_findings(findings, f"{rows} rows of evidence are clean", as_json)
