"""The page for a trial meeting: everything inline, nothing fetched."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from senospine.report.template import write_page
from senospine.report.trial.checklist import checklist
from senospine.report.trial.consort import consort_svg, largest_error
from senospine.report.trial.drawing import design_svg
from senospine.report.trial.effect import effect_svg, responders_svg
from senospine.report.trial.markers import markers_svg
from senospine.report.trial.power import beside_svg, power_svg
from senospine.report.trial.rows import (
    beside_rows,
    method_rows,
    method_words,
    prediction_rows,
    spelled,
    tipping_rows,
)
from senospine.report.trial.safety import platelets_svg, prescribed_rows, safety_rows
from senospine.report.trial.told import TrialReport, measured, sentences
from senospine.report.trial.units import axis_of
from senospine.report.words import count
from senospine.runs import versions
from senospine.stats.intervals import wilson_interval
from senospine.stats.performance import monte_carlo_interval
from senospine.trial import comparators
from senospine.trial.followed import IMPROVEMENTS

#: words of the design's own measures; what is counted by arm has a table of its own
_WORDS = {
    "success": "success: primary rejected in the direction of benefit", "right_decision": "right go or no-go",
    "assurance": "assurance: success averaged over draws", "patients": "patients randomised",
    "screened": "patients screened", "screen_failures": "screen failures", "overrun": "randomised beyond the look",
    "weeks": "weeks from the first candidate to the decision",
    "tipping_point": "tipping point: shift at which a benefit is lost, mean of trials that show one",
    "never_tips": "never tips, up to the largest shift",
}  # fmt: skip
_SHARES = {"success", "right_decision", "assurance", "screen_failures", "never_tips"}
#: further columns of the analyses, shown where a design has them
_MORE = {
    "interaction": "Interaction found", "bias_if_chosen": "Bias if chosen", "coverage_if_chosen": "Coverage if chosen",
}  # fmt: skip


def write_trial_report(path: str | Path, report: TrialReport) -> Path:
    """Write one self-contained HTML page and return its path.

    Nothing in it is fetched: style and figures are inline.

    Raises
    ------
    FileError
        The file cannot be written.
    """
    return write_page(path, "trial.html", _contents(report))


def _contents(report: TrialReport) -> dict[str, Any]:
    design, followed, methods = report.design, report.followed, method_rows(report)
    primary = design.file.endpoints[design.hypotheses[0].endpoint]
    figures = {
        "design": design_svg(design), "consort": consort_svg(followed, report.run.conduct),
        "effect": effect_svg(followed), "platelets": platelets_svg(followed), "power": power_svg(report.rivals),
        "responders": responders_svg(followed),
    }  # fmt: skip
    if followed.markers:
        figures["markers"] = markers_svg(followed)
    if report.benefits:
        figures["beside"] = beside_svg(report.benefits, comparators())
    return {
        "report": report, "design": design, "plan": design.file, "result": report.result,
        "figures": {name: Markup(svg) for name, svg in figures.items()},  # every word was escaped where it was put in
        "sentences": sentences(report), "measure": axis_of(followed.measure), "primary": primary,
        "own": _own_rows(report), "methods": methods, "beside": beside_rows(report),
        "more": {name: words for name, words in _MORE.items() if any(row[name] != "–" for row in methods)},
        "tipping": tipping_rows(report), "predictions": prediction_rows(report),
        "prescribed": prescribed_rows(followed), "flow_error": largest_error(report.run.conduct, design),
        "rejected": "type I error" if report.result.null else "power, two-sided",
        "nominal": monte_carlo_interval(design.file.analysis.alpha, report.result.trials),
        "responder_rows": _responder_rows(report), "safety": safety_rows(followed, report.run.conduct),
        "benefits": report.benefits, "best": comparators()[0].benefit, "draws": len(report.bank.draws),
        "followed": followed, "synthetic": report.synthetic, "ademp": _ademp(report),
        "beside_trials": min((rival.own.trials for rival in report.rivals.designs[1:]), default=0),
        "size_trials": min(item.trials for rival in report.rivals.designs for item in rival.sizes.values()),
        "checklist": checklist(report, list(figures.values())), "provenance": _provenance(report),
        "command": report.command, "version": versions()["senospine"],
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }  # fmt: skip


def _own_rows(report: TrialReport) -> list[tuple[str, str]]:
    found = report.result.design
    return [(words, measured(found[name], percent=name in _SHARES)) for name, words in _WORDS.items() if name in found]


def _responder_rows(report: TrialReport) -> list[tuple[str, list[str]]]:
    """Return for 30 and 50 % what trial 0 found in each arm, with its interval, and the mean of the followed trials."""
    followed, arms = report.followed, report.followed.example.enrolled.arm
    rows = []
    for cut in (30.0, 50.0):
        at = int(np.flatnonzero(cut == IMPROVEMENTS)[0])
        cells = []
        for index in range(len(report.design.arms)):
            of = int((arms == index).sum())
            happened = round(float(followed.responders[0, index, at]) * of)
            low, high = wilson_interval(happened, of)
            shares = followed.responders[:, index, at]
            error = 100 * float(shares.std(ddof=1)) / np.sqrt(len(shares)) if len(shares) > 1 else 0.0
            cells.append(
                f"{happened} of {of} ({100 * low:.0f}–{100 * high:.0f} %); {100 * shares.mean():.1f} ± {error:.1f} %"
            )
        rows.append((f"at least {cut:.0f} % better", cells))
    return rows


def _ademp(report: TrialReport) -> list[tuple[str, str]]:
    """Return aims, data, estimands, methods and performance of the simulation, from design and run."""
    plan, made = report.design.file, report.run.manifest["inputs"]
    methods = [method_words(name) for name in (plan.analysis.method, *plan.analysis.sensitivity)]
    return [
        ("Aims", plan.question),
        ("Data", f"{report.result.trials:,} trials of {plan.patients:,} patients from a bank of "
         f"{len(report.bank.baseline):,} "
         f"({dict(report.bank.made_by).get('how', 'not stated')}), {count(len(report.bank.draws), 'draw')} of "
         "the parameters, fresh noise "
         f"for each trial, seed {made['seed']}; leaving {plan.dropout.mechanism}"),
        ("Estimands", f"{spelled(report.design.hypotheses[0].name)}, week "
         f"{report.design.file.endpoints[report.design.hypotheses[0].endpoint].week:g}; "
         f"stopping: {plan.estimand.stopping}; rescue: {plan.estimand.rescue}. The truth of a trial is the same "
         "contrast had nobody been missing"),
        ("Methods", f"{', '.join(methods)}; covariance {plan.analysis.covariance}, {plan.analysis.df}; "
         f"multiplicity {report.design.multiplicity}, "
         f"two-sided {100 * plan.analysis.alpha:g} %"),
        ("Performance", "share rejected, bias, coverage, size, screen failures, right decisions, each ± its "
         "Monte-Carlo standard error (Morris 2019)"),
    ]  # fmt: skip


def _provenance(report: TrialReport) -> list[tuple[str, str]]:
    """Return what made this page, as (what, value); machine paths stay out."""
    manifest, made = report.run.manifest, report.run.manifest["inputs"]
    rows = [
        ("design", f"{report.design.name}, sha256 {report.design.sha256}"), ("bank", f"sha256 {report.bank.sha256}"),
        ("seed", str(made["seed"])), ("trials", f"{report.result.trials:,}, blocks of {made['block']}"),
    ]  # fmt: skip
    bank = dict(report.bank.made_by)
    rows.append(("bank made by", str(bank.get("how", "not stated"))))
    inputs = dict(bank.get("inputs", {}))
    rows += [(f"bank: {name}", str(inputs[name])) for name in ("model", "seed", "rtol", "code_path") if name in inputs]
    for rival in report.rivals.designs[1:]:
        rows.append((f"beside: {rival.label}", f"sha256 {rival.design.sha256}"))
    used = manifest.get("versions", {})
    rows.append(("versions of the run", ", ".join(f"{name} {value}" for name, value in used.items())))
    return rows
