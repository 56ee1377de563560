"""The null of a mechanism in which hazards add, seen on the scales of the other nulls.

Two drugs that kill the same cells at hazards which add do not interact. On the scale of survival that is Bliss; whether
it is also Loewe, or shows up in MuSyC, hangs on how a hazard grows with its dose, and on what is read of the survivors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from senospine.stats.surfaces.indices import surface_indices
from senospine.stats.surfaces.musyc import fit_musyc

Array = NDArray[np.float64]


def additive_hazards(log_kill_a: ArrayLike, log_kill_b: ArrayLike, interaction: float = 0.0) -> Array:
    """Return the fraction killed by two hazards that add, over a grid of both; interaction on their geometric mean.

    Parameters
    ----------
    log_kill_a, log_kill_b : array_like, shape (n,), (m,)
        Each drug's hazard summed over time.

    Examples
    --------
    >>> float(additive_hazards([np.log(2)], [np.log(2)])[0, 0])
    0.75
    """
    a, b = np.asarray(log_kill_a, dtype=float)[:, None], np.asarray(log_kill_b, dtype=float)[None, :]
    return np.asarray(-np.expm1(-(a + b + interaction * np.sqrt(a * b))))


_DOSES = np.concatenate([np.linspace(0, 4, 9), [6, 8, 12, 16, 24, 32]])
_LAWS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "log-kill proportional to dose": (lambda d: 0.5 * d, lambda d: 0.25 * d),
    "log-kill saturates, same maximum": (lambda d: 3 * d / (2 + d), lambda d: 3 * d / (2 + d)),
    "log-kill saturates, other maximum": (lambda d: 3 * d / (2 + d), lambda d: 1.5 * d / (2 + d)),
}
_READS: dict[str, Callable[[Array], Array]] = {
    "survivors": lambda f: f,
    "logarithm of survivors": lambda f: np.log1p(-f) / np.log1p(-0.999),
    "saturating in survivors": lambda f: 1 - 5 * (1 - f) / (1 + 4 * (1 - f)),
    "steep in survivors": lambda f: 1 - (1 - f) ** 3,
}


def null_disagreement() -> pd.DataFrame:
    """Return what drugs whose hazards add look like to each null: a table without a single measured number.

    Returns
    -------
    DataFrame
        One row a dose law and a scale of reading: mean excess over Bliss and over the better drug, mean excess over
        Loewe and mean interaction index over doses 0.5 to 4, and MuSyC's log10 alpha and beta.
    """
    rows = []
    grid = _DOSES[:9]
    for law, (kill_a, kill_b) in _LAWS.items():
        killed = additive_hazards(kill_a(_DOSES), kill_b(_DOSES))
        for scale, read in _READS.items():
            affected = read(killed)
            found = surface_indices(
                affected[:9, :9], grid, grid, (_DOSES, affected[None, :, 0]), (_DOSES, affected[None, 0, :])
            )
            d1, d2 = np.meshgrid(grid, grid, indexing="ij")
            fitted = fit_musyc(
                d1.ravel(), d2.ravel(), affected[:9, :9].ravel(), 0.01, freedom=1000, intervals=False
            ).surface
            rows.append(
                {
                    "dose law": law, "read as": scale, "bliss excess": float(found.bliss.mean()),
                    "excess over the better": float(found.highest.mean()),
                    "loewe excess": float(np.nanmean(found.loewe)), "interaction index": float(np.nanmean(found.index)),
                    "log10 alpha": float(np.log10(fitted.alpha12) * fitted.h2), "beta": fitted.beta,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)
