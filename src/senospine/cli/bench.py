"""The command that measures speed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from senospine.cli.options import Workers
from senospine.cli.output import Json, console, print_json, progress
from senospine.errors import BenchmarkError


def bench(
    models: Annotated[str | None, typer.Option(help="Names with commas between; all by default.")] = None,
    peers: Annotated[str | None, typer.Option(help="Names with commas between, or 'none'; all by default.")] = None,
    peer_python: Annotated[Path | None, typer.Option(help="The Python of the environment with the peers.")] = None,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.", min=1)] = 5,
    subjects: Annotated[int, typer.Option(help="Subjects on which errors are measured.", min=1)] = 64,
    seconds: Annotated[float, typer.Option(help="How long each solver works in a round, roughly.", min=0.01)] = 2.0,
    target: Annotated[float, typer.Option(help="Largest error allowed.", min=1e-8, max=0.1)] = 1e-3,
    work: Annotated[Path | None, typer.Option(help="Folder to keep peers' builds and logs in.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write a picture (.png or .svg) here.")] = None,
    sensitivities: Annotated[bool, typer.Option(help="Derivatives by all parameters, one subject, instead.")] = False,
    population: Annotated[
        int | None, typer.Option(help="Instead: a year of so many virtual subjects, only sketches kept.", min=1)
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Measure the engine's speed beside other solvers, at equal accuracy; or with --population a whole population."""
    if population is not None:
        from senospine.bench.population import print_population, run_population

        if models or peers or peer_python or picture or work or sensitivities:
            raise BenchmarkError(
                "--population measures this engine alone, on its own model",
                remedy="leave out --models, --peers, --peer-python, --work, --picture and --sensitivities",
            )
        with progress(as_json) as on_progress:
            year = run_population(population, workers=workers, on_progress=on_progress)
        print_json(year.to_dict()) if as_json else print_population(console(), year)
        return
    from senospine.bench import draw_benchmark, print_benchmark, run_benchmark

    if sensitivities:
        _bench_sensitivities(peers, peer_python, rounds, target, work, as_json)
        return
    with progress(as_json) as on_progress:
        result = run_benchmark(
            models.split(",") if models else None,
            None if peers is None else [] if peers == "none" else peers.split(","),
            peer_python=str(peer_python) if peer_python else None,
            rounds=rounds,
            subjects=subjects,
            seconds=seconds,
            target=target,
            work=work,
            on_progress=on_progress,
        )
    if picture is not None:
        draw_benchmark(result, picture)
    if as_json:
        print_json(result.to_dict() | ({"picture": str(picture)} if picture else {}))
    else:
        print_benchmark(console(), result)
        if picture is not None:
            console().print(f"picture written to {picture}")


def _bench_sensitivities(
    peers: str | None, peer_python: Path | None, rounds: int, target: float, work: Path | None, as_json: bool
) -> None:
    from senospine.bench.derivatives import print_sensitivity_benchmark, run_sensitivity_benchmark

    with progress(as_json) as on_progress:
        result = run_sensitivity_benchmark(
            None if peers is None else [] if peers == "none" else peers.split(","),
            peer_python=str(peer_python) if peer_python else None,
            rounds=rounds,
            target=target,
            work=work,
            on_progress=on_progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        print_sensitivity_benchmark(console(), result)
