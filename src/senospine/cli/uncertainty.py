"""The command that says how sure a calibration is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from senospine.cli.output import Json, console, print_json, progress


def uncertainty(
    problem: Annotated[str, typer.Argument(help="A published problem (mouse), or a YAML file of your own.")] = "mouse",
    out: Annotated[Path, typer.Option(help="Folder for the parts and the page.")] = Path("results/uncertainty"),
    posterior: Annotated[Path | None, typer.Option(help="A posterior of yours; the shipped one by default.")] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(help="identify, profiles, validation, rivals, ranks or recovery; repeatable. The first three by default."),
    ] = None,
    rivals: Annotated[Path | None, typer.Option(help="Rival mechanisms of your own (YAML).")] = None,
    profile: Annotated[list[str] | None, typer.Option(help="A parameter to profile; repeatable.")] = None,
    replicates: Annotated[int, typer.Option(help="Data sets simulated of the reduced problem.", min=10)] = 300,
    recovered: Annotated[int, typer.Option(help="Data sets simulated of the full problem, for recovery.", min=2)] = 8,
    shipped: Annotated[bool, typer.Option("--shipped", help="Show what comes with the package, made before.")] = False,
    as_json: Json = False,
) -> None:
    """Say what the data speak about, which rivals they tell apart, and how far to trust it; parts made are kept."""
    from senospine.calibration import Posterior, load_problem, shipped_posterior
    from senospine.calibration.rivals import SHIPPED_RIVALS
    from senospine.calibration.uncertainty import Asked, run_parts, shipped_uncertainty
    from senospine.report.uncertainty import print_uncertainty, write_uncertainty

    found = shipped_posterior() if posterior is None else Posterior.load(posterior)
    if shipped:
        parts = shipped_uncertainty()["parts"]
    else:
        asked = Asked(rivals or SHIPPED_RIVALS, tuple(profile or ()), replicates, recovered)
        with progress(as_json) as told:
            parts = run_parts(
                load_problem(problem).for_sampling(), found, tuple(part or ("identify", "profiles", "validation")), out,
                asked=asked, on_progress=told,
            )  # fmt: skip
    page = write_uncertainty(out / "uncertainty.html", found, parts, command=f"senospine uncertainty {problem}")
    if as_json:
        print_json({"parts": parts, "page": str(page)})
    else:
        print_uncertainty(console(), parts)
        console().print(f"page written to {page}")
