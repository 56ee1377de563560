"""Many trials with missed visits side by side: each is the one-trial mixed model, whatever stands beside it."""

from __future__ import annotations

import numpy as np
import pytest
from mmrm_cases import COLUMNS, long_table
from scipy import stats
from test_many_trials import FIELDS, as_table, leavers

from senospine.stats.imputation import compare_at, impute, impute_many
from senospine.stats.mmrm import STRUCTURES, ManyContrasts, mmrm, mmrm_many
from senospine.stats.mmrm.inference import METHODS
from senospine.stats.mmrm.many.closed import closed_form
from senospine.stats.mmrm.many.inference import infer
from senospine.stats.mmrm.many.sums import summed
from senospine.stats.mmrm.structures import structure

Trial = tuple[np.ndarray, np.ndarray]


def with_gaps(seed: int, n: int = 60, m: int = 4, missed: float = 0.12) -> Trial:
    """Return outcomes of patients who leave, or miss single visits, and covariates one, arm, baseline, stratum."""
    y, x = leavers(seed, n, m)
    y[np.random.default_rng(seed + 500).random(y.shape) < missed] = np.nan
    return y, x


def numbers(found: ManyContrasts, index: int) -> np.ndarray:
    return np.array([getattr(found, name)[index] for name in FIELDS])


def all_at_once(trials: list[Trial], **options: str) -> ManyContrasts:
    return mmrm_many([y for y, _ in trials], [x for _, x in trials], [0, 1, 0, 0], **options)


def one_by_one(y: np.ndarray, x: np.ndarray, last: int, **options: str) -> np.ndarray:
    """Return what `mmrm` says of the drug at visit ``last``."""
    fit = mmrm(as_table(y, x), fixed=["arm*visit", "base*visit", "stratum*visit"], **options, **COLUMNS)
    assert fit.convergence.ok
    return fit.contrast({"armdrug": 1.0, f"armdrug:visitV{last}": 1.0}).iloc[0][list(FIELDS)].to_numpy(float)


@pytest.mark.parametrize("df", METHODS)
@pytest.mark.parametrize("covariance", STRUCTURES)
def test_each_is_the_mixed_model(covariance: str, df: str) -> None:
    """Newton on sums of products side by side, against Newton on squeezed rows: two codes, one likelihood."""
    trials = [with_gaps(seed) for seed in range(2)]
    many = all_at_once(trials, covariance=covariance, df=df)
    for index, (y, x) in enumerate(trials):
        np.testing.assert_allclose(numbers(many, index), one_by_one(y, x, 4, covariance=covariance, df=df), rtol=2e-6)


