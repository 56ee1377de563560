"""Every SBML case of PEtab's test suite, version 1: simulated as its tables say, compared with its stated values."""

from __future__ import annotations

from pathlib import Path

import pytest
from petab_cases import STEADY, Case, cases, judge

from senospine.errors import ModelError


def test_the_suite_is_there() -> None:
    assert [path.name for path in cases()] == [f"{number:04}" for number in range(1, 19)]


@pytest.mark.parametrize("folder", cases(), ids=lambda path: path.name)
def test_a_case_passes(folder: Path) -> None:
    ended, words = judge(folder)
    assert ended == "passed", words


def test_the_judge_sees_a_wrong_value() -> None:
    case = Case.read(cases()[0])
    found = case.simulate()
    assert abs(found - case.expected).max() <= case.tolerance
    moved = Case(**(vars(case) | {"nominal": case.nominal | {"k1": 0.9}}))
    assert abs(moved.simulate() - case.expected).max() > case.tolerance


def test_what_never_rests_is_no_steady_state() -> None:
    case = Case.read(next(path for path in cases() if path.name == "0009"))
    endless = Case(**(vars(case) | {"nominal": case.nominal | {"k2": -0.2999999}}))
    with pytest.raises(ModelError, match=f"does not come to rest before time {STEADY:g}"):
        endless.simulate()
