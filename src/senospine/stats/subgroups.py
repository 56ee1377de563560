"""Does treatment do more in some than in others: interaction tests, and subgroup effects shrunk towards each other.

Estimates y ~ N(theta, S) of effects theta_i ~ N(mu, tau^2). tau is estimated by restricted maximum likelihood
(empirical Bayes; Viechtbauer 2005, doi 10.3102/10769986030003261) or integrated over a half-normal prior on a grid
(Jones et al. 2011, doi 10.1177/1740774510396933; scale of the prior: Roever et al. 2021, doi 10.1002/jrsm.1475), with
a flat prior on mu.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from senospine.errors import AnalysisError, suggest
from senospine.stats.mmrm.grid import averaged_rows
from senospine.stats.mmrm.result import FixedEffects

Array = NDArray[np.float64]
PRIORS = ("reml", "half-normal")


@dataclass(frozen=True)
class SubgroupEffects:
    """Estimated effects in subgroups.

    Attributes
    ----------
    names : tuple
    estimates : ndarray, shape (n,)
    covariance : ndarray, shape (n, n)
    test : pandas.Series
        Joint test that all are equal: num_df, den_df, F, p.
    """

    names: tuple[Hashable, ...]
    estimates: Array
    covariance: Array
    test: pd.Series

    def shrink(self, prior: str = "reml", *, scale: float | None = None, level: float = 0.95) -> Shrunk:
        """Return the effects shrunk towards each other; see :func:`shrink`."""
        return shrink(self.estimates, self.covariance, names=self.names, prior=prior, scale=scale, level=level)


@dataclass(frozen=True, repr=False)
class Shrunk:
    """Subgroup effects under a normal hierarchical model.

    Attributes
    ----------
    table : pandas.DataFrame
        Index subgroup; estimate, se (as given), shrunk, shrunk_se, lower, upper, weight (of the own estimate).
    mu, mu_se : float
        Mean effect.
    tau : float
        Standard deviation between subgroups (posterior median under a prior).
    prior : str
    level : float
    """

    table: pd.DataFrame
    mu: float
    mu_se: float
    tau: float
    prior: str
    level: float

    def summary(self) -> str:
        """Return the result as text that can go into a report."""
        return "\n".join(
            [
                "Subgroup effects, shrunk",
                f"{'between subgroups':>17} = {self.prior}, SD {self.tau:.3f}",
                f"{'mean effect':>17} = {self.mu:.3f} (SE {self.mu_se:.3f})",
                f"{'intervals':>17} = {self.level:.0%}",
                "---",
                self.table.to_string(float_format=lambda value: f"{value:.3f}"),
            ]
        )

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<Shrunk effects of {len(self.table)} subgroups, SD between {self.tau:.3f}>"


def subgroup_effects(
    fit: FixedEffects, *, arm: str, treated: Hashable, reference: Hashable, subgroup: str,
    visit: tuple[str, Hashable] | None = None,
) -> SubgroupEffects:  # fmt: skip
    """Return treated minus reference in each subgroup of a fitted model, and the test of interaction.

    Parameters
    ----------
    fit : MixedModel or Ancova
        With ``arm`` crossed with ``subgroup`` (and with the visit).
    arm, subgroup : str
        Factors of the model.
    treated, reference : hashable
        Levels of ``arm``.
    visit : (name, level), optional
        At which visit; averaged over where it is not said.

    Raises
    ------
    AnalysisError
        A factor or level the model does not have, or no interaction in the model.
    """
    of = [arm, subgroup, *([visit[0]] if visit else [])]
    labels, rows = averaged_rows(fit.design, fit.frame, of, {}, "equal")
    wanted = [(arm, treated), (arm, reference), *([visit] if visit else [])]
    for name, level in wanted:
        if level not in fit.design.factors[name]:
            raise AnalysisError(f"{name} has no level {level!r}", remedy=suggest(str(level), fit.design.factors[name]))
    if not any({arm, subgroup} <= set(term) for term in fit.design.terms):
        raise AnalysisError(
            f"the model has no interaction of {arm} and {subgroup}", remedy=f"fit it with '{arm}*{subgroup}'"
        )
    at = np.ones(len(labels), bool) if visit is None else (labels[visit[0]] == visit[1]).to_numpy()
    names = fit.design.factors[subgroup]

    def effect(name: Hashable) -> Array:
        mine = at & (labels[subgroup] == name).to_numpy()
        high, low = (rows[mine & (labels[arm] == level).to_numpy()][0] for level in (treated, reference))
        return np.asarray(high - low)

    contrasts = np.stack([effect(name) for name in names])
    test = fit.joint_test(contrasts[1:] - contrasts[0])
    return SubgroupEffects(tuple(names), contrasts @ fit.beta, contrasts @ fit.covariance_of_beta @ contrasts.T, test)


def shrink(
    estimates: ArrayLike,
    uncertainty: ArrayLike,
    *,
    names: Sequence[Hashable] | None = None,
    prior: str = "reml",
    scale: float | None = None,
    level: float = 0.95,
) -> Shrunk:
    """Return subgroup effects shrunk towards their mean.

    Parameters
    ----------
    estimates : array_like, shape (n,)
    uncertainty : array_like, shape (n,) or (n, n)
        Standard errors, or the covariance of the estimates.
    names : sequence, optional
    prior : "reml" or "half-normal"
    scale : float, optional
        Of the half-normal prior on the SD between subgroups, in the outcome's unit; needed for it and only for it.
    level : float

    Raises
    ------
    AnalysisError
        Fewer than two subgroups, a covariance that is none, or a prior without its scale.

    Examples
    --------
    >>> print(shrink([-1.0, -0.2, -0.6], [0.25, 0.25, 0.25], names=["low", "middle", "high"]))
    Subgroup effects, shrunk
    between subgroups = reml, SD 0.312
          mean effect = -0.600 (SE 0.231)
            intervals = 95%
    ---
            estimate    se  shrunk  shrunk_se  lower  upper  weight
    low       -1.000 0.250  -0.844      0.215 -1.265 -0.422   0.609
    middle    -0.200 0.250  -0.356      0.215 -0.778  0.065   0.609
    high      -0.600 0.250  -0.600      0.215 -1.021 -0.179   0.609
    """
    y, s = _given(estimates, uncertainty)
    if prior not in PRIORS:
        raise AnalysisError(f"no prior {prior!r}", remedy=suggest(prior, PRIORS))
    if (prior == "half-normal") != (scale is not None) or (scale is not None and scale <= 0):
        raise AnalysisError(
            "a half-normal prior needs a positive scale, and nothing else does",
            remedy="for instance prior='half-normal', scale=half the effect that matters",
        )
    if scale is None:
        grid, mass = np.array([_reml(y, s)]), np.ones(1)
    else:
        grid, mass = _posterior(y, s, scale)
    given = [_given_tau(y, s, tau) for tau in grid]
    theta, spread = np.array([item[0] for item in given]), np.array([item[1] for item in given])
    mean = mass @ theta
    error = np.sqrt(mass @ (spread**2 + (theta - mean) ** 2))
    ends = np.array([_quantiles(mass, theta[:, i], spread[:, i], level) for i in range(len(y))])
    mu, mu_se = np.array([item[2] for item in given]), np.array([item[3] for item in given])
    mu_mean = float(mass @ mu)
    table = pd.DataFrame(
        {
            "estimate": y, "se": np.sqrt(np.diag(s)), "shrunk": mean, "shrunk_se": error,
            "lower": ends[:, 0], "upper": ends[:, 1], "weight": mass @ np.array([item[4] for item in given]),
        },
        index=pd.Index(range(1, len(y) + 1) if names is None else list(names)),
    )  # fmt: skip
    told = prior if scale is None else f"half-normal prior of scale {scale:g}"
    middle = float(grid[np.searchsorted(np.cumsum(mass), 0.5)])
    error_of_mu = float(np.sqrt(mass @ (mu_se**2 + (mu - mu_mean) ** 2)))
    return Shrunk(table, mu_mean, error_of_mu, middle, told, level)


def _given(estimates: ArrayLike, uncertainty: ArrayLike) -> tuple[Array, Array]:
    y, s = np.asarray(estimates, float), np.asarray(uncertainty, float)
    s = np.diag(s**2) if s.ndim == 1 else s
    if y.ndim != 1 or len(y) < 2 or s.shape != (len(y), len(y)) or not np.isfinite(y).all():
        raise AnalysisError("need at least two subgroups, each with an estimate and its uncertainty")
    if not np.isfinite(s).all() or not np.allclose(s, s.T) or np.linalg.eigvalsh(s)[0] <= 0:
        raise AnalysisError("the uncertainty is no covariance", remedy="give standard errors above zero")
    return y, s


def _restricted(y: Array, s: Array, tau: float) -> float:
    """Return the log restricted likelihood of tau, mu integrated out."""
    v = s + tau**2 * np.eye(len(y))
    inverse = np.linalg.inv(v)
    total = inverse.sum()
    mu = (inverse @ y).sum() / total
    return float(-0.5 * (np.linalg.slogdet(v)[1] + np.log(total) + (y - mu) @ inverse @ (y - mu)))


def _reml(y: Array, s: Array) -> float:
    from scipy.optimize import minimize_scalar

    top = 10 * (np.ptp(y) + np.sqrt(np.diag(s)).max())
    grid = np.concatenate([[0.0], np.geomspace(1e-4 * top, top, 120)])
    height = [_restricted(y, s, tau) for tau in grid]
    best = int(np.argmax(height))
    if best == 0:
        return 0.0
    bounds = (grid[best - 1], grid[min(best + 1, len(grid) - 1)])
    found = minimize_scalar(lambda t: -_restricted(y, s, t), bounds=bounds, method="bounded", options={"xatol": 1e-10})
    return float(found.x)


def _posterior(y: Array, s: Array, scale: float) -> tuple[Array, Array]:
    """Return the middles of 400 equal steps of tau up to five prior scales, and their posterior mass."""
    grid = (np.arange(400) + 0.5) / 400 * 5 * scale
    log = np.array([_restricted(y, s, tau) for tau in grid]) - 0.5 * (grid / scale) ** 2
    mass = np.exp(log - log.max())
    return grid, mass / mass.sum()


def _given_tau(y: Array, s: Array, tau: float) -> tuple[Array, Array, float, float, Array]:
    """Return means and SDs of the effects, mean and SD of mu, and the own estimates' weights."""
    inverse = np.linalg.inv(s + tau**2 * np.eye(len(y)))
    total = inverse.sum()
    mu = float((inverse @ y).sum() / total)
    pull = tau**2 * inverse  # theta = mu + pull (y - mu)
    rest = 1 - pull.sum(axis=1)
    variance = tau**2 * (1 - np.diag(pull)) + rest**2 / total
    return mu + pull @ (y - mu), np.sqrt(variance), mu, float(total**-0.5), np.diag(pull)


def _quantiles(mass: Array, centre: Array, spread: Array, level: float) -> tuple[float, float]:
    """Return the ends of a central interval of a mixture of normals."""
    from scipy.optimize import brentq

    def end(p: float) -> float:
        ends = centre + spread * special.ndtri(p)
        if len(mass) == 1:
            return float(ends[0])
        return float(
            brentq(lambda x: mass @ special.ndtr((x - centre) / spread) - p, ends.min() - 1e-9, ends.max() + 1e-9)
        )

    return end(0.5 - level / 2), end(0.5 + level / 2)
