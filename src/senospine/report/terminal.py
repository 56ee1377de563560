"""What a person sees in the terminal: one clear table, then where to look next."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from senospine.assays import Readout
from senospine.evidence import Contrast, Doubt, Fact, Reproduction, Score, Total, totals_by_species
from senospine.evidence.scoreboard import VERDICTS
from senospine.model import Model
from senospine.model.events import TimedEvent
from senospine.model.expressions import text
from senospine.report.doubts import comparison_dicts, print_comparisons
from senospine.report.tables import new_table
from senospine.report.words import species_words
from senospine.runs import NOTICE
from senospine.study import Outcome, Study, readout_worlds

_STYLES = {"agrees": "green", "weak": "yellow", "misses": "red", "not testable": "dim"}


def print_scoreboard(console: Console, result: Reproduction, report: Path) -> None:
    """Print the scoreboard, its totals, the failures, and where the report is."""
    console.print()
    for study in (outcome.study for outcome in result.outcomes):
        console.print(_board(study.title, [score for score in result.scores if score.fact.study == study.name]))
    console.print(
        "paper: ↑ rise, ↓ fall, * significant, ? star unclear.  sign: share of repeats with the paper's sign.  "
        "sign+star: with its star too.\nrule: is the naive rule 'disease worse, drug better' right?  "
        "bits: log2 of the probability (of a value, its density)\n"
        "the model gave the finding over the rule's; above 0 the model knew more.",
        style="dim",
    )
    console.print()
    console.print(_totals(result))
    console.print(_against_the_rule(result.scores))
    console.print(_coverage(result.totals), highlight=False)
    _print_failures(console, result.failures, result.solves)
    console.print(f"\n{NOTICE}", style="dim", highlight=False)
    console.print(f"report: {report}", style="bold", highlight=False, soft_wrap=True)


def _against_the_rule(scores: Sequence[Score]) -> str:
    """Say where the model knows more than the naive rule, as much, and less; a tenth of a bit tells them apart."""
    gains = {score: score.gain_bits for score in scores if score.gain_bits is not None}
    more = sorted((score for score, gain in gains.items() if gain > 0.1), key=lambda score: -gains[score])
    less = sum(gain < -0.1 for gain in gains.values())
    words = (
        f"Against the naive rule, over the {len(gains)} findings on which it speaks: the model knows more on "
        f"{len(more)}, as much (within 0.1 bit) on {len(gains) - len(more) - less}, less on {less}."
    )
    named = [
        f"{row.panel} {score.label}, {row.comparison} ({gains[score]:+.1f}, {score.verdict})"
        for score, row in ((score, score.fact) for score in more[:5])
    ]
    return f"{words}\nMore on: {'; '.join(named)}." if named else words


def _board(title: str, scores: Sequence[Score]) -> Table:
    table = new_table(title)
    for name in ("panel", "read-out", "comparison", "paper"):
        table.add_column(name, no_wrap=True)
    for name in ("model", "sign", "sign+star", "rule", "bits"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    role = None
    for score in sorted(scores, key=lambda item: (item.fact.role, item.fact.subset)):
        if role not in {None, score.fact.role}:
            table.add_section()
        if role != score.fact.role:
            table.add_row("", f"[bold]{score.fact.role}[/]")
        role = score.fact.role
        style = _STYLES[score.verdict]
        table.add_row(
            score.fact.panel,
            score.label,
            score.fact.comparison,
            score.fact.text,
            "" if score.repeats is None else _statistic(score.fact, score.repeats.ratio),
            _share(score.p_sign),
            _share(score.p_star),
            "" if score.p_naive is None else {True: "yes", False: "no", None: "no"}[score.naive_sign],
            "" if score.gain_bits is None else f"{score.gain_bits:+.1f}",
            f"[{style}]{score.verdict}[/]",
        )
    return table


def _statistic(fact: Fact, value: float) -> str:
    if isinstance(fact, Contrast):
        return f"× {value:.2f}"
    return f"{value:+.0f} %" if getattr(fact, "scale", "") == "change" else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _totals(result: Reproduction) -> Table:
    table = new_table("Totals")
    table.add_column("species")
    table.add_column("role")
    for name in ("rows", *VERDICTS, "mean sign", "mean sign+star", "rule right", "bits against rule"):
        table.add_column(name, justify="right")
    by_species = totals_by_species(result.scores)
    for total in [*by_species, *result.totals]:
        table.add_row(
            species_words(total.species), total.role, str(total.rows),
            *(str(total.verdicts[verdict]) for verdict in VERDICTS),
            *("" if isnan(mean) else _share(mean) for mean in (total.mean_p_sign, total.mean_p_star)),
            f"{total.naive_hits} of {total.naive_tries}" if total.naive_tries else "", f"{total.gain_bits:+.0f}",
        )  # fmt: skip
    return table


def _coverage(found: Sequence[Total]) -> str:
    words = [
        f"{total.role} {total.in_half} and {total.in_ninety} of {total.values}" for total in found if total.values
    ]
    return f"Published values inside the central 50 and 90 % of repeats: {'; '.join(words) or 'none to test'}."


def _print_failures(console: Console, failures: Sequence[dict[str, Any]], solves: int) -> None:
    style = "bold red" if failures else ""
    console.print(f"failed animals: {len(failures)} of {solves}", style=style)
    for row in failures[:20]:
        console.print(
            f"  {row['arm']}, animal {row['animal']}: {row['sentence']} on day {row['time']:g} "
            f"({row['state']}); {row['advice']}",
            highlight=False,
        )
    if len(failures) > 20:
        console.print(f"  and {len(failures) - 20} more, all in the manifests")


def outcome_dict(outcome: Outcome, doubts: Sequence[Doubt] | None = None) -> dict[str, Any]:
    """Return read-outs and failures of one study as plain data; what its doubts rest on, where that was asked for."""
    return {
        "notice": NOTICE,
        "study": outcome.study.name,
        "folder": str(outcome.path),
        "animals_per_arm": outcome.animals,
        "seed": outcome.seed,
        "worlds": outcome.worlds,
        "failures": outcome.failures,
        "comparisons": comparison_dicts(outcome),
        **({} if doubts is None else {"doubts": [item.to_dict() for item in doubts]}),
        "readouts": [
            {
                "readout": item.name,
                "unit": item.unit,
                "definition": item.definition,
                "arms": _quantiles(outcome, item),
                "moments": {moment: _quantiles(outcome, item, moment) for moment in _moments(outcome.study)},
            }
            for item in outcome.study.readouts
        ],
    }


def _moments(study: Study) -> list[str]:
    """Return every moment of measurement in order of time; arms may have their own."""
    days = {moment: day for arm in study.arms for moment, day in arm.moments}
    return sorted(days, key=days.__getitem__)


def _quantiles(outcome: Outcome, readout: Readout, moment: str = "") -> dict[str, dict[str, float] | None]:
    """Return spread per arm, at the arm's last moment or at another; None where there is none.

    Under draws of the parameters ``p05`` and ``p95`` are those of one world's animals, ``mean_p05`` and ``mean_p95``
    those of the worlds' means.
    """
    result: dict[str, dict[str, float] | None] = {}
    for arm in outcome.study.arms:
        result[arm.name] = None
        if moment and moment not in dict(arm.moments):
            continue
        values = outcome.expected(readout, arm, moment)
        values = values[np.isfinite(values)]
        worlds = readout_worlds(outcome, readout, arm, moment)
        if len(values) and worlds is not None:
            parts = {"p05": worlds.low, "median": worlds.median, "p95": worlds.high, "mean": worlds.mean,
                     "mean_p05": worlds.mean_low, "mean_p95": worlds.mean_high, "variance_between_worlds":
                     worlds.between, "variance_within_world": worlds.within}  # fmt: skip
            result[arm.name] = {name: float(part) for name, part in parts.items()}
        elif len(values):
            low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
            result[arm.name] = {"p05": float(low), "median": float(middle), "p95": float(high)}
    return result


def _cells(arms: dict[str, dict[str, float] | None]) -> list[str]:
    return ["-" if arm is None else _cell(arm) for arm in arms.values()]


def _cell(arm: dict[str, float]) -> str:
    words = f"{arm['median']:.3g} ({arm['p05']:.3g} to {arm['p95']:.3g})"
    if "mean_p05" not in arm:
        return words
    return escape(f"{words}\n[{arm['mean_p05']:.3g} to {arm['mean_p95']:.3g}]")


def print_outcome(console: Console, outcome: Outcome, doubts: Sequence[Doubt] | None = None) -> None:
    """Print each read-out's median and spread per arm."""
    study = outcome.study
    table = new_table(f"{study.title}: {study.question}")
    followed = any(len(arm.moments) > 1 for arm in study.arms)  # else each arm has one moment, shared or its own
    table.add_column("read-out")
    if followed:
        table.add_column("when")
    table.add_column("unit")
    for arm in study.arms:
        table.add_column(arm.name, justify="right")
    for row in outcome_dict(outcome)["readouts"]:
        if not followed:
            table.add_row(row["readout"], row["unit"], *_cells(row["arms"]))
            continue
        for index, (moment, arms) in enumerate(row["moments"].items()):
            table.add_row("" if index else row["readout"], moment, "" if index else row["unit"], *_cells(arms))
    console.print(table)
    console.print(_what_varies(outcome), style="dim", markup=False, highlight=False)
    print_comparisons(console, outcome, doubts)
    _print_failures(console, outcome.failures, outcome.animals * len(study.arms))
    console.print(f"\n{NOTICE}", style="dim", highlight=False)
    console.print(f"outcome: {outcome.path}", style="bold", highlight=False, soft_wrap=True)


