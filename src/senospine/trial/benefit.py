"""What a bank predicts of a therapy in the patients a design would enrol, beside what treatments have achieved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from senospine.assays import record_marker
from senospine.assays.patient import day_noise_sd
from senospine.assays.readout import value_of
from senospine.errors import TrialError
from senospine.model.register import read_rows
from senospine.randomness import stream
from senospine.trial.bank import UNTREATED, PatientBank
from senospine.trial.design import Design, positive
from senospine.trial.file import Entry, MarkerRange, Range

Array = NDArray[np.float64]
#: readings of a marker by which the chance to pass is found
READINGS = 64
#: of the quadrature over the slow fluctuation of pain
NODES = 32


@dataclass(frozen=True)
class Comparator:
    """A published effect on pain beyond a control [points of 0-10; above 0 is less pain]."""

    treatment: str
    benefit: float
    low: float
    high: float
    week: float
    against: str
    source: str
    doi: str
    how_obtained: str


@cache
def comparators() -> tuple[Comparator, ...]:
    """Return published effects in chronic low back pain, the largest first."""
    columns = ("treatment", "benefit", "low", "high", "week", "against", "source", "doi", "how_obtained")
    found = []
    for row, _ in read_rows(Path(__file__).parent / "comparators.csv", columns, TrialError):
        benefit, low, high, week = (
            float(row[key]) if row[key] else float("nan") for key in ("benefit", "low", "high", "week")
        )
        found.append(Comparator(
            row["treatment"], benefit, low, high, week, row["against"], row["source"], row["doi"], row["how_obtained"]
        ))  # fmt: skip
    return tuple(sorted(found, key=lambda item: -item.benefit))


@dataclass(frozen=True)
class Benefit:
    """What one therapy does beyond another in those who would be enrolled, taken as prescribed.

    Attributes
    ----------
    treated, control : str
        Arms.
    week : float
    by_draw : ndarray, shape (n_draws,)
        Mean over patients, one for each draw of the parameters [points of 0-10; above 0 is less pain].
    between_patients : float
        Standard deviation over patients of one draw, the mean over draws.
    sampling : float
        Standard error of the mean that comes from the number of patients in the bank.
    """

    treated: str
    control: str
    week: float
    by_draw: Array
    between_patients: float
    sampling: float

    @property
    def mean(self) -> float:
        """Mean over draws."""
        return float(self.by_draw.mean())

    @property
    def between_draws(self) -> float:
        """Standard deviation over draws, without what comes from a limited number of patients; NaN for one draw."""
        if len(self.by_draw) < 2:
            return float("nan")
        own = self.sampling**2 * len(self.by_draw)
        return float(np.sqrt(max(self.by_draw.var(ddof=1) - own, 0.0)))

    @property
    def interval(self) -> tuple[float, float]:
        """Central 90 % over draws; NaN for one draw."""
        if len(self.by_draw) < 2:
            return float("nan"), float("nan")
        low, high = np.quantile(self.by_draw, [0.05, 0.95])
        return float(low), float(high)

    def to_dict(self) -> dict[str, object]:
        """Return plain data."""
        low, high = self.interval
        numbers = {"mean": self.mean, "low": low, "high": high, "between_patients": self.between_patients,
                   "between_draws": self.between_draws, "sampling": self.sampling}  # fmt: skip
        known = {name: value if np.isfinite(value) else None for name, value in numbers.items()}
        return {"treated": self.treated, "control": self.control, "week": self.week, **known,
                "by_draw": self.by_draw.tolist(), "statement": self.statement()}  # fmt: skip

    def statement(self) -> str:
        """Say whether the prediction exceeds what any treatment has achieved against placebo."""
        best = comparators()[0]
        beaten = float((self.by_draw > best.benefit).mean())
        record = (
            f"{best.benefit:.2f} points, the largest pooled effect against placebo read "
            f"({best.treatment}, {best.source})"
        )
        if self.mean > best.benefit:
            return f"The prediction EXCEEDS what any treatment has achieved: {record}. Doubt the model first."
        if beaten > 0:
            return f"The mean stays below {record}; {100 * beaten:.0f} % of draws exceed it."
        return f"{'No draw exceeds' if len(self.by_draw) > 1 else 'It does not exceed'} {record}."


def predicted_benefit(design: Design, bank: PatientBank) -> list[Benefit]:
    """Return what each comparison of the design's first endpoint of pain would show without noise and losses.

    Patients count by their weight times their chance to pass the entry criteria as recorded.

    Raises
    ------
    TrialError
        The bank does not hold the therapies, or nobody passes.
    """
    design.check_bank(bank)
    chances = passing(design, bank)
    first = next((item for item in design.hypotheses if _of_pain(design, item.endpoint)), None)
    if first is None:
        return []
    week = design.file.endpoints[first.endpoint].week
    at = int(np.searchsorted(bank.days, 7 * week, side="right")) - 1
    therapies = dict(zip(design.arms, design.therapies, strict=True))
    found = []
    for item in design.hypotheses:
        if item.endpoint != first.endpoint or item.positive:
            continue
        gain = (bank.course(therapies[item.control])["pain"][:, at].astype(float)
                - bank.course(therapies[item.treated])["pain"][:, at].astype(float))  # fmt: skip
        means, spreads, errors = [], [], []
        for number in bank.draws:
            weight = chances * (bank.draw_of == number)
            if weight.sum() <= 0:
                raise TrialError(
                    f"nobody of draw {number} passes the entry criteria", where=design.document.where("entry")
                )
            weight = weight / weight.sum()
            means.append(weight @ gain)
            spreads.append(np.sqrt(weight @ (gain - means[-1]) ** 2))
            errors.append(np.sqrt((weight**2) @ (gain - means[-1]) ** 2))
        sampling = float(np.sqrt(np.square(errors).sum()) / len(errors))
        found.append(Benefit(item.treated, item.control, week, np.array(means), float(np.mean(spreads)), sampling))
    return found


def _of_pain(design: Design, endpoint: str) -> bool:
    section = design.file.endpoints[endpoint]
    return section.measure == "pain" and section.responder is None


def passing(design: Design, bank: PatientBank) -> Array:
    """Return weight times the chance to pass every criterion, shape (n_patients,)."""
    entry, numbers = design.file.entry, bank.numbers
    chance = numbers["weight"] * entry.age.holds(numbers["age"]) * entry.platelets.holds(numbers["platelets"])
    chance = chance * _by_reports(entry, bank.course(UNTREATED)["pain"][:, 0].astype(float))
    wanted: dict[str, MarkerRange] = dict(entry.markers)
    if design.file.population.kind == "marker-enriched":
        name, belongs = positive(design)
        wanted[name] = belongs
    for name, item in wanted.items():
        readings = 1 if item.mode == "oracle" else READINGS
        generator = stream(0, f"trial/benefit/{name}")
        reads = [item.holds(record_marker(name, numbers, generator, item.mode)) for _ in range(readings)]
        chance = chance * np.mean(reads, axis=0)
    if not chance.sum() > 0:
        raise TrialError("nobody in the bank passes the entry criteria", where=design.document.where("entry"))
    return np.asarray(chance, float)


def _by_reports(entry: Entry, level: Array) -> Array:
    """Return the chance to pass by ratings of pain and by disability, which share a fluctuation, shape (n,)."""
    places, weights = np.polynomial.hermite_e.hermegauss(NODES)
    felt = level[:, None] + value_of("fluctuation_sd") * places
    passes = _within(entry.pain, felt, day_noise_sd() / np.sqrt(entry.pain.days), 1 / entry.pain.days)
    if entry.odi != Range():
        spread = np.hypot(value_of("odi_lasting_sd"), value_of("odi_visit_sd"))
        passes = passes * _within(entry.odi, value_of("odi_at_no_pain") + value_of("odi_per_point") * felt, spread, 2.0)
    return np.asarray(passes @ weights / weights.sum())


def _within(limits: Range, mean: Array, sd: float, step: float) -> Array:
    """Return the chance that normal readings, rounded to steps, lie inside."""
    above = 1.0 if limits.at_least is None else ndtr((mean - limits.at_least + step / 2) / sd)
    below = 0.0 if limits.at_most is None else ndtr((mean - limits.at_most - step / 2) / sd)
    return np.asarray(np.broadcast_to(above - below, mean.shape))


def benefit_text(found: list[Benefit], bank: PatientBank) -> str:
    """Return predictions and comparators as text that can go into a report."""
    if not found:
        return ""
    how = str(bank.made_by.get("how", ""))
    lines = [f"Predicted benefit, points of 0-10 less pain, taken as prescribed, no losses ({how}; an extrapolation)"]
    for item in found:
        low, high = item.interval
        line = f"  {item.treated} beyond {item.control}, week {item.week:g}: {item.mean:.2f}"
        if len(item.by_draw) > 1:
            line += f" (90 % over {len(item.by_draw)} draws {low:.2f} to {high:.2f})"
        parts = f"; SD between patients {item.between_patients:.2f}"
        parts += (
            f", between draws {item.between_draws:.2f}" if len(item.by_draw) > 1 else ", one draw of the parameters"
        )
        lines.append(f"{line}{parts}; sampling error {item.sampling:.3f}")
    if "reach" in bank.made_by:
        lines.append(
            f"Systemic analgesics act on: {bank.made_by['reach']} (an assumption; a senolytic is no analgesic)"
        )
    lines.append("Published, chronic low back pain, against placebo")
    for row in comparators():
        interval = f" ({row.low:.2f} to {row.high:.2f})" if np.isfinite(row.low) else ""
        lines.append(f"  {row.treatment}: {row.benefit:.2f}{interval}, {row.source}")
    lines.append(found[0].statement())
    return "\n".join(lines)
