"""What a finished run is told from, and the sentences that answer its question."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from senospine.report.trial.units import on_scale, unit_of
from senospine.stats.performance import Measure, mean_of, monte_carlo_interval
from senospine.trial import Benefit, Design, Lasting, OperatingCharacteristics, PatientBank, TrialRun, lasting_benefit
from senospine.trial.file import Endpoint
from senospine.trial.followed import Followed
from senospine.trial.looks import main_method
from senospine.trial.measures import measure_of
from senospine.trial.rivals import Rivals


@dataclass(frozen=True)
class TrialReport:
    """Everything the page and the terminal tell of a run."""

    run: TrialRun
    bank: PatientBank
    result: OperatingCharacteristics
    rivals: Rivals
    followed: Followed
    benefits: tuple[Benefit, ...]
    command: str

    @property
    def design(self) -> Design:
        """The design of the run."""
        return self.run.design

    @property
    def synthetic(self) -> bool:
        """Whether the bank holds no mechanism."""
        return "model" not in dict(self.bank.made_by.get("inputs", {}))

    @property
    def primary(self) -> pd.DataFrame:
        """Rows of the analyses, one a trial: the first hypothesis by the design's method."""
        rows = self.run.analyses
        first = self.design.hypotheses[0]
        return rows[(rows["hypothesis"] == first.name) & (rows["method"] == main_method(self.design))]

    @cached_property
    def lasting(self) -> list[Lasting]:
        """How long the benefit of each arm outlasts its treatment; page, terminal and plain data share it."""
        return lasting_benefit(self.design, self.bank)


def measured(value: Measure, *, percent: bool = False) -> str:
    """Return a value with its Monte-Carlo standard error, as digits allow.

    Examples
    --------
    >>> measured(Measure(0.8123, 0.0123, 1000), percent=True), measured(Measure(-0.3051, 0.004, 1000))
    ('81.2 ± 1.2 %', '−0.305 ± 0.004')
    >>> measured(Measure(0.906, 0.0004, 1000), percent=True), measured(Measure(400.0, 0.0, 1000))
    ('90.60 ± 0.04 %', '400')
    """
    scale, unit = (100, " %") if percent else (1, "")
    error = scale * value.error
    if not error > 0:  # the same in every trial
        return f"{scale * value.value:,.10g}{unit}".replace("-", "−")
    size = int(np.floor(np.log10(error)))
    places = max(min(max(1 - size, 1), 1 if percent else 3), -size)  # an error above 0 never shows as 0
    return f"{scale * value.value:,.{places}f} ± {error:.{places}f}{unit}".replace("-", "−")


def sentences(report: TrialReport) -> list[str]:
    """Return the answer in a few sentences, every number from the run."""
    design, result = report.design, report.result
    first = design.hypotheses[0]
    endpoint = design.file.endpoints[first.endpoint]
    found = [_success(report), _truth(report)]
    if "assurance" in result.design:
        found.append(
            f"Over {len(report.bank.draws)} draws of the parameters the chance of success is "
            f"{measured(result.design['assurance'], percent=True)} on average (± over draws): the assurance."
        )
    found.append(_screening(report))
    if report.rivals.null is not None:
        null = report.rivals.null
        low, high = monte_carlo_interval(design.file.analysis.alpha, null.trials)
        row = primary_row(null, design, "rejected")
        inside = low <= row["value"] <= high
        seen = "the arms' contexts differ, and it finds that" if design.context_note else "its level is not held"
        found.append(
            "With drugs that do nothing the same design finds a difference in "
            f"{measured(Measure(row['value'], row['error'], null.trials), percent=True)} of {null.trials:,} trials; a "
            f"true {100 * design.file.analysis.alpha:g} % would show as {100 * low:.1f} to {100 * high:.1f} %"
            f"{'' if inside else f', so {seen}'}."
        )
    if report.benefits and endpoint.measure == "pain":
        item = report.benefits[0]
        low, high = item.interval
        draws = f" (90 % over draws: {low:z.2f} to {high:z.2f})" if np.isfinite(low) else ""
        found.append(
            f"Taken as prescribed and without losses, the arm {item.treated} has {item.mean:z.2f} points of pain less "
            f"than {item.control} at week {item.week:g}{draws}. {item.statement()}"
        )
    found += [item.text() for item in report.lasting]
    if design.context_note is not None:
        found.append(design.context_note)
    return [sentence.replace(" -0", " −0").replace("(-", "(−") for sentence in found]


def primary_row(result: OperatingCharacteristics, design: Design, measure: str) -> pd.Series:
    """Return one measure of the first hypothesis by the design's own method."""
    rows = result.methods.reset_index()
    mine = rows[(rows["hypothesis"] == design.hypotheses[0].name) & (rows["measure"] == measure)]
    return mine.iloc[0] if len(mine) else pd.Series({"value": np.nan, "error": np.nan})  # could not be estimated


def _success(report: TrialReport) -> str:
    design, result = report.design, report.result
    kind = "finds a benefit where there is no drug" if result.null else "succeeds"
    return (
        f"In {result.trials:,} simulated trials of {design.file.patients:,} patients the design {kind} in "
        f"{measured(result.design['success'], percent=True)}: its primary hypothesis is rejected in the "
        f"direction of benefit.{_decision(report)}"
    )


def _decision(report: TrialReport) -> str:
    if "right_decision" not in report.result.design or report.result.null:
        return ""
    return (
        " Taken as go or no-go it decides rightly in "
        f"{measured(report.result.design['right_decision'], percent=True)}: go is right where the true benefit is "
        f"{report.design.file.worthwhile:g} or more."
    )


def _truth(report: TrialReport) -> str:
    first, rows = report.design.hypotheses[0], report.primary
    endpoint = report.design.file.endpoints[first.endpoint]
    low, high = np.nanquantile(rows["estimate"], [0.025, 0.975])
    scale = measure_of(endpoint.key).scale
    ratio = endpoint.responder is None and scale == "ratio"
    low, high = (np.exp(low), np.exp(high)) if ratio else (low, high)
    truth, percent = on_scale(endpoint, "truth", mean_of(rows["true"]))
    return (
        f"At week {endpoint.week:g} the true {'ratio' if ratio else 'difference'}, {first.treated} "
        f"{'to' if ratio else '−'} {first.control}, under the estimand is "
        f"{measured(truth, percent=percent)} ({unit_of(endpoint)}); nineteen trials in twenty estimate it between "
        f"{low:.2f} and {high:.2f}, off by {_off(report, endpoint)} on average."
    ).replace(" -", " −")


def _off(report: TrialReport, endpoint: Endpoint) -> str:
    bias, percent = on_scale(endpoint, "bias", _bias(report))
    factor = "a factor of " if endpoint.responder is None and measure_of(endpoint.key).scale == "ratio" else ""
    return factor + measured(bias, percent=percent)


def _bias(report: TrialReport) -> Measure:
    rows = report.primary
    gap = (rows["estimate"] - rows["true"])[np.isfinite(rows["estimate"])]
    return mean_of(gap)


def _screening(report: TrialReport) -> str:
    found = report.result.design
    each = found["screened"].value / found["patients"].value
    return (
        f"For every patient randomised {each:.2f} are screened ({measured(found['screen_failures'], percent=True)} "
        f"fail), {measured(found['screened'])} in a trial."
    )
