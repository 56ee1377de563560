"""SBML in and out: hostile and foreign files refused, our own export read back as the same model."""

from __future__ import annotations

from xml.sax.saxutils import escape

import libsbml
import pytest
from helpers import DECAY, mathml, model_of, write_model, write_register, write_sbml

from senospine.errors import ModelError
from senospine.model import Model, load_model
from senospine.model.expressions import Call, Name, Number

X = "<parameter id='x' value='1' constant='false'/>"
K = "<parameter id='k' value='2' constant='true'/>"


def rate(inside: str) -> str:
    return f"<listOfRules><rateRule variable='x'>{mathml(inside)}</rateRule></listOfRules>"


DECAYS = rate("<apply><times/><ci>k</ci><ci>x</ci></apply>")


def test_a_plain_file_is_read(tmp_path):
    model = load_model(write_sbml(tmp_path, X + K, DECAYS))
    assert model.states == ("x",)
    assert dict(model.parameters) == {"k": 2.0}
    assert model.rates["x"] == Call("times", (Name("k"), Name("x")))


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<apply><plus/></apply>", Number(0.0)),
        ("<apply><times/></apply>", Number(1.0)),
        ("<apply><plus/><ci>x</ci></apply>", Name("x")),
        ("<apply><root/><ci>x</ci></apply>", Call("root", (Number(2.0), Name("x")))),
        ("<apply><log/><ci>x</ci></apply>", Call("log", (Number(10.0), Name("x")))),
        ("<cn type='rational'>3<sep/>4</cn>", Number(0.75)),
        ("<cn type='e-notation'>3<sep/>-2</cn>", Number(0.03)),
        ("<pi/>", Number(3.141592653589793)),
        ("<exponentiale/>", Number(2.718281828459045)),
    ],
)
def test_mathml_short_forms(tmp_path, inside, expected):
    """MathML 2.0, section 4.4: sums and products of none or one, the defaults of root and log."""
    assert load_model(write_sbml(tmp_path, X, rate(inside))).rates["x"] == expected


def test_a_negative_literal_keeps_its_sign_in_a_power(tmp_path):
    model = load_model(write_sbml(tmp_path, X, rate("<apply><power/><cn>-2</cn><cn>2</cn></apply>")))
    from senospine.engine import compile_model

    assert compile_model(model).solve(times=[1.0])["x"][0, 0] == pytest.approx(5.0, rel=1e-9)  # x' = (-2)^2


@pytest.mark.parametrize(
    ("inside", "extra", "before", "words"),
    [
        (X, rate("<apply><times/><ci>q</ci><ci>x</ci></apply>"), "", "reads 'q', which is not defined"),
        ("<parameter id='k' constant='true'/>" + X, DECAYS, "", "parameter 'k' has no value"),
        (X + K, DECAYS, "<listOfUnitDefinitions><unitDefinition id='u'/></listOfUnitDefinitions>", "'u' is declared"),
        ("<parameter id='x' value='1' units='furlong' constant='false'/>" + K, DECAYS, "", "unknown unit 'furlong'"),
        (X, rate("<apply><csymbol encoding='text' definitionURL='http://www.sbml.org/sbml/symbols/delay'>d</csymbol>"
                 "<ci>x</ci><cn>1</cn></apply>"), "", "outside the subset of formulas"),
        (X, rate("<apply><ci>f</ci><ci>x</ci></apply>"), "", "function 'f' is not defined"),
        (X + K, DECAYS + "<listOfConstraints><constraint>" + mathml("<true/>") + "</constraint></listOfConstraints>",
         "", "constraints are outside"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_name(tmp_path, inside, extra, before, words):
    with pytest.raises(ModelError, match=words):
        load_model(write_sbml(tmp_path, inside, extra, before))


def test_an_initial_formula_never_loses_to_the_value_beside_it(tmp_path):
    """SBML L3V2 section 4.8: an initial assignment overrides the value attribute; ignoring it would be silent."""
    start = f"<initialAssignment symbol='x'>{mathml('<apply><plus/><ci>k</ci><cn>3</cn></apply>')}</initialAssignment>"
    extra = f"<listOfInitialAssignments>{start}</listOfInitialAssignments>{DECAYS}"
    model = load_model(write_sbml(tmp_path, X + K, extra))
    assert model.initial["x"] == Call("plus", (Name("k"), Number(3.0)))


@pytest.mark.parametrize("content", ["", "hello", "model *m()\nend", "{}", "<html/>", "<sbml", "<sbml/>", "\x00"])
def test_what_is_not_sbml_is_refused(tmp_path, content):
    path = tmp_path / "m.xml"
    path.write_text(content)
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert caught.value.where.startswith(str(path))


def test_an_entity_bomb_is_refused_before_it_unfolds(tmp_path):
    lines = ["<!ENTITY a0 'lol'>", *(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 10))]
    path = write_sbml(tmp_path, X)
    path.write_text(path.read_text().replace("<sbml", f"<!DOCTYPE sbml [{''.join(lines)}]><sbml", 1))
    with pytest.raises(ModelError, match="XML entities"):
        load_model(path)


def test_a_broken_element_names_its_line(tmp_path):
    path = tmp_path / "m.xml"
    path.write_text(write_sbml(tmp_path, X + K, DECAYS).read_text().replace("</listOfParameters>", "\n\n</wrong>"))
    with pytest.raises(ModelError, match="not valid SBML") as caught:
        load_model(path)
    assert caught.value.where == f"{path}:4"


def test_the_export_carries_every_value_and_source(mouse: Model):
    model = libsbml.readSBMLFromString(mouse.to_sbml()).getModel()
    for name, row in mouse.register.items():
        element = model.getParameter(name)
        assert element.getValue() == row.value
        notes = element.getNotesString()
        for words in (row.source, row.doi, row.confidence):
            assert escape(words) in notes, name
    assert "assumption" in model.getParameter("pain_sasp_gain").getNotesString()


def test_the_export_is_read_back_as_the_same_model(mouse: Model, tmp_path):
    path = tmp_path / "mouse.xml"
    path.write_text(mouse.to_sbml(), encoding="utf-8")
    again = load_model(path)
    assert again.sha256 == mouse.sha256
    assert again.states == mouse.states
    assert {key: str(unit) for key, unit in again.units.items()} == {
        key: str(unit) for key, unit in mouse.units.items()
    }


def test_notes_escape_what_xml_reserves(tmp_path):
    path = write_model(tmp_path, DECAY)
    model = load_model(path, write_register(tmp_path, {"reason": "p < 0.05 & n > 3"}))
    assert "p &lt; 0.05 &amp; n &gt; 3" in model.to_sbml()
    (tmp_path / "out.xml").write_text(model.to_sbml())
    assert load_model(tmp_path / "out.xml").sha256 == model.sha256 == model_of(tmp_path, DECAY).sha256
