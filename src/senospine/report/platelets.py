"""The picture of platelets over a course of treatment: one panel an arm, bands of patients, lines of grades."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from senospine.assays.blood import cut_offs
from senospine.runs import NOTICE
from senospine.study import Outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BANDS = ((5, 95, 0.18), (25, 75, 0.35))
_INK, _GRADE = "#1f4e79", "#b03a2e"


def draw_platelets(outcome: Outcome, *, relative: bool = False) -> Figure:
    """Return a figure of platelet counts from the first dose on, one panel for each arm of the study.

    Parameters
    ----------
    outcome : Outcome
        Of a study of people or dogs.
    relative : bool
        In per cent of each patient's own count, without the lines of grades.

    Notes
    -----
    The line is the median patient, bands hold half and nine tenths of patients. Grades are those of CTCAE version 5.
    """
    from matplotlib.figure import Figure

    arms = outcome.study.arms
    figure = Figure(figsize=(2.9 * len(arms) + 0.9, 3.9), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(arms), sharey=True))
    for panel, arm in zip(panels, arms, strict=True):
        course = outcome.over_course(arm)
        days, counts = course["time"], course["platelets"]
        counts = counts[~np.isnan(counts).any(axis=1)]
        values = 100 * counts / counts[:, :1] if relative else counts
        for low, high, shade in _BANDS:
            edges = np.percentile(values, [low, high], axis=0)
            panel.fill_between(days, *edges, color=_INK, alpha=shade, linewidth=0)
        panel.plot(days, np.median(values, axis=0), color=_INK, linewidth=1.8)
        taken = [day - arm.doses[0] for day in arm.doses] if arm.doses else []
        panel.plot(taken, np.zeros(len(taken)), "|", color="black", markersize=6, clip_on=False)
        if not relative:
            for grade, cut in enumerate(cut_offs("platelets"), 1):
                panel.axhline(cut, color=_GRADE, linewidth=0.8, linestyle=(0, (4, 3)))
                if panel is panels[-1]:
                    panel.annotate(
                        f"grade {grade}", (1.0, cut), xycoords=("axes fraction", "data"), xytext=(4, -8),
                        textcoords="offset points", fontsize=8, color=_GRADE, annotation_clip=False,
                    )  # fmt: skip
        panel.set_title(arm.name, fontsize=10)
        panel.set_xlabel("days since the first dose")
        panel.set_xlim(0, float(days[-1]))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(0, None)
    panels[0].set_ylabel("platelets, % of own count" if relative else "platelets, 1e9/L")
    figure.suptitle(f"{outcome.study.title} · {NOTICE}", fontsize=9, color="#555555")
    return figure


def write_platelets(outcome: Outcome, path: str | Path, *, relative: bool = False) -> Path:
    """Write the figure as SVG, PNG or PDF, by the ending of ``path``, and return the path."""
    target = Path(path)
    draw_platelets(outcome, relative=relative).savefig(target, dpi=130, metadata=None)
    return target