def _what_varies(outcome: Outcome) -> str:
    if outcome.worlds < 2:
        return (
            f"median (5 to 95 % of {outcome.animals} animals per arm): differences between animals only; no measurement "
            "noise, no uncertainty of parameters"
        )
    drawn = outcome.manifest["inputs"]["draws"]
    return (
        f"median (5 to 95 % of one world's animals) [5 to 95 % of the mean over worlds]: {outcome.animals} animals per "
        f"arm in {outcome.worlds} worlds, one draw of the parameters each ({drawn['source']}); no measurement noise"
    )


def model_dict(model: Model) -> dict[str, Any]:
    """Return equations, values and provenance of a model as plain data."""
    return {
        "model": model.name,
        "sha256": model.sha256,
        "time_unit": str(model.time_unit),
        "states": {
            name: {"initial": text(model.initial[name]), "rate": text(model.rates[name])} for name in model.states
        },
        "assignments": {name: text(formula) for name, formula in model.assignments.items()},
        "derived": {name: text(formula) for name, formula in model.derived.items()},
        "events": {event.id: _event_dict(event) for event in model.events},
        "parameters": {
            name: {"value": value, **_provenance(model, name)} for name, value in sorted(model.parameters.items())
        },
        "sourced": sum(not row.assumed for row in model.register.values()),
        "assumed": sum(row.assumed for row in model.register.values()),
        **({"text": model.text} if model.text else {}),
    }


