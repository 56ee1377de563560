"""The flow of patients in the manner of CONSORT: one trial in numbers, and the mean of all trials beside each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.report.svg import INK, QUIET, figure, line, text
from senospine.report.trial.drawing import colour_of
from senospine.report.trial.panel import WIDTH
from senospine.trial import Design, Reason
from senospine.trial.followed import Followed

_STEP, _MIDDLE = 16.0, WIDTH / 2


def consort_svg(followed: Followed, conduct: pd.DataFrame) -> str:
    """Return the flow of trial 0; in brackets the means over all trials of the run."""
    design, first = followed.design, conduct[conduct["trial"] == 0].iloc[0]
    mean = conduct.mean()
    failed = [str(name) for name in conduct.columns if str(name).startswith("failed/") and conduct[name].any()]
    out = ["Not eligible, by the first criterion not met"]
    out += [f"{_criterion(name)}: {_both(first[name], mean[name])}" for name in failed]
    parts = _box(_MIDDLE - 125, 8, 250, [f"Assessed: {_both(first['screened'], mean['screened'])}"], INK)
    y = 62.0
    tall = 12 + _STEP * len(out)
    parts += [line(_MIDDLE, 36, _MIDDLE, y + tall + 24, QUIET, 1.4),
              line(_MIDDLE, y + tall / 2, 590, y + tall / 2, QUIET, 1.4)]  # fmt: skip
    parts += _box(590, y, 280, out if failed else ["Nobody failed screening"], QUIET)
    y += tall + 24
    randomised = [f"randomised/{arm}" for arm in design.arms]
    parts += _box(_MIDDLE - 125, y, 250, [f"Randomised: {_both(first[randomised].sum(), mean[randomised].sum())}"], INK)
    width = min(300.0, (WIDTH - 10 * (len(design.arms) + 1)) / len(design.arms))
    room = (WIDTH - width * len(design.arms)) / (len(design.arms) + 1)
    top, bottom = y + 62, 0.0
    parts.append(line(_MIDDLE, y + 28, _MIDDLE, y + 45, QUIET, 1.4))
    for index, arm in enumerate(design.arms):
        x = room + index * (width + room)
        rows = arm_rows(followed, arm, first, mean)
        middle = x + width / 2
        parts += [line(_MIDDLE, y + 45, middle, y + 45, QUIET, 1.4), line(middle, y + 45, middle, top, QUIET, 1.4)]
        parts += _box(x, top, width, rows, colour_of(design, arm))
        bottom = max(bottom, top + 12 + _STEP * len(rows))
    return figure(WIDTH, bottom + 26, parts, "Flow of patients")


def arm_rows(followed: Followed, arm: str, first: pd.Series, mean: pd.Series) -> list[str]:
    """Return what became of an arm's patients, in lines; reasons nobody had in any trial are left out."""
    rows = [f"{arm}: {_both(first[f'randomised/{arm}'], mean[f'randomised/{arm}'])}"]
    rows.append(f"ended treatment early: {_both(first[f'stopped/{arm}'], mean[f'stopped/{arm}'])}")
    for reason in Reason:
        name = f"{reason.name.lower()}/{arm}"
        if reason and mean[name] > 0:
            rows.append(f"   {reason.name.lower().replace('_', ' ')}: {_both(first[name], mean[name])}")
    rows.append(f"left before the last visit: {_both(first[f'left/{arm}'], mean[f'left/{arm}'])}")
    for name, words in (("missed", "missed a visit and came back"), ("rescued", "took rescue"), ("held", "doses held")):
        if mean[f"{name}/{arm}"] > 0:
            rows.append(f"{words}: {_both(first[f'{name}/{arm}'], mean[f'{name}/{arm}'])}")
    index = followed.design.arms.index(arm)
    counts: NDArray[np.int64] = followed.analysed[:, index]
    rows.append(f"in the primary analysis: {_both(counts[0], counts.mean())}")
    return rows


def largest_error(conduct: pd.DataFrame, design: Design) -> tuple[float, float]:
    """Return the Monte-Carlo error of the mean assessed, and the largest of the means in the arms."""
    errors = conduct.sem(ddof=1)
    arms = [str(name) for name in conduct.columns if str(name).endswith(tuple(f"/{arm}" for arm in design.arms))]
    return float(errors["screened"]), float(errors[arms].max())


def _criterion(name: str) -> str:
    return name.removeprefix("failed/").replace("_", " ")


def _both(one: float, mean: float) -> str:
    return f"{int(one):,} ({mean:,.1f})"


def _box(x: float, y: float, width: float, rows: list[str], colour: str) -> list[str]:
    height = 12 + _STEP * len(rows)
    frame = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="3" fill="#fff" '
        f'stroke="{colour}" stroke-width="1.5"/>'
    )
    small = "small" if width >= 240 else "found"
    words = [
        text(
            x + 10 + (12 if row.startswith("   ") else 0), y + 18 + _STEP * k, row.strip(), "title" if k == 0 else small
        )
        for k, row in enumerate(rows)
    ]
    return [frame, *words]