@pytest.mark.parametrize(("n", "m", "missed"), [(30, 3, 0.2), (200, 6, 0.05), (80, 2, 0.1)])
def test_other_sizes_and_patients_without_any_outcome(n: int, m: int, missed: float) -> None:
    y, x = with_gaps(7, n, m, missed)
    y[3:6] = np.nan
    many = all_at_once([(y, x)])
    np.testing.assert_allclose(numbers(many, 0), one_by_one(y, x, m, df="kenward-roger-linear"), rtol=2e-6)
    assert many.used[0] == np.isfinite(y).any(axis=1).sum()


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger-linear"])
def test_iterations_end_at_the_closed_form_where_there_is_one(method: str) -> None:
    y, x = (np.stack(part) for part in zip(*(leavers(seed) for seed in range(5)), strict=True))
    kind, idle, contrast = structure("unstructured", 4), np.zeros((5, 4), bool), np.array([0.0, 1, 0, 0])
    whole, sums = summed(y, x, idle, kind)
    assert whole.all()
    for name, found, exact in zip(
        ("estimate", "se", "df"), infer(sums, kind, contrast, method), closed_form(y, x, idle, contrast, method),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(found, exact, rtol=1e-7, err_msg=name)


def test_neither_company_nor_order_of_trials_changes_a_bit() -> None:
    trials = [with_gaps(seed, missed=0.02 * seed) for seed in range(9)]  # the first is monotone
    trials.append((np.where(np.arange(4) == 1, np.nan, trials[4][0]), trials[4][1]))  # nobody has the second visit
    for covariance in ("unstructured", "heterogeneous_ar1"):
        whole = all_at_once(trials, covariance=covariance)
        back = all_at_once(trials[::-1], covariance=covariance)
        for index, trial in enumerate(trials):
            alone = numbers(all_at_once([trial], covariance=covariance), 0)
            np.testing.assert_array_equal(numbers(whole, index), alone)
            np.testing.assert_array_equal(numbers(back, len(trials) - 1 - index), alone)


def test_patients_may_stand_in_any_order_and_units_do_not_matter() -> None:
    y, x = with_gaps(11)
    order = np.random.default_rng(1).permutation(len(y))
    scaled = np.column_stack([x[:, 0], x[:, 1], 1e4 + 1e3 * x[:, 2], x[:, 3]])
    many = all_at_once([(y, x), (y[order], x[order]), (50 - 1e3 * y, scaled)])
    np.testing.assert_allclose(numbers(many, 1), numbers(many, 0), rtol=1e-7)
    np.testing.assert_allclose(many.estimate[2], -1e3 * many.estimate[0], rtol=1e-6)
    np.testing.assert_allclose(
        [many.se[2] / 1e3, many.df[2], many.p[2]], [many.se[0], many.df[0], many.p[0]], rtol=1e-6
    )


def test_a_visit_nobody_has_is_left_out_as_one_trial_leaves_it_out() -> None:
    y, x = with_gaps(12)
    y[:, 1] = np.nan
    many = all_at_once([(y, x)], covariance="heterogeneous_toeplitz")
    fit = mmrm(
        as_table(y, x), fixed=["arm*visit", "base*visit", "stratum*visit"], covariance="heterogeneous_toeplitz",
        df="kenward-roger-linear", **COLUMNS,
    )  # fmt: skip
    one = fit.contrast({"armdrug": 1.0, "armdrug:visitV4": 1.0}).iloc[0]
    np.testing.assert_allclose(numbers(many, 0), one[list(FIELDS)].to_numpy(float), rtol=2e-6)


def test_what_cannot_be_estimated_is_not_a_number_and_harms_nobody() -> None:
    y, x = with_gaps(13)
    never = y.copy()
    never[:, 3] = np.nan  # the last visit
    empty = np.where((x[:, 1:2] == 1) & (np.arange(4) == 2), np.nan, y)  # an arm at a visit
    apart = y.copy()
    apart[:30, 1], apart[30:, 2] = np.nan, np.nan  # no pair has the second and third visit
    twin = x.copy()
    twin[:, 3] = twin[:, 1]
    flat = y.copy()
    flat[:, 0] = 5.0  # no scatter
    nothing = np.full_like(y, np.nan)
    exact = np.where(np.isnan(y), np.nan, x[:, 2:3] * np.arange(1, 5))
    once = np.where(np.arange(4) == np.arange(60)[:, None] % 4, y, np.nan)  # nobody was seen twice
    broken = [(never, x), (empty, x), (apart, x), (y, twin), (flat, x), (nothing, x), (exact, x), (once, x)]
    many = all_at_once([*broken, (y, x)])
    assert np.isnan([numbers(many, index) for index in range(len(broken))]).all()
    np.testing.assert_array_equal(numbers(many, len(broken)), numbers(all_at_once([(y, x)]), 0))
    assert many.used[5] == 0
    simple = all_at_once([(apart, x), (flat, x), (once, x)], covariance="compound_symmetry")
    assert np.isfinite(simple.p).tolist() == [True, True, False]  # its covariance needs no such pair, nor scatter
    np.testing.assert_allclose(
        numbers(simple, 1), one_by_one(flat, x, 4, covariance="cs", df="kenward-roger-linear"), rtol=2e-6
    )
    generators = [np.random.default_rng(seed) for seed in range(len(broken) + 1)]
    sets = impute_many(
        [*(one for one, _ in broken), y], [*(one for _, one in broken), x], 1, generators, n_imputations=2
    )
    assert np.isfinite(sets.contrasts().p[-1])
    assert np.isnan(sets.contrasts().p[[0, 1, 2, 3, 5]]).all()


def test_a_covariance_at_its_limit_is_not_a_number() -> None:
    """Two visits that are one and the same: no maximum inside, and no number that looks like an answer."""
    y, x = with_gaps(14, missed=0.0)
    y[:, 2] = y[:, 1]
    y[5, 1] = np.nan
    many = all_at_once([(y, x)])
    assert not mmrm(as_table(y, x), fixed=["arm*visit", "base*visit", "stratum*visit"], **COLUMNS).convergence.ok
    assert np.isnan(numbers(many, 0)).all()


def test_little_data_and_much_missing_end_where_one_trial_ends() -> None:
    """Where the way is long: the same answer, or both say that there is none; a shorter way may find a better one."""
    trials = [with_gaps(1000 + seed, 24, 4, 0.3) for seed in range(8)]
    many = all_at_once(trials, covariance="toeplitz", df="satterthwaite")
    agreed = 0
    for index, (y, x) in enumerate(trials):
        fit = mmrm(as_table(y, x), fixed=["arm*visit", "base*visit", "stratum*visit"], covariance="toeplitz", **COLUMNS)
        assert fit.convergence.ok == np.isfinite(many.p[index])
        if fit.convergence.ok:
            one = fit.contrast({"armdrug": 1.0, "armdrug:visitV4": 1.0}).iloc[0]
            np.testing.assert_allclose(numbers(many, index), one[list(FIELDS)].to_numpy(float), rtol=2e-5)
            agreed += 1
    assert 0 < agreed < len(trials)


def test_null_trials_with_missed_visits_are_rejected_as_often_as_they_should() -> None:
    generator = np.random.default_rng(21)
    trials, n, m = 1500, 40, 3
    base = generator.normal(6, 1, (trials, n))
    y = base[..., None] + generator.normal(0, 1, (trials, n, 1)) + generator.normal(0, 1, (trials, n, m))
    y[..., :-1][generator.random((trials, n, m - 1)) < 0.15] = np.nan
    x = np.stack([np.ones_like(base), np.broadcast_to(np.arange(n) % 2, base.shape), base], axis=2)
    many = mmrm_many(y, x, [0, 1, 0])
    assert np.isfinite(many.p).all()
    assert stats.binomtest(int((many.p < 0.05).sum()), trials, 0.05).pvalue > 0.001
    covered = (many.lower < 0) & (many.upper > 0)
    np.testing.assert_array_equal(covered, many.p > 0.05)


@pytest.mark.parametrize("strategy", ["MAR", "J2R", "CIR", "CR"])
def test_imputations_agree_with_one_trial_at_a_time(strategy: str) -> None:
    """Two codes draw from one posterior: they agree within their Monte-Carlo error."""
    y, x = with_gaps(31, n=150, missed=0.15)
    x = x[:, :3]
    y[7] = np.nan
    y[x[:, 1] == 1] *= np.array([1, 1, 1, 2.0])  # visits of different scale, an effect that grows
    made = impute(
        long_table(y, x[:, 1], x[:, 2]), arm="arm", reference="control", covariates=["base"], strategy=strategy,
        n_imputations=400, seed=5, **COLUMNS,
    )  # fmt: skip
    one = compare_at(made, "V4", arm="drug", covariates=["base"])
    generators = [np.random.default_rng(seed) for seed in (1, 2)]
    sets = impute_many([y, y], [x, x], 1, generators, strategy=strategy, n_imputations=400)
    many = sets.contrasts()
    error = np.sqrt(one.between / 400 * 2)
    np.testing.assert_allclose(many.estimate, one.estimate, atol=4 * error)
    np.testing.assert_allclose(many.se, one.se, rtol=0.06)
    np.testing.assert_allclose(sets.estimates.std(axis=0, ddof=1).mean(), one.between**0.5, rtol=0.12)
    assert many.used.tolist() == [150, 150]


def test_imputations_of_a_trial_do_not_depend_on_its_company() -> None:
    trials = [with_gaps(seed, missed=0.05 * (seed % 3)) for seed in range(7)]

    def made(chosen: list[int]) -> np.ndarray:
        generators = [np.random.default_rng(100 + index) for index in chosen]
        many = impute_many(
            [trials[i][0] for i in chosen], [trials[i][1] for i in chosen], 1, generators, n_imputations=4
        )
        return many.estimates.T

    whole = made(list(range(7)))
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(made([6, 4, 2, 0]), whole[[6, 4, 2, 0]])
    for index in (1, 2, 4):
        np.testing.assert_array_equal(made([index])[0], whole[index])
