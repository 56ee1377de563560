"""From a bank to randomised patients: screening by what is recorded, and stratified permuted blocks.

Noise is fresh for every seed, trial, purpose and place in the queue of candidates; nobody's numbers depend on who comes
after, on other trials, or on which process does the work. So a trial of 200 is the first 200 of the trial of 400.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.assays import record_marker, report_disability, report_pain
from senospine.errors import TrialError
from senospine.randomness import stream
from senospine.trial.bank import UNTREATED, PatientBank
from senospine.trial.design import Design, positive
from senospine.trial.file import BASELINE_STRATA, MarkerRange, Range
from senospine.trial.reading import AT_ENTRY, DEVIATES, Readings

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
CHUNK = 256
MOST_SCREENED = 200  # candidates for each patient wanted, and at least 10,000


@dataclass(frozen=True)
class Enrolled:
    """Randomised patients in order of randomisation.

    Attributes
    ----------
    row : ndarray of int, shape (n,)
        Of the bank.
    arm : ndarray of int, shape (n,)
    pain : ndarray, shape (n,)
        Baseline: mean of the daily ratings of screening, points of 0-10.
    felt : ndarray, shape (n,)
        Mean pain they felt in that time.
    fluctuation : ndarray, shape (n,)
        Where the slow fluctuation stood on the last day of screening.
    recorded : dict of str to ndarray, shape (n,)
        Markers and blood counts as recorded at screening.
    strata : ndarray of 0 and 1, shape (n, n_strata)
    subgroups : ndarray of 0 and 1, shape (n, n_subgroups)
        Of the analysis.
    place : ndarray of int, shape (n,)
        In the queue of candidates, from 0.
    screened : int
        Candidates seen until the last one was randomised.
    failures : dict of str to int
        Screen failures by the first criterion not met.
    draw : int
        Of the bank's parameters.
    at_entry : dict of str to ndarray, shape (n,)
        Markers that visits measure, as read at screening; the reading of a criterion where there is one.
    deviates : dict of str to ndarray, shape (n, n_deviates)
        What stood between state and record then.
    function : (ndarray, ndarray) or None
        Where disability is a criterion, the Oswestry index as recorded at screening [%], and each patient's own
        standard normal behind it; each of shape (n,).
    """

    row: Integers
    arm: Integers
    pain: Array
    felt: Array
    fluctuation: Array
    recorded: dict[str, Array]
    strata: Array
    subgroups: Array
    place: Integers
    screened: int
    failures: dict[str, int]
    draw: int
    at_entry: dict[str, Array]
    deviates: dict[str, Array]
    function: tuple[Array, Array] | None = None


def enrol(
    design: Design,
    bank: PatientBank,
    seed: int,
    trial: int,
    *,
    patients: int,
    only_positive: bool = False,
    part: str = "",
) -> Enrolled:
    """Return so many randomised patients.

    Parameters
    ----------
    only_positive : bool
        Whether the population's marker is a criterion, on top of the design's.
    part : str
        Names the noise, where a trial enrols more than once.

    Raises
    ------
    TrialError
        The criteria enrol no one, or too few of very many.
    """
    draw = int(bank.draws[trial % len(bank.draws)])
    kept: list[dict[str, Array]] = []
    failures: dict[str, int] = {}
    found = screened = 0
    limit = max(10_000, MOST_SCREENED * patients)
    for number in range(-(-limit // CHUNK)):
        generator = stream(seed, f"trial/{part}screening/{number}", trial)
        rows = bank.sample(CHUNK, draw, generator)
        values, reason, names = _screen(design, bank, rows, generator, only_positive)
        good = np.flatnonzero(reason < 0)
        upto = CHUNK if found + len(good) < patients else int(good[patients - found - 1]) + 1
        for index, name in enumerate(names):
            failures[name] = failures.get(name, 0) + int((reason[:upto] == index).sum())
        good = good[good < upto]
        values["place"] = screened + np.arange(CHUNK, dtype=float)
        kept.append({name: value[good] for name, value in values.items()})
        found, screened = found + len(good), screened + upto
        if found == patients:
            break
        if found == 0 and screened >= 2000:
            break
    if found < patients:
        worst = max(failures, key=lambda name: failures[name], default="nothing")
        raise TrialError(
            f"the entry criteria enrol {'no one' if found == 0 else f'only {found}'} of {screened} candidates",
            where=design.document.where("entry"),
            why=f"most fail by {worst} ({failures.get(worst, 0)})",
            remedy="widen that criterion, or make the bank of the patients the trial is for",
        )
    values = {name: np.concatenate([item[name] for item in kept]) for name in kept[0]}
    strata = _strata(design, bank, values)
    subgroups = _above(design.file.analysis.subgroups, bank, values)
    arm = randomise(design, strata, lambda cell: stream(seed, f"trial/{part}randomisation/{cell}", trial))
    apart = {"row", "place", "pain", "felt", "fluctuation", "odi", "disability"}
    at_entry, deviates = (
        {name.removeprefix(kind): value for name, value in values.items() if name.startswith(kind)}
        for kind in (AT_ENTRY, DEVIATES)
    )
    recorded = {
        name: value for name, value in values.items() if name not in apart and not name.startswith((AT_ENTRY, DEVIATES))
    }
    row = values["row"].astype(np.int64)
    pain, felt, fluctuation = values["pain"], values["felt"], values["fluctuation"]
    place = values["place"].astype(np.int64)
    function = (values["odi"], values["disability"]) if "odi" in values else None
    return Enrolled(
        row, arm, pain, felt, fluctuation, recorded, strata, subgroups, place, screened, failures, draw, at_entry,
        deviates, function,
    )  # fmt: skip


def _screen(
    design: Design, bank: PatientBank, rows: Integers, generator: np.random.Generator, only_positive: bool
) -> tuple[dict[str, Array], Integers, list[str]]:
    """Return what is recorded of candidates, which criterion each fails first (-1 for none), and the criteria."""
    entry = design.file.entry
    latent = {name: bank.numbers[name][rows] for name in bank.numbers}
    days = np.arange(-entry.pain.days, 0.0)
    level = bank.course(UNTREATED)["pain"][rows, 0].astype(float)
    reports = report_pain(np.repeat(level[:, None], len(days), axis=1), days, generator)
    values = {
        "row": rows.astype(float),
        "pain": reports.ratings.mean(axis=1),
        "felt": reports.felt.mean(axis=1),
        "fluctuation": reports.fluctuation,
    }
    ranges: dict[str, tuple[Array, MarkerRange]] = {}
    for name in ("platelets", "neutrophils"):
        values[name] = record_marker(name, latent, generator)
    readings = Readings(latent, generator)
    wanted = {**entry.markers}
    for name in (*design.file.stratify, *design.file.analysis.subgroups):
        if name not in BASELINE_STRATA:
            wanted.setdefault(name, MarkerRange())
    if design.file.population.kind != "all-comers":
        name, belongs = positive(design)
        values["positive"] = belongs.holds(readings.read(name, belongs.mode)).astype(float)
    for name, item in wanted.items():
        values[name] = readings.read(name, item.mode)
        ranges[name] = (values[name], item)
    criteria = {
        "age": entry.age.holds(latent["age"]),
        "pain": entry.pain.holds(values["pain"]),
    }
    if entry.odi != Range():
        values["disability"] = generator.standard_normal(len(rows))
        values["odi"] = report_disability("odi", values["felt"], values["disability"], generator)
        criteria["odi"] = entry.odi.holds(values["odi"])
    criteria |= {
        "platelets": entry.platelets.holds(values["platelets"]),
        **{name: item.holds(recorded) for name, (recorded, item) in ranges.items()},
    }
    if only_positive or design.file.population.kind == "marker-enriched":
        criteria["marker-negative"] = values["positive"] > 0
    values |= readings.baseline(design.marker_weeks)  # last, so that what visits measure changes nobody's entry
    reason = np.full(len(rows), -1)
    for index, passed in reversed(list(enumerate(criteria.values()))):
        reason = np.where(passed, reason, index)
    return values, reason, list(criteria)


def _strata(design: Design, bank: PatientBank, values: dict[str, Array]) -> Array:
    """Return 0 or 1 for each stratifying variable; the population's marker is one where it is tested in."""
    strata = _above(design.file.stratify, bank, values)
    if design.file.population.kind in {"stratified", "two-stage"}:
        strata = np.column_stack([strata, values["positive"] > 0])
    return strata


