"""What every command shares: where words, JSON and progress go."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from senospine.errors import Finding

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def report_findings(findings: list[Finding], clean: str, as_json: bool) -> None:
    """Print all findings; exit with 2 if one of them is an error."""
    if as_json:
        print_json(
            [{name: getattr(item, name) for name in ("severity", "where", "what", "remedy")} for item in findings]
        )
    else:
        out = console()
        for item in findings:
            out.print(str(item), markup=False, highlight=False)
        out.print(clean if not findings else f"{len(findings)} findings", markup=False, highlight=False)
    if any(item.severity == "error" for item in findings):
        raise typer.Exit(2)


def console(stderr: bool = False) -> Console:
    """Return where words go; as wide as a terminal, or 118 columns in a pipe."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 118)


def print_json(content: Any) -> None:
    """Print JSON to standard output."""
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=str) + "\n")


@contextmanager
def progress(quiet: bool, stopped: Callable[[], str] | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function (what, done, of) that shows progress on standard error; ``stopped`` tells what stands."""
    try:
        with _bars() if sys.stderr.isatty() and not quiet else _log(quiet) as show:
            yield show
    except KeyboardInterrupt:
        said = stopped() if stopped else "stopped; the same command goes on from the parts that are finished"
        sys.stderr.write(f"senospine: {said}\n")
        raise


@contextmanager
def _log(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """One line as each thing begins, for logs and pipes."""
    seen: set[str] = set()

    def show(what: str, done: int, of: int) -> None:
        if what not in seen and not quiet:
            sys.stderr.write(f"{what} …\n")
            sys.stderr.flush()
        seen.add(what)

    yield show


@contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=of)
            bars.update(tasks[what], completed=done)

        yield show
