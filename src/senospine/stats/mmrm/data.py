"""From a table to what the estimator needs, or a clear word on why it cannot be estimated."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.errors import AnalysisError, suggest
from senospine.stats.mmrm.terms import Design, aliased_columns, expand_terms, levels_of

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Prepared:
    """Checked rows: complete, finite, with a design of full rank."""

    frame: pd.DataFrame
    design: Design
    matrix: Array
    outcome: Array
    n_dropped: int


def prepare(data: pd.DataFrame, outcome: str, fixed: Sequence[str], keys: Sequence[str], visit: str = "") -> Prepared:
    """Return the complete rows and their design.

    Parameters
    ----------
    keys : sequence of str
        Further columns that are needed: subject, visit, group, weights.
    visit : str
        Always a factor, with levels in natural order.

    Raises
    ------
    AnalysisError
        A column that is missing, a value that is no number, a factor with one level, or a design of deficient rank.
    """
    terms = expand_terms(fixed)
    variables = list(dict.fromkeys(name for term in terms for name in term))
    for name in [outcome, *keys, *variables]:
        if name not in data.columns:
            raise AnalysisError(f"the data have no column {name!r}", remedy=suggest(name, data.columns))
    if outcome in variables:
        raise AnalysisError(f"the outcome {outcome!r} is also a fixed effect", remedy="take it out of `fixed`")
    wanted = list(dict.fromkeys([outcome, *keys, *variables]))
    for name in keys:
        if data[name].isna().any() and not data.loc[data[name].isna(), outcome].isna().all():
            raise AnalysisError(f"{name!r} is missing in rows with an outcome", remedy="fill it in or drop those rows")
    frame = data[wanted].dropna()
    for name in [outcome, *(name for name in variables if name != visit and _is_number(data[name]))]:
        check_numbers(frame, name)
    if frame.empty:
        raise AnalysisError("no row has all values", why=f"each row misses one of {', '.join(wanted)}")
    factors = {
        name: levels_of(frame[name], natural=name == visit)
        for name in variables
        if name == visit or not _is_number(data[name])
    }
    for name, levels in factors.items():
        if len(levels) < 2:
            raise AnalysisError(
                f"the factor {name!r} has one level, {levels[0]!r}, in the rows with an outcome",
                why="there is nothing to compare",
                remedy="take it out of `fixed`",
            )
    design = Design.of(terms, factors)
    matrix = design.matrix(frame)
    _check_rank(matrix, design)
    return Prepared(frame, design, matrix, frame[outcome].to_numpy(float), len(data) - len(frame))


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def check_numbers(frame: pd.DataFrame, name: str) -> None:
    """Refuse a column that holds no numbers, or an infinite one.

    Raises
    ------
    AnalysisError
        Told with the row.
    """
    if not _is_number(frame[name]):
        raise AnalysisError(
            f"{name!r} holds no numbers but {frame[name].dtype}", remedy="convert it with pandas.to_numeric"
        )
    values = frame[name].to_numpy(float)
    if not np.isfinite(values).all():
        raise AnalysisError(f"{name!r} has an infinite value", where=f"row {frame.index[~np.isfinite(values)][0]}")


def _check_rank(matrix: Array, design: Design) -> None:
    empty = [design.columns[index] for index in range(matrix.shape[1]) if not matrix[:, index].any()]
    if empty:
        raise AnalysisError(
            f"no observation belongs to {', '.join(empty)}",
            why="a mean of an empty cell cannot be estimated",
            remedy="leave that level out or drop the interaction from `fixed`",
        )
    aliased = aliased_columns(matrix)
    if aliased:
        raise AnalysisError(
            f"the fixed effects are aliased: {', '.join(design.columns[index] for index in aliased)}",
            why="each is a combination of the columns before it, so that its coefficient is not unique",
            remedy="drop a term that the others already hold",
        )
    if len(matrix) <= matrix.shape[1]:
        raise AnalysisError(
            f"{len(matrix)} observations cannot estimate {matrix.shape[1]} coefficients and a covariance",
            remedy="use fewer fixed effects or more data",
        )


def check_scatter(residual: Array, outcome: Array) -> None:
    """Refuse an outcome that the fixed effects explain to rounding.

    Raises
    ------
    AnalysisError
        Nothing is left to estimate a variance from.
    """
    if np.linalg.norm(residual) <= 1e-12 * np.linalg.norm(outcome):
        raise AnalysisError(
            "the fixed effects explain the outcome exactly",
            why="no scatter is left to estimate a variance from",
            remedy="check that the outcome is not computed from a fixed effect",
        )


@dataclass(frozen=True)
class Repeated:
    """Who was measured when, counted from zero."""

    subject: Integers
    visit: Integers
    group: Integers
    visits: tuple[Hashable, ...]
    groups: tuple[Hashable, ...]


def index_repeats(frame: pd.DataFrame, subject: str, visit: str, grouped: str | None, *, free: bool) -> Repeated:
    """Return indices of subjects, visits and covariance groups.

    Parameters
    ----------
    free : bool
        Whether every pair of visits has a covariance of its own, and so must have been seen together.

    Raises
    ------
    AnalysisError
        One visit, a subject twice at a visit or in two groups, or a pair of visits that nobody has.
    """
    visits = levels_of(frame[visit], natural=True)
    if len(visits) < 2:
        raise AnalysisError(
            f"{visit!r} has one level, {visits[0]!r}: nothing is repeated",
            remedy="analyse one visit by `ancova`",
        )
    twice = frame.duplicated([subject, visit])
    if twice.any():
        first = frame[twice].iloc[0]
        raise AnalysisError(
            f"{int(twice.sum())} rows repeat a subject and visit, the first {first[subject]!r} at {first[visit]!r}",
            where=f"row {frame.index[twice][0]}",
            remedy="keep one row for each subject and visit",
        )
    codes, names = pd.factorize(frame[subject])
    at = np.asarray(pd.Index(visits).get_indexer(pd.Index(frame[visit].to_numpy(object))), dtype=np.int64)
    groups: tuple[Any, ...] = ("",) if grouped is None else levels_of(frame[grouped])
    own = np.zeros(len(frame), dtype=np.int64)
    if grouped is not None:
        own = np.asarray(pd.Index(groups).get_indexer(pd.Index(frame[grouped].to_numpy(object))), dtype=np.int64)
        if frame.groupby(subject, observed=True)[grouped].nunique().max() > 1:
            raise AnalysisError(f"a subject is in two levels of {grouped!r}", remedy="group by what does not change")
    of_subject = np.zeros(len(names), dtype=np.int64)
    of_subject[codes] = own
    for group, name in enumerate(groups):
        seen = np.zeros((len(names), len(visits)))
        seen[codes[own == group], at[own == group]] = 1
        _check_pairs(seen, visits, f" in {name!r}" if grouped else "", free=free)
    return Repeated(codes.astype(np.int64), at, of_subject, visits, groups)


def _check_pairs(seen: Array, visits: tuple[Hashable, ...], where: str, *, free: bool) -> None:
    together = seen.T @ seen
    wanted = together if free else np.diag(np.diag(together))
    bad = np.argwhere((wanted == 0) & (np.ones_like(wanted) if free else np.eye(len(visits))).astype(bool))
    if len(bad):
        i, j = bad[0]
        what = f"nobody was seen at {visits[i]!r}" + ("" if i == j else f" and at {visits[j]!r}") + where
        raise AnalysisError(what, why="their covariance cannot be estimated", remedy="choose a simpler covariance")
    if seen.sum(axis=1).max(initial=0) < 2:
        raise AnalysisError(f"nobody was seen twice{where}", remedy="analyse one visit by `ancova`")
