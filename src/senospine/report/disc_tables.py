"""What a person sees of profiles, times to equilibrium and designs at the command line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from senospine.delivery import Accuracy, Comparison, Design, HalfTime, Interval, Profile
from senospine.report.svg import number
from senospine.report.tables import add_columns

_NOTICE = "Simulated by senospine, not measured; an instrument for ranking hypotheses, never medical advice."


def profile_dict(profile: Profile) -> dict[str, Any]:
    """Return a profile as plain data: line, time above it by layer, cells left by zone."""
    return {
        "drug": profile.drug, "regimen": profile.regimen, "age": profile.patient.age,
        "degeneration": profile.patient.degeneration, "line_umol_per_L": _plain(profile.line),
        "line_hazard_per_day": profile.line_hazard, "layer_edges_mm": profile.edges.tolist(),
        "time_above_line": profile.above().tolist(), "peak_umol_per_L": profile.values.max(axis=1).tolist(),
        "peak_plasma_umol_per_L": float(profile.plasma.max()),
        "senescent_cells_left_by_zone": profile.burden[:, -1].tolist(), "notice": _NOTICE,
    }  # fmt: skip


def print_profile(console: Console, profile: Profile) -> None:
    """Print peak, time above the line and cells left, by depth."""
    table = Table(title=profile.regimen, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    add_columns(table, ">depth [mm]", ">peak free [umol/L]", ">above the line", ">senescent cells left")
    for index, (peak, share) in enumerate(zip(profile.values.max(axis=1), profile.above(), strict=True)):
        middle = (profile.edges[index] + profile.edges[index + 1]) / 2
        left = f"{100 * profile.burden[(index - 4) // 2, -1]:.0f} %" if index >= 4 else "cartilage"
        shown = "–" if math.isnan(profile.line) else f"{100 * share:.0f} %"
        table.add_row(number(middle), number(float(peak)), shown, left)
    console.print(table)
    console.print(_line_words(profile), highlight=False)
    console.print(_NOTICE, style="dim", highlight=False)


def _line_words(profile: Profile) -> str:
    if math.isnan(profile.line):
        return "the drug kills no disc cells: there is no line"
    if math.isinf(profile.line):
        return f"no concentration reaches the {profile.line_hazard:.2g} a day that keeps half of the cells away"
    return (
        f"line: {number(profile.line)} umol/L free; held there it keeps half of the senescent disc cells away, its "
        f"kill of {number(profile.line_hazard)} a day balancing regrowth at half the burden"
    )


def design_dict(design: Design) -> dict[str, Any]:
    """Return a design as plain data."""
    return {name: _plain(value) for name, value in asdict(design).items()} | {"notice": _NOTICE}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_designs(console: Console, designs: Sequence[Design]) -> None:
    """Print one line a combination, and what they rest on."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    add_columns(
        table, "regimen", ">half-life\n[h]", ">release\n[h]", ">dose", ">binding", ">charge",
        ">free at centre\n[umol/L]", ">disc cells\ncleared [%]", ">relief of\npain [%]",
    )  # fmt: skip
    for item in designs:
        table.add_row(
            _short(item.regimen), number(item.half_life), number(item.release), "matched" if item.matched else "same",
            number(item.retardation), number(item.charge), *(
                _interval(part) for part in (item.exposure, item.cleared, item.relief)
            ),
        )  # fmt: skip
    console.print(table)
    first = designs[0]
    console.print(
        f"Median and central 90 % over {first.draws} draws from every prior of drug, disc and spine"
        + (f"; {sum(item.failed for item in designs)} solves failed" if any(item.failed for item in designs) else "")
        + ". Cells cleared and relief are against the same person untreated, at the end.",
        highlight=False,
    )
    for item in {id(item): item for item in (first, designs[-1])}.values():
        words = ", ".join(f"{name} ({rho:+.2f})" for name, rho in item.rests_on)
        if words:
            console.print(f"cells cleared by '{item.regimen}' rest on: {words}", highlight=False, style="dim")
    console.print(_NOTICE, style="dim", highlight=False)


def _short(regimen: str) -> str:
    return regimen.removesuffix(" from day 0 after enrolment").removesuffix(" at day 0 after enrolment")


def _interval(part: Interval) -> str:
    return f"{number(part.median)} ({number(part.low)} to {number(part.high)})"


def half_time_rows(found: Sequence[HalfTime]) -> list[str]:
    """Return times to half-equilibrium as the rows of a Markdown table, hours below two days."""
    rows = [
        "| disc | drug | binding | half-equilibrium | free at the centre in the end, over plasma |",
        "|---|---|---|---|---|",
    ]
    for item in found:
        unit, factor = ("h", 24.0) if item.median < 2 else ("d", 1.0)
        middle, low, high = (number(factor * value) for value in (item.median, item.low, item.high))
        level = f"{number(item.level)} ({number(item.level_low)}–{number(item.level_high)})"
        rows.append(
            f"| {item.species} | {item.drug} | {item.retardation:g} | {middle} {unit} ({low}–{high}) | {level} |"
        )
    return rows


def accuracy_rows(found: Sequence[Accuracy]) -> list[str]:
    """Return errors of the layers as the rows of a Markdown table, one line a case, percent of the boundary."""
    counts = sorted({item.layers for item in found})
    head = " | ".join(f"{count} layers" for count in counts)
    rows = [f"| case | centre: {head} | mean over time: {head} |", "|---" * (1 + 2 * len(counts)) + "|"]
    for case in dict.fromkeys(item.case for item in found):
        own = {item.layers: item for item in found if item.case == case}
        centre = " | ".join(f"{100 * own[count].centre:.3f}" for count in counts)
        area = " | ".join(f"{100 * own[count].area:.3f}" for count in counts)
        rows.append(f"| {case} | {centre} | {area} |")
    return rows


def antibiotic_rows(found: Sequence[Comparison]) -> list[str]:
    """Return published entry of antibiotics beside its prediction as the rows of a Markdown table."""
    rows = ["| | published | predicted | inside |", "|---|---|---|---|"]
    for item in found:
        ends = "" if item.measured_low is None else f" ({number(item.measured_low)}–{number(item.measured_high)})"
        predicted = f"{number(item.median)} ({number(item.low)}–{number(item.high)})"
        words = f"{item.name.split('_')[0]}, {item.quantity} [{item.unit}]"
        rows.append(f"| {words} | {number(item.measured)}{ends} | {predicted} | {'yes' if item.hit else '**no**'} |")
    return rows
