"""A response surface of two drugs, simulated over many parameter sets in one call, and how it looks to each null."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.assays import TRAITS
from senospine.combination.design import Design
from senospine.combination.draws import INTERACTION, Candidates
from senospine.engine import compile_model
from senospine.errors import AnalysisError, StudyError, suggest
from senospine.randomness import stream
from senospine.stats.surfaces import fit_musyc, fraction_affected, surface_indices
from senospine.subjects import draw_parameters, draw_traits

Array = NDArray[np.float64]

#: animals in which the spread of one measurement is looked at
ANIMALS = 200
#: a disease that moves a read-out by less than this share of itself does not set its scale
_LEAST_MOVED = 0.02
#: a surface whose largest effect is less than this is flat
_LEAST_SEEN = 1e-4
#: normal quantiles of a two-sided test at 5 % with 80 % power, Neyman's way
_DETECT = 1.959964 + 0.841621
RTOL = 1e-7
FULL = ("zero", "healthy")


@dataclass(frozen=True)
class Told:
    """Whether an experiment could tell an interaction from hazards that add.

    Attributes
    ----------
    doses : tuple of float
        The pair at which it is asked: half of each top dose, or the level next to it.
    n : int
        Animals a group, of four groups: vehicle, each drug, both.
    sd : float
        Of one measured animal, as a fraction affected.
    detectable : float
        Smallest excess over Bliss found in 80 % of experiments at 5 %.
    null, helping, hindering : tuple of float
        Excess over Bliss with interaction 0, and at the ends of the register's range: median and central 90 %.
    power : float
        Of the test, if the strongest help is true and the null's own median excess is known.
    needed : float
        Animals a group for 80 % power.
    """

    doses: tuple[float, float]
    n: int
    sd: float
    detectable: float
    null: tuple[float, float, float]
    helping: tuple[float, float, float]
    hindering: tuple[float, float, float]
    power: float
    needed: float


@dataclass(frozen=True)
class Combination:
    """A simulated surface and its indices.

    Attributes
    ----------
    design : Design
    candidates : Candidates
    kept : int
        Parameter sets that could be judged.
    failed : int
        Those left out: not solved, a read-out that the disease or the drugs do not move, or one drug alone beyond the
        full effect, where Bliss means nothing.
    scale : str
        What a fraction affected of one means, in words.
    level : ndarray, shape (kept, n, m)
        The read-out of the median animal.
    affected : ndarray, shape (kept, n, m)
    indices : dict of name to tuple of float
        Median and central 90 % over parameter sets of the surface's mean.
    bliss_excess : ndarray, shape (kept, n - 1, m - 1)
    loewe_defined : float
        Share of pairs where Loewe's additivity says anything.
    middle : int
        The parameter set whose surface lies nearest to the median of all: a median taken dose by dose is the surface
        of no set, and bends isoboles that are straight in every one.
    alone : tuple of (ndarray, ndarray)
        Of each drug alone: doses, and the fraction affected in that set.
    told : Told
    """

    design: Design
    candidates: Candidates
    kept: int
    failed: int
    scale: str
    level: Array
    affected: Array
    indices: dict[str, tuple[float, float, float]]
    bliss_excess: Array
    loewe_defined: float
    middle: int
    alone: tuple[tuple[Array, Array], tuple[Array, Array]]
    told: Told

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; what has no number is None."""
        d = self.design
        plain = {
            "drugs": d.drugs, "readout": d.readout.name, "unit": d.readout.unit, "species": d.species,
            "animal": d.animal.name, "schedule": d.schedule, "measure_at": d.measure_at, "dose_units": d.units,
            "doses": {d.drugs[0] + " (first)": d.doses_a.tolist(), d.drugs[1] + " (second)": d.doses_b.tolist()},
            "parameters": self.candidates.kind, "parameter_sets": self.kept, "left_out": self.failed,
            "interaction": "free" if self.candidates.interaction.any() else "none", "scale": self.scale,
            "level": np.median(self.level, axis=0).tolist(), "affected": np.median(self.affected, axis=0).tolist(),
            "bliss_excess": np.median(self.bliss_excess, axis=0).tolist(),
            "indices": {name: dict(zip(("median", "low", "high"), values, strict=True))
                        for name, values in self.indices.items()},
            "loewe_defined": self.loewe_defined, "told": {**vars(self.told)}, "sentence": self.sentence,
        }  # fmt: skip
        return {name: _without_nan(value) for name, value in plain.items()}

    @property
    def sentence(self) -> str:
        """Whether synergy can be told from hazards that add."""
        t, d = self.told, self.design
        lead = f"On {d.readout.label}, with {t.n} animals a group"
        null = (
            f"drugs whose hazards only add lie {_points(t.null[0])} points (90 % {_points(t.null[1])} to "
            f"{_points(t.null[2])}) from Bliss"
        )
        if d.drugs[0] == d.drugs[1]:
            return f"{lead}, one drug given as two: {null}; what lies there is no interaction."
        moved = t.helping[0] - t.null[0]
        if abs(moved) < 1e-6:
            return f"{lead}, synergy cannot be told from hazards that add: the interaction does not move this read-out."
        verdict = "can" if t.power >= 0.8 else "cannot"
        need = f"{t.needed:,.0f}" if t.needed < 1e6 else "over a million"
        return (
            f"{lead}, synergy {verdict} be told from hazards that add: {null}, the strongest interaction of the prior "
            f"adds {_points(moved)}, and an excess below {100 * t.detectable:.1f} points is missed in at least one "
            f"experiment of five; it would take {need} animals a group."
        )


