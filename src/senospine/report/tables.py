"""Tables of the terminal in one style."""

from __future__ import annotations

from rich import box
from rich.table import Table


def new_table(title: str, *columns: str, no_wrap: bool = False) -> Table:
    """Return an empty table in the house style; see :func:`add_columns`."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    add_columns(table, *columns, no_wrap=no_wrap)
    return table


def add_columns(table: Table, *names: str, no_wrap: bool = False, fold: bool = False) -> None:
    """Add columns by name; one that begins with ``>`` stands to the right, as numbers do.

    Examples
    --------
    >>> table = new_table("Fit", "parameter", ">value")
    >>> [(column.header, column.justify) for column in table.columns]
    [('parameter', 'left'), ('value', 'right')]
    """
    for name in names:
        table.add_column(
            name.removeprefix(">"), justify="right" if name.startswith(">") else "left", no_wrap=no_wrap,
            overflow="fold" if fold else "ellipsis",
        )  # fmt: skip
