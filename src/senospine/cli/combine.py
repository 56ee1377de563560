"""Two drugs together, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senospine.cli.options import Seed
from senospine.cli.output import Json, console, print_json

if TYPE_CHECKING:
    from senospine.combination import Beaten


def drug_combine(
    drug_a: Annotated[str, typer.Argument(help="A drug.", metavar="A")],
    drug_b: Annotated[
        str, typer.Argument(help="Another; or the same, to see what no interaction looks like.", metavar="B")
    ],
    readout: Annotated[str, typer.Option(help="What is read, such as disc_p16 or grip_force.")] = "disc_p16",
    study: Annotated[
        str | None,
        typer.Option(help="Instead: how probably both beat the better one in this study, read-out by read-out."),
    ] = None,
    species: Annotated[str, typer.Option(help="mouse, human (largest doses must be given) or human_disc.")] = "mouse",
    animal: Annotated[str | None, typer.Option(help="Animal model, such as sparc-null or lsi.")] = None,
    schedule: Annotated[str | None, typer.Option(help="As in a regimen, without drug, dose and route.")] = None,
    measure_at: Annotated[str | None, typer.Option(help="When it is read, such as 'day 270 after birth'.")] = None,
    top_a: Annotated[str | None, typer.Option(help="Largest dose of A; the largest of our studies by default.")] = None,
    top_b: Annotated[str | None, typer.Option(help="Largest dose of B.")] = None,
    levels: Annotated[int, typer.Option(help="Doses of each drug above zero.", min=3, max=20)] = 5,
    sets: Annotated[int, typer.Option(help="Parameter sets.", min=1, max=1000)] = 64,
    parameters: Annotated[
        str, typer.Option(help="'prior', 'posterior' (the shipped one) or 'register'.")
    ] = "posterior",
    interaction: Annotated[bool, typer.Option("--interaction", help="Draw the interaction of hazards too.")] = False,
    full: Annotated[str | None, typer.Option(help="What counts as fully affected: 'zero' or 'healthy'.")] = None,
    n: Annotated[int, typer.Option(help="Animals a group of the experiment that is asked about.", min=2)] = 8,
    seed: Seed = 20240913,
    picture: Annotated[Path | None, typer.Option(help="Write the surface with its isoboles here (.svg).")] = None,
    as_json: Json = False,
) -> None:
    """Simulate a response surface of two drugs; tell its distance from Bliss, Loewe, the better drug, and MuSyC."""
    from senospine.combination import candidates, combine, plan
    from senospine.report.combination import print_beaten, print_combination

    if study is not None:
        rows = _beaten(study, (drug_a, drug_b), sets, seed)
        print_json([row.to_dict() for row in rows]) if as_json else print_beaten(console(), rows)
        return
    design = plan(
        drug_a, drug_b, readout, species=species, animal=animal, schedule=schedule, measure_at=measure_at,
        top_a=top_a, top_b=top_b, levels=levels,
    )  # fmt: skip
    kind = (
        "prior" if parameters == "posterior" and design.model.name != "mouse" else parameters
    )  # it ships for the mouse
    chosen = candidates(design.model, kind, sets, seed, interaction=interaction)
    result = combine(design, chosen, n=n, full=full, seed=seed)
    if picture is not None:
        from senospine.report.isoboles import write_isoboles

        write_isoboles(result, picture)
    if as_json:
        print_json(result.to_dict() | ({"picture": str(picture)} if picture else {}))
    else:
        print_combination(console(), result)
        if picture is not None:
            console().print(f"picture written to {picture}")


def _beaten(name: str, drugs: tuple[str, str], sets: int, seed: int) -> list[Beaten]:
    """Return what each kind of parameters says, without and with an interaction of hazards."""
    from senospine.combination import beats_better, candidates
    from senospine.model import load_model
    from senospine.study import load_study
    from senospine.therapy import load_drug

    wanted = {load_drug(drug).name for drug in drugs}
    study = load_study(name)
    model = load_model(study.species)
    kinds = ("prior", "posterior") if model.name == "mouse" else ("prior",)  # it ships for the mouse
    return [
        row
        for kind in kinds
        for free in (False, True)
        for row in beats_better(study, candidates(model, kind, sets, seed, interaction=free), drugs=wanted, seed=seed)
    ]
