"""The drawn spine as a file: SVG, PNG, or a page with a slider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from senospine.errors import FileError
from senospine.report.spine.figure import draw_spine, spine_page, still
from senospine.report.spine.ink import Drawn, Group, Ink
from senospine.report.svg import write_text
from senospine.runs import write_then_rename
from senospine.study import Outcome

#: pixels of a PNG for one unit of the drawing
_PIXELS = 2.0


def write_spine(
    outcome: Outcome, path: str | Path, times: Sequence[float] | None = None, arms: Sequence[str] | None = None
) -> Path:
    """Write the drawn spine and return the path: ``.svg`` and ``.png`` are still, ``.html`` has a slider over time.

    Parameters
    ----------
    times, arms
        As in :func:`draw_spine`; a page holds all times.

    Raises
    ------
    FileError
        Another ending, or a place that cannot be written.
    StudyError
        An arm the study does not have, or a time that was not recorded.
    """
    target = Path(path)
    ending = target.suffix.lower()
    if ending == ".html":
        return write_text(target, spine_page(outcome, arms))
    if ending == ".svg":
        return write_text(target, draw_spine(outcome, times, arms) + "\n")
    if ending != ".png":
        raise FileError("the drawn spine is written as .svg, .png or .html", where=str(target), remedy="choose one")
    sheet, width, height = still(outcome, times, arms)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"cannot write here: {error.strerror}", where=str(target), remedy="choose another folder"
        ) from None
    write_then_rename(target, lambda beside: _paint(sheet, width, height, beside))
    return target


def _paint(sheet: Group, width: float, height: float, path: Path) -> None:
    """Paint the same shapes with matplotlib; a hundredth of an inch is a unit."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({"font.family": "sans-serif", "text.parse_math": False}):
        figure = Figure(figsize=(width / 100, height / 100))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        for order, (part, x, y, scale) in enumerate(_flat(sheet)):
            artist = _patch(part, x, y, scale) if isinstance(part, Ink) else None
            if artist is not None:
                artist.set_zorder(order)
                axes.add_patch(artist)
            elif not isinstance(part, Ink):
                axes.text(
                    x + scale * part.x, y + scale * part.y, part.words, fontsize=0.65 * scale * part.size, zorder=order,
                    ha={"start": "left", "middle": "center", "end": "right"}[part.anchor], va="baseline",
                    color=part.colour, fontweight="bold" if part.bold else "normal",
                )  # fmt: skip
        FigureCanvasAgg(figure)
        figure.savefig(path, dpi=100 * _PIXELS, format="png", metadata={"Software": None})


def _flat(
    group: Group, x: float = 0.0, y: float = 0.0, scale: float = 1.0
) -> Iterator[tuple[Drawn, float, float, float]]:
    """Yield everything drawn with where its group stands."""
    x, y, scale = x + scale * group.x, y + scale * group.y, scale * group.scale
    for part in group.parts:
        if isinstance(part, Group):
            yield from _flat(part, x, y, scale)
        else:
            yield part, x, y, scale


def _patch(part: Ink, x: float, y: float, scale: float):  # type: ignore[no-untyped-def]
    """Return a path as a patch of matplotlib, nothing if it is empty."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    curve = [Outline.CURVE3] * 2
    kinds = {"M": [Outline.MOVETO], "L": [Outline.LINETO], "Q": curve, "T": curve, "Z": [Outline.CLOSEPOLY]}
    codes, places = [], []
    start = control = last = (0.0, 0.0)
    for letter, numbers in part.commands:
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True)) or [start]
        if letter == "T":  # the control point before, mirrored
            pairs = [(2 * last[0] - control[0], 2 * last[1] - control[1]), *pairs]
        codes += kinds[letter]
        places += [(x + scale * a, y + scale * b) for a, b in pairs]
        start, control, last = (pairs[0] if letter == "M" else start), pairs[0], pairs[-1]
    if not codes:
        return None
    style = (0, tuple(dash / part.width for dash in part.dash)) if part.dash else "solid"
    return PathPatch(
        Outline(places, codes), facecolor=part.fill, edgecolor=part.stroke, alpha=part.opacity, linestyle=style,
        linewidth=0.72 * part.width * scale if part.stroke != "none" else 0, joinstyle="round", capstyle="round",
    )  # fmt: skip
