"""Patients report as patients do: published reliabilities come out of the reports, not only of the register."""

from __future__ import annotations

import numpy as np
import pytest

from senospine.assays import (
    CONTROLS,
    MARKERS,
    assay_register,
    contextual_response,
    human_assay_register,
    lasting_change,
    record_marker,
    regression_to_the_mean,
    report_disability,
    report_pain,
)
from senospine.assays.marker import modic_shares, pfirrmann_shares
from senospine.assays.patient import day_noise_sd
from senospine.assays.readout import value_of
from senospine.errors import SenospineError
from senospine.model import check_register
from senospine.stats import intraclass_correlation, weighted_kappa

LASTING = 2 * 0.65**0.5  # of daily ratings with SD 2, what outlasts a day


def ratings(days: int, n: int = 20_000, mean: float = 5.0, **options: object) -> np.ndarray:
    """Return ratings of people whose pain outlasts days, so near in time that slow fluctuation stands still."""
    generator = np.random.default_rng(4)
    slow = value_of("fluctuation_sd")
    latent = mean + np.sqrt(LASTING**2 - slow**2) * generator.standard_normal(n)
    when = 1e-3 * np.arange(days)
    return report_pain(np.repeat(latent[:, None], days, axis=1), when, generator, **options).ratings  # type: ignore[arg-type]


def test_one_day_has_the_published_reliability_and_five_have_more_than_nine_tenths() -> None:
    """Heapy 2014, doi 10.1016/j.jpain.2014.09.012."""
    daily = ratings(10, n=60_000, whole_numbers=False)
    assert abs(intraclass_correlation(daily[:, :2], "1,1") - 0.65) < 0.01
    fives = np.stack([daily[:, :5].mean(axis=1), daily[:, 5:].mean(axis=1)], axis=1)
    assert intraclass_correlation(fives, "1,1") > 0.90
    np.testing.assert_allclose(daily[:, 0].std(), 2.0, rtol=0.02)
    whole = ratings(2)
    assert 0.6 < intraclass_correlation(whole, "1,1") < 0.68  # whole numbers from 0 to 10 cost a little
    assert set(np.unique(whole)) == set(range(11))


@pytest.mark.parametrize("days", [1, 5])
def test_regression_to_the_mean_is_the_formula(days: int) -> None:
    """Those who enter by a rating of at least 5 fall by (1 - r) SD phi(a) / (1 - Phi(a)) without any treatment."""
    daily = ratings(2 * days, whole_numbers=False, n=60_000)
    first, second = daily[:, :days].mean(axis=1), daily[:, days:].mean(axis=1)
    entered = first >= 5
    sd, r = first.std(), LASTING**2 / (LASTING**2 + day_noise_sd() ** 2 / days)
    fall = (first - second)[entered].mean()
    np.testing.assert_allclose(fall, regression_to_the_mean(5, 5, sd, r), atol=0.02)
    if days == 1:
        np.testing.assert_allclose(fall, 0.56, atol=0.03)  # the worked example


def test_slow_fluctuation_fades_over_its_own_time_and_goes_on_between_calls() -> None:
    generator = np.random.default_rng(1)
    latent = np.full((8000, 2), 5.0)
    days = [0.0, value_of("fluctuation_days")]
    felt = report_pain(latent, days, generator, whole_numbers=False).felt
    assert abs(np.corrcoef(felt.T)[0, 1] - np.exp(-1)) < 0.03
    first = report_pain(latent[:, :1], [0.0], generator, whole_numbers=False)
    later = report_pain(
        latent[:, :1], [days[1]], generator, fluctuation=first.fluctuation, since=0.0, whole_numbers=False
    )
    assert abs(np.corrcoef(first.felt[:, 0], later.felt[:, 0])[0, 1] - np.exp(-1)) < 0.03
    np.testing.assert_allclose(later.felt.std(), value_of("fluctuation_sd"), rtol=0.03)


def test_a_patients_noise_does_not_depend_on_who_follows() -> None:
    reports = [report_pain(np.full((n, 3), 5.0), [0, 1, 2], np.random.default_rng(1)).ratings for n in (5, 9)]
    np.testing.assert_array_equal(reports[0], reports[1][:5])


def test_context_depends_on_the_control_and_fades() -> None:
    """Strijkers 2021: 8 of 100 points in the short term, -0.26 of -0.37 later."""
    short = {kind: float(contextual_response(kind, [60])[0]) for kind in CONTROLS}
    assert short["none"] == 0 < short["usual care"] < short["pill"] < short["infusion"] < short["injection"]
    assert short["injection"] < short["sham procedure"]
    late = float(contextual_response("pill", [3000])[0])
    np.testing.assert_allclose(late / value_of("context_pill"), 0.26 / 0.37, rtol=0.01)
    assert contextual_response("pill", [-3, 0]).tolist() == [0, 0]
    with pytest.raises(SenospineError, match="did you mean 'pill'"):
        contextual_response("pil", [1])