def combine(
    design: Design, chosen: Candidates, *, n: int = 8, full: str | None = None, seed: int = 20240913,
    threads: int | None = None,
) -> Combination:  # fmt: skip
    """Return the response surface of two drugs, its distance from each null, and whether it can be told.

    Parameters
    ----------
    design : Design
    chosen : Candidates
    n : int
        Animals a group of the experiment that is asked about.
    full : {'zero', 'healthy'}, optional
        What counts as fully affected: nothing left, or the read-out of a healthy animal. Of counts of cells it is
        zero by default, since then hazards that add are Bliss; of anything else health.

    Raises
    ------
    StudyError
        Fewer than two animals a group, or no healthy animal to count from.
    AnalysisError
        No parameter set gives a surface.

    Notes
    -----
    Everything is solved in one call of the engine: about 45 animals a parameter set, and 800 for the spread.
    """
    if n < 2:
        raise StudyError(f"{n} animal a group has no spread", remedy="ask for two or more")
    cells, size = design.cells(), (len(design.doses_a), len(design.doses_b))
    pair = (design.doses_a[size[0] // 2], design.doses_b[size[1] // 2])
    runs = _Runs(design, chosen, cells, pair, seed, threads)
    vehicle = runs.level[:, 0]
    whole, scale = _scale(design, vehicle, runs.healthy, full)
    with np.errstate(invalid="ignore", divide="ignore"):
        usable = np.isfinite(runs.level).all(axis=1) & (np.abs(vehicle - whole) > _LEAST_MOVED * np.abs(vehicle))
        share = (vehicle[:, None] - runs.level) / (vehicle - whole)[:, None]
    count = size[0] * size[1]
    usable &= (np.nanmax(share, axis=1, initial=-np.inf) <= 1) & (
        np.nanmax(np.abs(share), axis=1, initial=0) > _LEAST_SEEN
    )
    if not usable.any():
        raise AnalysisError(
            f"no surface of {design.readout.name} with these drugs",
            why="in every parameter set they do not move it, or one of them alone moves it past its full effect",
            remedy="choose another read-out, or another --full",
        )  # fmt: skip
    level, start, end = runs.level[usable], vehicle[usable, None], whole[usable, None]
    affected = fraction_affected(level, start, end)
    grid = affected[:, :count].reshape(-1, *size)
    more = np.split(affected[:, count:], 2, axis=1)
    curves = [
        (np.concatenate([design.doses_a, design.more_a]), np.concatenate([grid[:, :, 0], more[0]], axis=1)),
        (np.concatenate([design.doses_b, design.more_b]), np.concatenate([grid[:, 0, :], more[1]], axis=1)),
    ]
    found = surface_indices(grid, design.doses_a, design.doses_b, *curves)
    with np.errstate(invalid="ignore"):
        means = {
            "excess over Bliss": found.bliss.mean(axis=(1, 2)),
            "excess over the better drug": found.highest.mean(axis=(1, 2)),
            "excess over Loewe": _mean(found.loewe), "interaction index": _mean(found.index),
        }  # fmt: skip
    means |= _musyc(design, grid)
    ends = runs.at_pair[usable]
    middle = int(((grid - np.median(grid, axis=0)) ** 2).sum(axis=(1, 2)).argmin())
    told = _told(design, runs, affected, fraction_affected(ends, start, end), start, end, n, pair)
    return Combination(
        design, chosen, int(usable.sum()), int((~usable).sum()), scale, level[:, :count].reshape(-1, *size), grid,
        {name: spread(values) for name, values in means.items()}, found.bliss,
        float(np.isfinite(found.index).mean()), middle,
        tuple((doses, values[middle]) for doses, values in curves), told,  # type: ignore[arg-type]
    )  # fmt: skip


class _Runs:
    """Everything that is solved, in one call."""

    def __init__(
        self, design: Design, chosen: Candidates, cells: Array, pair: tuple[float, float], seed: int,
        threads: int | None,
    ) -> None:  # fmt: skip
        row = design.model.register.get(INTERACTION)
        ends = [0.0, row.low or 0.0, row.high or 0.0] if row is not None else [0.0, 0.0, 0.0]
        per, four = len(cells) + 1 + len(ends), np.array([(0, 0), (pair[0], 0), (0, pair[1]), pair])
        block = np.vstack([cells, [(0, 0)], np.tile(pair, (len(ends), 1))])
        doses = np.vstack([np.tile(block, (chosen.count, 1)), np.repeat(four, ANIMALS, axis=0)])
        ill = np.ones(len(doses), dtype=bool)
        ill[len(cells) : chosen.count * per : per] = False
        strength = np.repeat(chosen.interaction, per).reshape(chosen.count, per)
        strength[:, -len(ends) :] = ends
        parameters = self._parameters(design, chosen, per, seed)
        if INTERACTION in design.model.parameters:
            parameters[INTERACTION] = np.concatenate([strength.ravel(), np.zeros(4 * ANIMALS)])
        kernel = compile_model(design.model, outputs=sorted(design.readout.needs))
        solution = kernel.solve(
            parameters, design.entries(doses, ill), [design.measure_day], n_subjects=len(doses), rtol=RTOL,
            threads=threads,
        )  # fmt: skip
        states = {name: solution[name][:, 0] for name in kernel.outputs}
        own = draw_traits(TRAITS, ANIMALS, seed)
        traits = {
            name: np.concatenate([np.zeros(chosen.count * per), np.tile(values, 4)]) for name, values in own.items()
        }
        level = design.readout.expected(states, traits)
        sets, animals = level[: chosen.count * per].reshape(chosen.count, per), level[chosen.count * per :]
        self.level, self.healthy = sets[:, : len(cells)], sets[:, len(cells)]
        self.at_pair = sets[:, len(cells) + 1 :]
        measured = design.readout.measure(animals, stream(seed, f"combination/{design.readout.name}"))
        self.group_sd = np.nanstd(measured.reshape(4, ANIMALS), axis=1, ddof=1)

    @staticmethod
    def _parameters(design: Design, chosen: Candidates, per: int, seed: int) -> dict[str, Array]:
        """Sets as they are; then animals that differ about the middle of the sets."""
        middle = {name: float(np.median(values)) for name, values in chosen.values.items()}
        drawn = draw_parameters(design.model, ANIMALS, seed, centres=middle)
        return {
            name: np.concatenate(
                [
                    np.repeat(chosen.values[name], per)
                    if name in chosen.values
                    else np.full(chosen.count * per, design.model.parameters[name]),
                    np.tile(drawn[name], 4),
                ]
            )
            for name in sorted(drawn)
        }


def _scale(design: Design, vehicle: Array, healthy: Array, full: str | None) -> tuple[Array, str]:
    """Return what counts as fully affected, and how that is said."""
    if full not in {None, *FULL}:
        raise StudyError(f"full effect '{full}'", remedy=suggest(str(full), FULL))
    if full == "healthy" and design.healthy is None:
        raise StudyError(f"no healthy animal beside '{design.animal.name}'", remedy="count from zero: --full zero")
    counts = design.readout.name.endswith(("_p16", "_density"))
    if design.healthy is None or full == "zero" or (full is None and counts):
        return np.zeros_like(vehicle), "1 is a read-out of zero, 0 that of the untreated"
    return healthy, f"1 is the read-out of animals '{design.healthy.name}' of the same age, 0 that of the untreated"


def _musyc(design: Design, grid: Array) -> dict[str, Array]:
    a, b = np.meshgrid(design.doses_a, design.doses_b, indexing="ij")
    alphas, betas = [], []
    for surface in grid:
        reach = max(float(np.ptp(surface)), 1e-9)
        fit = fit_musyc(a.ravel(), b.ravel(), surface.ravel() / reach, 0.01, freedom=100, intervals=False).surface
        alphas.append(fit.h2 * np.log10(fit.alpha12))
        betas.append(fit.beta)
    return {"MuSyC log10 alpha": np.array(alphas), "MuSyC beta": np.array(betas)}


def _told(
    design: Design, runs: _Runs, affected: Array, at_pair: Array, start: Array, end: Array, n: int,
    pair: tuple[float, float],
) -> Told:  # fmt: skip
    """Return the size of an excess that n animals a group can show, by propagation of the four groups' spreads.

    What counts as fully affected is taken as known.
    """
    width = len(design.doses_b)
    place_a, place_b = (len(design.doses_a) // 2) * width, width // 2
    fa, fb = affected[:, place_a], affected[:, place_b]
    expected = fa + fb - fa * fb
    excess = at_pair - expected[:, None]
    sd = runs.group_sd / np.median(np.abs(start - end))
    a, b, both = float(np.median(fa)), float(np.median(fb)), float(np.median(at_pair[:, 0]))
    error = excess_error((a, b, both), sd, n)
    detectable = _DETECT * error
    null, low, high = (spread(excess[:, k]) for k in range(3))
    moved = float(np.median(excess[:, 2] - excess[:, 0]))
    from scipy.special import ndtr

    power = float(ndtr(abs(moved) / error - 1.959964) + ndtr(-abs(moved) / error - 1.959964)) if error > 0 else 1.0
    needed = n * (detectable / abs(moved)) ** 2 if moved else float("inf")
    return Told((float(pair[0]), float(pair[1])), n, float(sd[3]), detectable, null, high, low, power, needed)


def excess_error(affected: tuple[float, float, float], sd: Array, n: int) -> float:
    """Return the standard error of an excess over Bliss from four groups of ``n``, to first order.

    Parameters
    ----------
    affected : tuple of float
        Fractions affected by one drug, by the other, by both.
    sd : ndarray, shape (4,)
        Of one measured animal: vehicle, one drug, the other, both; in units of the vehicle less the full effect.
    """
    a, b, both = affected
    # a fraction is (vehicle - group)/(vehicle - full): the vehicle stands in all three
    slope = np.array([(1 - both) - 2 * (1 - a) * (1 - b), 1 - b, 1 - a, 1.0])
    return float(np.sqrt((slope**2 * sd**2).sum() / n))


def _mean(values: Array) -> Array:
    """Return each set's mean over the pairs where there is a number; NaN where there is none."""
    known = np.isfinite(values)
    number = known.sum(axis=(1, 2))
    return np.asarray(np.where(known, values, 0.0).sum(axis=(1, 2)) / np.where(number, number, np.nan))


def spread(values: Array) -> tuple[float, float, float]:
    """Return the median and the central 90 % of what has a number."""
    known = values[np.isfinite(values)]
    if not len(known):
        return (float("nan"),) * 3
    low, middle, high = np.quantile(known, [0.05, 0.5, 0.95])
    return float(middle), float(low), float(high)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _without_nan(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _without_nan(value) for key, value in item.items()}
    if isinstance(item, (list, tuple)):
        return [_without_nan(value) for value in item]
    if isinstance(item, (float, np.floating)):
        return float(item) if np.isfinite(item) else None
    return item
