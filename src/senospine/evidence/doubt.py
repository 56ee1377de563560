"""What a conclusion's doubt rests on: how much of it on assumptions, and which measurement would take most away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from scipy.special import ndtri

from senospine.assays import TRAITS, Readout
from senospine.engine import Kernel, Schedule, compile_model
from senospine.errors import EvidenceError
from senospine.model import Model, ParameterDraws
from senospine.randomness import stream
from senospine.study import Arm, Study, output_times
from senospine.study.run import arm_decisions, drawn_subjects
from senospine.study.worlds import Scale
from senospine.subjects import draw_traits, own_traits
from senospine.therapy import compose_model

Array = NDArray[np.float64]

#: worlds, and subjects that are the same ones in every world
WORLDS, SUBJECTS, SUBJECTS_IN_REPORT = 400, 8, 4
#: the solver's tolerance; effects are told to a hundredth at most
RTOL = 1e-4
RESAMPLES = 200
#: powers of a parameter's normal score that a conclusion is regressed on
POWERS = 3
#: a part of the variance within this many standard errors of zero is not told from chance
CHANCE = 3.0


@dataclass(frozen=True)
class Worth:
    """What it would be worth to know one parameter: the share of a conclusion's variance expected to go, and its error."""

    parameter: str
    share: float
    error: float
    assumed: bool


@dataclass(frozen=True)
class Doubt:
    """One conclusion under the draws: how an arm differs from another in one read-out at the last measurement.

    Attributes
    ----------
    scale : {'ratio', 'difference'}
        Of the arms' means; a ratio where both are above zero in every world.
    effect, low, high : float
        Median and central 90 % over worlds, in ``scale``.
    decided : float
        Share of worlds on the more frequent side of no effect.
    assumed, assumed_error : float
        Share of the variance over worlds (of a ratio its logarithm) that goes where all assumptions are held at their
        medians; its bootstrapped standard error. NaN where nothing varies.
    worth : tuple of Worth
        The largest first; only what stands out of chance.
    worlds, lost : int
        Worlds it was told from, and those left out because a subject of theirs could not be solved.
    """

    study: str
    arm: str
    versus: str
    readout: str
    scale: Scale
    effect: float
    low: float
    high: float
    decided: float
    assumed: float
    assumed_error: float
    worth: tuple[Worth, ...]
    worlds: int
    lost: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; None for what is not known."""
        plain = asdict(self)
        return {name: None if isinstance(value, float) and not np.isfinite(value) else value
                for name, value in plain.items()}  # fmt: skip


def doubts(
    study: Study, draws: ParameterDraws, *, seed: int, pairs: Sequence[tuple[str, str]] | None = None,
    subjects: int = SUBJECTS, on_progress: Callable[[int, int], None] | None = None,
) -> list[Doubt]:  # fmt: skip
    """Return what the doubt of a study's comparisons rests on.

    The same few subjects live in every world, so that what differs between worlds is the parameters' doing. Once all
    parameters are as drawn; once those without a source are held at their medians: what is left of the variance rests
    on numbers with a source. For the worth of a parameter the conclusion is regressed on it over the draws, by a cubic
    in its normal score: the variance expected to go if it were known, with what it says of its neighbours in the
    posterior (Strong, Oakley and Brennan 2014, doi 10.1177/0272989X13505910). Such shares need not sum to one.

    Parameters
    ----------
    draws : ParameterDraws
        A few hundred; see :data:`WORLDS`.
    pairs : sequence of (arm, versus), optional
        By default all comparisons of the study.

    Raises
    ------
    EvidenceError
        Fewer than half of the worlds could be solved.

    Notes
    -----
    Cost: two solves for each arm compared, world and subject, some seconds for a mouse study of three arms.
    """
    model = compose_model(study.species, study.drugs)
    chosen = list(study.compare if pairs is None else pairs)
    arms = [arm for arm in study.arms if arm.stands_for in {name for pair in chosen for name in pair}]
    assumed = [name for name in draws.names if name in model.register and model.register[name].assumed]
    centres = draws.centres
    frozen = {name: np.full(draws.worlds, centres[name]) if name in assumed else column
              for name, column in draws.columns.items()}  # fmt: skip
    kernel = compile_model(model, outputs=[name for name in model.outputs if name in model.variables])
    levels: list[dict[str, dict[str, Array]]] = []
    for index, values in enumerate((draws.columns, frozen)):
        levels.append({})
        for place, arm in enumerate(arms):
            if on_progress:
                on_progress(index * len(arms) + place, 2 * len(arms))
            levels[-1][arm.name] = _levels(study, arm, kernel, values, subjects, seed)
    if on_progress:
        on_progress(2 * len(arms), 2 * len(arms))
    solved = np.all([np.isfinite(column) for part in levels for arm in part.values() for column in arm.values()], axis=0)
    if 2 * solved.sum() < draws.worlds:
        raise EvidenceError(
            f"{draws.worlds - solved.sum()} of {draws.worlds} worlds could not be solved",
            where=f"study '{study.name}'", remedy="run it with --parameters fit, and look at its failures",
        )  # fmt: skip
    levels = [{arm: {name: column[solved] for name, column in row.items()} for arm, row in part.items()}
              for part in levels]  # fmt: skip
    scores = {name: column[solved] for name, column in _normal_scores(draws).items()}
    generator = stream(seed, f"doubt/{study.name}")
    resampled = generator.integers(0, solved.sum(), (RESAMPLES, int(solved.sum())))
    found = []
    for one, other in chosen:
        for item in study.readouts:
            as_drawn, held = ([_group(study, part, name, item.name) for name in (one, other)] for part in levels)
            found.append(_doubt(study, (one, other), item, as_drawn, held, scores, assumed, resampled, draws.worlds))
    return found


def _levels(
    study: Study, arm: Arm, kernel: Kernel, values: Mapping[str, Array], subjects: int, seed: int
) -> dict[str, Array]:
    """Return each read-out's mean over the subjects of a world, at the last measurement, shape (worlds,)."""
    model, worlds = kernel.model, len(next(iter(values.values())))
    count = worlds * subjects
    base = drawn_subjects(model, study.species, study.sex, subjects, seed, 0, {})
    given = own_traits(model, arm.animal_model, base)
    parameters = {name: np.tile(column, worlds) for name, column in (base | given).items()}
    for name, column in values.items():
        if name not in given:
            own = base[name] / model.parameters[name] if name in base else np.ones(subjects)
            parameters[name] = (column[:, None] * own).reshape(-1)
    followed = any(item.course for item in study.readouts)
    times = output_times(study, arm) if followed else np.array([arm.measure_day])
    solution = kernel.solve(
        parameters, Schedule.shared(arm.entries, arm_decisions(arm, model, count, seed, 0)), times,
        n_subjects=count, rtol=RTOL,
    )  # fmt: skip
    traits = {name: np.tile(column, worlds) for name, column in draw_traits(TRAITS, subjects, seed).items()}
    outputs = {name: solution[name] for name in kernel.outputs}
    last = {name: column[:, -1] for name, column in outputs.items()}
    first = min((each.doses[0] for each in ([arm] if arm.doses else study.arms) if each.doses), default=0.0)
    kept = times > first - 1e-5
    course = {name: column[:, kept] for name, column in outputs.items()} | {"time": times[kept] - first}
    return {
        item.name: item.expected(course if item.course else last, traits).reshape(worlds, subjects).mean(axis=1)
        for item in study.readouts
    }


