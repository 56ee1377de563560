"""Pictures and rows of safety: platelets by visit with their grades, and how often what happened in each arm."""

from __future__ import annotations

import numpy as np
import pandas as pd

from senospine.assays.blood import cut_offs
from senospine.report.svg import INK, VERMILION, figure, text
from senospine.report.trial.drawing import colour_of
from senospine.report.trial.panel import WIDTH, Panel
from senospine.report.trial.told import measured
from senospine.stats.intervals import wilson_interval
from senospine.stats.performance import Measure, mean_of
from senospine.trial.followed import Followed


def platelets_svg(followed: Followed) -> str:
    """Return platelets by visit: median and bands of patients, one panel an arm, with lines of CTCAE grades."""
    design = followed.design
    weeks = np.r_[0.0, design.file.visits]
    count, columns = len(design.arms), min(len(design.arms), 4)
    width = (WIDTH - 40 - 62 * columns) / columns
    height, along = 230.0, (0.0, float(np.nanmax(followed.platelets)) * 1.05)
    rows = -(-count // columns)
    parts = []
    for index, arm in enumerate(design.arms):
        row, column = divmod(index, columns)
        panel = Panel(46 + column * (width + 62), 46 + row * (height + 90), width, height, (0, weeks[-1]), along)
        parts += panel.frame(arm, "week", "platelets as recorded, 10⁹/L", at=weeks.tolist())
        low, quarter, middle, most, high = followed.platelets[:, index]
        colour = colour_of(design, arm)
        parts += [panel.band(weeks, low, high, colour, 0.15), panel.band(weeks, quarter, most, colour, 0.3)]
        parts.append(panel.line(weeks, middle, colour))
        days = followed.prescribed_days / 7
        parts += [panel.line(days, values, INK, 0.9, "1 2") for values in followed.prescribed[:, index]]
        for grade, cut in enumerate(cut_offs("platelets"), 1):
            parts.append(panel.level(cut, VERMILION))
            parts.append(text(panel.left + width + 3, panel.y(cut) + 3.5, f"G{grade}", "tick"))
    return figure(WIDTH, 46 + rows * (height + 90) - 20, parts, "Platelets by visit")


def safety_rows(followed: Followed, conduct: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Return rows of the safety table: what, and for each arm trial 0 with its interval and the mean of all trials."""
    design, example = followed.design, followed.example
    arm = example.enrolled.arm
    first = conduct[conduct["trial"] == 0].iloc[0]
    rows = []
    for name, words in (
        ("adverse", "any adverse event"), ("adverse_event", "treatment ended by an adverse event"),
        ("platelets", "treatment ended by platelets"), ("held", "doses held at one visit or more"),
    ):  # fmt: skip
        if not any(conduct[f"{name}/{each}"].any() for each in design.arms):
            continue
        cells = []
        for each in design.arms:
            of = int(first[f"randomised/{each}"])
            shares = conduct[f"{name}/{each}"] / conduct[f"randomised/{each}"]
            cells.append(_cell(int(first[f"{name}/{each}"]), of, mean_of(shares)))
        rows.append((words, cells))
    worst = np.min(np.where(np.isnan(example.counts["platelets"]), np.inf, example.counts["platelets"]), axis=1)
    for grade, cut in enumerate(cut_offs("platelets")):
        if followed.grades[:, :, grade].any():
            cells = [
                _cell(
                    int((worst[arm == k] < cut).sum()),
                    int((arm == k).sum()),
                    mean_of(followed.grades[:, k, grade]),
                )
                for k in range(len(design.arms))
            ]
            rows.append((f"platelets of grade {grade + 1} or worse at a visit (below {cut:g} ·10⁹/L)", cells))
    return rows


def prescribed_rows(followed: Followed) -> list[tuple[str, list[str]]]:
    """Return how many fall to each grade of platelets between visits too, had they taken all that was prescribed."""
    return [
        (f"grade {grade + 1} or worse (below {cut:g} ·10⁹/L)",
         [measured(mean_of(followed.prescribed_grades[:, k, grade]), percent=True)
          for k in range(len(followed.design.arms))])
        for grade, cut in enumerate(cut_offs("platelets"))
    ]  # fmt: skip


def _cell(happened: int, of: int, mean: Measure) -> str:
    low, high = wilson_interval(happened, of)
    return f"{happened} of {of} ({100 * low:.0f}–{100 * high:.0f} %); {measured(mean, percent=True)}"
