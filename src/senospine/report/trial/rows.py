"""Rows of the tables that page and terminal share: designs, analyses, tipping points, predictions."""

from __future__ import annotations

import numpy as np

from senospine.report.trial.told import TrialReport, measured, primary_row
from senospine.report.trial.units import endpoint_of, on_scale, unit_of
from senospine.stats.performance import Measure, mean_of, share
from senospine.trial import Design, OperatingCharacteristics, comparators

#: measures of a method that are told, and which of them are shares
_MEASURES = {
    "truth": False, "bias": False, "coverage": True, "rejected": True, "estimable": True, "interaction": True,
    "bias_if_chosen": False, "coverage_if_chosen": True,
}  # fmt: skip


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
    rows, tipping = [], report.design.file.analysis.tipping
    shifted = {tipping.method(delta) for delta in tipping.deltas} if tipping is not None else set()
    table = report.result.methods.sort_index()
    for hypothesis, method in dict.fromkeys((key[0], key[1]) for key in report.result.methods.index):
        if method in shifted:  # no estimates of the truth: see tipping_rows
            continue
        mine = table.loc[(hypothesis, method)]
        endpoint = endpoint_of(report.design, str(hypothesis))
        cells = {"hypothesis": spelled(str(hypothesis)), "method": method_words(str(method)),
                 "endpoint": f"{unit_of(endpoint)}, week {endpoint.week:g}"}  # fmt: skip
        for name, percent in _MEASURES.items():
            if name not in mine.index:  # could not be estimated, or is not of this method
                cells[name] = "–"
                continue
            value, error = (float(mine.loc[name, column]) for column in ("value", "error"))
            item, shares = on_scale(endpoint, name, Measure(value, error, 0))
            cells[name] = measured(item, percent=percent or shares) if np.isfinite(value) else "–"
        rows.append(cells)
    return rows


def spelled(hypothesis: str) -> str:
    """Return a hypothesis with the signs of print."""
    return hypothesis.replace(" - ", " − ").replace(">=", "≥").replace("_", " ")


def method_words(name: str) -> str:
    """Return a method's name as a person writes it."""
    first, *more = name.split(", ")
    words = {"mmrm": "MMRM", "ancova": "ANCOVA", "responder": "difference of shares"}.get(first, first)
    return ", ".join([words, *more])


def tipping_rows(report: TrialReport) -> list[tuple[str, str, str]]:
    """Return for each shift of those who left treatment: the mean estimate, and how often a benefit is still shown."""
    tipping = report.design.file.analysis.tipping
    if tipping is None:
        return []
    rows, first = report.run.analyses, report.design.hypotheses[0]
    found = []
    for delta in tipping.deltas:
        mine = rows[(rows["hypothesis"] == first.name) & (rows["method"] == tipping.method(delta))]
        mine = mine[np.isfinite(mine["estimate"])]
        if len(mine) > 1:
            shown = share(mine["rejected"] & (mine["estimate"] < 0))
            found.append((f"{delta:g}", measured(mean_of(mine["estimate"])), measured(shown, percent=True)))
    return found


def prediction_rows(report: TrialReport) -> list[dict[str, str]]:
    """Return the predictions, then published effects, the largest first: one table for page and terminal."""
    rows = []
    for item in report.benefits:
        low, high = item.interval
        doubt = f", between draws {item.between_draws:.2f}" if np.isfinite(low) else ""
        rows.append({
            "treatment": f"{item.treated}, {'made up' if report.synthetic else 'predicted'}", "against": item.control,
            "benefit": _two(item.mean), "interval": _span(low, high, "one draw"), "week": f"{item.week:g}",
            "source": "this bank", "doi": "", "how": f"SD between patients {item.between_patients:.2f}{doubt}; error "
            f"from the bank's size {item.sampling:.3f}",
        })  # fmt: skip
    for row in comparators():
        rows.append({
            "treatment": row.treatment, "against": row.against, "benefit": _two(row.benefit),
            "interval": _span(row.low, row.high, "not read"), "week": f"{row.week:g}" if np.isfinite(row.week) else "–",
            "source": row.source, "doi": row.doi, "how": row.how_obtained,
        })  # fmt: skip
    return rows


def _span(low: float, high: float, otherwise: str) -> str:
    return f"{_two(low)} to {_two(high)}" if np.isfinite(low) else otherwise


def _two(value: float) -> str:
    return f"{value:z.2f}".replace("-", "−")  # z: what rounds to nothing has no sign
