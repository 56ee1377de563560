"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Animals = Annotated[int, typer.Option(help="Virtual animals per arm.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of every draw.", min=0)]
Workers = Annotated[int | None, typer.Option(help="Processes; all processors by default.", min=1)]
