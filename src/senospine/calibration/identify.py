"""What the data speak about: contraction, parameters that trade off and the facts that tie them, profiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.posterior import Posterior
from senospine.calibration.problem import Problem
from senospine.errors import CalibrationError, suggest

Array = NDArray[np.float64]

#: correlation above which two parameters belong to one group
TRADED = 0.3
#: a fact ties two parameters if their correlation is weaker by this without it
TIE = 0.05
#: contraction above which data speak clearly of a parameter, and below which it is prior only
CLEARLY, SAYS = 0.3, 0.1
#: how far a profile goes, in prior SDs, and in how many points
REACH, POINTS = 2.5, 9
#: step of forward differences, and fractions of a Newton step that are tried
_STEP, _FRACTIONS = 0.05, (0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Group:
    """Parameters that trade off against each other.

    Attributes
    ----------
    names : tuple of str
    pairs : tuple of (str, str, float)
        Correlations above the threshold, the strongest first.
    ties : tuple of (str, float)
        Facts, and how much weaker the strongest correlation is without each; the strongest tie first.
    """

    names: tuple[str, ...]
    pairs: tuple[tuple[str, str, float], ...]
    ties: tuple[tuple[str, float], ...]


def groups(posterior: Posterior, threshold: float = TRADED, ties: int = 3) -> list[Group]:
    """Return groups of parameters linked by correlations above a threshold, the strongest first.

    What ties a pair is found by leaving out one fact at a time, by reweighting the draws.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    rho = np.array(np.corrcoef(posterior.draws, rowvar=False), ndmin=2)
    np.fill_diagonal(rho, 0.0)
    count, labels = connected_components(csr_matrix(np.abs(rho) > threshold), directed=False)
    found = []
    for label in range(count):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            continue
        pairs = [(i, j, float(rho[i, j])) for i in members for j in members if i < j and abs(rho[i, j]) > threshold]
        pairs.sort(key=lambda item: -abs(item[2]))
        names = posterior.names
        found.append(
            Group(
                tuple(names[i] for i in members), tuple((names[i], names[j], value) for i, j, value in pairs),
                tuple(_ties(posterior, int(pairs[0][0]), int(pairs[0][1]), pairs[0][2])[:ties]),
            )
        )  # fmt: skip
    return sorted(found, key=lambda item: -abs(item.pairs[0][2]))


def _ties(posterior: Posterior, i: int, j: int, whole: float) -> list[tuple[str, float]]:
    """Return facts by how much weaker a correlation is without them."""
    found = []
    pair = posterior.draws[:, [i, j]]
    for index, name in enumerate(posterior.facts):
        logs = -posterior.weights[index] * posterior.log_likelihoods[:, index]
        weights = np.exp(logs - logs.max())
        centred = pair - np.average(pair, axis=0, weights=weights)
        cov = (centred * weights[:, None]).T @ centred
        without = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
        found.append((name, float(abs(whole) - abs(without))))
    return sorted(found, key=lambda item: -item[1])


@dataclass(frozen=True)
class Profile:
    """The largest log posterior at each value of one parameter.

    Attributes
    ----------
    name, unit : str
    values : ndarray, shape (n_points,)
        In the register's unit.
    log_posterior, log_likelihood : ndarray, shape (n_points,)
        Tempered, relative to the largest log posterior and to the likelihood there.
    prior : ndarray, shape (n_points,)
        What a profile would be without data.
    """

    name: str
    unit: str
    values: Array
    log_posterior: Array
    log_likelihood: Array
    prior: Array


