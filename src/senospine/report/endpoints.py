"""End points as a paper shows them: one experiment as dots, the pool faint behind, the published finding below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from senospine.assays import Readout
from senospine.evidence import Laboratory, Score
from senospine.report.svg import FAINT, INK, figure, line, points, text, text_width, tick_text, ticks
from senospine.report.timeaxis import arm_colours
from senospine.report.verdicts import VERDICT_MARKS, verdict_svg
from senospine.report.words import percent
from senospine.study import Study

Array = NDArray[np.float64]

_COLUMNS, _WIDTH = 5, 1120.0
_LEFT, _TOP, _PLOT_W, _PLOT_H = 38.0, 58.0, 172.0, 112.0
_NOTE = 15.0


def control_arm(study: Study) -> str:
    """Return the arm that others are compared with and that is never compared itself; else the first."""
    compared = {arm for arm, _ in study.compare}
    return next((versus for _, versus in study.compare if versus not in compared), next(iter(study.groups)))


def measured(laboratory: Laboratory, readout: Readout) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return by arm the animals of repeat 0, as many as the study has, and all measured values of all repeats.

    What papers report as fold is divided by the control group's mean of the same repeat.
    """
    study = laboratory.outcome.study
    draws = laboratory.measure(readout.name)
    sizes = {name: arm.n for name, arm in study.groups.items()}
    shown = {arm: draws.values[arm][0, : sizes[arm]] for arm in sizes}
    pool = dict(draws.values)
    if readout.as_fold:
        control = control_arm(study)
        shown = {arm: values / shown[control].mean() for arm, values in shown.items()}
        means = pool[control][:, : sizes[control]].mean(axis=1, keepdims=True)
        pool = {arm: values / means for arm, values in pool.items()}
    return shown, {arm: values.reshape(-1) for arm, values in pool.items()}


def endpoints_svg(laboratory: Laboratory, scores: Sequence[Score]) -> str:
    """Return every read-out of a study as one figure; ``scores`` are those of this study."""
    study = laboratory.outcome.study
    by_readout = {item.name: [s for s in scores if s.fact.readout == item.name] for item in study.readouts}
    slant = any(text_width(name, 10) > _PLOT_W / len(study.groups) - 3 for name in study.groups)
    parts: list[str] = []
    y = 16.0
    for start in range(0, len(study.readouts), _COLUMNS):
        row = study.readouts[start : start + _COLUMNS]
        for index, item in enumerate(row):
            x = index * _WIDTH / _COLUMNS + _LEFT
            panel = _panel(laboratory, item, by_readout[item.name], slant)
            parts += [f'<g transform="translate({x:.1f},{y + _TOP:.1f})">', *panel, "</g>"]
        notes = max((len(by_readout[item.name]) for item in row), default=0)
        y += _TOP + _PLOT_H + (52 if slant else 22) + _NOTE * max(notes, 1) + 2
    return figure(_WIDTH, y + 18, [*_legend(), *parts], f"End points of {study.name}")


def _legend() -> list[str]:
    parts = [f'<circle cx="6" cy="11" r="3.2" fill="{INK}" fill-opacity=".75"/>']
    parts += [text(14, 15, "one animal of one virtual experiment", "key")]
    parts += [line(252, 5, 252, 17, INK, 1.2), line(244, 11, 260, 11, INK, 2), text(267, 15, "mean ± SD", "key")]
    parts += [f'<path d="M352,18C352,11 358,10 358,3C358,10 364,11 364,18Z" fill="{FAINT}"/>']
    parts += [text(371, 15, "all repeats of the experiment", "key")]
    x = 566.0
    for verdict in VERDICT_MARKS:
        parts += [verdict_svg(x + 5, 11, verdict), text(x + 14, 15, verdict, "key")]
        x += 14 + text_width(verdict, 12.5) + 16
    return parts


