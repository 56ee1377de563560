"""Random numbers belong to a subject and a purpose, never to the order in which they are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from senospine.randomness import standard_normals, stream


@settings(max_examples=50)
@given(st.integers(0, 2**63), st.text(max_size=20), st.integers(0, 2**40))
def test_same_arguments_give_the_same_numbers(seed: int, purpose: str, subject: int) -> None:
    once, again = stream(seed, purpose, subject).random(5), stream(seed, purpose, subject).random(5)
    assert (once == again).all()


@settings(max_examples=30)
@given(st.integers(0, 400), st.integers(1, 12), st.integers(1, 5))
def test_blocks_give_the_numbers_of_the_whole(first: int, size: int, count: int) -> None:
    whole = standard_normals(3, "traits", first + size, count)
    assert (standard_normals(3, "traits", size, count, first) == whole[first:]).all()


def test_a_long_draw_of_one_subject_never_enters_the_numbers_of_the_next() -> None:
    # the subject sits in the top word of Philox's counter, draws count up the lowest
    long = stream(1, "noise", 0).integers(0, 2**63, 200_000)
    following = stream(1, "noise", 1).integers(0, 2**63, 200_000)
    assert not np.isin(following, long).any()


@pytest.mark.parametrize(
    "other", [(2, "traits", 7), (1, "trait", 7), (1, "traits ", 7), (1, "traits", 8), (1, "traits", 2**40 + 7)]
)
def test_another_seed_purpose_or_subject_gives_other_numbers(other: tuple[int, str, int]) -> None:
    assert not np.isin(stream(*other).random(100), stream(1, "traits", 7).random(100)).any()


def test_a_few_draws_are_a_prefix_of_many() -> None:
    assert (standard_normals(5, "p", 4, 3) == standard_normals(5, "p", 4, 9)[:, :3]).all()


def test_normals_are_standard_and_independent_over_subjects_purposes_and_columns() -> None:
    subjects = 4000
    first, second = standard_normals(11, "a", subjects, 4), standard_normals(11, "b", subjects, 4)
    assert stats.kstest(first.ravel(), "norm").pvalue > 1e-3
    columns = np.column_stack([first, second, np.roll(first, 1, axis=0)])
    correlation = np.corrcoef(columns, rowvar=False)[np.triu_indices(columns.shape[1], 1)]
    assert np.abs(correlation).max() < 4.5 / np.sqrt(subjects)  # 66 pairs, each with SD 1/sqrt(subjects)


def test_no_subjects_and_no_numbers_keep_their_shape() -> None:
    assert standard_normals(1, "p", 0, 3).shape == (0, 3)
    assert standard_normals(1, "p", 3, 0).shape == (3, 0)


def test_published_stream() -> None:
    """Snapshot: these numbers must not change between machines or versions, or old manifests lie."""
    assert stream(20240913, "animal traits", 0).integers(0, 1000, 5).tolist() == [681, 136, 609, 722, 12]
