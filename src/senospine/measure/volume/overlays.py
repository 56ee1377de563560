"""Pictures by which a person sees at a glance what was taken for bone, region and pore."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.measure.volume.disc import Disc
from senospine.measure.volume.endplate import Endplate
from senospine.measure.volume.thickness import bounding_box
from senospine.measure.volume.trabecular import Values
from senospine.measure.volume.volume import Volume

Mask = NDArray[np.bool_]
_BONE, _REGION = "#d1495b", "#2e86ab"
#: longest edge of a slice in a picture; larger ones are thinned, since a page has no more points
_POINTS = 600


@dataclass(frozen=True)
class Overlay:
    """A picture, PNG, with the sentence that goes under it."""

    name: str
    caption: str
    png: bytes


def trabecular_overlay(volume: Volume, bone: Mask, domain: Mask, values: Values) -> Overlay:
    """Return three slices with bone outlined and the region framed, and slices of both thickness maps."""
    figure = _figure(5)
    axes = figure.subplots(1, 5)
    box = bounding_box(domain)
    middle = [(part.start + part.stop) // 2 for part in box]
    for place, (axis, name) in enumerate(zip(axes, "zyx", strict=False)):
        cut = [np.take(array, middle[place], place) for array in (volume.array, bone, domain)]
        _slice(axis, cut[0], cut[1], volume.spacing_um[0])
        _outline(axis, cut[2], _REGION)
        axis.set_title(f"{name} slice {middle[place]}", fontsize=9)
    for axis, symbol in zip(axes[3:], ("Tb.Th", "Tb.Sp"), strict=True):
        found = values.maps[symbol].map_um
        plane = found[(middle[0] if found.shape == bone.shape else middle[0] - box[0].start)]
        _map(figure, axis, plane, f"{symbol}, um")
    caption = "Red: outline of what was taken for bone. Blue: the region. Right: local thickness in the z slice."
    return _finished(figure, "trabecular", caption)


def endplate_overlay(volume: Volume, bone: Mask, endplate: Endplate, values: Values) -> Overlay:
    """Return two cuts along the spine with the region, and the face seen from the disc with its pores."""
    figure = _figure(4)
    axes = figure.subplots(1, 4)
    grey, solid, region = (endplate.from_disc(array) for array in (volume.array, bone, endplate.region))
    middle = [int(np.mean(np.flatnonzero(endplate.area.any(axis=1 - axis)))) for axis in (0, 1)]
    for place in (0, 1):
        cut = [np.take(array, middle[place], place + 1) for array in (grey, solid, region)]
        _slice(axes[place], cut[0], cut[1], volume.spacing_um[0])
        _shade(axes[place], cut[2])
        axes[place].set_title(f"along the spine, {'row' if place == 0 else 'column'} {middle[place]}", fontsize=9)
    total = region.sum(axis=0)
    with np.errstate(invalid="ignore"):
        _map(figure, axes[2], (region & ~solid).sum(axis=0) / total, "porosity under the face", vmax=1.0)
    if "Po.Dm" in values.maps:
        found = np.zeros(region.shape, np.float32)
        endplate_map = values.maps["Po.Dm"].map_um
        whole = np.zeros(bone.shape, np.float32)
        whole[bounding_box(endplate.region)] = endplate_map
        found = endplate.from_disc(whole)
        widest = found.max(axis=0)
        _map(figure, axes[3], np.where(total > 0, widest, np.nan), "pore diameter, um")
    caption = (
        "Disc on top. Red: outline of what was taken for bone. Blue: the endplate region. "
        "Right: the face seen from the disc, its porosity over the depth, and the widest pore below each point."
    )
    return _finished(figure, "endplate", caption)


def disc_overlay(volume: Volume, bone: Mask, disc: Disc, axis: int) -> Overlay:
    """Return two cuts along the spine with the gap shaded, and the gap's height seen along the spine."""
    figure = _figure(3)
    axes = figure.subplots(1, 3)
    grey, solid = (np.moveaxis(array, axis, 0) for array in (volume.array, bone))
    height = disc.lower - disc.upper
    middle = [int(np.mean(np.flatnonzero((height > 0).any(axis=1 - place)))) for place in (0, 1)]
    index = np.arange(grey.shape[0])[:, None]
    for place in (0, 1):
        cut = [np.take(array, middle[place], place + 1) for array in (grey, solid)]
        upper, lower = (np.take(edge, middle[place], place) for edge in (disc.upper, disc.lower))
        _slice(axes[place], cut[0], cut[1], volume.spacing_um[0])
        _shade(axes[place], (index >= upper) & (index < lower))
        axes[place].set_title("along the spine", fontsize=9)
    _map(figure, axes[2], np.where(height > 0, height * volume.spacing_um[0], np.nan), "disc height, um")
    return _finished(figure, "disc", "Red: outline of what was taken for bone. Blue: the gap taken for the disc.")