def profile(problem: Problem, posterior: Posterior, name: str, *, points: int = POINTS, steps: int = 3) -> Profile:
    """Return the profile of one parameter: all others climb to their best at each of its values.

    Newton steps with the posterior's covariance given the parameter, from where that covariance expects the others;
    all points and all differences in one batch. Cost: ``points`` times parameters times ``steps`` likelihoods; for
    the mouse 15 s of processor time.

    Raises
    ------
    CalibrationError
        No free parameter of this name, or a posterior of other parameters.
    """
    names = posterior.names
    if name not in names or names != problem.priors.names:
        raise CalibrationError(f"'{name}' is not free in this problem", remedy=suggest(name, problem.priors.names))
    j, p = names.index(name), len(names)
    mean, covariance = posterior.draws.mean(axis=0), np.cov(posterior.draws, rowvar=False)
    line = covariance[:, j] / covariance[j, j]
    given = covariance - np.outer(line, covariance[j])
    grid = np.linspace(-REACH, REACH, points)
    at = mean + (grid - mean[j])[:, None] * line
    at[:, j] = grid
    heights = problem.log_posterior(at)
    for _ in range(steps):
        moved = (at[:, None, :] + _STEP * np.eye(p)).reshape(-1, p)
        slopes = (problem.log_posterior(moved).reshape(points, p) - heights[:, None]) / _STEP
        slopes = np.where(np.isfinite(slopes), slopes, 0.0)
        ways = slopes @ given
        ways[:, j] = 0.0
        tried = at[:, None, :] + np.array(_FRACTIONS)[:, None] * ways[:, None, :]
        found = problem.log_posterior(tried.reshape(-1, p)).reshape(points, -1)
        best = np.nanargmax(np.where(np.isfinite(found), found, -np.inf), axis=1)
        rows = np.arange(points)
        better = found[rows, best] > heights
        at = np.where(better[:, None], tried[rows, best], at)
        heights = np.where(better, found[rows, best], heights)
    likelihood = heights + 0.5 * (at**2).sum(axis=1)
    top = int(np.argmax(heights))
    full = np.zeros((points, p))
    full[:, j] = grid
    values = problem.priors.values(full)[name]
    return Profile(
        name, problem.priors.rows[j].unit, values, heights - heights[top], likelihood - likelihood[top], -0.5 * grid**2
    )


def spoken(posterior: Posterior) -> dict[str, list[str]]:
    """Return parameters by how much data say of them: ``clearly``, ``something``, ``prior only``; most first."""
    found = posterior.contraction()
    order = sorted(found, key=lambda name: -found[name])
    return {
        "clearly": [name for name in order if found[name] >= CLEARLY],
        "something": [name for name in order if SAYS <= found[name] < CLEARLY],
        "prior only": [name for name in order if found[name] < SAYS],
    }


def in_words(posterior: Posterior) -> list[str]:
    """Return sentences: what the data speak about, what is prior only, what can be known only together."""
    found, values = posterior.contraction(), posterior.values()
    by = spoken(posterior)
    rows = {row.name: row for row in posterior.priors.rows}
    total = len(found)
    text = [
        f"{len(posterior.facts)} facts of {len({*posterior.studies})} studies speak clearly of {len(by['clearly'])} of "
        f"{total} free numbers (they take away {CLEARLY:.0%} or more of the prior's variance), say something of "
        f"{len(by['something'])}, and leave {len(by['prior only'])} where the prior had them."
    ]
    for name in (*by["clearly"], *by["something"]):
        low, middle, high = np.quantile(values[name], (0.05, 0.5, 0.95))
        row = rows[name]
        text.append(
            f"{name}: {found[name]:.0%} of the variance gone; {middle:.3g} ({low:.3g} to {high:.3g}) "
            f"{row.unit}, before {row.low:.3g} to {row.high:.3g}."
        )
    for group in groups(posterior):
        one, other, rho = group.pairs[0]
        tied = ", ".join(name for name, weaker in group.ties if weaker > TIE) or "no single fact"
        way = "rise together" if rho > 0 else "one rises as the other falls"
        text.append(
            f"{', '.join(group.names)} are known together better than one by one ({one} and {other}: {way}, "
            f"correlation {rho:+.2f}); tied by {tied}."
        )
    text.append("Prior only: " + ", ".join(by["prior only"]) + ".")
    return text


def summary(posterior: Posterior) -> dict[str, Any]:
    """Return contraction, groups and words as plain data."""
    return {
        "contraction": posterior.contraction(), "spoken": spoken(posterior), "words": in_words(posterior),
        "groups": [
            {"names": list(item.names), "pairs": [list(pair) for pair in item.pairs],
             "ties": [list(tie) for tie in item.ties]}
            for item in groups(posterior)
        ],
    }  # fmt: skip
