"""Co-localisation of two channels, judged by a null that keeps each channel's own texture and stays in the tissue."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import MeasureError
from senospine.measure.section.image import Mask

Null = Literal["shift", "blocks"]
Array = NDArray[np.float64]

#: a shift must leave this share of the tissue on tissue, or it compares other places than the observed value
_OVERLAP = 0.5


@dataclass(frozen=True)
class Colocalisation:
    """How two channels go together within the tissue.

    Attributes
    ----------
    pearson : float
    m1, m2 : float
        Manders: share of the first channel's intensity where the second exceeds its threshold, and the reverse.
    threshold_first, threshold_second : float
        Used for Manders [grey].
    p_pearson, p_m1, p_m2 : float
        Share of the null at least as large, observed value included.
    null : str
    null_pearson : array (n,)
    warnings : tuple of str
    """

    pearson: float
    m1: float
    m2: float
    threshold_first: float
    threshold_second: float
    p_pearson: float
    p_m1: float
    p_m2: float
    null: str
    null_pearson: Array
    warnings: tuple[str, ...] = ()


def pearson(first: ArrayLike, second: ArrayLike, mask: ArrayLike) -> float:
    """Return Pearson's correlation over the mask; NaN where a channel is constant."""
    where = np.asarray(mask, dtype=bool)
    a, b = np.asarray(first, dtype=float)[where], np.asarray(second, dtype=float)[where]
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else math.nan


def costes_thresholds(first: ArrayLike, second: ArrayLike, mask: ArrayLike) -> tuple[float, float]:
    """Return the thresholds below which the channels are no longer correlated.

    On the line of total least squares, from the top down to the first at which the pixels below it (in either
    channel) have a correlation of zero or less. Every threshold is tried: pixels are sorted by the one they fall
    under, and the correlation follows from running sums. NaN where the channels are not positively correlated
    (Costes 2004, doi 10.1529/biophysj.103.038422).
    """
    where = np.asarray(mask, dtype=bool)
    a, b = np.asarray(first, dtype=float)[where], np.asarray(second, dtype=float)[where]
    covariance = np.cov(a, b)
    if not covariance[0, 1] > 0:
        return math.nan, math.nan
    slope = float(np.linalg.eigh(covariance)[1][1, 1] / np.linalg.eigh(covariance)[1][0, 1])
    origin = float(b.mean() - slope * a.mean())
    falls_under = np.minimum(a, (b - origin) / slope)
    order = np.argsort(falls_under)
    x, y = a[order] - a.mean(), b[order] - b.mean()
    n = np.arange(1, x.size + 1)
    sx, sy, sxy = np.cumsum(x), np.cumsum(y), np.cumsum(x * y)
    apart = (sxy - sx * sy / n) <= 0
    last = np.flatnonzero(apart[2:])
    level = float(falls_under[order][last[-1] + 2]) if last.size else float(falls_under.min())
    return level, slope * level + origin


def colocalise(
    first: ArrayLike,
    second: ArrayLike,
    mask: ArrayLike,
    thresholds: tuple[float, float] | None = None,
    null: Null = "shift",
    n: int = 999,
    block_px: int = 16,
    generator: np.random.Generator | None = None,
) -> Colocalisation:
    """Return Pearson's and Manders' coefficients with p values.

    Parameters
    ----------
    thresholds : (float, float), optional
        Of both channels [grey], from controls; Costes' without.
    null : {'shift', 'blocks'}
        Shift: the second channel is moved over the first by random vectors of at least ``block_px``, wrapping round,
        and only tissue over tissue counts (at least half of it). All vectors come from one Fourier transform.
        Blocks: squares of ``block_px`` that lie wholly in the tissue change places; they must be larger than what
        one spot of light spreads to, since neighbouring pixels are not independent. Blocks cut objects at their
        borders; prefer shifts unless the tissue is a thin strip.

    Raises
    ------
    MeasureError
        Shapes differ, too little tissue for a null.
    """
    a, b, where = np.asarray(first, dtype=float), np.asarray(second, dtype=float), np.asarray(mask, dtype=bool)
    if not a.shape == b.shape == where.shape:
        raise MeasureError(f"channels of shapes {a.shape} and {b.shape}, mask {where.shape}")
    generator = generator or np.random.default_rng(0)
    warnings = []
    cuts = costes_thresholds(a, b, where) if thresholds is None else thresholds
    if any(math.isnan(cut) for cut in cuts):
        warnings.append("not positively correlated: no Costes threshold, no Manders coefficients")
    observed = _coefficients(a, b, where, cuts)
    draw = _shifts if null == "shift" else _blocks
    drawn = draw(a, b, where, cuts, n, block_px, generator)
    p = [
        math.nan if math.isnan(o) else float((1 + (d >= o).sum()) / (1 + d.size))
        for o, d in zip(observed, drawn, strict=True)
    ]
    rule = f"{null}, {drawn[0].size} draws, {block_px} px"
    return Colocalisation(*observed, *cuts, p[0], p[1], p[2], rule, drawn[0], tuple(warnings))