def _figure(panels: int) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.1 * panels, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _thin(plane: NDArray[Any]) -> NDArray[Any]:
    step = max(-(-max(plane.shape) // _POINTS), 1)
    return plane[::step, ::step]


def _slice(axis: Any, grey: NDArray[Any], bone: Mask, voxel_um: float) -> None:
    """Draw a slice, the outline of bone, and a bar of a round length."""
    shown = _thin(grey.astype(np.float32))
    low, high = np.percentile(shown, (0.5, 99.5))
    axis.imshow(shown, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), extent=_extent(grey), interpolation="nearest")
    _outline(axis, bone, _BONE)
    width = grey.shape[1] * voxel_um
    step = 10 ** np.floor(np.log10(width / 3))
    bar = step * max(part for part in (1, 2, 5) if step * part <= width / 3)
    x, y = 0.05 * grey.shape[1], 0.95 * grey.shape[0]
    axis.plot([x, x + bar / voxel_um], [y, y], color="black", linewidth=5, solid_capstyle="projecting")
    axis.plot([x, x + bar / voxel_um], [y, y], color="white", linewidth=3, solid_capstyle="butt")
    box = {"facecolor": "black", "edgecolor": "none", "pad": 1.0}
    axis.text(x, y - 0.05 * grey.shape[0], f"{bar:g} um", color="white", fontsize=7, va="bottom", bbox=box)
    axis.set_axis_off()


def _extent(plane: NDArray[Any]) -> tuple[float, float, float, float]:
    return -0.5, plane.shape[1] - 0.5, plane.shape[0] - 0.5, -0.5


def _outline(axis: Any, mask: Mask, colour: str) -> None:
    if mask.all() or not mask.any():
        return
    axis.contour(np.pad(mask, 1)[1:-1, 1:-1].astype(float), [0.5], colors=[colour], linewidths=1.0)


def _shade(axis: Any, mask: Mask) -> None:
    colour = np.zeros((*mask.shape, 4))
    colour[mask] = (0x2E / 255, 0x86 / 255, 0xAB / 255, 0.35)
    axis.imshow(colour, extent=_extent(mask), interpolation="nearest")
    _outline(axis, mask, _REGION)


def _map(figure: Any, axis: Any, plane: NDArray[Any], title: str, vmax: float | None = None) -> None:
    shown = np.where(plane > 0, plane, np.nan)
    image = axis.imshow(_thin(shown), cmap="viridis", vmin=0, vmax=vmax, extent=_extent(plane), interpolation="nearest")
    figure.colorbar(image, ax=axis, shrink=0.8)
    axis.set_title(title, fontsize=9)
    axis.set_facecolor("#dddddd")
    axis.set_xticks([])
    axis.set_yticks([])


def _finished(figure: Any, name: str, caption: str) -> Overlay:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100, metadata={"Software": None})
    return Overlay(name, caption, content.getvalue())
