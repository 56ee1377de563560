"""The scoreboard in the terminal: one clear table a study, totals, then where to look next; and what is scored."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from senospine.evidence import Contrast, Fact, Reproduction, Score, Total, totals_by_species
from senospine.evidence.scoreboard import VERDICTS
from senospine.report.glance import in_order
from senospine.report.outcomes import print_failures
from senospine.report.tables import new_table
from senospine.report.words import calibration_first, species_words
from senospine.runs import NOTICE

_STYLES = {"agrees": "green", "weak": "yellow", "misses": "red", "not testable": "dim"}


def print_scoreboard(console: Console, result: Reproduction, report: Path) -> None:
    """Print the scoreboard, its totals, the failures, and where the report is."""
    console.print()
    for study in (outcome.study for outcome in in_order(result.outcomes)):
        mine = [score for score in result.scores if score.fact.study == study.name]
        if mine:
            console.print(_board(study.title, mine))
        else:
            console.print(study.title, style="bold")
            console.print(" nothing published to score\n", style="dim")
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
    print_failures(console, result.failures, result.solves)
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
    table = new_table(
        title, "panel", "read-out", "comparison", "paper", ">model", ">sign", ">sign+star", ">rule", ">bits", "verdict",
        no_wrap=True,
    )  # fmt: skip
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
    table = new_table(
        "Totals", "species", "role", ">rows", *(f">{verdict}" for verdict in VERDICTS), ">mean sign", ">mean sign+star",
        ">rule right", ">bits against rule",
    )  # fmt: skip
    found = totals_by_species(result.scores)
    names = dict.fromkeys(total.species for total in found)
    by_species = [item for name in names for item in calibration_first([t for t in found if t.species == name])]
    for total in [*by_species, *result.totals]:
        table.add_row(
            species_words(total.species), total.role, str(total.rows),
            *(str(total.verdicts[verdict]) for verdict in VERDICTS),
            *("" if isnan(mean) else _share(mean) for mean in (total.mean_p_sign, total.mean_p_star)),
            f"{total.naive_hits} of {total.naive_tries}" if total.naive_tries else "",
            f"{total.gain_bits:+.0f}" if total.naive_bits else "",
        )  # fmt: skip
    return table


def _coverage(found: Sequence[Total]) -> str:
    words = [f"{total.role} {total.in_half} and {total.in_ninety} of {total.values}" for total in found if total.values]
    return f"Published values inside the central 50 and 90 % of repeats: {'; '.join(words) or 'none to test'}."


def evidence_dicts(rows: Sequence[Fact]) -> list[dict[str, Any]]:
    """Return rows of evidence as plain data."""
    return [row.to_dict() for row in rows]


def print_evidence(console: Console, rows: Sequence[Fact]) -> None:
    """Print published findings, one a line."""
    columns = ("study", "panel", "read-out", "comparison", "paper", "n", "role")
    table = new_table("Published findings", *columns, no_wrap=True)
    for row in rows:
        n = f"{row.n_low} to {row.n_high}" if row.n_low < row.n_high else str(row.n_low)
        table.add_row(row.study, row.panel, row.readout, row.comparison, row.text, n, row.role)
    console.print(table)
    sources = sorted({f"{row.source}, doi {row.doi}" for row in rows})
    console.print(f"{len(rows)} findings from {'; '.join(sources)}. How each was obtained: --json", highlight=False)
