"""Cells on a section: one row each, with nuclei, distance to bone and marker scores."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import MeasureError, suggest
from senospine.measure.section.image import Mask, Section
from senospine.measure.section.objects import Labels, segment_marker, segment_nuclei

if TYPE_CHECKING:
    import pandas as pd

Region = Literal["nuclear", "cytoplasmic", "cell"]
Statistic = Literal["mean", "p90", "area fraction"]


@dataclass(frozen=True)
class Cells:
    """Cells of one section.

    Attributes
    ----------
    table : data frame
        One row a cell: ``cell`` (its label), ``row, column`` [pixels], ``area_um2``, ``nuclei``, ``gap_um`` to the
        bone (NaN without bone), ``counted`` and, where not, ``why_not``; then what :func:`score_cells` adds.
    labels, nuclei : array (rows, columns)
        Labels of cells and of all nuclei.
    bone : array of bool or None
    settings : mapping
    warnings : tuple of str
    """

    table: pd.DataFrame
    labels: Labels
    nuclei: Labels
    bone: Mask | None
    settings: dict[str, float | str]
    warnings: tuple[str, ...] = ()

    @property
    def counted(self) -> pd.DataFrame:
        """The rows that are counted."""
        return self.table[self.table["counted"]]


def count_cells(
    section: Section,
    marker: str = "TRAP",
    nuclei: str = "DAPI",
    bone: ArrayLike | None = None,
    max_gap_um: float = 2.0,
    min_nuclei: int = 1,
    level: float | None = None,
    radius_um: float = 8.0,
    nucleus_radius_um: float = 3.0,
    min_area_um2: float = 40.0,
) -> Cells:
    """Return the cells that carry a marker, such as osteoclasts by TRAP.

    Cells are cut from the marker first; nuclei are counted inside them afterwards (half of a nucleus's area decides),
    so that a cell of many nuclei is one. With ``bone``, a cell counts if it comes within ``max_gap_um`` of it. A cell
    that touches the upper or left border of the image is left out, one at the lower or right border is counted, so
    that fields side by side count every cell once (Gundersen 1977, doi 10.1111/j.1365-2818.1977.tb00062.x).

    Parameters
    ----------
    level : float, optional
        Threshold of the marker from controls [grey]; without it the image's own, with a warning.
    """
    import pandas as pd
    from scipy import ndimage

    labels, found = segment_marker(section, marker, radius_um, level, min_area_um2)
    nuclear = segment_nuclei(section, nuclei, nucleus_radius_um)
    number = int(labels.max())
    index = np.arange(1, number + 1)
    areas = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    gap = np.full(number, np.nan)
    edge_of_bone: Mask | None = None
    if bone is not None:
        edge_of_bone = np.asarray(bone) != 0
        if edge_of_bone.shape != section.shape:
            raise MeasureError(f"the bone mask has shape {edge_of_bone.shape}, the image {section.shape}")
        if not edge_of_bone.any():
            raise MeasureError("the bone mask is empty", remedy="check its threshold, or count without bone")
        if number:
            distance = ndimage.distance_transform_edt(~edge_of_bone)
            gap = np.maximum(ndimage.minimum(distance, labels, index) - 1, 0) * section.pixel_um
    centres = np.array(ndimage.center_of_mass(labels > 0, labels, index)).reshape(-1, 2)
    table = pd.DataFrame(
        {
            "cell": index,
            "row": centres[:, 0],
            "column": centres[:, 1],
            "area_um2": areas * section.pixel_um**2,
            "nuclei": _nuclei_inside(labels, nuclear, number),
            "gap_um": gap,
        }
    )
    why = np.full(number, "", dtype=object)
    why[table["nuclei"].to_numpy() < min_nuclei] = f"fewer than {min_nuclei} nuclei"
    if bone is not None:
        why[gap > max_gap_um] = "away from bone"
    why[np.isin(index, np.union1d(labels[0], labels[:, 0]))] = "on the upper or left border"
    table["counted"], table["why_not"] = why == "", why
    settings: dict[str, float | str] = {
        "marker": marker, "marker_level": found.level, "marker_level_rule": found.rule, "min_nuclei": float(min_nuclei),
        "max_gap_um": max_gap_um if bone is not None else "not asked", "min_area_um2": min_area_um2,
        "cell_radius_um": radius_um, "nucleus_radius_um": nucleus_radius_um,
    }  # fmt: skip
    warnings = [] if level is not None else [f"threshold of {marker} found on this image, not on controls"]
    if not found.detectable:
        warnings.append(f"no {marker} above the noise in this field")
    return Cells(table, labels, nuclear, edge_of_bone, settings, tuple(warnings))


def _nuclei_inside(labels: Labels, nuclei: Labels, number: int) -> NDArray[np.int64]:
    """Return how many nuclei lie by half or more in each cell."""
    total = np.bincount(nuclei.ravel())
    both = (nuclei > 0) & (labels > 0)
    pairs, overlap = np.unique(nuclei[both].astype(np.int64) * (number + 1) + labels[both], return_counts=True)
    inside = overlap >= 0.5 * total[pairs // (number + 1)]
    return np.bincount(pairs[inside] % (number + 1), minlength=number + 1)[1:]


def score_cells(
    cells: Cells,
    section: Section,
    marker: str = "p16",
    region: Region = "nuclear",
    statistic: Statistic = "mean",
    level: float | None = None,
) -> Cells:
    """Return the cells with a score of a second marker, in column ``<marker>_score``.

    Parameters
    ----------
    region : {'nuclear', 'cytoplasmic', 'cell'}
        Over the nuclei inside the cell, over the cell without them, over all of it.
    statistic : {'mean', 'p90', 'area fraction'}
        The area fraction is that of pixels above ``level`` [grey], which comes from controls like the threshold.

    Raises
    ------
    MeasureError
        Unknown region or statistic, or an area fraction without level.
    """
    for word, known in ((region, get_args(Region)), (statistic, get_args(Statistic))):
        if word not in known:
            raise MeasureError(f"'{word}' is no way to score a cell", remedy=suggest(word, known))
    if statistic == "area fraction" and level is None:
        raise MeasureError("an area fraction needs a grey level", remedy="set one on controls")
    values = section.channel(marker)
    where = {"nuclear": cells.nuclei > 0, "cytoplasmic": cells.nuclei == 0, "cell": np.ones(section.shape, bool)}
    inside = where[region] & (cells.labels > 0)
    order = np.argsort(cells.labels[inside], kind="stable")
    label, value = cells.labels[inside][order], values[inside][order].astype(float)
    pieces = np.split(value, np.searchsorted(label, np.arange(2, len(cells.table) + 1))) if len(cells.table) else []
    scores = [_score(piece, statistic, level) for piece in pieces]
    table = cells.table.assign(**{f"{marker}_score": scores})
    said = {f"{marker}_region": region, f"{marker}_statistic": statistic}
    return replace(cells, table=table, settings={**cells.settings, **said})


def _score(pixels: NDArray[np.float64], statistic: Statistic, level: float | None) -> float:
    if not pixels.size:
        return math.nan
    if statistic == "mean":
        return float(pixels.mean())
    if statistic == "p90":
        return float(np.quantile(pixels, 0.9))
    return math.nan if level is None else float(np.mean(pixels > level))
