"""Thresholds from control images: never from the image that is measured, never from one image alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from senospine.errors import MeasureError, suggest
from senospine.measure.section.cells import Cells, Region, Statistic
from senospine.yaml_files import read_yaml

#: what a control may be; only tissue known to lack the marker also shows what other stains shine into its channel
KINDS = ("secondary-only", "isotype", "known-negative")


@dataclass(frozen=True)
class Control:
    """Scores of the cells of one control image.

    Attributes
    ----------
    scores : sequence of float
        As :func:`~senospine.measure.section.score_cells` gives them, with the same region and statistic.
    image : str
        Its SHA-256.
    animal, kind : str
        Kind is one of :data:`KINDS`.
    """

    scores: Sequence[float]
    image: str
    animal: str
    kind: str


@dataclass(frozen=True)
class Threshold:
    """A threshold of positivity, and what it was set on.

    Attributes
    ----------
    value : float
        In the units of the score; above it a cell is positive.
    false_positive : float
        Share of control cells above it, each image weighing the same.
    level : float
        Grey level of an area fraction, NaN for other statistics.
    images, animals, kinds : tuple of str
    """

    marker: str
    region: Region | Literal["pixel", "ridge"]
    statistic: Statistic
    value: float
    false_positive: float
    images: tuple[str, ...]
    animals: tuple[str, ...]
    kinds: tuple[str, ...]
    level: float = math.nan
    warnings: tuple[str, ...] = ()


def threshold_from_controls(
    controls: Sequence[Control],
    marker: str = "p16",
    region: Region | Literal["pixel", "ridge"] = "nuclear",
    statistic: Statistic = "mean",
    false_positive: float = 0.01,
    level: float = math.nan,
) -> Threshold:
    """Return the score that a share ``false_positive`` of control cells exceeds, each image weighing the same.

    Where there are too few cells for that share, the largest score among the controls, with a warning.

    Raises
    ------
    MeasureError
        One image only (staining differs from slide to slide, and one slide cannot tell by how much), images without
        cells, an unknown kind of control.

    Examples
    --------
    >>> dark = [Control(range(100), "a", "1", "isotype"), Control(range(100), "b", "2", "isotype")]
    >>> threshold_from_controls(dark, false_positive=0.05).value
    94.0
    """
    for item in controls:
        if item.kind not in KINDS:
            raise MeasureError(f"'{item.kind}' is no kind of control", remedy=suggest(item.kind, KINDS))
    scored = [(item, found) for item in controls if (found := _finite(item)).size]
    images = tuple(dict.fromkeys(item.image for item, _ in scored))
    if len(images) < 2:
        raise MeasureError(
            f"a threshold of {marker} from {len(images)} control image{'s' * (len(images) != 1)} with cells",
            why="staining differs from slide to slide, and one slide cannot tell by how much",
            remedy="take two or more control images, better from two or more animals",
        )
    scores = np.concatenate([found for _, found in scored])
    weights = np.concatenate([np.full(found.size, 1 / found.size / len(scored)) for _, found in scored])
    order = np.argsort(scores)
    above = 1 - np.cumsum(weights[order])  # weight of the scores beyond each
    value = float(scores[order][np.argmax(above <= false_positive + 1e-12)])
    animals = tuple(dict.fromkeys(item.animal for item, _ in scored))
    warnings = []
    if len(animals) < 2:
        warnings.append(f"all controls of {marker} come from one animal")
    if scores.size * false_positive < 1:
        warnings.append(f"{scores.size} control cells are too few for a share of {false_positive:g}: largest one taken")
    kinds = tuple(dict.fromkeys(item.kind for item, _ in scored))
    rate = float(weights[scores > value].sum())
    return Threshold(marker, region, statistic, value, rate, images, animals, kinds, level, tuple(warnings))


def _finite(control: Control) -> NDArray[np.float64]:
    scores = np.asarray(list(control.scores), dtype=float)
    return np.asarray(scores[np.isfinite(scores)])


def classify(cells: Cells, threshold: Threshold, inputs: Mapping[str, str]) -> Cells:
    """Return scored cells with a column ``<marker>_positive`` (True, False, or missing where there is no score).

    Raises
    ------
    MeasureError
        The cells were scored in another way than the controls, or this image is one of the controls.
    """
    name = threshold.marker
    for key, way in (("region", threshold.region), ("statistic", threshold.statistic)):
        mine = cells.settings.get(f"{name}_{key}")
        if mine != way:
            raise MeasureError(
                f"{name}: controls were scored by {key} '{way}', these cells by '{mine}'",
                remedy="score both in the same way",
            )
    if set(inputs.values()) & set(threshold.images):
        raise MeasureError(
            "this image is one of the controls its threshold was set on",
            why="its share of positives is then fixed beforehand",
            remedy="measure other images, or set the threshold on other controls",
        )
    scores = cells.table[f"{name}_score"]
    positive = (scores > threshold.value).astype("boolean").mask(scores.isna())
    said: dict[str, float | str] = {
        f"{name}_threshold": threshold.value, f"{name}_control_false_positive": threshold.false_positive,
        f"{name}_control_images": float(len(threshold.images)), f"{name}_control_kinds": " ".join(threshold.kinds),
    }  # fmt: skip
    return replace(
        cells,
        table=cells.table.assign(**{f"{name}_positive": positive}),
        settings={**cells.settings, **said},
        warnings=(*cells.warnings, *threshold.warnings),
    )


def write_thresholds(path: str | Path, thresholds: Sequence[Threshold]) -> None:
    """Write thresholds as YAML, for a protocol to name."""
    import yaml

    data: dict[str, Any] = {}
    for item in thresholds:
        row = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(item).items()}
        data[threshold_key(item)] = {key: value for key, value in row.items() if value == value}  # no NaN
    Path(path).write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def threshold_key(threshold: Threshold) -> str:
    """Return the name a threshold goes by: its marker, and ``pixel`` or ``ridge`` where it is one of those."""
    tail = f" {threshold.region}" if threshold.region in ("pixel", "ridge") else ""
    return threshold.marker + tail


def read_thresholds(path: str | Path) -> dict[str, Threshold]:
    """Return the thresholds in a file that :func:`write_thresholds` wrote, by :func:`threshold_key`.

    Raises
    ------
    MeasureError
        A key is missing or unknown, or fewer than two control images stand behind a threshold.
    """
    document = read_yaml(path)
    reader = TypeAdapter(Threshold)
    found = {}
    for name, row in (document.data or {}).items():
        where = document.where(name)
        unknown = sorted(set(row) - {item.name for item in fields(Threshold)}) if isinstance(row, dict) else []
        if unknown:
            raise MeasureError(f"unknown key '{unknown[0]}' of threshold {name}", where=where, remedy="make it anew")
        try:
            item = reader.validate_python(row)
        except ValidationError as error:
            first = error.errors()[0]
            words = ".".join(str(part) for part in first["loc"])
            raise MeasureError(
                f"threshold {name}: {words}: {first['msg']}", where=where, remedy="make the file anew from controls"
            ) from None
        if len(set(item.images)) < 2:
            raise MeasureError(f"threshold of {name} from one image", where=where, remedy="take two or more controls")
        found[name] = item
    return found
