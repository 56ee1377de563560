"""Commands for drugs: what is known of them, their cards, and the check of a file of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from senospine.cli.combine import drug_combine
from senospine.cli.delivery import drug_design, drug_profile
from senospine.cli.output import Json, console, print_json, report_findings

drug_app = typer.Typer(
    help="Show drugs, check drug files, look into the disc, combine two.", no_args_is_help=True, rich_markup_mode=None
)
drug_app.command("profile")(drug_profile)
drug_app.command("design")(drug_design)
drug_app.command("combine")(drug_combine)


@drug_app.command("list")
def drug_list(as_json: Json = False) -> None:
    """List the drugs, where their numbers hold, and how many are assumptions."""
    from senospine.report.drugs import drugs_dict, print_drugs
    from senospine.therapy import drug_names, load_drug

    drugs = [load_drug(name) for name in drug_names()]
    if as_json:
        print_json(drugs_dict(drugs))
    else:
        print_drugs(console(), drugs)


@drug_app.command("show")
def drug_show(
    name: Annotated[str, typer.Argument(help="A drug by name or synonym, or a path to a drug file (.yaml).")],
    species: Annotated[
        str | None, typer.Option(help="human, dog or mouse; people where it has kinetics there.")
    ] = None,
    reading: Annotated[str | None, typer.Option(help="A reading of its file, such as free or nominal.")] = None,
    dose: Annotated[float | None, typer.Option(help="Dose in mg whose peak and average are told.", min=1e-9)] = None,
    every: Annotated[float | None, typer.Option(help="Days between doses whose average is told.", min=1e-3)] = None,
    why: Annotated[bool, typer.Option("--why", help="Print the reason of every number.")] = False,
    as_json: Json = False,
) -> None:
    """Print a drug's card: numbers with sources, what follows, what rests on assumptions, gaps."""
    from senospine.report.drugs import card_dict, print_card
    from senospine.therapy import load_drug, read_drug
    from senospine.therapy.card import drug_card

    drug = read_drug(name) if name.endswith((".yaml", ".yml")) else load_drug(name)
    card = drug_card(drug, species, dose=dose, every=every, reading=reading)
    if as_json:
        print_json(card_dict(card))
    else:
        print_card(console(), card, why)


@drug_app.command("check")
def drug_check(
    file: Annotated[Path, typer.Argument(help="A drug file (.yaml).")],
    as_json: Json = False,
) -> None:
    """Check a drug file: units, sources, what is possible; list every finding."""
    from senospine.therapy import check_drug

    report_findings(check_drug(file), f"drug file '{file}': units, numbers and sources are clean", as_json)