def _group(study: Study, levels: Mapping[str, Mapping[str, Array]], group: str, readout: str) -> Array:
    """Return a group's level; where its therapy is one of several possible, worlds have one in turn."""
    columns = [levels[arm.name][readout] for arm in study.arms if arm.stands_for == group]
    turn = np.arange(len(columns[0])) % len(columns)
    return np.asarray(np.stack(columns)[turn, np.arange(len(turn))])


def _doubt(
    study: Study, pair: tuple[str, str], item: Readout, as_drawn: Sequence[Array], held: Sequence[Array],
    scores: Mapping[str, Array], assumed: Sequence[str], resampled: NDArray[np.int64], asked: int,
) -> Doubt:  # fmt: skip
    ratio = all((column > 0).all() for column in (*as_drawn, *held))
    full, left = (np.log(a / b) if ratio else a - b for a, b in (as_drawn, held))
    low, middle, high = np.quantile(full, [0.05, 0.5, 0.95])
    sides = (full > 0).mean() + 0.5 * (full == 0).mean()
    share, error, worth = np.nan, np.nan, ()
    if full.std() > 1e-9 * max(float(np.abs(full).max()), 1.0):
        share = 1 - left.var(ddof=1) / full.var(ddof=1)
        error = (1 - left[resampled].var(axis=1) / full[resampled].var(axis=1)).std(ddof=1)
        worth = _worth(full, scores, assumed, resampled)
    ends = [float(np.exp(value) if ratio else value) for value in (middle, low, high)]
    return Doubt(
        study.name, *pair, item.name, "ratio" if ratio else "difference", *ends, float(max(sides, 1 - sides)),
        float(share), float(error), worth, len(full), asked - len(full),
    )  # fmt: skip


def _worth(
    effect: Array, scores: Mapping[str, Array], assumed: Sequence[str], resampled: NDArray[np.int64], most: int = 5
) -> tuple[Worth, ...]:
    shares = {name: explained(effect, column) for name, column in scores.items()}
    found = []
    for name in sorted(shares, key=lambda name: -shares[name])[:most]:
        error = float(np.std([explained(effect[rows], scores[name][rows]) for rows in resampled], ddof=1))
        if shares[name] > max(CHANCE * error, CHANCE * np.sqrt(2 * POWERS) / len(effect)):
            found.append(Worth(name, shares[name], error, name in assumed))
    return tuple(found)


def explained(effect: Array, score: Array) -> float:
    """Return the share of a conclusion's variance that a cubic in one parameter's score explains, adjusted."""
    design = np.vander(score, POWERS + 1)
    residual = effect - design @ np.linalg.lstsq(design, effect, rcond=None)[0]
    n = len(effect)
    return float(1 - (residual @ residual / (n - POWERS - 1)) / effect.var(ddof=1))


def _normal_scores(draws: ParameterDraws) -> dict[str, Array]:
    return {
        name: np.asarray(ndtri((rankdata(column) - 0.5) / draws.worlds))
        for name, column in draws.columns.items() if np.ptp(column) > 0
    }  # fmt: skip