def _event_dict(event: TimedEvent) -> dict[str, Any]:
    return {
        "trigger": text(event.trigger),
        "delay": text(event.delay),
        "assigned": {item.state: text(item.value) for item in event.assigned},
    }


def _provenance(model: Model, name: str) -> dict[str, Any]:
    row = model.register.get(name)
    if row is None:
        return {"unit": str(model.units.get(name, "")), "source": None}
    keys = ("unit", "prior", "low", "high", "between_animal_cv", "source", "doi", "confidence", "reason", "meaning")
    return {key: getattr(row, key) for key in keys}


def print_model(console: Console, model: Model) -> None:
    """Print equations, then parameters with their sources."""
    plain = model_dict(model)
    console.print(f"model '{model.name}'", style="bold", end="")
    console.print(f"  {len(model.states)} states, {len(model.parameters)} parameters, hash {model.sha256[:12]}")
    for name, row in plain["states"].items():
        console.print(f"  d {name}/dt = {row['rate']}", highlight=False, soft_wrap=True)
    for name, formula in plain["assignments"].items():
        console.print(f"  {name} = {formula}", highlight=False, soft_wrap=True)
    table = new_table("Parameters")
    for name in ("parameter", "value", "unit", "source", "confidence"):
        table.add_column(name, justify="right" if name == "value" else "left")
    for name, row in plain["parameters"].items():
        source = row["source"] or "none given"
        table.add_row(name, f"{row['value']:g}", row["unit"], source, row.get("confidence", ""))
    console.print(table)
    if model.register:
        console.print(f"{plain['sourced']} parameters with a source, {plain['assumed']} assumptions")
    if model.text:
        console.print("\nThe text it was composed into:")
        console.print(model.text, markup=False, highlight=False, soft_wrap=True)


def evidence_dicts(rows: Sequence[Fact]) -> list[dict[str, Any]]:
    """Return rows of evidence as plain data."""
    return [row.to_dict() for row in rows]


def print_evidence(console: Console, rows: Sequence[Fact]) -> None:
    """Print published findings, one a line."""
    table = new_table("Published findings")
    for name in ("study", "panel", "read-out", "comparison", "paper", "n", "role"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        n = f"{row.n_low} to {row.n_high}" if row.n_low < row.n_high else str(row.n_low)
        table.add_row(row.study, row.panel, row.readout, row.comparison, row.text, n, row.role)
    console.print(table)
    sources = sorted({f"{row.source}, doi {row.doi}" for row in rows})
    console.print(f"{len(rows)} findings from {'; '.join(sources)}. How each was obtained: --json", highlight=False)
