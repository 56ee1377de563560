"""Commands for drugs."""

from __future__ import annotations

import typer

from senospine.cli.combine import drug_combine

drug_app = typer.Typer(help="Simulate drugs together.", no_args_is_help=True, rich_markup_mode=None)
drug_app.command("combine")(drug_combine)


@drug_app.callback()
def _group() -> None:
    """Keep 'combine' a command of its own, however many there are."""
