"""The population: who among sampled people is plausible, how often each occurs, and what is published beside it.

Selection and weighting are two verbs. :func:`select` refuses people whose spines left the range that people have;
:func:`weigh` gives the rest weights that bring the sample to published figures, as even as they can be. Which rows of
``population.csv`` weights are made from and which are only looked at stands there as their role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from senospine.assays import case_definitions
from senospine.errors import TrialError
from senospine.model.register import read_rows
from senospine.stats.balancing import Balanced, entropy_balance

Array = NDArray[np.float64]
_HERE = Path(__file__).parent
_COLUMNS = (
    "name", "statistic", "of", "given", "among", "age_low", "age_high", "value", "low", "high", "role", "source", "doi",
    "how_obtained", "note",
)  # fmt: skip
STATISTICS = (
    "share", "ratio", "mean", "odds_ratio", "odds_ratio_at_one_age", "odds_ratio_per_year", "odds_ratio_per_decade",
)  # fmt: skip
#: standard error of a published share that was printed without an interval, on the scale of shares
_UNSURE = 0.03


@dataclass(frozen=True)
class Published:
    """One published figure of a population: a share in per cent, a mean in points, or a ratio."""

    name: str
    statistic: str
    of: str
    given: str
    among: str
    ages: tuple[float, float]
    value: float
    low: float
    high: float
    role: str
    source: str
    doi: str
    how_obtained: str
    note: str

    @property
    def label(self) -> str:
        """As tables show it."""
        words = self.of.replace("_", " ")
        words += f", {self.given.replace('_', ' ')}" if self.given else ""
        words += f", among {self.among.replace('_', ' ')}" if self.among else ""
        return words + (f", {self.ages[0]:g}-{self.ages[1]:g} y" if self.ages != (20, 90) else "")


@cache
def published_population() -> tuple[Published, ...]:
    """Return the published figures in the order of their table."""
    found = []
    for row, where in read_rows(_HERE / "population.csv", _COLUMNS, TrialError):
        numbers = {key: float(row[key]) if row[key] else float("nan") for key in ("value", "low", "high")}
        if row["statistic"] not in STATISTICS or row["role"] not in {"calibration", "validation"}:
            raise TrialError(f"'{row['statistic']}' or '{row['role']}' is no statistic or role", where=where)
        found.append(Published(
            row["name"], row["statistic"], row["of"], row["given"], row["among"],
            (float(row["age_low"]), float(row["age_high"])), **numbers, role=row["role"], source=row["source"],
            doi=row["doi"], how_obtained=row["how_obtained"], note=row["note"],
        ))  # fmt: skip
    return tuple(found)


@dataclass(frozen=True)
class Selected:
    """Who is plausible.

    Attributes
    ----------
    kept : ndarray of bool, shape (n_people,)
    refused : mapping of str to int
        How many fail by each limit; a person may fail by several.
    """

    kept: NDArray[np.bool_]
    refused: Mapping[str, int]


def select(people: pd.DataFrame) -> Selected:
    """Return who lies within the limits of ``plausible.csv``; what is not finite lies within none.

    Parameters
    ----------
    people : pandas.DataFrame
        One row a person, with a column for each limit.

    Examples
    --------
    >>> columns = [row["name"] for row, _ in plausible_limits()]
    >>> found = select(pd.DataFrame({name: [1.0, np.nan] for name in columns} | {"platelets": [250.0, 250.0],
    ...                             "body_weight": [70.0, 70.0], "neutrophils": [4.0, 4.0]}))
    >>> found.kept.tolist(), found.refused["spinal_pain"]
    ([True, False], 1)
    """
    kept, refused = np.ones(len(people), bool), {}
    for row, _ in plausible_limits():
        values = people[row["name"]].to_numpy(float)
        inside = (values >= float(row["low"])) & (values <= float(row["high"]))
        refused[row["name"]] = int((~inside).sum())
        kept &= inside
    return Selected(kept, refused)


@cache
def plausible_limits() -> tuple[tuple[Mapping[str, str], str], ...]:
    """Return the rows of ``plausible.csv`` with their places."""
    return tuple(read_rows(_HERE / "plausible.csv", ("name", "low", "high", "unit", "source", "reason"), TrialError))


def events_of(people: pd.DataFrame) -> dict[str, Array]:
    """Return what shares are of, shape (n_people,): 0 or 1, or how likely; ``pain`` in points."""
    age, pain = people["age"].to_numpy(float), people["pain"].to_numpy(float)
    spinal = people["spinal_pain_points"].to_numpy(float) + people["persisting_pain_points"].to_numpy(float)
    others = people[["facet_pain_points", "muscle_pain_points", "central_pain_points"]].to_numpy(float)
    events = {name: people[name].to_numpy(float) for name in ("disc_degeneration", "facet_degeneration")}
    events |= {name: (people[name].to_numpy(float) > 0).astype(float) for name in ("endplate_defect", "modic")}
    events["female"] = (people["sex"].to_numpy() == "female").astype(float)
    events["spinal_first"] = (spinal > others.max(axis=1)).astype(float)
    events["facet_first"] = ((others[:, 0] > 0) & (others[:, 0] >= np.maximum(others.max(axis=1), spinal))).astype(
        float
    )
    for low in range(20, 90, 10):
        events[f"age {low}-{low + 9}"] = ((age >= low) & (age < low + 10)).astype(float)
    return {**events, **case_definitions(pain, age), "pain": pain, "age": age, "": np.ones(len(people))}


def figure_of(row: Published, events: Mapping[str, Array], weights: Array) -> float:
    """Return a published figure as the weighted people have it: per cent, points, or a ratio."""
    age = events["age"]
    group = weights * events[row.among] * ((age >= row.ages[0]) & (age < row.ages[1]))
    of = events[row.of]
    with np.errstate(divide="ignore", invalid="ignore"):
        if row.statistic in {"share", "mean"}:
            found = (group @ of) / group.sum()
            return float(100 * found if row.statistic == "share" else found)
        if row.statistic.startswith("odds_ratio_per"):
            slope = _log_odds(of, [age], group)[0]
            return float(np.exp(slope * (10 if row.statistic.endswith("decade") else 1)))
        given = events[row.given]
        if row.statistic == "odds_ratio_at_one_age":
            return float(np.exp(_log_odds(of, [given, age], group)[0]))
        with_, without = (group * given @ of) / (group @ given), (group * (1 - given) @ of) / (group @ (1 - given))
        if row.statistic == "ratio":
            return float(with_ / without)
        return float(with_ / (1 - with_) * (1 - without) / without)


def _log_odds(of: Array, on: Sequence[Array], group: Array) -> Array:
    """Return the slopes of a weighted logistic regression by Newton, shape (n_columns,); NaN where none is best."""
    if not group.sum() > 0:
        return np.full(len(on), np.nan)
    design = np.stack([np.ones(len(of)), *(column - np.average(column, weights=group) for column in on)], axis=1)
    beta = np.zeros(design.shape[1])
    step = beta
    for _ in range(40):
        p = expit(design @ beta)
        hessian = design.T @ (design * (group * p * (1 - p))[:, None])
        step = np.linalg.solve(hessian + 1e-12 * np.eye(len(beta)), design.T @ (group * (of - p)))
        beta = beta + np.clip(step, -1, 1)
    return np.asarray(beta[1:] if np.abs(step).max() < 1e-6 else np.full(len(on), np.nan))


def weigh(people: pd.DataFrame, rounds: int = 8) -> Balanced:
    """Return weights that bring people to the published figures whose role is calibration.

    Shares are met as closely as they are known; an odds ratio is met through the share among those with, which follows
    from the share among those without and is renewed in each round.

    Parameters
    ----------
    people : pandas.DataFrame
        As a bank's baseline.

    Raises
    ------
    AnalysisError
        The people are so unlike the figures that no weights were found.
    """
    events = events_of(people)
    rows = [row for row in published_population() if row.role == "calibration"]
    found = Balanced(np.full(len(people), 1 / len(people)), np.zeros(0), float(len(people)))
    for _ in range(rounds):
        columns, errors = zip(*(_deviation(row, events, found.weights) for row in rows), strict=True)
        found = entropy_balance(np.stack(columns, axis=1), np.array(errors))
    return found


def _deviation(row: Published, events: Mapping[str, Array], weights: Array) -> tuple[Array, float]:
    """Return a column whose weighted mean is 0 where the figure is met, and how closely it is known."""
    age = events["age"]
    group = events[row.among] * ((age >= row.ages[0]) & (age < row.ages[1]))
    target, error = row.value / 100, (row.high - row.low) / 392
    if row.statistic == "odds_ratio":
        given = events[row.given]
        without = float(
            np.clip(weights * group * (1 - given) @ events[row.of] / (weights * group @ (1 - given)), 1e-4, 1)
        )
        odds = row.value * without / (1 - without) if without < 1 else 1e4
        target, group = odds / (1 + odds), group * given
        error = np.log(row.high / row.low) / 3.92 * target * (1 - target)
    elif row.statistic != "share":
        raise TrialError(f"'{row.name}' cannot be weighted to: it is a {row.statistic}")
    size = max(float(weights @ group), 1e-3)
    return group * (events[row.of] - target), max(error if np.isfinite(error) else _UNSURE, 1e-4) * size


def population_table(people: pd.DataFrame) -> pd.DataFrame:
    """Return published figures beside those of weighted people.

    Returns
    -------
    pandas.DataFrame
        One row a figure: name, figure, role, published, low, high, sampled (before weighting), simulated, spread (over
        draws of the parameters, central 90 %; NaN for one draw), agrees (inside the published interval; within a tenth
        of shares without one), verdict (set, agrees, misses, or between: sources
        disagree and it lies between them), source.
    """
    draw = people["draw"].to_numpy() if "draw" in people else np.zeros(len(people))
    parts = [people[draw == number] for number in np.unique(draw)]
    prepared = [(events_of(part), part["weight"].to_numpy(float)) for part in parts]
    rows = []
    for row in published_population():
        each = np.array([figure_of(row, events, weight) for events, weight in prepared])
        even = np.array([figure_of(row, events, np.ones_like(weight)) for events, weight in prepared])
        each, even = each[np.isfinite(each)], even[np.isfinite(even)]
        mean = float(each.mean()) if len(each) else float("nan")
        low, high = np.quantile(each, [0.05, 0.95]) if len(each) > 1 else (np.nan, np.nan)
        rows.append({
            "name": row.name, "figure": row.label, "statistic": row.statistic, "role": row.role,
            "published": row.value, "low": row.low, "high": row.high,
            "sampled": float(even.mean()) if len(even) else float("nan"),
            "simulated": mean, "simulated_low": low, "simulated_high": high, "agrees": _agrees(row, mean),
            "verdict": _verdict(row, mean),
            "source": row.source, "doi": row.doi, "note": row.note,
        })  # fmt: skip
    return pd.DataFrame(rows)


def _verdict(row: Published, found: float) -> str:
    """Return how a figure stands to what is published of it, by this source and by others."""
    if _agrees(row, found):
        return "set" if row.role == "calibration" else "agrees"
    same = [other for other in published_population() if _question(other) == _question(row)]
    values = [each.value for each in same if np.isfinite(each.value)]
    if not values or any(each.role == "calibration" for each in same):  # one source was taken, so the others are missed
        return "misses"
    return "between" if min(values) <= found <= max(values) else "misses"


def _question(row: Published) -> tuple[object, ...]:
    return row.statistic, row.of, row.given, row.among, row.ages


def _agrees(row: Published, found: float) -> bool:
    if not (np.isfinite(row.low) or np.isfinite(row.high)):
        return bool(abs(found - row.value) <= 0.1 * row.value)
    below = np.isfinite(row.low) and found < row.low
    above = np.isfinite(row.high) and found > row.high
    return bool(np.isfinite(found) and not below and not above)


def coverage_table(people: pd.DataFrame, least: float = 5.0) -> pd.DataFrame:
    """Return how well the sample covers the space of age, pain and findings.

    Returns
    -------
    pandas.DataFrame
        One row a cell of age band by lasting pain (none, some, as of a patient) by endplate defect by Modic change:
        share of the population [%], people in the sample, effective people, covered (at least ``least`` effective).
    """
    events = events_of(people)
    weight = people["weight"].to_numpy(float)
    weight = weight / weight.sum()
    age = events["age"]
    bands = pd.cut(age, [20, 35, 50, 65, 80, 90.01], right=False, labels=["20-34", "35-49", "50-64", "65-79", "80-90"])
    level = np.where(events["pain_free"] > 0, "none", np.where(events["patient"] > 0, "patient", "some"))
    frame = pd.DataFrame({"age": bands, "lasting_pain": level, "endplate_defect": events["endplate_defect"] > 0,
                          "modic": events["modic"] > 0, "weight": weight, "square": weight**2, "one": 1})  # fmt: skip
    keys = ["age", "lasting_pain", "endplate_defect", "modic"]
    cells = frame.groupby(keys, observed=False)[["weight", "square", "one"]].sum().reset_index()
    full = pd.MultiIndex.from_product(
        [bands.categories, ["none", "some", "patient"], [False, True], [False, True]], names=keys
    )
    cells = cells.set_index(keys).reindex(full, fill_value=0).reset_index()
    effective = np.where(cells["square"] > 0, cells["weight"] ** 2 / cells["square"].where(cells["square"] > 0, 1), 0.0)
    return cells[keys].assign(
        share=100 * cells["weight"], people=cells["one"].astype(int), effective=effective, covered=effective >= least
    )
