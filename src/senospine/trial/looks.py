"""Trials that look before the end: stops for success, harm or futility, and what they estimate then."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from senospine.stats.sequential import spending_boundaries
from senospine.stats.stagewise import after_stopping_many
from senospine.trial.accrual import look
from senospine.trial.analyse import analyse
from senospine.trial.design import Design
from senospine.trial.simulate import TrialData

Array = NDArray[np.float64]
ADJUSTED = "adjusted"


def fractions(design: Design) -> tuple[float, ...]:
    """Return the fractions of patients at which the design looks, the end included."""
    return (*design.file.interim.at, 1.0) if design.file.interim else (1.0,)


def bars(design: Design) -> Array:
    """Return how high |Z| must be at each look, shape (n_looks,)."""
    plan = design.file.interim
    return np.array(_bars(fractions(design), plan.success if plan else "none", design.file.analysis.alpha))


@lru_cache(maxsize=256)
def _bars(at: tuple[float, ...], spending: str, alpha: float) -> tuple[float, ...]:
    if spending == "none":
        return (*[np.inf] * (len(at) - 1), -float(special.ndtri(alpha / 2)))
    return tuple(spending_boundaries(at, alpha=alpha, spending=spending).critical.tolist())


def main_method(design: Design) -> str:
    """Return the name of the analysis that decides."""
    endpoint = design.file.endpoints[design.hypotheses[0].endpoint]
    return "responder" if endpoint.responder is not None else design.file.analysis.method


def sequential(design: Design, trials: Sequence[TrialData], numbers: Sequence[int], seed: int) -> pd.DataFrame:
    """Return the rows of :func:`analyse` as each trial ended, with ``look``, ``patients`` and ``rejected``.

    A trial stops for success (or harm) where |Z| of the primary hypothesis reaches the boundary, and for futility where
    Z in the direction of benefit is below ``futility_z``; ``rejected`` says whether a row reached the boundary of that
    look. Rows of the method followed by ``, adjusted`` have the primary hypothesis with the median-unbiased estimate
    and the interval that know of the looks (their ``se`` is the interval's half-width over its normal quantile). With
    an accrual there are also ``overrun``, the patients randomised by the decision who had not come up to the endpoint,
    and ``weeks`` from the first candidate to the decision; without one, patients on the way count as not yet enrolled.
    """
    plan, at, height = design.file.interim, fractions(design), bars(design)
    primary, method = design.hypotheses[0], main_method(design)
    benefit = design.file.endpoints[primary.endpoint].benefit
    ended, parts = np.zeros(len(trials), bool), []
    information = np.full((len(trials), len(at)), np.nan)
    for number, (fraction, bar) in enumerate(zip(at, height, strict=True), start=1):
        going = [int(index) for index in np.flatnonzero(~ended)]
        if len(going) == 0:
            break
        views = {numbers[i]: look(design, trials[i], seed, numbers[i], fraction) for i in going}
        reached = [view.reached for view in views.values()]
        table = analyse(design, [trials[i] for i in going], list(views), seed, reached=reached)
        main = table[(table["hypothesis"] == primary.name) & (table["method"] == method)]
        information[going, number - 1] = 1 / main["se"].to_numpy() ** 2
        z = benefit * np.sign(main["estimate"].to_numpy()) * _normal_score(main["p"])
        stop = np.full(len(going), number == len(at)) | (np.abs(z) >= bar)
        if plan is not None and plan.futility_z is not None:
            stop |= z < plan.futility_z
        stop |= ~np.isfinite(z)
        over = {numbers[i] for i, out in zip(going, stop, strict=True) if out}
        part = table[table["trial"].isin(over)].copy()
        part["look"], part["patients"] = number, part["trial"].map({key: view.patients for key, view in views.items()})
        if design.file.accrual is not None:
            part["overrun"] = part["patients"] - part["trial"].map({key: view.complete for key, view in views.items()})
            part["weeks"] = part["trial"].map({key: view.weeks for key, view in views.items()})
        part["rejected"] = _normal_score(part["p"]) >= bar
        parts.append(part)
        ended[np.array(going)[stop]] = True
    rows = pd.concat(parts, ignore_index=True)
    if plan is None:
        return rows
    own = rows[(rows["hypothesis"] == primary.name) & (rows["method"] == method)]
    place = {number: index for index, number in enumerate(numbers)}
    seen = information[[place[number] for number in own["trial"]]]
    return pd.concat([rows, _adjusted(design, own, seen, benefit)], ignore_index=True)


def _normal_score(p: ArrayLike) -> Array:
    return np.asarray(-special.ndtri(np.maximum(np.asarray(p, float) / 2, 1e-300)))


def _adjusted(design: Design, rows: pd.DataFrame, information: Array, benefit: float) -> pd.DataFrame:
    """Return the rows with estimates that know of the looks; ``information`` as it came, (n_rows, n_looks)."""
    plan, height = design.file.interim, bars(design)
    assert plan is not None
    floor = -height
    if plan.futility_z is not None and plan.binding:
        floor[:-1] = np.maximum(floor[:-1], plan.futility_z)
    place = rows["look"].to_numpy()
    own = np.take_along_axis(information, place[:, None] - 1, axis=1)
    after = np.arange(len(height)) >= place[:, None]
    risen = np.asarray(((np.diff(information, axis=1) > 0) | after[:, 1:]).all(axis=1))
    # where an estimated variance rose so much that information fell, the looks' planned shares are taken
    shares = own * np.array(fractions(design)) / np.array(fractions(design))[place - 1][:, None]
    found = after_stopping_many(
        benefit * rows["estimate"], rows["se"], place, np.where(risen[:, None], information, shares), height, floor,
        df=rows["df"], level=1 - design.file.analysis.alpha,
    )  # fmt: skip
    ends = np.sort(benefit * np.stack([found.lower, found.upper]), axis=0)
    half = (ends[1] - ends[0]) / 2
    return rows.assign(
        method=f"{main_method(design)}, {ADJUSTED}", estimate=benefit * found.estimate, lower=ends[0], upper=ends[1],
        se=half / -special.ndtri(design.file.analysis.alpha / 2), df=np.inf, p=found.p,
        rejected=found.p <= design.file.analysis.alpha,
    )  # fmt: skip


def repeated_p(design: Design, p: ArrayLike, place: ArrayLike) -> Array:
    """Return the smallest alpha at which each result would have reached the boundary of its look.

    However a trial stops, it is below alpha in at most that share of trials without effect, so that several hypotheses
    can share alpha by it (Maurer and Bretz 2013, doi 10.1080/19466315.2013.807748).

    Parameters
    ----------
    p : array_like, shape (n,)
        Two-sided, as if nobody had looked before.
    place : array_like of int, shape (n,)
        The look, counted from 1.
    """
    plan, value, number = design.file.interim, np.asarray(p, float), np.asarray(place)
    if plan is None:
        return value
    if plan.success == "none":
        return np.where(number == len(plan.at) + 1, value, 1.0)
    alphas, nominal = _levels(fractions(design), plan.success)
    found = np.ones(len(value))
    for index in np.unique(number):
        mine = number == index
        with np.errstate(divide="ignore"):
            found[mine] = np.exp(
                np.interp(np.log(value[mine]), np.log(nominal[:, index - 1]), np.log(alphas), right=0.0)
            )
    return np.asarray(np.maximum(found, value))


@lru_cache(maxsize=8)
def _levels(at: tuple[float, ...], spending: str) -> tuple[Array, Array]:
    """Return levels, rising, and the nominal p value at each look that each of them asks for."""
    alphas = np.concatenate([np.geomspace(1e-7, 0.3, 120), np.linspace(0.31, 0.99, 20)])
    bounds = [_bars(at, spending, float(alpha)) for alpha in alphas]
    return alphas, 2 * special.ndtr(-np.array(bounds))
