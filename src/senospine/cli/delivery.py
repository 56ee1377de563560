"""Commands of delivery: a drug's profile in the disc, and sweeps of how it could be given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from senospine.cli.options import Seed
from senospine.cli.output import Json, console, print_json
from senospine.errors import RegimenError

DrugName = Annotated[str, typer.Argument(help="A drug by name or synonym.")]
Age = Annotated[float, typer.Option(help="The patient's age [years].")]
Degeneration = Annotated[float, typer.Option(help="What the disc's degeneration nears: 0 none, 1 severe.")]
Reading = Annotated[str | None, typer.Option(help="A reading of the drug's file, such as free or nominal.")]


def drug_profile(
    name: DrugName,
    regimen: Annotated[str, typer.Option(help="One line, such as '150 mg oral daily for 14 days'.")],
    species: Annotated[str, typer.Option(help="human: the disc of a mouse is level within hours.")] = "human",
    age: Age = 60.0,
    degeneration: Degeneration = 0.5,
    days: Annotated[float | None, typer.Option(help="How long to look, from the first day [day].", min=0.1)] = None,
    reading: Reading = None,
    picture: Annotated[Path | None, typer.Option(help="Write depth against time here (.svg or .png).")] = None,
    as_json: Json = False,
) -> None:
    """Show where a drug is in the disc during a regimen, and where senescent cells lose."""
    from senospine.delivery import Patient, profile
    from senospine.report.disc_tables import print_profile, profile_dict

    found = profile(name, regimen, species=species, patient=Patient(age, degeneration), days=days, reading=reading)
    if picture is not None:
        from senospine.report.disc_figures import draw_profile

        draw_profile(found, picture)
    if as_json:
        print_json(profile_dict(found) | ({"picture": str(picture)} if picture else {}))
    else:
        print_profile(console(), found)
        if picture is not None:
            console().print(f"picture written to {picture}")


def drug_design(
    name: DrugName,
    regimen: Annotated[list[str], typer.Option(help="Dose, route and times; give the option again for more.")],
    half_life: Annotated[str | None, typer.Option(help="Plasma half-lives [h], commas between.")] = None,
    matched: Annotated[bool, typer.Option("--matched", help="Also with doses that keep plasma exposure.")] = False,
    binding: Annotated[str | None, typer.Option(help="Total over free drug in the disc, commas between.")] = None,
    charge: Annotated[str | None, typer.Option(help="Charges of the molecule, commas between.")] = None,
    release: Annotated[str | None, typer.Option(help="Half-times of release in the disc [h], commas between.")] = None,
    injected: Annotated[float | None, typer.Option(help="Volume injected into the disc [mL].")] = None,
    age: Age = 60.0,
    degeneration: Degeneration = 0.5,
    days: Annotated[float | None, typer.Option(help="From the first day to the end [day].", min=0.1)] = None,
    reading: Reading = None,
    draws: Annotated[int, typer.Option(help="Draws from the priors.", min=2)] = 200,
    seed: Seed = 20240913,
    as_json: Json = False,
) -> None:
    """Sweep half-life, dose, route, binding and charge: what reaches the centre, and what it does."""
    from senospine.delivery import Patient, design
    from senospine.report.disc_tables import design_dict, print_designs

    found = design(
        name, regimen, half_lives=_numbers(half_life, "--half-life", own=True), matched=[False, True][: 1 + matched],
        retardations=_numbers(binding, "--binding"), charges=_numbers(charge, "--charge"),
        releases=_numbers(release, "--release"), patient=Patient(age, degeneration), days=days, injected=injected,
        reading=reading, draws=draws, seed=seed,
    )  # fmt: skip
    if as_json:
        print_json([design_dict(item) for item in found])
    else:
        print_designs(console(), found)


def _numbers(text: str | None, option: str, own: bool = False) -> list[float | None]:
    """Return the numbers of a list; without a list, or where ``own``, the drug's own value leads."""
    if text is None:
        return [None]
    try:
        return [None][: int(own)] + [float(word) for word in text.split(",")]
    except ValueError:
        raise RegimenError(f"'{text}' is no list of numbers", where=option, remedy="write for instance 6,24") from None
