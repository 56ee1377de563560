"""The design drawn from its file: who is screened, how they are randomised, what they get and when they are seen."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from senospine.report.svg import ARM_COLOURS, FAINT, INK, QUIET, VERMILION, figure, line, text, tick_text, ticks
from senospine.report.trial.graph import graph_parts
from senospine.report.trial.panel import WIDTH
from senospine.trial import Design
from senospine.trial.dosing import dosing_days
from senospine.trial.file import Range, Shares

_LEFT, _RIGHT = 366.0, 24.0
_MOST_WORDS = 40  # letters of endpoints below a visit


def design_svg(design: Design) -> str:
    """Return the design as a picture."""
    plan = design.file
    entry, notes, looks = _entry(design), _notes(design), _looks(design)
    given = [_given(design, index) for index in range(len(design.arms))]
    tall = [54 + 11 * len(rows) for rows in given]
    # the lines to the arms run below what is written over them
    written = 15 * max(len(entry), len(notes))
    top = 44.0 + max(0, written + 38 - sum(tall) / 2, written - 14)
    middle, bottom = top + sum(tall) / 2, top + sum(tall) + 6
    parts = [text(14, 24, "Screening", "title"), text(196, 24, "Randomisation", "title")]
    parts += [text(14, 44 + 15 * k, words, "small") for k, words in enumerate(entry)]
    parts += [text(196, 44 + 15 * k, words, "small") for k, words in enumerate(notes)]
    parts += [
        line(14, middle, 228, middle, QUIET, 1.6),
        f'<circle cx="245" cy="{middle:.1f}" r="17" fill="#fff" stroke="{INK}" stroke-width="1.6"/>',
        text(245, middle + 5, "R", "title", text_anchor="middle"),
    ]
    scale = (WIDTH - _LEFT - _RIGHT) / plan.weeks

    def at(week: float) -> float:
        return _LEFT + scale * week

    parts.append(text(_LEFT, 24, f"Treatment and visits, {plan.weeks:g} weeks", "title"))
    for index, name in enumerate(design.arms):
        y = top + sum(tall[:index])
        parts += _lane(design, index, name, y, at, given[index])
        parts.append(
            f'<path d="M262,{middle:.1f}C300,{middle:.1f} 300,{y + 30:.1f} {_LEFT - 24:.1f},{y + 30:.1f}" fill="none" '
            f'stroke="{_colour(index)}" stroke-width="1.6"/>'
        )
    parts += _visits(design, bottom, at)
    parts += [text(_LEFT, bottom + 78 + 15 * k, words, "small") for k, words in enumerate(looks)]
    height = bottom + 78 + 15 * len(looks) + 16
    if isinstance(plan.analysis.multiplicity, Shares) and design.graph is not None:
        more, tall_graph = graph_parts(design.graph, height)
        parts, height = parts + more, height + tall_graph
    return figure(WIDTH, height, parts, f"Design of {design.name}")


def colour_of(design: Design, arm: str) -> str:
    """Return the colour of an arm on every figure of the page."""
    return _colour(design.arms.index(arm))


def _colour(index: int) -> str:
    return ARM_COLOURS[index % len(ARM_COLOURS)]


def _entry(design: Design) -> list[str]:
    """Return who may enter, in lines."""
    plan, entry = design.file, design.file.entry
    ranges: tuple[tuple[str, Range, str], ...] = (
        ("age", entry.age, " years"), ("pain", entry.pain, f", mean of {entry.pain.days} days"),
        ("Oswestry index", entry.odi, " %"), ("platelets", entry.platelets, " ·10⁹/L"),
    )  # fmt: skip
    rows = [f"{name} {_range(item)}{more}" for name, item, more in ranges if _said(item)]
    rows += [f"{name.replace('_', ' ')} {_range(item)} ({item.mode})" for name, item in entry.markers.items()]
    population = plan.population
    if population.kind != "all-comers":
        marker = f"{population.marker} ≥ {population.at_least:g}".replace("_", " ")
        words = {
            "marker-enriched": f"only {marker} ({population.mode})",
            "stratified": f"all; also tested in {marker} ({population.mode})",
            "two-stage": f"first {100 * population.first_stage:.0f} % all-comers, then perhaps only {marker} "
            f"({population.mode})",
        }
        rows += textwrap.wrap(words[population.kind], 27)
    return rows or ["no criteria"]


def _said(item: Range) -> bool:
    return item.at_least is not None or item.at_most is not None


def _range(item: Range) -> str:
    low, high = item.at_least, item.at_most
    if low is None and high is None:
        return "any"
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f"≥ {low:g}" if low is not None else f"≤ {high:g}"


def _notes(design: Design) -> list[str]:
    """Return how they are randomised, in lines."""
    plan = design.file
    strata = [
        "sex" if name == "sex" else f"{name}\u00a0≥\u00a0{cut:g}".replace("_", " ")
        for name, cut in plan.stratify.items()
    ]
    if plan.population.kind in {"stratified", "two-stage"}:
        strata.append("marker")
    notes = [f"{plan.patients:,} patients", f"blocks of {plan.block}"]
    notes += textwrap.wrap("strata: " + ", ".join(strata), 24) if strata else ["no strata"]
    return notes


def _given(design: Design, index: int) -> list[str]:
    """Return what an arm gets, in lines."""
    arm, context = design.file.arms[design.arms[index]], design.contexts[index]
    if arm.control is not None:
        return [f"control: {arm.control}"]
    own = arm.given_as or context != design.contexts[0]
    words = f"{arm.therapy} (as {context})" if own else str(arm.therapy)
    return textwrap.wrap(words, 88)


def _lane(design: Design, index: int, name: str, y: float, at: Callable[[float], float], given: list[str]) -> list[str]:
    plan, arm, colour = design.file, design.file.arms[name], _colour(index)
    share = f", allocation {arm.allocation}" if len({item.allocation for item in plan.arms.values()}) > 1 else ""
    parts = [text(_LEFT, y + 12, f"{name}{share}", "title")]
    left, right = at(0), at(plan.weeks)
    y += 30
    parts.append(line(left, y, right, y, FAINT, 8, 'stroke-linecap="butt"'))
    if arm.therapy is not None:
        days = dosing_days(arm.therapy, 7 * plan.weeks)
        spans = days if days is not None else [(0.0, 7 * plan.weeks)]
        parts += [
            f'<rect x="{at(a / 7):.1f}" y="{y - 5:.1f}" '
            f'width="{max(at(b / 7) - at(a / 7), 1.2):.1f}" height="10" fill="{colour}"/>'
            for a, b in spans
        ]
    for k, row in enumerate(given):
        parts.append(text(_LEFT, y + 17 + 11 * k, row, "unit"))
    return parts


def _visits(design: Design, bottom: float, at: Callable[[float], float]) -> list[str]:
    plan = design.file
    right = at(plan.weeks)
    parts = [line(_LEFT, bottom, right, bottom, INK, 1.2)]
    last = -1e9
    for week in ticks(0, plan.weeks, 9):
        parts += [
            line(at(week), bottom, at(week), bottom + 4, INK),
            text(at(week), bottom + 32, tick_text(week), "tick", text_anchor="middle"),
        ]
    for week in plan.visits:
        x = at(week)
        ends = [name for name, item in plan.endpoints.items() if item.week == week]
        fill = VERMILION if ends else "#fff"
        parts.append(
            f'<path d="M{x - 5:.1f},{bottom + 16:.1f}h10l-5,-10z" fill="{fill}" stroke="{INK}" stroke-width="1"/>'
        )
        if ends:
            words = _endpoints(design, ends)
            anchor = "end" if x > (_LEFT + right) / 2 else "middle"
            row = bottom + (46 if x - last > 120 else 58)
            parts.append(text(x + (6 if anchor == "end" else 0), row, words, "unit", text_anchor=anchor))
            last = x
    parts.append(text(_LEFT - 10, bottom + 15, "visits", "unit", text_anchor="end"))
    parts.append(text(_LEFT - 10, bottom + 32, "weeks", "unit", text_anchor="end"))
    parts.append(text(_LEFT - 10, bottom + 46, "endpoints", "unit", text_anchor="end"))
    return parts


def _endpoints(design: Design, names: list[str]) -> str:
    """Return the endpoints of a visit in few words; tables name them all."""
    said = [_endpoint(design, name) for name in names]
    if len(", ".join(said)) <= _MOST_WORDS:
        return ", ".join(said)
    first = [words for words in said if words.endswith("(primary)")] or said[:1]
    return f"{first[0]} and {len(said) - 1} more"


def _endpoint(design: Design, name: str) -> str:
    """Return an endpoint's name with what it reads."""
    item = design.file.endpoints[name]
    words = name if name == item.measure else f"{name}: {item.measure}"
    words += "" if item.responder is None else f" {100 * item.responder:g} % better"
    return words + (" (primary)" if name == design.hypotheses[0].endpoint else "")


def _looks(design: Design) -> list[str]:
    plan = design.file
    words = []
    if plan.interim is not None:
        parts = ", ".join(f"{100 * share:g} %" for share in plan.interim.at)
        futility = f", futility below Z {plan.interim.futility_z:g}" if plan.interim.futility_z is not None else ""
        words.append(f"looks once {parts} of the patients are seen to the end: {plan.interim.success}{futility}")
    if plan.dose_holds != "none":
        words.append(f"platelets at visits: {plan.dose_holds} ·10⁹/L")
    if plan.rescue is not None:
        words.append(f"rescue from a weekly mean of {plan.rescue.pain_at_least:g} on, {100 * plan.rescue.uptake:g} %")
    method = plan.analysis.method.upper() if plan.analysis.method == "mmrm" else plan.analysis.method
    words.append(
        f"analysis: {method}; stopping: {plan.estimand.stopping}; rescue: {plan.estimand.rescue}; "
        f"two-sided {100 * plan.analysis.alpha:g} %"
    )
    if len(design.hypotheses) > 1:
        words.append(f"{len(design.hypotheses)} hypotheses share alpha: {design.multiplicity}")
    return words
