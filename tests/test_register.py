"""The register: no number without a source, or without the word assumption and a reason."""

from __future__ import annotations

import pytest
from helpers import DECAY, write_model, write_register

from senospine.errors import FileError, RegisterError
from senospine.model import Model, check_register, load_model, read_register
from senospine.model.register import COLUMNS, read_variables


def test_a_good_row_comes_back_with_its_line(tmp_path):
    path = write_register(tmp_path, {"source": "Karin 2019", "doi": "10.1/x", "between_animal_cv": "0.2"})
    row = read_register(path)["k"]
    assert (row.value, row.low, row.high, row.between_animal_cv) == (0.5, 0.1, 1.0, 0.2)
    assert (row.source, row.doi, row.where) == ("Karin 2019", "10.1/x", f"{path}:2")
    assert not row.assumed
    assert check_register(path) == []


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"source": ""}, "'k' has no source"),
        ({"reason": ""}, "assumption 'k' gives no reason"),
        ({"source": "Assumption", "reason": " "}, "assumption 'k' gives no reason"),
        ({"value": "1.5"}, "value 1.5 of 'k' lies outside its own prior, 0.1 to 1"),
        ({"value": "0.05"}, "outside its own prior"),
        ({"value": "half"}, "value 'half' of 'k' is not a finite number"),
        ({"value": "nan"}, "not a finite number"),
        ({"value": "inf"}, "not a finite number"),
        ({"value": ""}, "not a finite number"),
        ({"confidence": "hihg"}, "confidence 'hihg'"),
        ({"confidence": ""}, "confidence ''"),
        ({"prior": "lognormall"}, "prior 'lognormall'"),
        ({"low": "2"}, "needs low < high"),
        ({"low": ""}, "needs low < high"),
        ({"high": "0.1"}, "needs low < high"),
        ({"low": "0"}, "starts at 0"),
        ({"between_animal_cv": "-0.1"}, "between-animal CV"),
        ({"between_animal_cv": "20 %"}, "between-animal CV"),
        ({"unit": "per_day"}, "unknown unit 'per_day'"),
        ({"name": "2k"}, "'2k' is no parameter name"),
    ],
)
def test_one_broken_cell_is_refused_with_its_line(tmp_path, cells, words):
    path = write_register(tmp_path, {"name": "first"}, cells)
    with pytest.raises(RegisterError) as caught:
        read_register(path)
    assert words in caught.value.what
    assert caught.value.where == f"{path}:3"
    assert caught.value.remedy


def test_a_near_miss_is_suggested(tmp_path):
    path = write_register(tmp_path, {"confidence": "hihg"})
    with pytest.raises(RegisterError, match="did you mean 'high'"):
        read_register(path)


def test_a_duplicate_row_names_both_lines(tmp_path):
    path = write_register(tmp_path, {}, {"name": "other"}, {"value": "0.7"})
    with pytest.raises(RegisterError, match=f"the other is at {path}:2") as caught:
        read_register(path)
    assert caught.value.what == "'k' stands twice"
    assert caught.value.where == f"{path}:4"


def test_check_lists_all_findings_at_once(tmp_path):
    path = write_register(tmp_path, {"confidence": "no", "source": ""}, {"name": "b", "value": "9"})
    assert [item.where for item in check_register(path)] == [f"{path}:2", f"{path}:2", f"{path}:3"]


def test_a_row_with_too_many_cells_is_refused(tmp_path):
    path = write_register(tmp_path, {}, extra_cells=",and more")
    with pytest.raises(RegisterError, match=f"{len(COLUMNS) + 1} cells, the header {len(COLUMNS)}") as caught:
        read_register(path)
    assert caught.value.where == f"{path}:2"


def test_columns_must_be_the_known_ones(tmp_path):
    path = write_register(tmp_path, {})
    text = path.read_text()
    path.write_text(text.replace("confidence", "confidense", 1))
    with pytest.raises(RegisterError, match="did you mean 'confidence'"):
        read_register(path)
    path.write_text("\n".join(line.rsplit(",", 1)[0] for line in text.splitlines()))
    with pytest.raises(RegisterError, match="column 'reason' is missing"):
        read_register(path)


def test_a_table_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin.csv").write_bytes(b"\xfc")
    for name in ("absent.csv", "latin.csv"):
        with pytest.raises(FileError, match="cannot read the table"):
            read_register(tmp_path / name)


def test_the_register_gives_the_model_its_values(tmp_path):
    path = write_model(tmp_path, DECAY)  # says k = 0.5
    model = load_model(path, write_register(tmp_path, {"value": "0.25"}))
    assert model.parameters["k"] == 0.25
    assert model.check() == []


def test_a_parameter_without_a_row_is_refused(tmp_path):
    path = write_model(tmp_path, DECAY)
    with pytest.raises(RegisterError, match="parameter 'k' has no row in the register") as caught:
        load_model(path, write_register(tmp_path, {"name": "other"}))
    assert caught.value.where == f"{path}:9"


def test_a_row_in_another_unit_than_the_model_is_found(tmp_path):
    path = write_model(tmp_path, DECAY)
    register = write_register(tmp_path, {"unit": "1/h"})
    (finding,) = load_model(path, register).check()
    assert (finding.severity, finding.where) == ("error", f"{register}:2")
    assert "registered in 1/h" in finding.what


def test_a_row_that_nothing_uses_is_found(tmp_path):
    path = write_model(tmp_path, DECAY)
    (finding,) = load_model(path, write_register(tmp_path, {}, {"name": "spare"})).check()
    assert finding.what == "'spare' is registered but the model does not use it"


def test_the_mouse_has_no_finding_at_all(mouse: Model):
    assert [str(item) for item in mouse.check()] == []


def test_every_parameter_of_the_mouse_has_a_source_or_is_an_assumption_with_a_reason(mouse: Model):
    assert set(mouse.register) == set(mouse.parameters)
    for name, row in mouse.register.items():
        assert row.source, name
        assert row.reason if row.assumed else (row.doi or row.reason), name
        assert row.value == mouse.parameters[name]
        assert row.meaning, name


def test_every_state_of_the_mouse_has_a_label_and_a_scale(mouse: Model):
    assert set(mouse.states) <= set(mouse.variables)
    assert set(mouse.variables) <= {*mouse.outputs, *mouse.parameters}
    assert mouse.scale("navitoclax_gut") == 50.0
    assert mouse.scale("senescence_removal") == 1.0  # not declared
    assert mouse.label("sasp") == "SASP"
    assert mouse.label("senescence_removal") == "senescence removal"


def test_a_scale_must_be_positive(tmp_path):
    path = tmp_path / "variables.csv"
    path.write_text("name,label,unit,kind,group,scale\nx,x,fold,state,g,0\n")
    with pytest.raises(RegisterError, match="scale '0' of 'x'"):
        read_variables(path)
