"""Rubin's rules: many analyses of imputed data become one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from senospine.errors import AnalysisError


@dataclass(frozen=True)
class Pooled:
    """One estimate from many imputations.

    Attributes
    ----------
    estimate, se, df, t, p, lower, upper : float
    within, between : float
        Variance inside imputations, and of the estimates between them.
    level : float
    n_imputations : int
    """

    estimate: float
    se: float
    df: float
    t: float
    p: float
    lower: float
    upper: float
    within: float
    between: float
    level: float
    n_imputations: int

    def __str__(self) -> str:
        p = "p < 0.0001" if self.p < 1e-4 else f"p = {self.p:.4f}"
        return (
            f"{self.estimate:.3f} (SE {self.se:.3f}, {self.level:.0%} interval {self.lower:.3f} to {self.upper:.3f}, "
            f"df {self.df:.1f}, {p}, {self.n_imputations} imputations)"
        )


def pool(estimates: ArrayLike, variances: ArrayLike, *, df: float = np.inf, level: float = 0.95) -> Pooled:
    """Return the pooled estimate of many imputations.

    Parameters
    ----------
    estimates, variances : array_like, shape (n_imputations,)
    df : float
        Degrees of freedom had the data been complete; finite ones give those of Barnard and Rubin 1999
        (doi 10.1093/biomet/86.4.948), otherwise Rubin's of 1987 (doi 10.1002/9780470316696).
    level : float

    Raises
    ------
    AnalysisError
        Fewer than two imputations, or a variance that is not positive.

    Examples
    --------
    >>> print(pool([2.0, 3.0, 4.0], [1.0, 1.0, 1.0]))
    3.000 (SE 1.528, 95% interval -0.719 to 6.719, df 6.1, p = 0.0962, 3 imputations)
    """
    q, u = np.asarray(estimates, float), np.asarray(variances, float)
    if q.ndim != 1 or q.shape != u.shape or len(q) < 2 or not (u > 0).all() or not np.isfinite(q).all():
        raise AnalysisError("need at least two imputations, each with an estimate and a positive variance")
    within, between = float(u.mean()), float(q.var(ddof=1))
    added = (1 + 1 / len(q)) * between
    total = within + added
    share = added / total
    old = (len(q) - 1) / share**2 if share > 0 else np.inf
    observed = (df + 1) / (df + 3) * df * (1 - share) if np.isfinite(df) else np.inf
    free = float(1 / (1 / old + 1 / observed)) if share > 0 or np.isfinite(df) else np.inf
    estimate, se = float(q.mean()), total**0.5
    t = estimate / se
    usable = min(free, 1e12)
    half = float(special.stdtrit(usable, 0.5 + level / 2)) * se
    p = float(2 * special.stdtr(usable, -abs(t)))
    return Pooled(estimate, se, free, t, p, estimate - half, estimate + half, within, between, level, len(q))
