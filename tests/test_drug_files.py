"""Drug files with numbers: what is impossible is refused at its line, what is doubtful is told, and the rest stays."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drug_helpers import ACTION, drug_data, made_drug, row, rows, write_drug
from therapy_helpers import refusal

from senospine.errors import RegimenError
from senospine.therapy import check_drug, drug_names, known_drugs, load_drug, read_drug
from senospine.therapy.derived import terminal_half_life, with_intrinsic

Data = dict[str, Any]


def kinetics(data: Data) -> Data:
    return data["kinetics"]["dog"]


def without(key: str, name: str = "clearance") -> Callable[[Data], object]:
    return lambda data: kinetics(data)[name].pop(key)


def put(name: str, **cells: Any) -> Callable[[Data], object]:
    return lambda data: kinetics(data)[name].update(cells)


def give(section: str, value: Any) -> Callable[[Data], object]:
    return lambda data: data.update({section: value})


def acts(name: str, reads: str = "free", **numbers: Any) -> Callable[[Data], object]:
    return give("actions", {"dog": {name: {"reads": reads, **rows({**ACTION, **numbers})}}})


#: how a good file is spoilt; the key whose line is named; words of what is wrong; words of the remedy
CASES: dict[str, tuple[Callable[[Data], object], str, str, str]] = {
    "missing unit": (without("unit"), "clearance:", "'kinetics.dog.clearance.unit' is missing", "'unit'"),
    "unknown unit": (put("clearance", unit="L/fortnight"), "clearance:", "unknown unit", "L"),
    "wrong dimension": (put("clearance", unit="L"), "unit: L", "cannot be turned into 'L/day'", "in L/day"),
    "no source": (without("source"), "clearance:", "'kinetics.dog.clearance.source' is missing", "'source'"),
    "an assumption without reason": (without("reason"), "clearance:", "gives no reason", "why this value"),
    "a value in words": (put("clearance", value="much"), "value: much", "is not accepted", ""),
    "not a number": (put("clearance", value=math.nan), "clearance:", "not a finite number", "number"),
    "a prior without range": (put("clearance", prior="lognormal"), "clearance:", "low < high", "90 %"),
    "a value outside its prior": (
        put("clearance", prior="normal", low=1.0, high=2.0), "clearance:", "outside its own prior", "widen"),
    "an unknown prior": (put("clearance", prior="lognormel"), "clearance:", "prior 'lognormel'", "'lognormal'"),
    "no clearance": (put("clearance", value=0.0), "dog:", "never eliminated", "saturable_elimination_max"),
    "a negative clearance": (put("clearance", value=-1.0), "value: -1.0", "impossible", "at least 0"),
    "a volume of zero": (put("volume_central", value=0.0), "value: 0.0", "impossible", "above 0"),
    "a half-life below a second": (put("clearance", value=1e9), "dog:", "half-life of", "units of volumes"),
    "a half-life of centuries": (put("clearance", value=1e-5), "dog:", "years, which is impossible", "units of"),
    "bioavailability over one": (put("bioavailability", value=1.2), "value: 1.2", "impossible", "at most 1"),
    "a prior of bioavailability over one": (
        put("bioavailability", prior="uniform", low=0.1, high=1.1), "high: 1.1", "impossible", "at most 1"),
    "more free than there is": (put("unbound_fraction", value=1.01), "value: 1.01", "impossible", "at most 1"),
    "a missing volume": (
        lambda data: kinetics(data).pop("volume_central"), "dog:", "volume_central' is missing", "in L"),
    "an unknown number": (
        lambda data: kinetics(data).update(clearence=row(1, "L/day")), "clearence:", "unknown number", "'clearance'"),
    "kinetics of the mouse": (
        lambda data: data.update(kinetics={"mouse": data["kinetics"]["dog"]}), "mouse:", "species 'mouse'", "register"),
    "kinetics of a species it is not for": (
        lambda data: data["kinetics"].update(human=deepcopy(data["kinetics"]["dog"])), "human:", "does not name",
        "add human"),
    "a dose that is no mass": (give("dose_units", {"dog": "fold"}), "dog: fold", "no mass", "mg/kg"),
    "an unknown action": (acts("platelet_kil"), "platelet_kil:", "unknown action", "did you mean 'platelet_kill'"),
    "an action without kinetics": (
        lambda data: (acts("platelet_kill")(data), data.pop("kinetics")), "dog:", "no kinetics", "add kinetics"),
    "a hazard in the wrong unit": (acts("platelet_kill", max=(0.9, "fold")), "unit: fold", "into '1/day'", "1/day"),
    "a share above one": (acts("analgesia", max=(1.1, "fold")), "value: 1.1", "impossible", "at most 1"),
    "half at nothing": (
        acts("platelet_kill", half=(0.0, "umol/L")), "value: 0.0", "impossible", "above 0"),
    "an action that reads nothing known": (acts("platelet_kill", "bound"), "reads: bound", "not accepted", ""),
    "a disc it has no transport for": (acts("disc_kill", "disc"), "reads: disc", "no transport of dog", "disc"),
    "a reading of nothing": (
        give("readings", {"free": {"kinetics.dog": row(1, "L")}}), "kinetics.dog:", "no number of this file", "write"),
    "an impossible reading": (
        give("readings", {"free": {"kinetics.dog.bioavailability": row(2, "fold")}}), "value: 2",
        "impossible", "at most 1"),
    "a reading that reads nothing": (
        lambda data: (acts("platelet_kill")(data), data.update(
            readings={"free": {"actions.dog.platelet_kill.reads": "bound"}})), "free:", "cannot be read", ""),
    "a symbol of no model": (give("symbol", "RG-7112"), "symbol:", "not accepted", ""),
    "a route into nowhere": (give("routes", {"oral": {"into": "stomach"}}), "into: stomach", "not accepted", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused(tmp_path: Path, case: str) -> None:
    spoil, line, what, remedy = CASES[case]
    data = drug_data()
    path = write_drug(tmp_path, data)
    assert check_drug(path) == []
    spoil(data)
    text = write_drug(tmp_path, data).read_text(encoding="utf-8").splitlines()
    error = refusal(RegimenError, path, call=read_drug)
    assert what in f"{error.what} {error.why}", error
    assert remedy in str(error.remedy), error
    place, number = str(error.where).rsplit(":", 1)
    assert place == str(path)
    assert line in text[int(number) - 1], (text[int(number) - 1], error)


def test_more_than_all_of_a_dose_with_food_is_doubtful(tmp_path: Path) -> None:
    path = write_drug(tmp_path, drug_data(food_effect=(2.6, "fold")))
    (finding,) = check_drug(path)
    assert (finding.severity, "1.04" in finding.what) == ("warning", True)
    assert finding.where.startswith(f"{path}:")
    assert read_drug(path).name == "imaginary"


def test_all_findings_are_listed_at_once(tmp_path: Path) -> None:
    data = drug_data(clearance=(-1.0, "L/day"), bioavailability=(2.0, "fold"))
    assert len([item for item in check_drug(write_drug(tmp_path, data)) if item.severity == "error"]) == 2


def test_half_lives() -> None:
    """One compartment: ln 2 V / CL. Two: the eigenvalue (Gibaldi & Perrier 1982). Saturable at low concentration."""

    def low(numbers: dict[str, float]) -> float:
        return float(terminal_half_life(with_intrinsic({name: np.array(value) for name, value in numbers.items()})))

    one = {
        "clearance": 2.0, "volume_central": 10.0, "volume_peripheral": 1.0, "intercompartmental_clearance": 0.0,
        "saturable_elimination_max": 0.0, "saturable_half_concentration": 1.0, "molar_mass": 0.5,
    }  # fmt: skip
    assert low(one) == pytest.approx(math.log(2) * 5)
    two = one | {"intercompartmental_clearance": 3.0, "volume_peripheral": 20.0}
    rates = np.array([[-0.5, 3 / 20], [3 / 10, -3 / 20]])
    assert low(two) == pytest.approx(math.log(2) / -max(np.linalg.eigvals(rates)))
    saturable = one | {"clearance": 0.0, "saturable_elimination_max": 4.0, "saturable_half_concentration": 4.0}
    assert low(saturable) == pytest.approx(low(one))


def test_a_number_may_be_written_as_yaml_takes_for_a_word(tmp_path: Path) -> None:
    data = drug_data()
    path = write_drug(tmp_path, data)
    path.write_text(path.read_text(encoding="utf-8").replace("value: 0.02", "value: 2e-2"), encoding="utf-8")
    assert read_drug(path).kinetics["dog"]["unbound_fraction"].value == 0.02


def test_a_drug_of_ones_own_is_known_inside_and_not_outside(tmp_path: Path) -> None:
    drug = made_drug(tmp_path)
    with known_drugs([drug]):
        assert load_drug("imaginary") == drug
    assert "unknown drug" in refusal(RegimenError, "imaginary", "x", call=load_drug).what
    data = drug_data("other") | {"synonyms": ["ABT-263"]}
    with (
        pytest.raises(RegimenError, match="'ABT-263' belongs to two drugs"),
        known_drugs([read_drug(write_drug(tmp_path, data))]),
    ):
        pass
    data = drug_data("other") | {"symbol": "navitoclax"}
    with (
        pytest.raises(RegimenError, match="symbol 'navitoclax' belongs to two"),
        known_drugs([read_drug(write_drug(tmp_path, data))]),
    ):
        pass


def test_a_drug_travels_and_its_hash_tells_what_it_says(tmp_path: Path) -> None:
    drug = made_drug(tmp_path)
    there = pickle.loads(pickle.dumps(drug))
    assert (there, hash(there), there.where("kinetics", "dog")) == (drug, hash(drug), drug.where("kinetics", "dog"))
    path = tmp_path / "imaginary.yaml"
    path.write_text("# a word\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert read_drug(path).sha256 == drug.sha256
    assert made_drug(tmp_path, clearance=(12.5, "L/day")).sha256 != drug.sha256


def test_shipped_drugs_are_clean_of_errors() -> None:
    from senospine.therapy.possible import drug_findings

    for name in drug_names():
        assert [item for item in drug_findings(load_drug(name)) if item.severity == "error"] == [], name
