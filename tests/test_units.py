"""Units compare by meaning, and every clash is found. SBML's unit kinds: SBML Level 3 Version 2, section 4.4."""

from __future__ import annotations

from fractions import Fraction

import pytest
from helpers import DECAY, UNITS, model_of

from senospine.errors import ModelError, UnitError
from senospine.model import load_model
from senospine.model.expressions import Call, Name, Number, Time
from senospine.model.units import BASE, DIMENSIONLESS, KINDS, Unit, UnitClash, kind, unit_of, unit_of_text

DAY = unit_of_text("day")
MG, G = unit_of_text("mg"), unit_of_text("g")
NOW = {"t": DAY, "m": MG, "g": G, "n": DIMENSIONLESS, "pct": unit_of_text("percent")}


def call(operator, *arguments):
    return Call(operator, tuple(Name(x) if isinstance(x, str) else x for x in arguments))


ONE, TWO = Number(1.0), Number(2.0)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (kind("litre"), Unit(kind("metre").power(Fraction(3)).exponents, 1e-3)),
        (kind("newton"), kind("kilogram") * kind("metre") / kind("second").power(Fraction(2))),
        (kind("pascal"), kind("newton") / kind("metre").power(Fraction(2))),
        (kind("joule"), kind("newton") * kind("metre")),
        (kind("watt"), kind("joule") / kind("second")),
        (kind("hertz"), DIMENSIONLESS / kind("second")),
        (unit_of_text("L/day/kg"), kind("litre") / (DAY * kind("kilogram"))),
        (unit_of_text("mg/umol"), kind("gram") / kind("mole") * Unit(DIMENSIONLESS.exponents, 1e3)),
        (unit_of_text("h"), Unit(DAY.exponents, 3600.0)),
        (unit_of_text("mm2"), unit_of_text("mm") * unit_of_text("mm")),
    ],
)
def test_derived_units_mean_the_same(left, right):
    assert left.same(right)


def test_a_factor_is_part_of_the_meaning():
    assert MG.exponents == G.exponents
    assert not MG.same(G)
    assert not unit_of_text("mg/kg").same(DIMENSIONLESS)
    assert str(unit_of_text("mg/kg")) == "1e-06 dimensionless"
    assert str(kind("newton")) == "metre kilogram second^-2"


def test_every_kind_has_seven_exponents():
    assert all(len(exponents) == len(BASE) == 7 for exponents, _ in KINDS.values())


def test_unknown_unit_text_is_refused():
    for words in ("", "furlong", "mg/", "mg*kg"):
        with pytest.raises(UnitError, match="unknown unit"):
            unit_of_text(words)


@pytest.mark.parametrize(
    ("expression", "unit"),
    [
        (call("times", "m", "t", TWO), MG * DAY),
        (call("divide", "m", "t"), MG / DAY),
        (call("power", "t", Number(-2.0)), DIMENSIONLESS / DAY / DAY),
        (call("power", "t", call("minus", TWO)), DIMENSIONLESS / DAY / DAY),
        (call("root", TWO, call("times", "m", "m")), MG),
        (call("power", "n", "n"), DIMENSIONLESS),
        (call("minus", Time(), "t"), DAY),
        (call("abs", "m"), MG),
        (call("piecewise", "m", call("gt", "t", Time()), "m"), MG),
        (call("exp", call("divide", "t", Time())), DIMENSIONLESS),
        (call("and", call("lt", "m", "m"), call("true")), DIMENSIONLESS),
    ],
)
def test_units_of_formulas(expression, unit):
    assert unit_of(expression, NOW, DAY).same(unit)


