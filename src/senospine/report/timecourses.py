"""Time courses as small multiples: by arm the middle, 90 % of the animals, and 90 % of the worlds where there are any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senospine.model import Model
from senospine.report.svg import FAINT, INK, figure, line, points, text, text_width, tick_text, ticks
from senospine.report.timeaxis import Axis, arm_colours, time_axis
from senospine.stats import split_worlds
from senospine.study import Arm, Outcome, Study

Array = NDArray[np.float64]

#: what is drawn, in this order, as far as the model has it
SHOWN = (
    "senescent_osteoclasts", "senescent_disc_cells", "senescent_dorsal_horn", "trap_osteoclasts", "endplate_porosity",
    "ectopic_ossification", "h_vessels", "prostaglandin_e2", "netrin1", "ngf", "sensory_innervation", "bone_formation",
    "trabecular_bone", "disc_sasp", "disc_matrix", "dorsal_horn_gfap", "sensitisation", "cold_pain", "axial_pain",
    "platelets", "neutrophils", "lymphocytes",
)  # fmt: skip
#: drawn too where one of these is measured: what lies behind it
_BEHIND = {
    "senescent_osteoclasts": {"trap_osteoclasts", "endplate_porosity", "sensory_innervation", "mechanical_pain"},
    "senescent_disc_cells": {"disc_sasp", "disc_matrix", "cold_pain", "axial_pain"},
    "sensitisation": {"mechanical_pain", "heat_pain", "movement_pain"},
}
#: how the band of the worlds differs from that of the animals
_WORLDS = 'fill-opacity=".11" stroke="currentColor" stroke-width=".5" stroke-dasharray="2 1.5"'
_COLUMNS, _WIDTH, _ROW = 5, 1120.0, 176.0
_LEFT, _TOP, _PLOT_W, _PLOT_H = 36.0, 80.0, 174.0, 106.0


def course(outcome: Outcome, arm: Arm, name: str) -> tuple[Array, Array]:
    """Return days and the 5th, 50th and 95th percentile over solved animals, shape (3, n_times).

    Under draws of the parameters shape (5, n_times): 5 and 95 % of the median world's animals about the 50th percentile
    of the worlds' means, then 5 and 95 % of these means.
    """
    return _percentiles(outcome, [arm], name)


def pooled_course(outcome: Outcome, group: str, name: str) -> tuple[Array, Array] | None:
    """Return the percentiles over all arms that may be the one of a group; nothing where their days differ."""
    arms = [arm for arm in outcome.study.arms if arm.stands_for == group]
    grids = {tuple(outcome.frame.loc[outcome.frame["arm"] == arm.name, "time"].unique()) for arm in arms}
    return _percentiles(outcome, arms, name) if len(grids) == 1 else None


def _percentiles(outcome: Outcome, arms: Sequence[Arm], name: str) -> tuple[Array, Array]:
    rows = outcome.frame[outcome.frame["arm"].isin([arm.name for arm in arms])]
    days = np.unique(rows["time"].to_numpy())
    values = rows[name].to_numpy().reshape(-1, len(days))
    known = np.isfinite(values).all(axis=1)
    solved = values[known]
    if outcome.worlds > 1:
        by_arm = np.where(known[:, None], values, np.nan).reshape(-1, outcome.animals, len(days))
        gap = -outcome.animals % outcome.worlds  # so that in each arm animal i stays in world i modulo their number
        split = split_worlds(np.pad(by_arm, ((0, 0), (0, gap), (0, 0)), constant_values=np.nan)
                             .reshape(-1, len(days)), outcome.worlds)  # fmt: skip
        return days, np.stack([split.low, split.mean_median, split.high, split.mean_low, split.mean_high])
    if not len(solved):
        return days, np.full((3, len(days)), np.nan)
    return days, np.asarray(np.quantile(solved, [0.05, 0.5, 0.95], axis=0))


def timecourses_svg(outcome: Outcome, model: Model) -> str:
    """Return the time courses of a study's arms as one figure; nothing where there is none to draw."""
    study, axis, colours = outcome.study, time_axis(outcome.study), arm_colours(outcome.study)
    needed = {output for item in study.readouts for output in item.needs}
    shown = [name for name in SHOWN if name in outcome.frame.columns and (name in needed or _drives(name, needed))]
    given = {drug.symbol for drug in study.drugs}
    drug = [name for name in outcome.frame.columns if name.removesuffix("_concentration") in given]
    panels: list[Callable[[], list[str]]] = [lambda name=name: _panel(outcome, model, name, axis) for name in shown]  # type: ignore[misc]
    dosed = [arm for arm in study.arms if arm.doses]
    panels += [lambda name=name: _first_day(outcome, model, name, dosed) for name in drug if dosed]  # type: ignore[misc]
    if not panels:
        return ""
    parts = _legend(study, colours, axis, outcome.worlds)
    for index, panel in enumerate(panels):
        x, y = index % _COLUMNS * _WIDTH / _COLUMNS, index // _COLUMNS * _ROW
        parts += [f'<g transform="translate({x + _LEFT:.1f},{y + _TOP:.1f})">', *panel(), "</g>"]
    height = _TOP + ((len(panels) - 1) // _COLUMNS + 1) * _ROW - 8
    return figure(_WIDTH, height, parts, f"Time courses of {study.name}")


def _drives(name: str, needed: set[str]) -> bool:
    return bool(_BEHIND.get(name, set()) & needed)


def _legend(study: Study, colours: dict[str, str], axis: Axis, worlds: int) -> list[str]:
    x, parts = 2.0, []
    for name in study.groups:
        parts.append(line(x, 11, x + 22, 11, colours[name], 2.6))
        many = sum(arm.stands_for == name for arm in study.arms)
        words = f"{name} ({many} possible doses)" if many > 1 else name
        parts.append(text(x + 28, 15, words, "key"))
        x += 28 + text_width(words, 12.5) + 22
    if any(arm.doses for arm in study.arms):
        parts += [line(x + 4 * i, 5, x + 4 * i, 14, INK, 1.4) for i in range(5)]
        parts.append(text(x + 24, 15, "given", "key"))
        x += 24 + text_width("given", 12.5) + 22
    if any(arm.surgery_day is not None for arm in study.arms):
        parts += [line(x + 5, 3, x + 5, 18, INK, 1, 'stroke-dasharray="3 2"'), text(x + 13, 15, "surgery", "key")]
        x += 13 + text_width("surgery", 12.5) + 22
    parts += [f'<circle cx="{x + 5:.1f}" cy="11" r="3.4" fill="#fff" stroke="{INK}" stroke-width="1.6"/>']
    parts += [text(x + 14, 15, "measured", "key")]
    if axis.stretched is not None:
        x += 14 + text_width("measured", 12.5) + 22
        parts += [f'<rect x="{x:.1f}" y="3" width="18" height="15" fill="#f3f1ea"/>']
        parts += [text(x + 25, 15, "time axis stretched", "key")]
    return parts + _bands_key(worlds)


def _bands_key(worlds: int) -> list[str]:
    """Return what the bands are: one of animals, or two told apart."""
    parts = [f'<rect x="2" y="24" width="22" height="12" fill="{INK}" fill-opacity="{0.16 if worlds < 2 else 0.3}"/>']
    if worlds < 2:
        return [*parts, text(30, 34, "5 to 95 % of the animals, about their median: no doubt about parameters", "key")]
    words = "between animals: 5 to 95 % of one world's"
    x = 30 + text_width(words, 12.5) + 22
    parts += [text(30, 34, words, "key"), f'<rect x="{x:.1f}" y="24" width="22" height="12" fill="{INK}" {_WORLDS}/>']
    drawn = f"from parameters: 5 to 95 % of the mean over {worlds} worlds, one draw each; line: the median world's mean"
    return [*parts, text(x + 28, 34, drawn, "key")]


def _scale(lowest: float, highest: float) -> tuple[float, float]:
    """Return the ends of an upright axis: from zero, unless the curves all lie far above it."""
    room = max(highest - lowest, 1e-9)
    return (0.0 if lowest < 0.3 * highest else max(lowest - 0.12 * room, 0.0)), highest + 0.14 * room


def _up(value: Any, ends: tuple[float, float]) -> Any:
    """Return how far below a panel's top a value stands, in pixels."""
    return _PLOT_H * (1 - (np.maximum(value, ends[0]) - ends[0]) / (ends[1] - ends[0]))


def _frame(
    title: str, unit: str, ends: tuple[float, float], bottom: str, marks: Sequence[tuple[float, str]]
) -> list[str]:
    """Return axes, their labels and the panel's name; ``marks`` across are in pixels."""
    named = text(-30, -12, title, "title")
    parts = [named, text(-30 + text_width(title, 12.5) * 1.08 + 7, -12, unit, "unit")]
    for value in ticks(*ends):
        y = float(_up(value, ends))
        parts += [line(0, y, _PLOT_W, y, FAINT, 0.7), text(-6, y + 3.6, tick_text(value), "tick", text_anchor="end")]
    parts.append(line(0, _PLOT_H, _PLOT_W, _PLOT_H, INK, 1))
    for x, label in marks:
        parts += [line(x, _PLOT_H, x, _PLOT_H + 4, INK, 1)]
        parts += [text(x, _PLOT_H + 15, label, "tick", text_anchor="middle")]
    parts.append(text(_PLOT_W, _PLOT_H + 29, bottom, "tick", text_anchor="end"))
    return parts


def _panel(outcome: Outcome, model: Model, name: str, axis: Axis) -> list[str]:
    study, colours = outcome.study, arm_colours(outcome.study)
    arms, courses = _drawn(outcome, name)
    every = np.concatenate([bands.reshape(-1) for _, bands in courses.values()])
    every = every[np.isfinite(every)]
    ends = _scale(float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
    unit = model.variables[name].unit if name in model.variables else str(model.units.get(name, ""))
    parts = []
    if axis.stretched is not None:
        x = float(axis.place(axis.stretched)) * _PLOT_W
        parts.append(f'<rect x="{x:.1f}" y="0" width="{_PLOT_W - x:.1f}" height="{_PLOT_H:g}" fill="#f3f1ea"/>')
    marks = [(float(axis.place(day)) * _PLOT_W, label) for day, label in axis.ticks]
    parts += _frame(model.label(name), "" if unit == "fold" else unit, ends, axis.title, marks)
    for day in sorted({arm.surgery_day for arm in study.arms if arm.surgery_day is not None}):
        x = float(axis.place(day)) * _PLOT_W
        parts.append(line(x, 0, x, _PLOT_H, INK, 1, 'stroke-dasharray="3 2"'))
    for arm in arms if len(arms) == len(study.groups) else ():  # possible doses with days of their own: lines only
        parts += _band(arm, courses[arm.name], colours[arm.name], axis, ends)
    for arm in arms:
        parts += _line(arm, courses[arm.name], colours[arm.name], axis, ends)
    return parts


def _drawn(outcome: Outcome, name: str) -> tuple[list[Arm], dict[str, tuple[Array, Array]]]:
    """Return the arms that get a curve, and their curves: where a dose is not known, its possibilities pooled."""
    study = outcome.study
    pooled = {arm.name: pooled_course(outcome, group, name) for group, arm in study.groups.items()}
    known = {arm: found for arm, found in pooled.items() if found is not None}
    if len(known) == len(study.groups):
        return list(study.groups.values()), known
    return list(study.arms), {arm.name: course(outcome, arm, name) for arm in study.arms}


def _band(arm: Arm, found: tuple[Array, Array], colour: str, axis: Axis, ends: tuple[float, float]) -> list[str]:
    days, bands = found
    if not np.isfinite(bands).all():
        return []
    x, y = np.asarray(axis.place(days)) * _PLOT_W, _up(bands, ends)
    keep = _thin(x)
    parts = []
    for low, high, style in (((3, 4, _WORLDS), (0, 2, 'fill-opacity=".3"')) if len(bands) > 3 else ((0, 2, 'fill-opacity=".16"'),)):
        outline = [*zip(x[keep], y[high][keep], strict=True), *zip(x[keep][::-1], y[low][keep][::-1], strict=True)]
        parts.append(f'<polygon points="{points(outline)}" fill="{colour}" {style}/>')
    return parts


def _line(arm: Arm, found: tuple[Array, Array], colour: str, axis: Axis, ends: tuple[float, float]) -> list[str]:
    days, bands = found
    parts = [line(x, 1, x, 7, colour, 1.2) for x in (float(axis.place(dose)) * _PLOT_W for dose in arm.doses)]
    if not np.isfinite(bands).all():
        return parts
    x, y = np.asarray(axis.place(days)) * _PLOT_W, _up(bands[1], ends)
    keep = _thin(x)
    drawn = points(zip(x[keep], y[keep], strict=True))
    parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.9"/>')
    if x[-1] < _PLOT_W - 1:  # an arm measured earlier: its level goes on as a reference
        parts.append(line(x[-1], y[-1], _PLOT_W, y[-1], colour, 1.1, 'stroke-dasharray="1.5 3"'))
    parts.append(
        f'<circle cx="{x[-1]:.1f}" cy="{y[-1]:.1f}" r="3.2" fill="#fff" stroke="{colour}" stroke-width="1.7"/>'
    )
    return parts


def _thin(x: Array) -> NDArray[np.bool_]:
    """Leave out points closer than half a pixel."""
    keep = np.concatenate(([True], np.diff(np.floor(x * 2)) > 0))
    keep[-1] = True
    return keep


def _first_day(outcome: Outcome, model: Model, name: str, dosed: Sequence[Arm]) -> list[str]:
    """Return the day after the first dose, only the hours that were recorded."""
    colours = arm_colours(outcome.study)
    found = {}
    for arm in dosed:
        days, bands = course(outcome, arm, name)
        hours = (days - arm.doses[0]) * 24
        kept = (hours > -0.01) & (hours < 24.01)
        found[arm] = hours[kept], bands[:, kept]
    every = np.concatenate([bands.reshape(-1) for _, bands in found.values()])
    ends = 0.0, max(float(every[np.isfinite(every)].max(initial=0.0)) * 1.12, 1e-9)
    unit = model.variables[name].unit.replace("umol", "µmol") if name in model.variables else ""
    marks = [(hour / 24 * (_PLOT_W - 6), str(hour)) for hour in (0, 6, 12, 18, 24)]
    title = model.label(name).replace(" concentration", " in plasma")
    parts = _frame(title, unit, ends, "hours after first dose", marks)
    for arm, (hours, bands) in found.items():
        x, y = hours / 24 * (_PLOT_W - 6), _up(bands, ends)
        if not len(x) or not np.isfinite(y).all():
            continue
        drawn = points(zip(x, y[1], strict=True))
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colours[arm.name]}" stroke-dasharray="2 2.5"/>')
        parts += [line(a, low, a, high, colours[arm.name], 1.4) for a, low, high in zip(x, y[0], y[2], strict=True)]
        if len(bands) > 3:
            parts += [line(a, low, a, high, colours[arm.name], 5, 'stroke-opacity=".3"')
                      for a, low, high in zip(x, y[3], y[4], strict=True)]  # fmt: skip
        parts += [
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colours[arm.name]}"/>'
            for a, b in zip(x, y[1], strict=True)
        ]
    return parts
