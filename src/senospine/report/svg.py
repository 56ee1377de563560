"""Small parts of hand-made SVG: escaped words, ticks, scales, and numbers as a person writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from markupsafe import escape

from senospine.errors import FileError
from senospine.runs import write_then_rename

FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
INK, QUIET, FAINT = "#1b1b1b", "#6a6a6a", "#d9d9d6"
MARK = "SYNTHETIC DATA: simulated by senospine, not measured"

#: Okabe and Ito (2008), told apart by every kind of colour vision
GREY, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = (
    "#767676", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
ARM_COLOURS = (GREY, VERMILION, BLUE, GREEN, PURPLE, ORANGE, SKY)


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with so many significant digits, never in powers of ten within daily sizes.

    Examples
    --------
    >>> number(0.04321), number(1234.5), number(0.9712, 3), number(None)
    ('0.043', '1,200', '0.971', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if not -4 <= size <= 6:
        return f"{value:.{digits - 1}e}"
    rounded = round(value, digits - 1 - size)
    places = max(digits - 1 - math.floor(math.log10(abs(rounded))), 0)
    return f"{rounded:,.{places}f}".replace("-", "−")


def exact(value: float) -> str:
    """Return a number as its register wrote it.

    Examples
    --------
    >>> exact(0.00025), exact(800.0)
    ('0.00025', '800')
    """
    text = f"{value:.10f}".rstrip("0").rstrip(".") if 1e-6 <= abs(value) < 1e7 else f"{value:.6g}"
    return text.replace("-", "−")


def ratio(value: float) -> str:
    """Return a ratio, its hundredths shown where they matter.

    Examples
    --------
    >>> ratio(1.047), ratio(29.0), ratio(0.0712)
    ('1.05', '29', '0.07')
    """
    return f"{value:.2f}" if 0.05 <= value < 9.995 else number(value)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers from ``low`` to ``high``, at most ``most`` of them.

    Examples
    --------
    >>> ticks(0, 2.3)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    if not high > low or not math.isfinite(high - low):
        return [low]
    unit = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (unit * factor for factor in (1, 2, 5, 10, 20)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    return [index * step for index in range(first, last + 1)]


def tick_text(value: float) -> str:
    """Return a tick's label."""
    return f"{value:.10g}".replace("-", "−")


def text(x: float, y: float, words: object, style: str = "", **attributes: object) -> str:
    """Return escaped words at a place; ``style`` is a class list."""
    more = "".join(f' {key.replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{f" class={style!r}" if style else ""}{more}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = INK, width: float = 1, more: str = "") -> str:
    """Return a straight line."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width:g}"'
        f"{' ' + more if more else ''}/>"
    )


def points(pairs: Iterable[tuple[float, float]]) -> str:
    """Return the points of a polyline or polygon."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def figure(width: float, height: float, parts: Sequence[str], label: str, mark: str = MARK) -> str:
    """Return a whole figure: its parts, and the mark at its foot."""
    foot = text(width, height - 4, mark, "mark", text_anchor="end")
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="100%" role="img" aria-label="{escape(label)}" '
        f'class="figure">{"".join(parts)}{foot}</svg>'
    )


def write_text(path: str | Path, content: str) -> Path:
    """Write ``content``, whole or not at all, and return the path; the folder is made.

    Raises
    ------
    FileError
        The file cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"cannot write here: {error.strerror}", where=str(target), remedy="choose another folder"
        ) from None
    write_then_rename(target, content)
    return target


def text_width(words: str, size: float) -> float:
    """Return about how wide words are in a plain sans-serif face."""
    narrow = sum(character in "iljtfr.,:;'|()[] -" for character in words)
    wide = sum(character in "mwMWOQGPDHNT+%@" for character in words)
    return size * (0.53 * len(words) - 0.22 * narrow + 0.2 * wide)
