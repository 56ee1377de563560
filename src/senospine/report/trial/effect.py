"""Pictures of effect over time and of responders: one trial's patients, all trials, and draws of the parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd

from senospine.report.svg import BLUE, INK, PURPLE, figure
from senospine.report.trial.drawing import colour_of
from senospine.report.trial.panel import WIDTH, Panel, keys, span_of
from senospine.report.trial.units import axis_of
from senospine.trial.design import Hypothesis
from senospine.trial.followed import IMPROVEMENTS, Followed, comparisons

_TALL = 250.0


def effect_svg(followed: Followed) -> str:
    """Return the mean change in each arm and, for every comparison, the difference at every visit."""
    design, weeks = followed.design, np.array(followed.weeks)
    pairs = comparisons(design)
    before = 2 if any(item.positive for item in pairs) else 1  # all-comers and the positive side by side
    rows = -(-(before + len(pairs)) // 2)
    height = 100 + rows * (_TALL + 104) - 44
    across = (0.0, float(weeks[-1]) * 1.03)
    low, middle, high = (np.nanquantile(followed.change, q, axis=0) for q in (0.025, 0.5, 0.975))
    middle = np.nanmean(followed.change, axis=0)
    panel = Panel(60, 100, 340, _TALL, across, span_of(low, high, followed.example_change, include=(0,)))
    parts = keys(
        [(arm, colour_of(design, arm), index) for index, arm in enumerate(design.arms)], 60, 22
    ) + keys(_meanings(followed), 60, 44)  # fmt: skip
    parts += panel.frame("Change from baseline", "week", axis_of(followed.measure), at=[0, *weeks.tolist()])
    for index, arm in enumerate(design.arms):
        colour, shift = colour_of(design, arm), 5 * (index - (len(design.arms) - 1) / 2)
        xs = np.r_[0.0, weeks]
        ends = [np.r_[0.0, values[index]] for values in (low, middle, high)]
        parts.append(panel.band(xs, ends[0], ends[2], colour, 0.26 / len(design.arms)))
        parts.append(panel.line(xs, ends[1], colour))
        parts += panel.marks(weeks, middle[index], colour, index)
        for visit, week in enumerate(weeks):
            value, below, above = followed.example_change[:, index, visit]
            if np.isfinite(value):
                parts += panel.whisker(week, below, value, above, colour, shift, index)
    names = {item.name for item in pairs}
    along = _shared_span(followed.contrasts[followed.contrasts["hypothesis"].isin(names)])
    for number, hypothesis in enumerate(pairs):
        row, column = divmod(number + before, 2)
        left, top = (510.0 if column else 60.0), 100 + row * (_TALL + 104)
        mine = followed.contrasts[followed.contrasts["hypothesis"] == hypothesis.name]
        whom = "" if before == 1 else ", marker-positive" if hypothesis.positive else ", all"
        parts += _difference(followed, mine, hypothesis, whom, (left, top), across, along)
    return figure(WIDTH, height, parts, "Effect over time")


def _meanings(followed: Followed) -> list[tuple[str, str, str]]:
    items = [("mean of trials", INK, "line"), ("95 % of trials", INK, "band"), ("trial 0, 95 % interval", INK, "dot")]
    if len(np.unique(followed.draws)) > 1:
        items.append(("true effect by draw of parameters", PURPLE, "dash"))
    return items


def _shared_span(contrasts: pd.DataFrame) -> tuple[float, float]:
    """Return one range for all comparisons, so that panels can be compared by eye."""
    groups = contrasts.groupby(["hypothesis", "week"])["estimate"]
    first = contrasts.loc[contrasts["trial"] == 0, ["lower", "upper"]]
    return span_of(groups.quantile(0.025), groups.quantile(0.975), first, include=(0,))


def _difference(
    followed: Followed, mine: pd.DataFrame, hypothesis: Hypothesis, whom: str, corner: tuple[float, float],
    across: tuple[float, float], along: tuple[float, float],
) -> list[str]:  # fmt: skip
    weeks = np.array(followed.weeks)
    wide = mine.pivot_table(index="trial", columns="week", values="estimate", dropna=False).to_numpy()
    low, high = np.nanquantile(wide, [0.025, 0.975], axis=0)
    first = mine[mine["trial"] == 0].set_index("week")
    panel = Panel(*corner, 340, _TALL, across, along)
    parts = panel.frame(
        f"{hypothesis.treated} − {hypothesis.control}{whom}", "week",
        f"difference, {axis_of(followed.measure)}; below 0 favours {hypothesis.treated}", at=[0, *weeks.tolist()],
    )  # fmt: skip
    parts += [
        panel.level(0),
        panel.band(weeks, low, high, BLUE, 0.15),
        panel.line(weeks, np.nanmean(wide, axis=0), BLUE),
    ]
    for _, values in draw_means(followed, mine).iterrows():
        parts.append(panel.line(weeks, values.to_numpy(), PURPLE, 1, "4 3"))
    for week, row in first.iterrows():
        if np.isfinite(row["estimate"]):
            parts += panel.whisker(float(str(week)), row["lower"], row["estimate"], row["upper"], INK)
    return parts


def draw_means(followed: Followed, mine: pd.DataFrame) -> pd.DataFrame:
    """Return the mean true difference by draw and week; no rows where the bank has one draw."""
    if len(np.unique(followed.draws)) < 2:
        return pd.DataFrame()
    draw = mine["trial"].map(dict(enumerate(followed.draws.tolist())))
    return mine.assign(draw=draw).pivot_table(index="draw", columns="week", values="true")


def responders_svg(followed: Followed) -> str:
    """Return the cumulative distribution of responders: the share improved by at least so much."""
    design = followed.design
    week = design.file.endpoints[design.hypotheses[0].endpoint].week
    panel = Panel(60, 106, 790, _TALL, (0.0, 100.0), (0.0, 1.0))
    parts = keys([(arm, colour_of(design, arm), index) for index, arm in enumerate(design.arms)], 60, 22)
    parts += keys([("mean of trials", INK, "line"), ("95 % of trials", INK, "band"), ("trial 0", INK, "dash")], 60, 44)
    parts += panel.frame(
        f"Responders at week {week:g}", "improvement of at least, % of baseline",
        "share of the randomised; who is missing is no responder", at=list(range(0, 101, 10)), percent=True,
    )  # fmt: skip
    low, high = np.quantile(followed.responders, [0.025, 0.975], axis=0)
    middle = followed.responders.mean(axis=0)
    for index, arm in enumerate(design.arms):
        colour = colour_of(design, arm)
        parts.append(panel.band(IMPROVEMENTS, low[index], high[index], colour, 0.26 / len(design.arms)))
        parts.append(panel.line(IMPROVEMENTS, middle[index], colour))
        some = slice(index, None, 4)  # lines lie close: marks of arms in turn
        parts += panel.marks(IMPROVEMENTS[some], middle[index][some], colour, index)
        parts.append(panel.line(IMPROVEMENTS, followed.responders[0, index], colour, 1.1, "2 3"))
    for cut in (30, 50):
        x = panel.x(cut)
        parts.append(
            f'<line x1="{x:.1f}" y1="106" x2="{x:.1f}" y2="{106 + _TALL}" stroke="{INK}" stroke-dasharray="1 3"/>'
        )
    return figure(WIDTH, 106 + _TALL + 62, parts, "Responders")