@pytest.mark.parametrize(
    "expression",
    [
        call("plus", "m", "t"),
        call("plus", "n", "n", "t"),
        call("plus", "m", "g"),  # mg beside g: same dimension, other factor
        call("plus", "n", "pct"),
        call("minus", "t", ONE),  # a bare number has no dimension
        call("min", "m", "g"),
        call("lt", "m", "t"),
        call("lt", "t", ONE),
        call("eq", "m", "g"),
        call("piecewise", "m", call("true"), "t"),
        call("piecewise", "m", call("true"), "g", call("false"), "m"),
        call("piecewise", "n", call("lt", "m", "t"), "n"),
        call("not", call("lt", "m", "t")),
        call("exp", "t"),
        call("ln", "m"),
        call("tanh", "pct"),
        call("sin", "t"),
        call("log", Number(10.0), "m"),
        call("power", "t", "n"),
        call("power", "n", "t"),
        call("power", TWO, "t"),
        call("root", "n", "t"),
        call("times", "n", "unheard_of"),
    ],
)
def test_clashes_are_found(expression):
    with pytest.raises(UnitClash):
        unit_of(expression, NOW, DAY)


def test_the_clean_model_is_clean_but_for_its_source(tmp_path):
    findings = model_of(tmp_path, DECAY).check()
    assert [(item.severity, item.what) for item in findings] == [("warning", "parameter 'k' has no source")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("k has per_day; x has fold; x' = -x; x = 1; k = 1;", "the rate of 'x' has unit dimensionless"),
        ("k has day; x has fold; x' = -k * x; x = 1; k = 1;", "the rate of 'x' has unit 86400 second"),
        ("k has per_day; x has fold; x' = -k * (x + k); x = 1; k = 1;", "units clash in the rate of 'x'"),
        ("k has per_day; x has fold; y has g; y := x; x' = -k * x; x = 1; k = 1;", "the assignment to 'y'"),
        ("k has per_day; x has fold; x' = -k * x; x = k; k = 1;", "the initial value of 'x'"),
        ("k has per_day; x' = -k * x; x = 1; k = 1;", "'x' has no unit"),
        ("x has fold; k has mg; y has g; y := k; x' = 0 * x / time; x = 1; k = 1;", "'y' has unit 1e-06 kilogram"),
        ("x has fold; x' = exp(time) * x / time; x = 1;", "argument of exp"),
    ],
)  # fmt: skip
def test_a_broken_unit_in_a_model_is_an_error_with_its_line(tmp_path, body, words):
    model = model_of(tmp_path, UNITS + "\n" + body)
    errors = [item for item in model.check() if item.severity == "error"]
    assert len(errors) == 1, [str(item) for item in errors]
    assert words in errors[0].what
    assert errors[0].where.startswith(str(tmp_path / "m.ant"))


def test_prefixed_unit_names_of_modules_compare_by_meaning(tmp_path):
    (tmp_path / "sub.ant").write_text(
        "model Sub(y)\n  unit rate = 1 / (24 * 3600 second);\n  unit pure = 1 dimensionless;\n"
        "  unit time_unit = 86400 second;\n  y has pure;\n  k has rate;\n  k = 1; y' = -k * y;\nend\n"
    )
    body = UNITS + "  var y;\n  s: Sub(y);\n  y = 1; z has fold; z := 2 * y;\n"
    (tmp_path / "m.ant").write_text(f'import "sub.ant"\nmodel *m()\n{body}\nend\n')
    model = load_model(tmp_path / "m.ant")
    assert [item.what for item in model.check() if item.severity == "error"] == []
    assert model.units["s_k"].same(DIMENSIONLESS / DAY)
    assert model.where("s_k") == f"{tmp_path / 'sub.ant'}:6"


def test_a_unit_defined_outside_the_model_block_is_refused(tmp_path):
    """libAntimony 3.3 leaves it empty, which would read as dimensionless."""
    path = tmp_path / "m.ant"
    path.write_text("unit day = 86400 second;\nmodel *m()\n  x has day; x' = 1; x = 1;\nend\n")
    with pytest.raises(ModelError, match="'day' is declared without a meaning"):
        load_model(path)
