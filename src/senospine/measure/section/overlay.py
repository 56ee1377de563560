"""Pictures a person checks at a glance: what was counted, outlined on the image."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.measure.section.cells import Cells
from senospine.measure.section.fibres import Fibres
from senospine.measure.section.image import Image, Mask, Section

Rgb = NDArray[np.uint8]

_GREEN, _MAGENTA, _GREY, _CYAN, _BLUE = (90, 220, 90), (255, 80, 220), (170, 170, 170), (70, 200, 255), (90, 120, 255)


@dataclass(frozen=True)
class Overlay:
    """A picture with a title and a caption that says what the colours mean; ``image`` is (rows, columns, 3)."""

    title: str
    caption: str
    image: Rgb

    @property
    def png(self) -> bytes:
        """The picture as a PNG file."""
        from matplotlib.image import imsave

        buffer = io.BytesIO()
        imsave(buffer, self.image, format="png")
        return buffer.getvalue()


def grey(image: Image, mask: Mask) -> Rgb:
    """Return a channel as a grey picture: 1st to 99.8th percentile of the tissue, a gentle gamma, outside darkened.

    White is at least eight times the camera's noise above the tissue's median, so that noise alone stays dark.
    """
    low, middle, high = np.quantile(image[mask], [0.01, 0.5, 0.998])
    noise = 1.05 * float(np.median(np.abs(np.diff(image, axis=1))))  # of normal noise: 1.4826 / sqrt(2)
    high = max(high, middle + 8 * noise)
    scale = np.clip((image - low) / max(float(high - low), 1e-6), 0, 1) ** 0.7
    shade = np.where(mask, 215 * scale, 110 * scale).astype(np.uint8)
    return np.repeat(shade[..., None], 3, axis=2)


def cells_overlay(section: Section, cells: Cells, second: str | None = None) -> Overlay:
    """Return the cells outlined: counted green, double positive magenta, not counted grey, the bone's edge cyan."""
    marker = str(cells.settings["marker"])
    picture = grey(section.channel(second or marker), section.tissue)
    paint(picture, outline((cells.nuclei > 0) & (cells.labels > 0)), _BLUE)
    if cells.bone is not None:
        paint(picture, outline(cells.bone), _CYAN)
    kind = np.zeros(len(cells.table) + 1, dtype=int)
    kind[1:] = np.where(cells.table["counted"], 1, 3)
    caption = f"counted {marker} cells green, not counted grey, nuclei in them blue"
    if second is not None:
        positive = cells.table[f"{second}_positive"].fillna(False).to_numpy(dtype=bool)
        kind[1:][positive & (kind[1:] == 1)] = 2
        caption += f", {second} positive magenta (image: {second})"
    if cells.bone is not None:
        caption += ", the bone's edge cyan"
    borders = _borders(cells.labels)
    for number, colour in ((3, _GREY), (1, _GREEN), (2, _MAGENTA)):
        paint(picture, borders & (kind[cells.labels] == number), colour)
    return Overlay(f"{marker} cells" + (f", {second}" if second else ""), caption, picture)


def fibres_overlay(section: Section, channel: str, fibres: Fibres, second: Mask | None = None) -> Overlay:
    """Return the measured middle lines green, where a second marker lies on them magenta."""
    picture = grey(section.channel(channel), section.tissue)
    bounds = np.array(section.shape) - 1
    caption = "measured middle lines green"
    for line in fibres.lines:
        y, x = np.clip(np.round(line).astype(int), 0, bounds).T
        picture[y, x] = _GREEN
        if second is not None:
            on = second[y, x]
            picture[y[on], x[on]] = _MAGENTA
    if second is not None:
        caption += ", with the second marker magenta"
    return Overlay(channel, caption, picture)


def outline(mask: Mask) -> Mask:
    """Return the inner border of a mask, one pixel wide."""
    from scipy import ndimage

    return np.asarray(mask & ~ndimage.binary_erosion(mask, border_value=1))


def _borders(labels: NDArray[np.int32]) -> Mask:
    from scipy import ndimage

    largest = ndimage.maximum_filter(labels, size=3)
    smallest = ndimage.minimum_filter(labels, size=3)
    return np.asarray((largest != smallest) & (labels > 0))


def paint(picture: Rgb, mask: Mask, colour: Sequence[int]) -> None:
    """Colour the pixels of a mask, in place."""
    picture[mask] = colour
