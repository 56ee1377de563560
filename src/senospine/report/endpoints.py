"""End points as a paper shows them: one experiment as dots, the pool faint behind, the published finding below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senospine.assays import Readout
from senospine.evidence import Laboratory, Score
from senospine.report.svg import FAINT, INK, figure, line, points, text, text_width, tick_text, ticks
from senospine.report.timeaxis import arm_colours
from senospine.report.verdicts import VERDICT_MARKS, verdict_svg
from senospine.report.words import percent
from senospine.stats import split_worlds
from senospine.study import Arm, Study

Array = NDArray[np.float64]

_WIDTH = 1120.0
_LEFT, _TOP, _PLOT_H = 38.0, 58.0, 112.0
_NOTE = 15.0
#: pixels a group needs, so that its animals can be told apart
_SLOT = 17.0


@dataclass(frozen=True)
class _Grid:
    """How the panels of a study stand: moments side by side in a panel, wider panels where there are many groups."""

    moments: tuple[Mapping[str, str], ...]
    columns: int
    slant: bool
    longest: float

    @property
    def plot(self) -> float:
        """Width of a plot."""
        return _WIDTH / self.columns - 52

    @property
    def foot(self) -> float:
        """Room for the names beneath a plot."""
        return 20.0 if not self.slant else max(50.0, 20 + 0.53 * self.longest)


def _grid(study: Study, scores: Sequence[Score]) -> _Grid:
    arms = study.groups
    asked = {score.fact.at for score in scores}
    count = {len(arm.moments) for arm in study.arms}
    moments: tuple[Mapping[str, str], ...] = (dict.fromkeys(arms, ""),)  # each arm's last
    if count != {1} and len(count) == 1:
        ranks = [{name: arm.moments[rank][0] for name, arm in arms.items()} for rank in range(count.pop())]
        last = {name: text if text in asked else "" for name, text in ranks[-1].items()}  # as evidence asks for it
        moments = (*ranks[:-1], last)
    needed = len(moments) * len(study.groups) * _SLOT
    if len(moments) > 1:  # room for the moments' names, and for findings that name one
        needed = max(needed, len(moments) * max(text_width(_named(study, moment), 10) + 10 for moment in moments), 310)
    columns = next((n for n in (5, 4, 3, 2) if _WIDTH / n - 52 >= needed), 1)
    room = (_WIDTH / columns - 52) / len(study.groups)
    slant = len(moments) == 1 and any(text_width(name, 10) > room - 3 for name in study.groups)
    return _Grid(moments, columns, slant, max(text_width(name, 10) for name in study.groups))


def moment_words(study: Study, moment: str, arm: str = "") -> str:
    """Return a moment of measurement in few words; an empty one is the arm's last, or the first arm's."""
    text = moment or study.groups.get(arm, study.arms[0]).moments[-1][0]
    return text.removesuffix(" after surgery").removesuffix(" after birth")


def _named(study: Study, moment: Mapping[str, str]) -> str:
    """Return the words for what the arms call a moment, each once."""
    return " / ".join(dict.fromkeys(moment_words(study, text, name) for name, text in moment.items()))


def control_arm(study: Study) -> str:
    """Return the arm that others are compared with and that is never compared itself; else the first."""
    compared = {arm for arm, _ in study.compare}
    return next((versus for _, versus in study.compare if versus not in compared), next(iter(study.groups)))


def measured(
    laboratory: Laboratory, readout: Readout, moments: Mapping[str, str] | None = None
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return by arm the animals of repeat 0, as many as the study has, and all measured values of all repeats.

    What papers report as fold is divided by the control group's mean of the same repeat. ``moments`` names for each
    arm when it is measured; by default its last.
    """
    study = laboratory.outcome.study
    sizes = {name: arm.n for name, arm in study.groups.items()}
    pool = {arm: laboratory.measure(readout.name, (moments or {}).get(arm, "")).values[arm] for arm in sizes}
    shown = {arm: pool[arm][0, : sizes[arm]] for arm in sizes}
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
    grid = _grid(study, scores)
    parts: list[str] = []
    y = 16.0
    if len(grid.moments) > 1:
        parts += _groups(study, y + 20)
        y += 24
    for start in range(0, len(study.readouts), grid.columns):
        row = study.readouts[start : start + grid.columns]
        for index, item in enumerate(row):
            x = index * _WIDTH / grid.columns + _LEFT
            panel = _panel(laboratory, item, by_readout[item.name], grid)
            parts += [f'<g transform="translate({x:.1f},{y + _TOP:.1f})">', *panel, "</g>"]
        notes = max((len(by_readout[item.name]) for item in row), default=0)
        y += _TOP + _PLOT_H + grid.foot + 2 + _NOTE * max(notes, 1) + 2
    return figure(_WIDTH, y + 18, [*_legend(laboratory.outcome.worlds), *parts], f"End points of {study.name}")


def _groups(study: Study, y: float) -> list[str]:
    """Return the colours of the groups."""
    x, parts = 2.0, []
    for name, colour in arm_colours(study).items():
        if name in study.groups:
            parts.append(f'<circle cx="{x + 5:.1f}" cy="{y - 4:.1f}" r="4" fill="{colour}"/>')
            parts.append(text(x + 14, y, name, "key"))
            x += 14 + text_width(name, 12.5) + 20
    return parts


