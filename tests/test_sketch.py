"""Summaries that merge: numpy's quantiles within the declared error, sums as exact fractions, no trace of order."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from senospine.stats import ExactMoments, QuantileSketch

TINY = 5e-324
numbers = st.floats(allow_nan=True, allow_infinity=False, width=64)
samples = st.lists(numbers, min_size=1, max_size=60)
KINDS = [QuantileSketch, ExactMoments]
QUANTILES = np.array([0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0])


def filled(kind, values, shape=()):
    made = kind(shape)
    made.update(np.asarray(values, dtype=float).reshape(-1, *shape))
    return made


def assert_near(found, true, error):
    with np.errstate(over="ignore"):
        allowed = error * np.abs(true) * (1 + 1e-12) + np.where(np.abs(true) < 2.3e-308, TINY, 0.0)
    assert (np.abs(found - true) <= allowed).all(), (found, true)


@settings(deadline=None, max_examples=300)
@given(samples)
@example([TINY, 3 * TINY, -TINY, 0.0, -0.0])
@example([1.7976931348623157e308, -1.7976931348623157e308, 1e300])
@example([math.nan])
@example([0.5, 1.0, 2.0, 4.0])  # the lower ends of bins
def test_quantiles_are_numpys_within_the_declared_error(values):
    sketch = filled(QuantileSketch, values)
    known = np.array([value for value in values if not math.isnan(value)])
    assert int(sketch.count) == len(known)
    assert int(sketch.missing) == len(values) - len(known)
    found = sketch.quantile(QUANTILES)
    if not len(known):
        assert np.isnan(found).all()
        assert np.isnan(sketch.minimum)
        assert np.isnan(sketch.maximum)
        return
    assert_near(found, np.sort(known)[np.floor(QUANTILES * (len(known) - 1)).astype(int)], sketch.relative_error)
    assert (sketch.minimum, sketch.maximum) == (known.min(), known.max())
    assert (found[1:] >= found[:-1]).all()


@pytest.mark.parametrize("accuracy", [0.3, 0.05, 0.005, 1e-4])
def test_the_error_is_kept_at_every_accuracy_over_many_outputs_at_once(accuracy):
    scale = 10.0 ** np.arange(-4, 4)[:, None] * np.array([1.0, -3.0, 7.0])
    values = np.random.default_rng(3).lognormal(0, 1, (2001, 8, 3)) * scale
    sketch = QuantileSketch((8, 3), accuracy)
    for part in np.array_split(values, 7):
        sketch.update(part)
    assert sketch.relative_error <= accuracy
    assert_near(sketch.quantile(QUANTILES), np.quantile(values, QUANTILES, axis=0, method="lower"), accuracy)
    assert sketch.quantile(0.5).shape == (8, 3)


@settings(deadline=None, max_examples=200)
@given(samples)
@example([1e300, -1e300, 1e-300, TINY])
@example([1.7976931348623157e308] * 3)
@example([0.1] * 10)
@example([1e16, 1.0, -1e16])
def test_mean_and_variance_are_exact_fractions_rounded_once(values):
    moments = filled(ExactMoments, values)
    exact = [Fraction(value) for value in values if not math.isnan(value)]
    assert int(moments.count) == len(exact)
    if not exact:
        assert np.isnan(moments.mean())
        assert np.isnan(moments.variance(0))
        return
    mean = sum(exact) / len(exact)
    assert float(moments.mean()) == float(mean)
    for ddof in (0, 1):
        if len(exact) <= ddof:
            assert np.isnan(moments.variance(ddof))
            continue
        variance = sum((value - mean) ** 2 for value in exact) / (len(exact) - ddof)
        try:
            assert float(moments.variance(ddof)) == float(variance)
        except OverflowError:
            assert float(moments.variance(ddof)) == math.inf


@pytest.mark.parametrize("kind", KINDS)
def test_any_order_of_merging_gives_the_same_bytes_as_the_whole(kind):
    generator = np.random.default_rng(5)
    values = generator.standard_normal((40, 2, 3)) * 10.0 ** generator.integers(-300, 300, (40, 2, 3))
    values[generator.random(values.shape) < 0.1] = np.nan
    values[7] = 0.0
    whole = filled(kind, values, (2, 3)).to_bytes()
    parts = [filled(kind, part, (2, 3)).to_bytes() for part in np.array_split(values, 4)]
    for order in permutations(parts):
        merged = kind((2, 3))
        for part in order:
            merged.merge(kind.from_bytes(part))
        assert merged.to_bytes() == whole
    left, right = (kind.from_bytes(parts[0]), kind.from_bytes(parts[2]))
    left.merge(kind.from_bytes(parts[1]))
    right.merge(kind.from_bytes(parts[3]))
    right.merge(left)
    assert right.to_bytes() == whole
    assert right == kind.from_bytes(whole)


@settings(deadline=None, max_examples=100)
@given(samples, st.integers(0, 60), st.randoms())
@pytest.mark.parametrize("kind", KINDS)
def test_splits_and_shuffles_leave_no_trace(kind, values, cut, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    first, second = filled(kind, shuffled[:cut]), filled(kind, shuffled[cut:])
    second.merge(first)
    assert second.to_bytes() == filled(kind, values).to_bytes()


@settings(deadline=None, max_examples=50)
@given(arrays.arrays(float, (9, 2, 2), elements=numbers))
@pytest.mark.parametrize("kind", KINDS)
def test_every_cell_is_on_its_own(kind, values):
    together = filled(kind, values, (2, 2))
    for row in range(2):
        for column in range(2):
            alone = filled(kind, values[:, row, column])
            assert together.count[row, column] == alone.count
            assert together.missing[row, column] == alone.missing
            if kind is QuantileSketch:
                assert np.array_equal(together.quantile(QUANTILES)[:, row, column], alone.quantile(QUANTILES), True)
            else:
                assert np.array_equal(together.mean()[row, column], alone.mean(), True)
                assert np.array_equal(together.variance()[row, column], alone.variance(), True)


def test_both_zeros_are_one_zero():
    for kind in KINDS:
        assert filled(kind, [0.0, -0.0, 1.0]).to_bytes() == filled(kind, [-0.0, 1.0, -0.0]).to_bytes()
    sketch = filled(QuantileSketch, [0.0] * 5 + [3.0])
    assert float(sketch.quantile(0.5)) == 0.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", [[1.0, math.inf], [-math.inf], [[1.0], [2.0]], 1.0])
def test_infinite_values_and_other_shapes_are_refused_and_change_nothing(kind, values):
    made = filled(kind, [1.0, 2.0])
    before = made.to_bytes()
    with pytest.raises(ValueError, match=r"infinite value|need subjects by cells"):
        made.update(values)
    assert made.to_bytes() == before


def test_unlike_ones_do_not_merge():
    with pytest.raises(ValueError, match="do not merge"):
        QuantileSketch((2,)).merge(QuantileSketch((3,)))
    with pytest.raises(ValueError, match="do not merge"):
        QuantileSketch().merge(QuantileSketch((), 0.05))
    with pytest.raises(ValueError, match="do not merge"):
        ExactMoments((2,)).merge(ExactMoments())


@pytest.mark.parametrize("kind", KINDS)
def test_impossible_requests_are_refused(kind):
    with pytest.raises(ValueError, match="at least one cell"):
        kind((2, 0))
    if kind is QuantileSketch:
        for accuracy in (0.0, 1.0, math.nan):
            with pytest.raises(ValueError, match="accuracy"):
                kind((), accuracy)
        for q in (-0.1, 1.1, math.nan):
            with pytest.raises(ValueError, match="between 0 and 1"):
                kind().quantile(q)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes_are_refused(kind):
    content = filled(kind, [1.0, 2.0, -3.0, math.nan]).to_bytes()
    other = KINDS[1 - KINDS.index(kind)]
    for damaged in (b"", content[:-1], content[:30], content + b"\0", b"x" + content[1:]):
        with pytest.raises(ValueError, match="these bytes"):
            kind.from_bytes(damaged)
    with pytest.raises(ValueError, match="these bytes"):
        other.from_bytes(content)


def test_memory_does_not_grow_with_subjects():
    generator = np.random.default_rng(2)
    sketch, moments = QuantileSketch((4,)), ExactMoments((4,))
    held = moments.nbytes
    for _ in range(40):
        values = generator.uniform(1.0, 10.0, (5000, 4))
        sketch.update(values)
        moments.update(values)
    assert sketch.nbytes <= 4 * (425 * 16 + 32)
    assert moments.nbytes == held
    assert (sketch.count == moments.count).all()
    assert sketch.count[0] == 200_000