def _above(cuts: Mapping[str, float], bank: PatientBank, values: dict[str, Array]) -> Array:
    """Return whether each variable is at or above its cut, shape (n, n_cuts)."""
    rows = values["row"].astype(np.int64)
    columns = [
        (bank.numbers[name][rows] if name in {"age", "sex"} else values[name]) >= cut for name, cut in cuts.items()
    ]
    return np.stack(columns, axis=1).astype(float) if columns else np.zeros((len(rows), 0))


def randomise(design: Design, strata: Array, generator_of: Callable[[int], np.random.Generator]) -> Integers:
    """Return arms by permuted blocks within strata, shape (n,)."""
    allocation = [design.file.arms[name].allocation for name in design.arms]
    block = np.repeat(np.arange(len(allocation)), np.array(allocation) * (design.file.block // sum(allocation)))
    cell = (strata @ (2.0 ** np.arange(strata.shape[1]))).astype(np.int64)
    arm = np.empty(len(strata), np.int64)
    for number in np.unique(cell):
        mine = np.flatnonzero(cell == number)
        blocks = -(-len(mine) // len(block))
        lists = generator_of(int(number)).permuted(np.tile(block, (blocks, 1)), axis=1).ravel()
        arm[mine] = lists[: len(mine)]
    return arm
