"""Rival cores of senescence: the density solver against closed forms and simulation, the comparison against itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from typer.testing import CliRunner

from senospine.calibration import compare_cores, cores, edges_to, predict, removal_data, solve_density
from senospine.calibration.cores import AGES, DEADLY_BURDEN
from senospine.cli import app
from senospine.errors import FileError
from senospine.randomness import stream
from senospine.report.core_fits import draw_cores

ONE = np.ones(1)


def still(_age, burden):
    return np.zeros_like(burden)


def test_walls_keep_every_animal():
    drift = lambda age, s: np.array([[0.3], [5.0]]) * (age / 500 - s / (1 + s))  # noqa: E731
    found = solve_density(drift, np.array([0.02, 0.4]), edges_to(40.0), np.array([1.0, 100.0, 400.0]))
    for density in found:
        np.testing.assert_allclose(density.alive, 1.0, rtol=1e-10)
        assert density.mass.min() > -1e-12


def test_free_diffusion_from_a_wall_is_half_a_normal():
    """Mean of |N(0, 2 D t)| is sqrt(4 D t / pi)."""
    time, diffusion = 200.0, 0.1
    found = solve_density(still, diffusion * ONE, edges_to(60.0, 400, 0.02), np.array([time]), step=0.5)[0]
    assert found.mean(found.centres)[0] == pytest.approx(np.sqrt(4 * diffusion * time / np.pi), rel=2e-3)


def test_the_density_comes_to_rest_where_flux_is_zero():
    """At a fixed age p ~ (1 + s)^(r/D) exp(-(r/D)(1 - A) s)."""
    rate, share, diffusion = 0.245, 0.5, 0.1157
    ratio = rate / diffusion

    def density(s, power):
        return s**power * (1 + s) ** ratio * np.exp(-ratio * (1 - share) * s)

    exact = quad(density, 0, 200, (1,))[0] / quad(density, 0, 200, (0,))[0]
    drift = lambda _, s: rate * (share - s / (1 + s))  # noqa: E731
    found = solve_density(drift, diffusion * ONE, edges_to(100.0), np.array([3000.0]))[0]
    assert found.mean(found.centres)[0] == pytest.approx(exact, rel=5e-3)


def test_death_at_the_upper_end_takes_its_share():
    """Reflected at 0, absorbed at L: late, the share alive is 4/pi exp(-pi^2 D t / 4 L^2)."""
    length, diffusion, time = 2.0, 0.05, 40.0
    found = solve_density(still, diffusion * ONE, edges_to(length, 200, 0.005), np.array([time]), step=0.1, deadly=True)
    exact = 4 / np.pi * np.exp(-(np.pi**2) * diffusion * time / (4 * length**2))
    assert found[0].alive[0] == pytest.approx(exact, rel=5e-3)


@pytest.mark.parametrize("name", ["noise", "noise and death"])
def test_the_density_is_what_simulated_animals_do(name):
    """Euler-Maruyama, 4,000 animals, reflected at zero; within four standard errors and the step's own error."""
    rate, critical, diffusion, step, animals = 0.245, 700.0, 0.1157, 0.1, 4_000
    dice, burden, alive = stream(3, "core simulation"), np.zeros(4_000), np.ones(4_000, bool)
    means = []
    for index in range(round(AGES[1] / step)):
        if index == round(AGES[0] / step):
            means.append(burden[alive])
        change = rate * (index * step / critical - burden / (1 + burden)) * step
        burden = np.abs(burden + change + np.sqrt(2 * diffusion * step) * dice.standard_normal(animals))
        if name == "noise and death":
            alive &= burden < DEADLY_BURDEN
    means.append(burden[alive])
    said = predict(cores()[name], {"rate": rate * ONE, "critical_age": critical * ONE, "diffusion": diffusion * ONE})
    for simulated, mean, removal in zip(
        means, (said.young, said.old), (said.removal_young, said.removal_old), strict=True
    ):
        for sample, expected in ((simulated, mean[0]), (rate / (1 + simulated), removal[0])):
            error = sample.std() / np.sqrt(len(sample))
            assert abs(sample.mean() - expected) < 4 * error + 0.02 * expected
    assert said.alive[0] == pytest.approx(alive.mean(), abs=0.02)


def test_finer_cells_and_steps_change_little():
    drift = lambda age, s: 0.6 * (age / 850 - s / (1 + s))  # noqa: E731
    ages = np.array(AGES)
    coarse = solve_density(drift, 0.2 * ONE, edges_to(DEADLY_BURDEN), ages, deadly=True)
    fine = solve_density(drift, 0.2 * ONE, edges_to(DEADLY_BURDEN, 300, 0.01), ages, deadly=True, step=1.0)
    for a, b in zip(coarse, fine, strict=True):
        assert a.mean(a.centres)[0] == pytest.approx(b.mean(b.centres)[0], rel=3e-3)
        assert a.alive[0] == pytest.approx(b.alive[0], rel=1e-3)


