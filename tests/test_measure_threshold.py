"""The 50 % threshold: Dixon's table, its mirror, and what the likelihood gains on real ladders."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measure_helpers import read
from scipy.stats import norm

from senospine.errors import MeasureError
from senospine.measure.behaviour import up_down_threshold

#: Dixon 1965 (doi 10.1080/01621459.1965.10480843), table of k: after O, OO, OOO, OOOO follows the second part
DIXON = {
    "X": (-0.500, -0.388, -0.378, -0.377), "XO": (0.842, 0.890, 0.894, 0.894), "XX": (-0.178, 0.000, 0.026, 0.028),
    "XOO": (0.299, 0.314, 0.315, 0.315), "XOX": (-0.500, -0.439, -0.432, -0.432),
    "XXO": (1.000, 1.122, 1.139, 1.140), "XXX": (0.194, 0.449, 0.500, 0.506),
    "XOOO": (-0.157, -0.154, -0.154, -0.154), "XOOX": (-0.878, -0.861, -0.860, -0.860),
    "XOXO": (0.701, 0.737, 0.741, 0.741), "XOXX": (0.084, 0.169, 0.181, 0.182),
    "XXOO": (0.305, 0.372, 0.380, 0.381), "XXOX": (-0.305, -0.169, -0.144, -0.142),
    "XXXO": (1.288, 1.500, 1.544, 1.549), "XXXX": (0.555, 0.897, 0.985, 1.000),
}  # fmt: skip

#: a mouse ladder as it is sold, in gram: steps between 0.10 and 0.40 decades
LADDER = (0.02, 0.04, 0.07, 0.16, 0.4, 0.6, 1.0, 1.4)


def even_run(responses: str, step: float = 0.2) -> list[float]:
    """Return the forces of an up-down run on an even ladder [g]."""
    place, forces = 0, []
    for answer in responses:
        forces.append(10 ** (place * step))
        place += -1 if answer == "X" else 1
    return forces


def k_of(responses: str, step: float = 0.2) -> float:
    forces = even_run(responses, step)
    return (up_down_threshold(forces, responses, step).log10_g - math.log10(forces[-1])) / step


@pytest.mark.parametrize("second", DIXON)
def test_dixons_table_is_reproduced_to_its_last_digit(second: str) -> None:
    found = [k_of("O" * first + second) for first in (1, 2, 3, 4)]
    assert found == pytest.approx(DIXON[second], abs=0.00051)


def test_every_pattern_mirrors_and_no_step_matters() -> None:
    patterns = ["".join(p) for n in range(2, 8) for p in itertools.product("OX", repeat=n) if len(set(p)) == 2]
    assert len(patterns) == 240  # 252 runs of two to seven answers, less the twelve that are all alike
    for pattern in patterns:
        mirror = pattern.translate(str.maketrans("OX", "XO"))
        assert k_of(pattern) == pytest.approx(-k_of(mirror), abs=1e-9)
        assert k_of(pattern, 0.37) == pytest.approx(k_of(pattern), abs=1e-9)


@given(st.lists(st.sampled_from(LADDER), min_size=3, max_size=14), st.data())
def test_the_estimate_is_the_maximum_and_the_interval_its_likelihood(forces: list[float], data: st.DataObject) -> None:
    responses = "".join(data.draw(st.lists(st.sampled_from("XO"), min_size=len(forces), max_size=len(forces))))
    if len(set(responses)) < 2 or len(set(forces)) < 2:
        return
    found = up_down_threshold(forces, responses)
    sign = np.where([letter == "X" for letter in responses], 1, -1)

    def likelihood(mean: float) -> float:
        return float(norm.logcdf(sign * (np.log10(forces) - mean) / found.spread).sum())

    best = likelihood(found.log10_g)
    assert all(likelihood(found.log10_g + move) <= best + 1e-9 for move in (-0.01, 0.01, -0.3, 0.3))
    for end in (found.low, found.high):
        assert 2 * (best - likelihood(end)) == pytest.approx(3.8415, abs=1e-3)


def test_answers_that_are_all_alike_are_bounds() -> None:
    found = up_down_threshold([0.4, 0.16, 0.07], "XXX")
    assert (found.log10_g, found.low, found.high) == (math.log10(0.07), -math.inf, math.log10(0.07))
    found = up_down_threshold([0.4, 0.6, 1.0], "OOO")
    assert (found.low, found.high, found.censored) == (0.0, math.inf, True)
    assert up_down_threshold([0.4, 0.6, 0.4], "OXO").censored is False


@pytest.mark.parametrize(
    ("forces", "responses"), [([1.0], "XO"), ([1.0, 2.0], "XY"), ([0.0, 1.0], "OX"), ([1, 1], "OX")]
)
def test_what_is_no_run_is_refused(forces: list[float], responses: str) -> None:
    with pytest.raises(ValueError, match=r"force|answers"):
        up_down_threshold(forces, responses)


def simulated_run(log10_threshold: float, generator: np.random.Generator) -> tuple[list[float], str]:
    """Return a run as Chaplan has it: from the middle, four more applications after the first change."""
    place, forces, responses, left = 4, [], "", None
    while left != 0 and 0 <= place < len(LADDER):
        force = LADDER[place]
        answered = generator.random() < norm.cdf((math.log10(force) - log10_threshold) / 0.25)
        forces.append(force)
        responses += "X" if answered else "O"
        left = left - 1 if left is not None else 4 if len(set(responses)) == 2 else None
        place += -1 if answered else 1
    return forces, responses


def test_real_forces_beat_the_table_on_an_uneven_ladder() -> None:
    """The table takes the ladder as even: its k times the mean step, from the last force.

    Over thresholds from 0.04 to 1 g, measured with 8,000 runs: RMSE 0.156 against 0.146 decades, bias -0.023 against
    -0.002, interval coverage 96 %. At single thresholds the table may win by its luck with a gap of the ladder.
    """
    generator = np.random.default_rng(1)
    step = float(np.diff(np.log10(LADDER)).mean())
    table, exact, covered = [], [], []
    for _ in range(2000):
        truth = generator.uniform(math.log10(0.04), 0)
        forces, responses = simulated_run(truth, generator)
        if len(set(responses)) == 2:
            found = up_down_threshold(forces, responses, step)
            table.append(math.log10(forces[-1]) + k_of(responses) * step - truth)
            exact.append(found.log10_g - truth)
            covered.append(found.low <= truth <= found.high)
    assert np.sqrt(np.mean(np.square(exact))) < 0.97 * np.sqrt(np.mean(np.square(table)))
    assert abs(np.mean(exact)) < 0.01 < abs(np.mean(table))
    assert 0.94 < np.mean(covered) < 0.98


HEAD = "# sheet: up_down\ngroup,animal,forces_g,responses\n"


def test_a_sheet_of_runs(tmp_path: Path) -> None:
    readings = read(tmp_path, HEAD + "sham,1,0.4 0.6 1 0.6 0.4 0.6,OOXXOO\nsham,2,0.4 0.16 0.07 0.04,XXXX")
    expected = up_down_threshold([0.4, 0.6, 1, 0.6, 0.4, 0.6], "OOXXOO")
    assert (readings[0].value, readings[0].low) == (expected.log10_g, expected.low)
    assert (readings[1].low, readings[1].value) == (-math.inf, math.log10(0.04))
    odd = read(tmp_path, HEAD + "sham,1,0.4 1 0.6,OOX")
    assert "do not go down" in odd[0].warnings[0]
    assert not readings[0].warnings


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("sham,1,4.08 4.31 4.08 3.84,OXXO", "handles"),
        ("sham,1,0.4 0.6,OXX", "2 forces, but 3 responses"),
        ("sham,1,0.4 0.6,OY", "X for a withdrawal"),
        ("sham,1,0.4 zero,OX", "no number"),
        ("sham,1,0 0.4,OX", "above zero"),
        ("sham,1,0.4 0.4,OX", "one force only"),
    ],
)
def test_impossible_runs_are_refused_with_their_line(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(MeasureError, match=message) as caught:
        read(tmp_path, HEAD + row)
    assert caught.value.where is not None
    assert caught.value.where.endswith("lab.csv:3")


def test_handle_numbers_may_be_declared_gram(tmp_path: Path) -> None:
    text = "# sheet: up_down\n# forces: gram as calibrated\ngroup,animal,forces_g,responses\nsham,1,4.08 4.31 4.08,OXO"
    assert read(tmp_path, text)[0].value > 0.5
