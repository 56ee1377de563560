"""What a finished run is told from, and the sentences that answer its question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from senospine.report.trial.units import endpoint_of, on_scale, unit_of
from senospine.stats.performance import Measure, mean_of, monte_carlo_interval
from senospine.trial import Benefit, Design, OperatingCharacteristics, PatientBank, TrialRun
from senospine.trial.file import Endpoint
from senospine.trial.followed import Followed
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
        method = (
            "responder" if self.design.file.endpoints[first.endpoint].responder else self.design.file.analysis.method
        )
        return rows[(rows["hypothesis"] == first.name) & (rows["method"] == method)]


def measured(value: Measure, *, percent: bool = False) -> str:
    """Return a value with its Monte-Carlo standard error, as digits allow.

    Examples
    --------
    >>> measured(Measure(0.8123, 0.0123, 1000), percent=True), measured(Measure(-0.3051, 0.004, 1000))
    ('81.2 ± 1.2 %', '−0.305 ± 0.004')
    """
    scale = 100 if percent else 1
    error = scale * value.error
    places = min(max(1 - int(np.floor(np.log10(error))), 1), 3) if error > 0 else 1
    if percent:
        places = min(places, 1)
    shown = f"{scale * value.value:,.{places}f} ± {error:.{places}f}{' %' if percent else ''}"
    return shown.replace("-", "−")


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
            f"With drugs that do nothing the same design finds a difference in {100 * row['value']:.1f} % of "
            f"{null.trials} trials; a true {100 * design.file.analysis.alpha:g} % would show as {100 * low:.1f} to "
            f"{100 * high:.1f} "
            f"%{'' if inside else f', so {seen}, or a looser test was seen to be right'}."
        )
    if report.benefits and endpoint.measure == "pain":
        item = report.benefits[0]
        low, high = item.interval
        draws = f" (90 % over draws: {low:.2f} to {high:.2f})" if np.isfinite(low) else ""
        found.append(
            f"Taken as prescribed and without losses, {item.treated} takes {item.mean:.2f} points of pain more than "
            f"{item.control} at week {item.week:g}{draws}. {item.statement()}"
        )
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
        "direction of benefit."
    )


def _truth(report: TrialReport) -> str:
    first, rows = report.design.hypotheses[0], report.primary
    endpoint = report.design.file.endpoints[first.endpoint]
    low, high = np.nanquantile(rows["estimate"], [0.025, 0.975])
    scale = measure_of(endpoint.key).scale
    ratio = endpoint.responder is None and scale == "ratio"
    low, high = (np.exp(low), np.exp(high)) if ratio else (low, high)
    truth, percent = on_scale(endpoint, "truth", mean_of(rows["true"]))
    unit = "" if endpoint.responder or scale != "points" else f" {measure_of(endpoint.key).step}"
    return (
        f"At week {endpoint.week:g} the true {'ratio' if ratio else 'difference'} of {first.treated} "
        f"{'to' if ratio else 'from'} {first.control} under the estimand is "
        f"{measured(truth, percent=percent)}{unit}; nineteen trials in twenty estimate it between {low:.2f} and "
        f"{high:.2f}, "
        f"off by {_off(report, endpoint)} on average."
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
        f"For every patient randomised {each:.2f} are screened ({100 * found['screen_failures'].value:.0f} % fail), "
        f"{found['screened'].value:,.0f} in a trial."
    )


def beside_rows(report: TrialReport) -> list[dict[str, str]]:
    """Return one row a design: what it randomises and screens, and how often it succeeds and is right."""
    rows = []
    for rival in report.rivals.designs:
        found = rival.own.design
        rows.append(
            {
                "design": rival.label, "trials": f"{rival.own.trials:,}",
                "patients": f"{found['patients'].value:,.0f}", "screened": f"{found['screened'].value:,.0f}",
                "each": f"{found['screened'].value / found['patients'].value:.2f}",
                "truth": measured(_own_truth(rival.design, rival.own)),
                "success": measured(found["success"], percent=True),
                "right": measured(found["right_decision"], percent=True) if "right_decision" in found else "–",
            }
        )  # fmt: skip
    return rows


def _own_truth(design: Design, result: OperatingCharacteristics) -> Measure:
    row = primary_row(result, design, "truth")
    return Measure(float(row["value"]), float(row["error"]), int(row["n"]) if "n" in row else result.trials)


def method_rows(report: TrialReport) -> list[dict[str, str]]:
    """Return one row a hypothesis and method: truth, bias, coverage, share rejected, each with its error."""
    rows = []
    table = report.result.methods.sort_index()
    for hypothesis, method in dict.fromkeys((key[0], key[1]) for key in report.result.methods.index):
        mine = table.loc[(hypothesis, method)]
        endpoint = endpoint_of(report.design, str(hypothesis))
        cells = {"hypothesis": str(hypothesis), "method": _method(str(method)), "unit": unit_of(endpoint)}
        for name, percent in (
            ("truth", False),
            ("bias", False),
            ("coverage", True),
            ("rejected", True),
            ("estimable", True),
        ):
            if name not in mine.index:  # could not be estimated
                cells[name] = "–"
                continue
            value, error = (float(mine.loc[name, column]) for column in ("value", "error"))
            item, share = on_scale(endpoint, name, Measure(value, error, 0))
            cells[name] = measured(item, percent=percent or share) if np.isfinite(value) else "–"
        rows.append(cells)
    return rows


def _method(name: str) -> str:
    first, *more = name.split(", ")
    known = {"mmrm": "MMRM", "ancova": "ANCOVA", "responder": "difference of shares"}
    return ", ".join([known.get(first, first), *more])