def test_little_noise_is_no_noise_and_a_far_cap_is_no_cap():
    base = {"rate": 0.3 * ONE, "critical_age": 850 * ONE}
    plain = predict(cores()["unbounded"], base)
    quiet = predict(cores()["noise"], {**base, "diffusion": 3e-3 * ONE})
    roomy = predict(cores()["capped"], {**base, "capacity": 1e9 * ONE})
    assert quiet.old[0] == pytest.approx(plain.old[0], rel=0.05)
    for name in ("removal_young", "removal_old", "relaxation_young", "relaxation_old", "young", "old"):
        assert getattr(roomy, name)[0] == pytest.approx(getattr(plain, name)[0], rel=1e-5)


def test_the_published_numbers_without_noise():
    """0.27/1.1 per day and 657 d: 43-fold rise; the excess of an old mouse would go at 0.0045, per cell at 0.033."""
    said = predict(cores()["unbounded"], {"rate": 0.245 * ONE, "critical_age": 657 * ONE})
    assert said.rise(0.0)[0] == pytest.approx(43, abs=0.5)
    assert said.rise(1.42)[0] == pytest.approx(5, abs=0.05)
    assert said.relaxation_old[0] == pytest.approx(0.0045, abs=1e-4)
    assert said.removal_old[0] == pytest.approx(0.033, abs=1e-3)
    late = predict(cores()["shifted"], {"rate": 0.245 * ONE, "critical_age": 1265 * ONE})
    assert late.relaxation_old[0] == pytest.approx(0.058, abs=1e-3)
    assert late.rise(0.17)[0] == pytest.approx(5, abs=0.1)


def test_data_and_their_likelihood():
    young, old, rise = removal_data()
    assert (young.value, young.spread, old.value, old.spread, rise.value) == (0.21, 0.07, 0.055, 0.035, 5.0)
    assert old.log_likelihood(np.array(0.1)) == pytest.approx(norm.logpdf(0.1, 0.055, 0.035))
    assert rise.log_likelihood(np.array(7.0)) == pytest.approx(norm.logpdf(np.log(7), np.log(5), 0.2))
    assert {datum.doi for datum in removal_data()} == {"10.1038/s41467-019-13192-4"}


@pytest.fixture(scope="module")
def compared():
    return {reading: compare_cores(reading, samples=64) for reading in ("cell", "excess")}  # type: ignore[arg-type]


def test_without_a_stain_background_only_noise_reaches_the_rise(compared):
    for comparison in compared.values():
        for name in ("unbounded", "capped", "capped, immunity ages", "shifted"):
            assert "rise" in comparison.fit(name).fails_without
        for name in ("noise", "noise and death"):
            assert comparison.fit(name).fails_without == ()


def test_the_capped_core_reaches_all_data_inside_the_range_survival_allows(compared):
    for comparison in compared.values():
        fit = comparison.fit("capped")
        assert fit.fails == ()
        assert 468 <= fit.best["critical_age"] <= 874
        others = [item.log_evidence for item in comparison.fits]
        assert max(others) - fit.log_evidence < 1.0  # nothing here tells it from the best
        assert comparison.fit("shifted").log_evidence < fit.log_evidence - 0.5
    assert compared["excess"].fit("unbounded").mean["removal_old"] < 0.02


def test_best_fits_are_no_worse_than_any_point_tried_and_predictions_lie_near(compared):
    for comparison in compared.values():
        for fit in comparison.fits:
            assert fit.log_likelihood >= fit.log_evidence
            assert fit.log_likelihood >= fit.log_likelihood_without - 0.05
            assert all(low - 1e-9 <= fit.best[name] <= high + 1e-9 for name, (low, high) in fit.core.ranges.items())
            assert abs(fit.distances["rise"]) < 1.5
        table = comparison.table()
        assert list(table["core"]) == [fit.core.name for fit in comparison.fits]
        assert np.all(np.diff(table["log_evidence"]) <= 0)


def test_the_command_prints_json_and_draws(compared, tmp_path):
    picture = tmp_path / "cores.svg"
    result = CliRunner().invoke(app, ["model", "core", "--samples", "16", "--json", "--picture", str(picture)])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert [item["reading"] for item in said] == ["cell", "excess"]
    assert {row["core"] for row in said[0]["cores"]} == set(cores())
    assert "removal at 22 months" in picture.read_text(encoding="utf-8")
    with pytest.raises(FileError, match="cannot write the picture"):
        draw_cores(list(compared.values()), tmp_path / "cores.nonsense")
