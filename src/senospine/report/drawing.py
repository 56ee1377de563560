"""Where figures with axes are drawn: one style, written at the end, marked as synthetic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from senospine.errors import FileError
from senospine.report.svg import MARK

_STYLE = {
    "svg.hashsalt": "senospine", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left", "axes.titlesize": 9.5, "axes.titleweight": "bold",
}  # fmt: skip


@contextmanager
def drawing(path: str | Path, width: float, height: float) -> Iterator[Any]:
    """Yield a figure that is written to ``path`` at the end, marked as synthetic."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.supxlabel(MARK, fontsize=7.5, color="#6a6a6a", x=0.995, ha="right")
        write_figure(figure, path)


def write_figure(figure: Any, path: str | Path) -> Path:
    """Write a figure to ``path`` (.svg or .png), the same bytes each time, and return the path.

    Raises
    ------
    FileError
        The picture cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, dpi=150, metadata={"Date": None} if target.suffix == ".svg" else None)
    except (OSError, ValueError) as error:
        raise FileError(
            f"cannot write the picture: {error}", where=str(target), remedy="end it in .svg or .png"
        ) from None
    return target