def _coefficients(a: Array, b: Array, where: Mask, cuts: tuple[float, float]) -> tuple[float, float, float]:
    if any(math.isnan(cut) for cut in cuts):
        return pearson(a, b, where), math.nan, math.nan
    x, y = np.maximum(a[where], 0), np.maximum(b[where], 0)
    m1 = float(x[b[where] > cuts[1]].sum() / x.sum()) if x.sum() > 0 else math.nan
    m2 = float(y[a[where] > cuts[0]].sum() / y.sum()) if y.sum() > 0 else math.nan
    return pearson(a, b, where), m1, m2


def _shifts(
    a: Array, b: Array, where: Mask, cuts: tuple[float, float], n: int, away: int, generator: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return the coefficients at random shifts of the second channel, from sums over the overlap of tissue."""
    from scipy import fft

    m = where.astype(float)
    x, y = (a - a[where].mean()) * m, (b - b[where].mean()) * m

    def to(values: Array) -> NDArray[np.complex128]:
        return np.asarray(fft.rfft2(values, workers=2))

    tm, tx, ty = to(m), to(x), to(y)

    def over(left: NDArray[np.complex128], right: NDArray[np.complex128]) -> Array:
        """Return sum over pixels of left(p) times right(p - shift), for every shift."""
        return np.asarray(fft.irfft2(left * np.conj(right), s=a.shape, workers=2))

    area = over(tm, tm)
    rows = np.minimum(np.arange(a.shape[0]), a.shape[0] - np.arange(a.shape[0]))
    columns = np.minimum(np.arange(a.shape[1]), a.shape[1] - np.arange(a.shape[1]))
    allowed = (area >= _OVERLAP * m.sum()) & (np.maximum(rows[:, None], columns[None]) >= away)
    places = np.flatnonzero(allowed)
    if places.size < 20:
        raise MeasureError(
            "the tissue is too narrow for a null by shifts",
            remedy="use null: blocks, smaller block_px, or a larger field",
        )
    chosen = generator.choice(places, size=n, replace=True)

    def pick(values: Array) -> Array:
        return np.asarray(values.ravel()[chosen])

    count, sx, sy = pick(area), pick(over(tx, tm)), pick(over(tm, ty))
    sxy, sxx, syy = pick(over(tx, ty)), pick(over(to(x * x), tm)), pick(over(tm, to(y * y)))
    spread = np.maximum((sxx - sx**2 / count) * (syy - sy**2 / count), 1e-300)
    r = (sxy - sx * sy / count) / np.sqrt(spread)
    if any(math.isnan(cut) for cut in cuts):
        return r, np.full(n, math.nan), np.full(n, math.nan)
    pa, pb = np.maximum(a, 0) * m, np.maximum(b, 0) * m
    ta, tb = to(pa), to(pb)
    m1 = pick(over(ta, to((b > cuts[1]) * m))) / np.maximum(pick(over(ta, tm)), 1e-12)
    m2 = pick(over(to((a > cuts[0]) * m), tb)) / np.maximum(pick(over(tm, tb)), 1e-12)
    return r, m1, m2


def _blocks(
    a: Array, b: Array, where: Mask, cuts: tuple[float, float], n: int, side: int, generator: np.random.Generator
) -> tuple[Array, Array, Array]:
    rows, columns = (length // side for length in a.shape)

    def cut(values: Array) -> Array:
        whole = values[: rows * side, : columns * side].reshape(rows, side, columns, side)
        return whole.swapaxes(1, 2).reshape(rows * columns, side * side)

    inside = cut(where.astype(float)).all(axis=1)
    if np.count_nonzero(inside) < 20:
        raise MeasureError(
            f"only {np.count_nonzero(inside)} blocks of {side} pixels lie wholly in the tissue",
            remedy="take smaller blocks, or a larger field",
        )
    x, y = cut(a)[inside], cut(b)[inside]
    everywhere = np.ones(x.shape, dtype=bool)
    found = [_coefficients(x, y[generator.permutation(len(y))], everywhere, cuts) for _ in range(n)]
    r, m1, m2 = np.array(found).T
    return r, m1, m2
