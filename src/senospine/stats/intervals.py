"""Intervals for proportions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def wilson_interval(
    successes: ArrayLike, trials: ArrayLike, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Wilson's score interval of a proportion (Wilson 1927, doi 10.1080/01621459.1927.10502953).

    Raises
    ------
    ValueError
        No trials, more successes than trials, or a level outside (0, 1).

    Examples
    --------
    >>> low, high = wilson_interval(29, 55)
    >>> round(float(low), 3), round(float(high), 3)
    (0.398, 0.653)
    """
    from scipy.special import ndtri

    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    if (n <= 0).any() or (k < 0).any() or (k > n).any():
        raise ValueError("need 0 <= successes <= trials and at least one trial")
    z = float(ndtri(0.5 + level / 2))
    p = k / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return np.where(k == 0, 0.0, centre - half), np.where(k == n, 1.0, centre + half)  # exact ends, not rounded ones
