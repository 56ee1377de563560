"""Objects of one kind on another stain, against places drawn at random inside the tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from senospine.errors import MeasureError


@dataclass(frozen=True)
class ObjectShare:
    """How many objects of one kind lie on another stain, against random places in the tissue.

    Attributes
    ----------
    share, expected : float
        Of centres on the stain; of the tissue that is stained, which is what random places give.
    low, high : float
        Wilson's interval of the share.
    p_share : float
        Exact binomial, one sided: as many or more.
    distance_um, expected_distance_um, p_distance : float
        Median distance from a centre to the stain; its mean under random places; share of draws as small or smaller.
    """

    share: float
    expected: float
    low: float
    high: float
    p_share: float
    distance_um: float
    expected_distance_um: float
    p_distance: float
    objects: int


def object_share(
    centres: ArrayLike,
    stained: ArrayLike,
    mask: ArrayLike,
    pixel_um: float,
    n: int = 999,
    generator: np.random.Generator | None = None,
) -> ObjectShare:
    """Return the share of objects whose centre lies on another stain, against places drawn at random in the tissue.

    Parameters
    ----------
    centres : array (objects, 2)
        Rows and columns [pixels].
    stained, mask : array of bool (rows, columns)
        Places are drawn inside the mask: in a box around it everything seems to go together.

    Raises
    ------
    MeasureError
        No object in the tissue, nothing stained.
    """
    from scipy import ndimage, stats

    from senospine.stats import wilson_interval

    where, on = np.asarray(mask, dtype=bool), np.asarray(stained, dtype=bool)
    place = np.round(np.asarray(centres, dtype=float).reshape(-1, 2)).astype(int)
    place = place[(place >= 0).all(axis=1) & (place < where.shape).all(axis=1)]
    place = place[where[tuple(place.T)]]
    if not len(place) or not (on & where).any():
        raise MeasureError(
            "no objects, or nothing stained, in the tissue", remedy="look at the overlay and the thresholds"
        )
    generator = generator or np.random.default_rng(0)
    hits = int(on[tuple(place.T)].sum())
    expected = float((on & where).sum() / where.sum())
    distance = ndimage.distance_transform_edt(~on) * pixel_um
    observed = float(np.median(distance[tuple(place.T)]))
    drawn = np.median(generator.choice(distance[where], size=(n, len(place))), axis=1)
    low, high = wilson_interval(hits, len(place))
    return ObjectShare(
        hits / len(place), expected, float(low), float(high),
        float(stats.binom.sf(hits - 1, len(place), expected)), observed, float(drawn.mean()),
        float((1 + (drawn <= observed).sum()) / (n + 1)), len(place),
    )  # fmt: skip