def _legend(worlds: int) -> list[str]:
    parts = [f'<circle cx="6" cy="11" r="3.2" fill="{INK}" fill-opacity=".75"/>']
    parts += [text(14, 15, "one animal of one virtual experiment", "key")]
    parts += [line(252, 5, 252, 17, INK, 1.2), line(244, 11, 260, 11, INK, 2), text(267, 15, "mean ± SD", "key")]
    parts += [f'<path d="M352,18C352,11 358,10 358,3C358,10 364,11 364,18Z" fill="{FAINT}"/>']
    parts += [text(371, 15, "all repeats of the experiment", "key")]
    x = 566.0
    for verdict in VERDICT_MARKS:
        parts += [verdict_svg(x + 5, 11, verdict), text(x + 14, 15, verdict, "key")]
        x += 14 + text_width(verdict, 12.5) + 16
    if worlds > 1:
        parts += [f'<rect x="{x + 2:.1f}" y="3" width="5" height="15" fill="{INK}" fill-opacity=".55"/>']
        parts += [text(x + 14, 15, "90 % of worlds' means", "key")]
    return parts


def worlds_mean(
    laboratory: Laboratory, readout: Readout, name: str, moment: str = ""
) -> tuple[float, float] | None:
    """Return 5 and 95 % of the worlds' means of an arm, as the panel shows the read-out; None without draws."""
    outcome = laboratory.outcome
    arms = [arm for arm in outcome.study.arms if arm.stands_for == name]
    if outcome.worlds < 2:
        return None

    def true(group: Sequence[Arm], at: str) -> Array:
        return np.asarray(np.mean([outcome.expected(readout, arm, at) for arm in group], axis=0))

    values = true(arms, moment)
    if readout.as_fold:
        control = true([outcome.study.groups[control_arm(outcome.study)]], "")
        worlds = np.arange(outcome.animals) % outcome.worlds
        known = np.isfinite(control)
        means = np.bincount(worlds[known], control[known], outcome.worlds) / np.bincount(
            worlds[known], minlength=outcome.worlds
        )
        values = values / means[worlds]
    found = split_worlds(values, outcome.worlds)
    return float(found.mean_low), float(found.mean_high)


def _panel(laboratory: Laboratory, item: Readout, scores: Sequence[Score], grid: _Grid) -> list[str]:
    study = laboratory.outcome.study
    colours = arm_colours(study)
    found = [measured(laboratory, item, moment) for moment in grid.moments]
    highest = max(max(float(values.max()) for shown, _ in found for values in shown.values()),
                  max(float(np.quantile(values, 0.99)) for _, pool in found for values in pool.values()))  # fmt: skip
    top = max(highest * 1.06, 1e-9)
    unit = {"1/mm2": "per mm²", "percent": "%", "1": "", "mm3": "mm³", "1e9/L": "10⁹ per L"}.get(item.unit, item.unit)
    unit = f"fold of {control_arm(study)}" if item.as_fold else unit
    parts = [text(-32, -24, item.label, "title"), text(-32, -11, unit, "unit")]
    for value in ticks(0, top):
        y = _PLOT_H * (1 - value / top)
        parts += [line(0, y, grid.plot, y, FAINT, 0.7), text(-6, y + 3.6, tick_text(value), "tick", text_anchor="end")]
    parts.append(line(0, _PLOT_H, grid.plot, _PLOT_H, INK, 1))
    span = grid.plot / len(grid.moments)
    several = len(grid.moments) > 1
    step = (span - 8 * several) / len(study.groups)
    for place, (moment, (shown, pool)) in enumerate(zip(grid.moments, found, strict=True)):
        left = place * span + 4 * several
        for index, name in enumerate(study.groups):
            x = left + (index + 0.5) * step
            parts += _cloud(pool[name], x, min(step * 0.42, 24), top, colours[name])
            parts += _dots(shown[name], x, top, colours[name], min(step * 0.3, 14))
            parts += _worlds_bar(worlds_mean(laboratory, item, name, moment[name]), x - step * 0.45, top, colours[name])
            if several:
                continue
            if grid.slant:
                turn = f"rotate(-32 {x + 4:.1f} {_PLOT_H + 11:g})"
                parts.append(text(x + 4, _PLOT_H + 11, name, "tick", text_anchor="end", transform=turn))
            else:
                parts.append(text(x, _PLOT_H + 14, name, "tick", text_anchor="middle"))
        if several:
            middle = (place + 0.5) * span
            parts.append(text(middle, _PLOT_H + 14, _named(study, moment), "tick", text_anchor="middle"))
            if place:
                parts.append(line(place * span, 0, place * span, _PLOT_H + 5, FAINT, 1))
    return parts + _findings(scores, _PLOT_H + grid.foot, study, grid)


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


def _worlds_bar(ends: tuple[float, float] | None, x: float, top: float, colour: str) -> list[str]:
    if ends is None:
        return []
    low, high = (_PLOT_H * (1 - min(max(end, 0.0), top) / top) for end in ends)
    place = f'x="{x - 2:.1f}" y="{high:.1f}" width="4" height="{max(low - high, 1):.1f}"'
    return [f'<rect {place} fill="{colour}" fill-opacity=".6"/>']


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


def _findings(scores: Sequence[Score], y: float, study: Study, grid: _Grid) -> list[str]:
    """Return the published findings in words, each with what the model thinks of it."""
    if not scores:
        return [text(-32, y + 14, "no finding on record", "found")]
    parts = []
    for index, score in enumerate(scores, 1):
        row, base = score.fact, y + _NOTE * index
        chance = f", model {percent(score.p_published)}" if score.repeats else ""
        parts.append(verdict_svg(-28, base - 3.8, score.verdict))
        when = f", {moment_words(study, row.at, row.arm)}" if len(grid.moments) > 1 else ""
        words = f"{row.panel} {row.comparison}{when}: paper {row.text}{chance}"
        parts.append(text(-20, base, words, "found", **_squeeze(words, _WIDTH / grid.columns - 24)))
    return parts


def _squeeze(words: str, room: float) -> dict[str, str]:
    return {"textLength": f"{room:.0f}", "lengthAdjust": "spacingAndGlyphs"} if text_width(words, 10.2) > room else {}
