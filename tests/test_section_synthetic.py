"""Drawn sections come back as they were drawn, with intervals that cover; designs are judged by their noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from section_helpers import prepared_section

from senospine.errors import MeasureError
from senospine.measure.power import welch_p
from senospine.measure.section import (
    Cells,
    Control,
    Plan,
    Truth,
    classify,
    count_cells,
    design_power,
    draw_section,
    plan_of_animal,
    score_cells,
    threshold_from_controls,
    trace_fibres,
)
from senospine.measure.section.design import draw_counts
from senospine.stats import wilson_interval
from senospine.stats.counts import poisson_interval

PLAN = Plan(rows=400, columns=520, osteoclasts=60.0, senescent=0.4, stroma=300.0)
SECTIONS = 30


def counted(plan: Plan, seed: int, number: int) -> tuple[Cells, Truth]:
    section, truth = prepared_section(plan, seed, number, "DAPI", "TRAP", "p16")
    return score_cells(count_cells(section, bone=truth.bone), section), truth


@pytest.fixture(scope="module")
def recovered() -> list[tuple[Cells, Truth]]:
    """Return 30 sections measured, with p16 by a threshold from 8 control sections without p16."""
    dark = replace(PLAN, senescent=0.0, osteoclasts=80.0)
    controls = [
        Control(list(counted(dark, 31, k)[0].counted["p16_score"]), str(k), str(k), "known-negative") for k in range(8)
    ]
    threshold = threshold_from_controls(controls, false_positive=0.02)
    found = [counted(PLAN, 32, number) for number in range(SECTIONS)]
    return [(classify(cells, threshold, {}), truth) for cells, truth in found]


def test_a_section_is_its_seed_and_number() -> None:
    first, truth = draw_section(PLAN, 4, 1)
    again, _ = draw_section(PLAN, 4, 1)
    other, _ = draw_section(PLAN, 4, 2)
    assert all(np.array_equal(first.channel(name), again.channel(name)) for name in first.channels)
    assert not np.array_equal(first.channel("TRAP"), other.channel("TRAP"))
    assert "synthetic data" in first.warnings
    assert truth.labels.max() <= len(truth.cells)


def test_what_is_drawn_has_the_density_that_was_asked() -> None:
    plan = Plan(rows=200, columns=300, osteoclasts=50.0, nerve_length=10.0, vessel_length=6.0, cgrp_share=0.3)
    drawn = [draw_section(plan, 8, k)[1] for k in range(150)]
    number = sum(truth.cells["column"].between(0, 299).sum() for truth in drawn)
    assert number == pytest.approx(150 * 50 * plan.area_mm2, rel=0.12)
    for channel, expected in (("PGP9.5", 10.0), ("CGRP", 3.0), ("CD31", 6.0), ("Emcn", 2.4)):
        length = np.array([truth.length_um[channel] for truth in drawn]) / 1e3 / plan.area_mm2
        assert abs(length.mean() - expected) < 4 * length.std() / np.sqrt(150)


def test_counts_come_back_without_bias(recovered: list[tuple[Cells, Truth]]) -> None:
    found = sum(len(cells.counted) for cells, _ in recovered)
    drawn = sum(truth.cells["column"].between(0, PLAN.columns - 1).sum() for _, truth in recovered)
    assert found == pytest.approx(drawn, rel=0.08)


def test_intervals_of_density_and_share_cover(recovered: list[tuple[Cells, Truth]]) -> None:
    """Of 30 intervals at 95 % fewer than 26 cover once in a hundred."""
    density, share = 0, 0
    for cells, _ in recovered:
        low, high = poisson_interval(len(cells.counted))
        density += bool(low <= PLAN.osteoclasts * PLAN.area_mm2 <= high)
        positive = cells.counted["p16_positive"].dropna()
        if len(positive):
            low, high = wilson_interval(positive.sum(), len(positive))
            share += bool(low <= PLAN.senescent <= high)
    assert density >= 26
    assert share >= 25


def matched(recovered: list[tuple[Cells, Truth]]) -> np.ndarray:
    """Return true nuclei, counted nuclei, truly senescent, called positive; one row a counted cell."""
    rows = []
    for cells, truth in recovered:
        for cell in cells.counted.itertuples():
            over = truth.labels[cells.labels == cell.cell]
            if over.any():
                real = truth.cells.iloc[np.bincount(over[over > 0]).argmax() - 1]
                rows.append((real["nuclei"], cell.nuclei, real["senescent"], bool(cell.p16_positive)))
    return np.array(rows, dtype=float)


def test_nuclei_and_positivity_are_those_that_were_drawn(recovered: list[tuple[Cells, Truth]]) -> None:
    rows = matched(recovered)
    assert len(rows) > 150
    assert np.mean(rows[:, 0] == rows[:, 1]) > 0.85
    assert np.mean(np.abs(rows[:, 0] - rows[:, 1]) <= 1) > 0.95
    senescent = rows[:, 2] == 1
    assert rows[senescent, 3].mean() > 0.97
    assert rows[~senescent, 3].mean() < 0.08


def test_bleed_through_left_alone_makes_cells_positive() -> None:
    """The trap that unmixing is for: a threshold from controls without TRAP calls TRAP itself p16."""
    plan = replace(PLAN, senescent=0.0, bleed=0.2)
    section, truth = draw_section(plan, 33)
    raw = score_cells(count_cells(section, bone=truth.bone), section)
    assert raw.counted["p16_score"].median() > section.channel("p16").mean() + 50
    pure, truth = prepared_section(plan, 33, 0, "DAPI", "TRAP", "p16")
    assert score_cells(count_cells(pure, bone=truth.bone), pure).counted["p16_score"].median() < 10


def test_lengths_come_back(recovered: list[tuple[Cells, Truth]]) -> None:
    plan = Plan(rows=400, columns=400, nerve_length=8.0, vessel_length=6.0)
    totals = dict.fromkeys(("PGP9.5", "CGRP", "CD31"), (0.0, 0.0))
    for number in range(8):
        section, truth = prepared_section(plan, 41, number, *totals)
        for channel, (found, drawn) in totals.items():
            fibres = trace_fibres(section, channel, 3.5 if channel == "CD31" else 0.9)
            totals[channel] = (found + fibres.length_um, drawn + truth.length_um[channel])
    for found, drawn in totals.values():
        assert found == pytest.approx(drawn, rel=0.05)


def test_an_animal_becomes_a_plan() -> None:
    plan = plan_of_animal({"osteoclast_density": 24.0, "snoc_density": 6.0, "pgp95_fibres": 2.0, "cgrp_fibres": 1.5})
    assert (plan.osteoclasts, plan.senescent, plan.nerve_length) == (24.0, 0.25, 8.0)
    assert plan.cgrp_share == pytest.approx(0.375)
    with pytest.raises(MeasureError, match="a part cannot exceed its whole"):
        plan_of_animal({"osteoclast_density": 5.0, "snoc_density": 6.0})
    with pytest.raises(MeasureError, match="density of zero or more"):
        draw_section(Plan(osteoclasts=-1.0), 1)


def test_simulated_animals_give_sections(lsi_outcome: object, tmp_path: Path) -> None:
    """The arms of a simulated study differ on the sections drawn from their animals as their read-outs say."""
    from senospine.assays import readout
    from senospine.study import Outcome

    assert isinstance(lsi_outcome, Outcome)
    means = {}
    for arm in lsi_outcome.study.arms:
        if arm.name not in ("sham", "vehicle"):
            continue
        names = ("osteoclast_density", "snoc_density")
        values = {name: lsi_outcome.expected(readout(name), arm) for name in names}
        drawn = []
        for animal in range(12):
            expected = {name: float(values[name][animal]) for name in names}
            _, truth = draw_section(plan_of_animal(expected, rows=300, columns=400), 50, animal)
            drawn.append(int(truth.cells["senescent"].sum()))
        means[arm.name] = (sum(drawn), float(values["snoc_density"][:12].mean()))
    assert means["vehicle"][1] > means["sham"][1]
    assert means["vehicle"][0] > means["sham"][0]


def test_the_count_model_has_the_noise_of_the_images(recovered: list[tuple[Cells, Truth]]) -> None:
    """Counts on images scatter as the model's without variation between animals and sections: mean and variance."""
    on_images = np.array([len(cells.counted) for cells, _ in recovered], dtype=float)
    model = draw_counts(PLAN.osteoclasts, 1, 1, 1, PLAN.area_mm2, np.random.default_rng(1), 20_000, 0.0, 0.0).ravel()
    assert abs(on_images.mean() - model.mean()) < 3 * np.sqrt(model.var() / SECTIONS)
    ratio = on_images.var(ddof=1) / model.var()
    low, high = stats.chi2.ppf([0.005, 0.995], SECTIONS - 1) / (SECTIONS - 1)
    assert low < ratio < high
    rows = matched(recovered)
    assert draw_counts(40, 4, 2, 3, 0.2, np.random.default_rng(2), 4000, 0.3, 0.2).mean() == pytest.approx(48, rel=0.02)
    assert rows[:, 3].mean() == pytest.approx(PLAN.senescent, abs=0.12)


