"""The credibility checklist, filled from the run: each line computed or read, and those that cannot be filled say so.

Lines follow the FDA's guidance on computational modelling (2023), ASME V&V 40 and ICH M15.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from senospine.assays import assay_register
from senospine.calibration import shipped_posterior
from senospine.errors import SenospineError
from senospine.model import extrapolation_map, load_model
from senospine.model.links import counts
from senospine.report.svg import MARK
from senospine.report.trial.told import TrialReport, primary_row
from senospine.report.words import count
from senospine.runs import NOTICE
from senospine.stats.performance import monte_carlo_interval
from senospine.trial import coverage_table, population_table, stopping_text

Status = Literal["filled", "partly", "not filled"]
_NO_MECHANISM = "The bank was made from closed forms, without a mechanism: there is nothing to tell."


@dataclass(frozen=True)
class Line:
    """One line of the checklist."""

    item: str
    status: Status
    told: str


def checklist(report: TrialReport, figures: list[str]) -> list[Line]:
    """Return the lines in the order of the guidance; ``figures`` are the SVG texts of the page."""
    fill: list[tuple[str, Callable[[TrialReport], tuple[Status, str]]]] = [
        ("Question of interest", _question), ("Context of use", _context),
        ("Model risk: influence × consequence", _risk),
        ("Plan fixed and hashed before the run", _plan), ("Equations, units and diagram from the model", _equations),
        ("Parameters with source and confidence", _register), ("Assumptions, each with a switch", _assumptions),
        ("Calibration against held-out data", _calibration), ("Identifiability", _identifiability),
        ("Verification of code and calculation", _verification), ("Population: how made, how covered", _population),
        ("Sensitivity", _sensitivity), ("Uncertainty: parameters, structure, sampling", _uncertainty),
        ("Validation, failures shown", _validation), ("Negative controls", _negative),
        ("Extrapolation from mouse to human", _extrapolation), ("Seed, versions, hashes", _versions),
        ("Limitations", _limitations),
    ]  # fmt: skip
    lines = [Line(item, *told(report)) for item, told in fill]
    return [*lines, Line("Synthetic data marked", *_marked(report, figures))]


def _made(report: TrialReport) -> dict[str, Any]:
    return dict(report.bank.made_by)


def _question(report: TrialReport) -> tuple[Status, str]:
    return "filled", report.design.file.question


def _context(report: TrialReport) -> tuple[Status, str]:
    return "partly", (
        "For ranking hypotheses and stress-testing trial designs. Not for choosing a dose for a person, not as "
        "evidence "
        "of efficacy or safety, not in place of a trial. This is the product's; the design file states none of its own."
    )


def _risk(report: TrialReport) -> tuple[Status, str]:
    return (
        "not filled",
        "Influence and consequence belong to the decision that this page is used for; no file states it.",
    )


def _plan(report: TrialReport) -> tuple[Status, str]:
    made = report.run.manifest["inputs"]
    same = made["design"] == report.design.sha256
    return ("filled" if same else "not filled"), (
        f"Design {report.design.sha256[:16]}, bank {made['bank'][:16]} and seed {made['seed']} were written into the "
        "manifest before the first trial; a run under another design, bank or seed is refused in its folder."
    )


def _equations(report: TrialReport) -> tuple[Status, str]:
    if report.synthetic:
        return "not filled", _NO_MECHANISM
    human, made = load_model("human"), dict(_made(report)["inputs"])
    if human.sha256 != made["model"]:
        return "partly", f"The bank was made with model {made['model'][:16]}; the installed one is {human.sha256[:16]}."
    return "filled", (
        f"Model human, {human.sha256[:16]}, the one the bank was made with: {len(human.variables)} variables, "
        "units checked; "
        "'senospine model show human' prints the equations, '--picture' draws the diagram."
    )


def _register(report: TrialReport) -> tuple[Status, str]:
    registers = {"assays": assay_register()}
    if not report.synthetic:
        registers = {"human model": load_model("human").register, **registers}
    told = []
    for name, rows in registers.items():
        found = list(rows.values())
        trust = ", ".join(
            f"{sum(row.confidence == level for row in found)} {level}" for level in ("high", "medium", "low")
        )
        told.append(f"{name}: {len(found)} parameters, {sum(row.assumed for row in found)} assumed; confidence {trust}")
    return ("partly" if report.synthetic else "filled"), "; ".join(told) + "."


def _assumptions(report: TrialReport) -> tuple[Status, str]:
    if report.synthetic:
        return "not filled", _NO_MECHANISM
    rows = load_model("human").register.values()
    return "partly", (
        f"{sum(row.assumed for row in rows)} parameters of the model rest on assumption and are named so in its "
        "register; "
        "each can be set to another value, but they are not numbered, and not every assumption of structure has "
        "a switch."
    )


def _calibration(report: TrialReport) -> tuple[Status, str]:
    if report.synthetic:
        return "not filled", _NO_MECHANISM
    targets = list(_made(report).get("targets", []))
    held = sum(population_table(report.bank.baseline)["role"] == "validation")
    return "filled", (
        f"Mechanism: {_made(report).get('carried', 'not stated')}. Population: weighted to {len(targets)} "
        "published figures, "
        f"{held} more held out (see Validation). No trial of a senolytic in people could be calibrated to."
    )


def _identifiability(report: TrialReport) -> tuple[Status, str]:
    if report.synthetic:
        return "not filled", _NO_MECHANISM
    try:
        found = shipped_posterior()
    except SenospineError as error:
        return "not filled", f"The mouse's posterior cannot be read: {error.what}."
    told = list(found.contraction().values())
    learned = sum(value >= 0.5 for value in told)
    d = found.diagnostics
    return "partly", (
        f"Posterior of the mouse: data took away at least half of the prior variance of {learned} of "
        f"{len(told)} parameters; "
        f"largest R-hat {d['largest_rhat']:.3f}, smallest effective size {d['smallest_bulk_effective']:,.0f}. Of "
        "the multipliers "
        "from mouse to human nothing is known but their priors."
    )


def _verification(report: TrialReport) -> tuple[Status, str]:
    followed, made = report.followed, dict(_made(report).get("inputs", {}))
    exact = followed.reproduced == followed.trials
    rtol = f" Courses of patients were solved to a relative tolerance of {made['rtol']:g}." if "rtol" in made else ""
    return ("filled" if exact else "partly"), (
        f"For this page {followed.trials} of {report.result.trials:,} trials were simulated again: "
        f"{followed.reproduced} of them gave every count "
        f"and the true contrast to the last bit. Monte-Carlo error of the chance of success: "
        f"{100 * report.result.design['success'].error:.1f} points of 100.{rtol}"
    )


def _population(report: TrialReport) -> tuple[Status, str]:
    made = _made(report)
    size, draws = len(report.bank.baseline), len(report.bank.draws)
    weight = report.bank.baseline["weight"].to_numpy(float)
    effective = weight.sum() ** 2 / np.square(weight).sum()
    told = f"{size:,} patients in {count(draws, 'draw')} ({made.get('how', 'not stated')}), effective {effective:,.0f}"
    if report.synthetic:
        return "partly", told + "; ranges by hand, no coverage of a real population is claimed."
    cells = coverage_table(report.bank.baseline)
    covered = cells.loc[cells["covered"], "share"].sum()
    refused = dict(made.get("refused", {})).get("any of them", 0)
    return "filled", (
        f"{told}; {refused:,} of {made.get('sampled', 0):,} sampled were implausible and refused. Cells of age, "
        "pain, defect and "
        f"Modic change with at least five effective people hold {covered:.1f} % of the population."
    )


def _sensitivity(report: TrialReport) -> tuple[Status, str]:
    methods = list(dict.fromkeys(report.result.methods.index.get_level_values("method")))
    return "partly", (
        f"Of the analysis: {', '.join(map(str, methods))} on the same trials. Of the design: "
        f"{sum(len(rival.sizes) for rival in report.rivals.designs)} sizes and populations. Of single "
        "parameters: not computed "
        "for this page."
    )


def _uncertainty(report: TrialReport) -> tuple[Status, str]:
    rows = report.primary
    told = f"Sampling of patients: estimates of one trial scatter with SD {rows['estimate'].std():.3f}."
    if len(report.bank.draws) > 1 and report.benefits:
        item = report.benefits[0]
        told = (
            f"Parameters: benefit differs between {len(report.bank.draws)} draws with SD {item.between_draws:.2f}. "
            + told
        )
        return "partly", told + " Structure: one mechanism; rivals of it were not run."
    return "partly", told + " Parameters: the bank has one draw of them. Structure: not computed."


def _validation(report: TrialReport) -> tuple[Status, str]:
    if report.synthetic:
        return "not filled", _NO_MECHANISM
    table = population_table(report.bank.baseline)
    held = table[table["role"] == "validation"]
    wrong = held[~held["agrees"].astype(bool)]
    missed = [f"{figure} ({source})" for figure, source in zip(wrong["figure"], wrong["source"], strict=True)]
    told = f"Population: {len(held) - len(missed)} of {len(held)} figures held out are met"
    return "partly", (
        told + (f"; missed: {'; '.join(missed)}" if missed else "")
        + ". Effect of a senolytic on back pain in people: nothing to hold it against."
    )  # fmt: skip


def _negative(report: TrialReport) -> tuple[Status, str]:
    alpha = report.design.file.analysis.alpha
    result = report.result if report.result.null else report.rivals.null
    if result is None:
        return "not filled", "No drug that does nothing was run."
    row = primary_row(result, report.design, "rejected")
    low, high = monte_carlo_interval(alpha, result.trials)
    inside = "inside" if low <= row["value"] <= high else "outside"
    what = "This design is one" if report.result.null else "The same design with drugs that do nothing"
    return "filled", (
        f"{what}: a difference in {100 * row['value']:.1f} % of {result.trials:,} trials, {inside} of "
        f"{100 * low:.1f} to "
        f"{100 * high:.1f} %, as a true {100 * alpha:g} % shows."
    )


def _extrapolation(report: TrialReport) -> tuple[Status, str]:
    if report.synthetic:
        return "not filled", _NO_MECHANISM
    found = counts(extrapolation_map(load_model("human")))
    return "filled", (
        "Arrows of the mechanism: {human} seen in people, {mouse} in mice only, {assumed} assumed".format(
            **found["light"]
        )
        + "; their sizes: {human}, {mouse}, {assumed}. 'senospine model map human' shows each.".format(**found["size"])
    )


def _versions(report: TrialReport) -> tuple[Status, str]:
    made = report.run.manifest["inputs"]
    used = report.run.manifest.get("versions", {})
    names = ", ".join(f"{name} {used[name]}" for name in ("senospine", "python", "numpy") if name in used)
    return "filled", f"Seed {made['seed']}; {names}; hashes under Provenance."


def _limitations(report: TrialReport) -> tuple[Status, str]:
    told = ["No human senolytic trial in back pain was found: every prediction is an extrapolation."]
    told.append(stopping_text(report.design, report.bank))
    if report.synthetic:
        told.append("The patients are made up; nothing here is a prediction.")
    told.append("How pain fluctuates over months and how context differs between controls is known least.")
    return "filled", " ".join(told)


def _marked(report: TrialReport, figures: list[str]) -> tuple[Status, str]:
    marked = sum(MARK in item for item in figures)
    files = sorted((report.run.path / "first-trial").rglob("*.*"))
    noted = sum(_has_notice(path) for path in files)
    good = marked == len(figures) and noted == len(files)
    told = f"{marked} of {len(figures)} figures of this page"
    told += f", {noted} of {len(files)} files of the first trial's tables" if files else ""
    return ("filled" if good else "partly"), told + " carry the mark; the run's tables carry it in their manifest."


def _has_notice(path: Path) -> bool:
    return NOTICE in path.read_text(encoding="utf-8", errors="replace")
