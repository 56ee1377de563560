"""The picture of the documents: a synthetic section, what was counted and measured on it.

``python -m senospine.measure.section.picture docs/measure-sections.png``
"""

from __future__ import annotations

import sys

import numpy as np

from senospine.measure.section.cells import count_cells, score_cells
from senospine.measure.section.controls import Control, classify, threshold_from_controls
from senospine.measure.section.fibres import trace_fibres
from senospine.measure.section.image import Section
from senospine.measure.section.overlay import Rgb, cells_overlay, fibres_overlay
from senospine.measure.section.prepare import subtract_background, unmix
from senospine.measure.section.synthetic import Plan, Truth, draw_section

_PLAN = Plan(rows=300, columns=420, osteoclasts=100.0, senescent=0.4, nerve_length=12.0)


def _prepared(plan: Plan, number: int) -> tuple[Section, Truth]:
    section, truth = draw_section(plan, 3, number)
    return unmix(subtract_background(section, "top hat", 25.0), {"p16": {"TRAP": plan.bleed}}), truth


def picture() -> Rgb:
    """Return p16 with the counted cells beside PGP9.5 with the measured fibres, (rows, columns, 3)."""
    controls = []
    for number in (1, 2, 3, 4):
        section, truth = _prepared(Plan(**{**_PLAN.__dict__, "senescent": 0.0}), number)
        cells = score_cells(count_cells(section, bone=truth.bone), section)
        controls.append(Control(list(cells.counted["p16_score"]), str(number), str(number), "known-negative"))
    section, truth = _prepared(_PLAN, 0)
    cells = classify(score_cells(count_cells(section, bone=truth.bone), section), threshold_from_controls(controls), {})
    left = cells_overlay(section, cells, "p16").image
    cgrp = trace_fibres(section, "CGRP", 0.9)
    right = fibres_overlay(section, "PGP9.5", trace_fibres(section, "PGP9.5", 0.9), cgrp.mask).image
    gap = np.full((left.shape[0], 8, 3), 255, dtype=np.uint8)
    return np.concatenate([left, gap, right], axis=1)


if __name__ == "__main__":
    from matplotlib.image import imsave

    imsave(sys.argv[1], picture())