def test_power_is_that_of_the_t_test_where_theory_knows_it() -> None:
    """Many cells, no variation between animals: counts are normal, and power is the noncentral t's."""
    table = design_power(100, 110, animals=[4, 8], sections=[1], fields=[1], field_mm2=10.0, animal_cv=0.0,
                         section_cv=0.0, repeats=4000)  # fmt: skip
    for row in table.itertuples():
        shift = 100 / np.sqrt((1000 + 1100) / 2) / np.sqrt(2 / row.animals)
        edge = stats.t.ppf(0.975, 2 * row.animals - 2)
        theory = stats.nct.sf(edge, 2 * row.animals - 2, shift) + stats.nct.cdf(-edge, 2 * row.animals - 2, shift)
        assert row.power == pytest.approx(theory, abs=0.035)


def test_the_vectorised_welch_is_scipys() -> None:
    a, b = np.random.default_rng(3).poisson([[9.0]], (2, 50, 5)).astype(float)
    assert welch_p(a, b) == pytest.approx(stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue)
    a[0], b[0] = 4.0, 7.0
    assert welch_p(a, b)[0] == 1.0  # nothing varies: nothing is known


def test_power_has_its_size_and_grows_with_animals_rather_than_fields() -> None:
    null = design_power(30, 30, animals=[6], sections=[3], repeats=4000)
    assert 0.03 < null["power"][0] < 0.06
    table = design_power(30, 18, animals=[4, 12], sections=[2], fields=[2, 20], repeats=3000)
    power = table.set_index(["animals", "fields"])["power"]
    assert power[12, 2] > power[4, 20] + 0.1
    assert power[12, 20] > power[12, 2]
    blurred = design_power(8, 2, animals=[6], sections=[3], background=(30.0, 30.0), false_positive=0.1, repeats=3000)
    clear = design_power(8, 2, animals=[6], sections=[3], repeats=3000)
    assert blurred["power"][0] < clear["power"][0]
    assert clear.equals(design_power(8, 2, animals=[6], sections=[3], repeats=3000))
    with pytest.raises(MeasureError, match="two animals"):
        design_power(1, 2, animals=[1])
