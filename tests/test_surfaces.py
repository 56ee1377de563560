"""Response surfaces: exact cases of each null, MuSyC against linear algebra, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from senospine.errors import AnalysisError
from senospine.stats.surfaces import (
    Hill,
    MuSyC,
    Tabulated,
    additive_hazards,
    bliss,
    fit_hill,
    fit_musyc,
    fraction_affected,
    highest_single_agent,
    interaction_index,
    interaction_indices,
    loewe,
    null_disagreement,
    surface_indices,
)

DOSES = np.array([0.0, 0.5, 1.0, 2.0, 4.0])
D1, D2 = np.meshgrid(DOSES, DOSES, indexing="ij")
positive = st.floats(0.05, 20)
level = st.floats(-2, 2)


def test_bliss_and_the_better_single_drug() -> None:
    assert float(bliss(0.5, 0.4)) == pytest.approx(0.7)
    assert float(bliss(1.0, 0.3)) == 1.0
    assert float(bliss(0.0, 0.3)) == 0.3
    assert highest_single_agent([0.2, 0.6], [0.5, 0.1]).tolist() == [0.5, 0.6]


@given(level, level, positive, st.floats(0.3, 4), positive, positive)
def test_a_drug_with_itself_does_not_interact(e0: float, gap: float, c: float, h: float, a: float, b: float) -> None:
    drug = Hill(e0, e0 + (gap if abs(gap) > 0.1 else 1.0), c, h)
    assert float(interaction_index(a, b, drug.effect(a + b), drug, drug)) == pytest.approx(1, abs=1e-6)


def test_a_drug_with_itself_has_its_own_curve_as_expected_effect() -> None:
    drug = Hill(0.0, 0.9, 1.5, 2.0)
    found = loewe(D1, D2, drug, drug, 0.0, 0.9 - 1e-9)
    np.testing.assert_allclose(found, drug.effect(D1 + D2), atol=1e-12)


def test_a_tabulated_sham_combination_is_exact_where_sums_are_in_the_table() -> None:
    grid = np.linspace(0, 2, 5)
    table = np.linspace(0, 4, 9)
    curve = 1 - np.exp(-0.7 * table**1.3)  # no Hill curve
    affected = 1 - np.exp(-0.7 * np.add.outer(grid, grid) ** 1.3)
    found = surface_indices(affected, grid, grid, (table, curve), (table, curve))
    np.testing.assert_allclose(found.index, 1, atol=1e-12)
    np.testing.assert_allclose(found.loewe, 0, atol=1e-12)
    assert (found.bliss > 0.02).any()  # steeper than an exponential: Bliss calls a drug synergistic with itself


def test_hazards_that_add_are_bliss_and_loewe_only_if_proportional_to_dose() -> None:
    doses = np.linspace(0, 8, 17)
    grid = doses[:5]
    for kill_a, kill_b, is_loewe in (
        (0.4 * doses, 0.2 * doses, True),
        (3 * doses / (2 + doses), 3 * doses / (1 + doses), False),
    ):
        killed = additive_hazards(kill_a, kill_b)
        found = surface_indices(killed[:5, :5], grid, grid, (doses, killed[:, 0]), (doses, killed[0]))
        np.testing.assert_allclose(found.bliss, 0, atol=1e-14)
        assert bool(np.nanmax(np.abs(found.index - 1)) < 0.01) is is_loewe
        assert (found.highest > 0).all()


def test_an_interaction_of_hazards_moves_every_index_its_way() -> None:
    kill = np.linspace(0, 2, 5)
    for psi in (-0.5, 0.5):
        killed = additive_hazards(kill, kill, psi)
        alone = 1 - np.exp(-np.linspace(0, 8, 33))
        found = surface_indices(killed, kill, kill, (np.linspace(0, 8, 33), alone), (np.linspace(0, 8, 33), alone))
        assert (np.sign(found.bliss) == np.sign(psi)).all()
        assert (np.sign(1 - found.index) == np.sign(psi)).all()


def test_beyond_the_weaker_drug_loewe_says_nothing() -> None:
    strong, weak = Hill(0, 1, 1, 1), Hill(0, 0.3, 1, 1)
    assert np.isnan(interaction_index(1, 1, 0.6, strong, weak))
    assert np.isnan(loewe(5.0, 5.0, strong, weak, 0.0, 0.29))


def test_a_curve_that_turns_has_no_inverse() -> None:
    assert not Tabulated([0, 1, 2], [0, 0.5, 0.4]).monotone
    assert np.isnan(Tabulated([0, 1, 2], [0, 0.5, 0.4]).dose(0.3))
    with pytest.raises(AnalysisError, match="first of them zero"):
        Tabulated([1, 2], [0, 1])


@given(*[level] * 4, *[positive] * 2, *[st.floats(0.4, 3)] * 2)
def test_musyc_without_interaction_mixes_two_independent_drugs(
    e0: float, e1: float, e2: float, e3: float, c1: float, c2: float, h1: float, h2: float
) -> None:
    found = MuSyC(e0, e1, e2, e3, c1, c2, h1, h2).effect(D1, D2)
    free1, free2 = Hill(1, 0, c1, h1).effect(D1), Hill(1, 0, c2, h2).effect(D2)
    mixed = e0 * free1 * free2 + e1 * (1 - free1) * free2 + e2 * free1 * (1 - free2) + e3 * (1 - free1) * (1 - free2)
    np.testing.assert_allclose(found, mixed, atol=1e-9)


def test_musyc_is_bliss_when_efficacies_multiply() -> None:
    found = MuSyC(1, 0.4, 0.7, 0.28, 1, 2, 1.5, 0.8).effect(D1, D2)
    alone = (Hill(1, 0.4, 1, 1.5).effect(D1), Hill(1, 0.7, 2, 0.8).effect(D2))
    np.testing.assert_allclose(1 - found, bliss(1 - alone[0], 1 - alone[1]), atol=1e-12)


def test_musyc_is_loewe_when_drugs_exclude_each_other() -> None:
    """Wooten 2021 (doi 10.1038/s41467-021-24789-z): alpha 0, slopes 1 and one efficacy."""
    surface = MuSyC(1, 0.2, 0.2, 0.9, 1, 3, 1, 1, alpha12=0, alpha21=0)
    one, two = Hill(1, 0.2, 1, 1), Hill(1, 0.2, 3, 1)
    pairs = (D1[1:, 1:], D2[1:, 1:])
    np.testing.assert_allclose(interaction_index(*pairs, surface.effect(*pairs), one, two), 1, atol=1e-12)


def test_musyc_alone_is_a_hill_curve_whatever_the_interaction() -> None:
    surface = MuSyC(1, 0.3, 0.5, 0, 1, 2, 1.4, 0.7, 5, 0.2, 1.3, 0.6)
    np.testing.assert_allclose(surface.effect(DOSES, 0), Hill(1, 0.3, 1, 1.4).effect(DOSES), atol=1e-14)
    np.testing.assert_allclose(surface.effect(0, DOSES), Hill(1, 0.5, 2, 0.7).effect(DOSES), atol=1e-14)


@given(*[positive] * 4, *[st.floats(0.3, 3)] * 4, *[st.floats(0.1, 10)] * 2)
def test_musyc_is_the_steady_state_of_its_four_states(
    d1: float, d2: float, c1: float, c2: float, h1: float, h2: float, g12: float, g21: float, a12: float, a21: float
) -> None:
    """The balance of flows, solved as linear equations."""
    on = [(d1 / c1) ** h1, (d2 / c2) ** h2, (a12 * d2 / c2) ** (g12 * h2), (a21 * d1 / c1) ** (g21 * h1)]
    flow = np.zeros((4, 4))
    for source, target, rate in ((0, 1, on[0]), (0, 2, on[1]), (1, 3, on[2]), (2, 3, on[3])):
        for a, b, r in ((source, target, rate), (target, source, 1.0)):
            flow[b, a] += r
            flow[a, a] -= r
    size = np.abs(np.diag(flow))
    balance = flow / size[:, None]
    balance[0] = 1
    known = np.linalg.solve(balance, [1, 0, 0, 0])
    found = np.array(MuSyC(0, 0, 0, 0, c1, c2, h1, h2, a12, a21, g12, g21).shares(d1, d2))
    np.testing.assert_allclose(found, known, rtol=1e-5, atol=1e-9)


def test_detailed_balance_ties_the_alphas_and_beta_counts_from_the_stronger() -> None:
    surface = MuSyC.balanced(alpha=8.0, h1=1.5, h2=3.0, e0=1, e1=0.5, e2=0.6, e3=0.25, c1=1, c2=1)
    assert surface.alpha12**3.0 == pytest.approx(surface.alpha21**1.5)
    free, one, two, both = surface.shares(1.3, 0.4)
    assert free * both == pytest.approx(8 * one * two)  # no net flow round the square
    assert surface.beta == pytest.approx(0.5)


def test_a_hill_curve_is_found_again() -> None:
    doses = np.geomspace(0.1, 30, 12)
    found = fit_hill(doses, Hill(1.0, 0.2, 3.0, 1.7).effect(doses))
    assert (found.e0, found.e1, found.c, found.h) == pytest.approx((1.0, 0.2, 3.0, 1.7), rel=1e-3)
    with pytest.raises(AnalysisError, match="four different doses"):
        fit_hill([0, 1, 1], [1, 0.5, 0.4])


@pytest.mark.parametrize("alpha", [0.2, 1.0, 6.0])
def test_musyc_is_found_again_in_doses_of_any_size(alpha: float) -> None:
    true = MuSyC.balanced(alpha=alpha, h1=1.2, h2=0.9, e0=1, e1=0.4, e2=0.6, e3=0.2, c1=100.0, c2=0.02)
    d1, d2 = (axis.ravel() for axis in np.meshgrid(100 * DOSES, 0.02 * DOSES, indexing="ij"))
    fit = fit_musyc(d1, d2, true.effect(d1, d2), 0.01, freedom=75, intervals=False)
    assert fit.surface.alpha12 == pytest.approx(true.alpha12, rel=0.02)
    assert fit.surface.beta == pytest.approx(true.beta, abs=0.02)
    assert fit.deviance < 0.01


def test_intervals_of_musyc_cover() -> None:
    """At 90 %, of 40 made data sets 31 or more must hold the truth: fewer has probability below 0.01."""
    true = MuSyC.balanced(alpha=3.0, h1=1.3, h2=1.0, e0=1, e1=0.3, e2=0.45, e3=0.1, c1=0.9, c2=1.1)
    generator, held = np.random.default_rng(20), {"beta": 0, "log10_alpha": 0}
    d1, d2 = D1.ravel(), D2.ravel()
    for _ in range(40):
        y = true.effect(d1, d2) + 0.02 * generator.standard_normal(d1.size)
        fit = fit_musyc(d1, d2, y, 0.02, freedom=100, level=0.9)
        for name, value in (("beta", true.beta), ("log10_alpha", np.log10(3.0))):
            held[name] += fit.intervals[name].low <= value <= fit.intervals[name].high
    assert min(held.values()) >= 31, held


def measured(psi: float, n: int, sd: float, seed: int) -> pd.DataFrame:
    kill = np.array([0.0, 0.3, 0.6, 1.2, 2.4])
    spared = 100 * (1 - additive_hazards(kill, kill, psi))
    generator = np.random.default_rng(seed)
    animals = spared[..., None] + sd * generator.standard_normal((5, 5, n))
    a, b = np.meshgrid(kill, kill, indexing="ij")
    columns = {"a": a, "b": b, "mean": animals.mean(-1), "sd": animals.std(-1, ddof=1), "n": np.full((5, 5), n)}
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def indices_of(frame: pd.DataFrame, **more: float) -> pd.DataFrame:
    return interaction_indices(
        frame, dose_a="a", dose_b="b", effect="mean", spread="sd", n="n", resamples=60, **more
    ).table


def test_a_table_of_groups_tells_an_interaction_from_none() -> None:
    null, helped = (indices_of(measured(psi, 12, 3.0, 4)) for psi in (0.0, 0.8))
    holds = (null["bliss_excess_low"] <= 0) & (null["bliss_excess_high"] >= 0)
    assert holds.sum() >= 13  # 95 % of 16
    assert (helped["bliss_excess_low"] > 0).sum() >= 8
    assert helped["interaction_index"].median() < null["interaction_index"].median()


def test_intervals_of_a_table_cover_the_null_and_narrow_with_n() -> None:
    held = sum(
        int(((t["bliss_excess_low"] <= 0) & (t["bliss_excess_high"] >= 0)).sum())
        for t in (indices_of(measured(0.0, 6, 5.0, seed).drop(columns=[])) for seed in range(3))
    )
    assert held >= 38  # of 48 at 95 %
    few, many = (indices_of(measured(0.0, n, 5.0, 1)) for n in (4, 64))
    width = [float((t["bliss_excess_high"] - t["bliss_excess_low"]).mean()) for t in (few, many)]
    assert 3 < width[0] / width[1] < 5.5  # the square root of sixteen


def test_tables_that_cannot_be_judged_are_refused() -> None:
    frame = measured(0.0, 6, 3.0, 1)
    for broken, words in (
        (frame.rename(columns={"sd": "s"}), "no column 'sd'"),
        (frame[(frame["a"] > 0) | (frame["b"] > 0)], "row of the control"),
        (frame[~((frame["a"] == 0.6) & (frame["b"] == 0))], "no single row"),
        (frame.assign(n=1), "n two or more"),
    ):
        with pytest.raises(AnalysisError, match=words):
            indices_of(broken)
    with pytest.raises(AnalysisError, match="the same"):
        fraction_affected(1.0, 2.0, 2.0)
    with pytest.raises(AnalysisError, match="no form"):
        fit_musyc(D1.ravel(), D2.ravel(), D1.ravel(), 1.0, freedom=9, form="half")
    with pytest.raises(AnalysisError, match="4 usable combinations"):
        fit_musyc([0, 1, 0, 1], [0, 0, 1, 1], [1, 0.5, 0.5, 0.2], 0.1, freedom=9)


def test_the_nulls_disagree_on_drugs_that_do_not_interact() -> None:
    table = null_disagreement().set_index(["dose law", "read as"])
    plain = table.loc[("log-kill proportional to dose", "survivors")]
    assert abs(plain["bliss excess"]) < 1e-12
    assert plain["interaction index"] == pytest.approx(1, abs=0.01)
    saturating = table.loc[("log-kill saturates, same maximum", "survivors")]
    assert abs(saturating["bliss excess"]) < 1e-12
    assert saturating["interaction index"] < 0.5  # Loewe calls the same null strong synergy
    read = table.loc[("log-kill proportional to dose", "saturating in survivors")]
    assert read["bliss excess"] > 0.05  # and Bliss does, of a read-out that saturates
    assert (table["excess over the better"] > 0).all()