def _panel(laboratory: Laboratory, item: Readout, scores: Sequence[Score], slant: bool) -> list[str]:
    study = laboratory.outcome.study
    colours = arm_colours(study)
    shown, pool = measured(laboratory, item)
    highest = max(max(float(values.max()) for values in shown.values()),
                  max(float(np.quantile(values, 0.99)) for values in pool.values()))  # fmt: skip
    top = max(highest * 1.06, 1e-9)
    unit = {"1/mm2": "per mm²", "percent": "%"}.get(item.unit, item.unit)
    unit = f"fold of {control_arm(study)}" if item.as_fold else unit
    parts = [text(-32, -24, item.label, "title"), text(-32, -11, unit, "unit")]
    for value in ticks(0, top):
        y = _PLOT_H * (1 - value / top)
        parts += [line(0, y, _PLOT_W, y, FAINT, 0.7), text(-6, y + 3.6, tick_text(value), "tick", text_anchor="end")]
    parts.append(line(0, _PLOT_H, _PLOT_W, _PLOT_H, INK, 1))
    step = _PLOT_W / len(study.groups)
    for index, name in enumerate(study.groups):
        x = (index + 0.5) * step
        parts += _cloud(pool[name], x, min(step * 0.42, 24), top, colours[name])
        parts += _dots(shown[name], x, top, colours[name], min(step * 0.3, 14))
        if slant:
            turn = f"rotate(-32 {x + 4:.1f} {_PLOT_H + 11:g})"
            parts.append(text(x + 4, _PLOT_H + 11, name, "tick", text_anchor="end", transform=turn))
        else:
            parts.append(text(x, _PLOT_H + 14, name, "tick", text_anchor="middle"))
    return parts + _findings(scores, _PLOT_H + (50 if slant else 20))


def _cloud(values: Array, x: float, half: float, top: float, colour: str) -> list[str]:
    """Return the pool as a faint violin, its outer hundredths cut off."""
    low, high = np.quantile(values, [0.005, 0.995])
    if not high > low:
        return []
    counts, edges = np.histogram(values, bins=28, range=(float(low), float(high)))
    smooth = np.convolve(np.pad(counts, 2, mode="edge"), [1, 2, 3, 2, 1], mode="valid")
    widths = half * smooth / smooth.max()
    y = _PLOT_H * (1 - np.minimum((edges[:-1] + edges[1:]) / 2, top) / top)
    outline = [*zip(x + widths, y, strict=True), *zip((x - widths)[::-1], y[::-1], strict=True)]
    return [f'<polygon points="{points(outline)}" fill="{colour}" fill-opacity=".17"/>']


def _dots(values: Array, x: float, top: float, colour: str, half: float) -> list[str]:
    mean, sd = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    order = np.argsort(np.argsort(values, kind="stable"))
    lanes = np.array([0.0, -0.75, 0.75, -0.35, 0.35])[order % 5] * half
    scale = _PLOT_H / top
    parts = [
        f'<circle cx="{x + lane:.1f}" cy="{_PLOT_H - value * scale:.1f}" r="2.9" fill="{colour}" fill-opacity=".8"/>'
        for lane, value in zip(lanes, values, strict=True)
    ]
    high, low = _PLOT_H - (mean + sd) * scale, _PLOT_H - max(mean - sd, 0) * scale
    parts += [line(x, max(high, -4), x, low, INK, 1.2)]
    parts += [line(x - half - 2, _PLOT_H - mean * scale, x + half + 2, _PLOT_H - mean * scale, INK, 2)]
    return parts


def _findings(scores: Sequence[Score], y: float) -> list[str]:
    """Return the published findings in words, each with what the model thinks of it."""
    if not scores:
        return [text(-32, y + 14, "not in the paper’s text", "found")]
    parts = []
    for index, score in enumerate(scores, 1):
        row, base = score.fact, y + _NOTE * index
        chance = f", model {percent(score.p_published)}" if score.repeats else ""
        parts.append(verdict_svg(-28, base - 3.8, score.verdict))
        words = f"{row.panel} {row.comparison}: paper {row.text}{chance}"
        parts.append(text(-20, base, words, "found", **_squeeze(words)))
    return parts


def _squeeze(words: str) -> dict[str, str]:
    room = _WIDTH / _COLUMNS - 24
    return {"textLength": f"{room:.0f}", "lengthAdjust": "spacingAndGlyphs"} if text_width(words, 10.2) > room else {}