def test_patients_change_by_themselves() -> None:
    change = lasting_change(20_000, np.random.default_rng(2))
    np.testing.assert_allclose([change.mean(), change.std()], [0.6, 2.0], rtol=0.05)
    felt = report_pain(np.full((2, 1), 5.0), [1e4], np.random.default_rng(1), course=np.array([0.0, 2.0])).felt
    same = report_pain(np.full((2, 1), 5.0), [1e4], np.random.default_rng(1)).felt
    np.testing.assert_allclose(same - felt, [[0], [2]])


@pytest.mark.parametrize(("scale", "top", "step"), [("odi", 100, 2), ("rmdq", 24, 1)])
def test_disability_follows_pain_by_the_minimal_important_changes(scale: str, top: int, step: int) -> None:
    """Ostelo 2008: 10 of the Oswestry index and 5 Roland-Morris points go with 2 points of pain."""
    generator = np.random.default_rng(3)
    lasting = generator.standard_normal(40_000)
    low, high = (report_disability(scale, np.full(40_000, pain), lasting, generator) for pain in (4.0, 6.0))
    np.testing.assert_allclose((high - low).mean(), {"odi": 10, "rmdq": 5}[scale], rtol=0.04)
    assert low.min() >= 0
    assert high.max() <= top
    assert (high % step == 0).all()
    assert np.corrcoef(low, high)[0, 1] > 0.6


def test_readers_agree_as_published() -> None:
    """Between readers: Modic weighted 0.56-0.74, Pfirrmann 0.43-0.55, endplate defects 0.65-0.68."""
    generator = np.random.default_rng(6)
    n = 60_000
    modic = {"modic": generator.choice(4, n, p=modic_shares()).astype(float)}
    grade = {"degeneration": generator.choice(5, n, p=pfirrmann_shares()) / 4}
    defect = {"endplate_defect": (generator.random(n) < 0.456).astype(float), "image": generator.random(n)}
    kappas = {
        name: weighted_kappa(record_marker(name, y, generator), record_marker(name, y, generator), weights)
        for name, y, weights in (
            ("modic", modic, "linear"),
            ("pfirrmann", grade, "none"),
            ("endplate_defect", defect, "none"),
        )
    }
    np.testing.assert_allclose(kappas["modic"], 0.65, atol=0.02)
    np.testing.assert_allclose(kappas["pfirrmann"], 0.49, atol=0.02)
    np.testing.assert_allclose(kappas["endplate_defect"], 0.665, atol=0.02)


def test_defects_are_seen_as_often_as_against_micro_ct() -> None:
    generator = np.random.default_rng(7)
    truth = (np.arange(40_000) % 2).astype(float)
    seen = record_marker("endplate_defect", {"endplate_defect": truth}, generator)
    np.testing.assert_allclose([seen[truth == 1].mean(), 1 - seen[truth == 0].mean()], [0.75, 0.82], atol=0.01)


def test_blood_is_weakly_tied_to_tissue() -> None:
    generator = np.random.default_rng(8)
    n = 60_000
    cells = np.exp(1 + 0.7 * generator.standard_normal((2, n)))
    y = {"age": np.full(n, 50.0), "endplate_senescence": cells[0], "disc_senescence": cells[1]}
    log = {
        name: np.log(record_marker(name, y, generator)) for name in ("gdf15", "tcell_p16", "plasma_il6", "plasma_mmp3")
    }
    ties = {name: float(np.corrcoef(value, np.log(cells[0]))[0, 1]) for name, value in log.items()}
    np.testing.assert_allclose(ties["gdf15"], 0.16 * 0.45 / np.hypot(0.45, 0.0998), atol=0.015)
    assert 0 < ties["tcell_p16"] < ties["gdf15"]
    assert 0 < np.corrcoef(log["plasma_il6"], log["plasma_mmp3"])[0, 1] < 0.1
    old = {name: record_marker(name, {**y, "age": np.full(n, 80.0)}, generator, "oracle") for name in log}
    young = {name: record_marker(name, y, generator, "oracle") for name in log}
    assert all((old[name] > young[name]).all() for name in log)


def test_the_oracle_is_the_truth_and_the_unknown_is_refused() -> None:
    state = {"degeneration": np.array([0.0, 0.5, 1.0]), "platelets": np.array([200.0, 90.0])}
    assert record_marker("pfirrmann", state, np.random.default_rng(1), "oracle").tolist() == [1, 3, 5]
    assert record_marker("platelets", state, np.random.default_rng(1), "oracle").tolist() == [200, 90]
    with pytest.raises(SenospineError, match="did you mean 'modic'"):
        record_marker("modick", state, np.random.default_rng(1))
    with pytest.raises(SenospineError, match="needs the state 'modic'"):
        record_marker("modic", state, np.random.default_rng(1))
    with pytest.raises(SenospineError, match="no mode"):
        record_marker("platelets", state, np.random.default_rng(1), "clinical")


def test_every_number_has_a_source_and_none_is_the_mouses() -> None:
    rows = human_assay_register()
    assert not set(rows) & set(assay_register())
    assert {row.species for row in rows.values()} == {"human"}
    assert check_register(next(iter(rows.values())).where.rsplit(":", 1)[0]) == []
    assert set(MARKERS) >= {"modic", "endplate_defect", "pfirrmann", "gdf15", "tcell_p16"}
