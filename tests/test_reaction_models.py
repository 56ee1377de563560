"""Reaction models: exact solutions, conservation, events at known times, and what is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from senospine.engine import Entry, Kernel, Schedule, compile_model
from senospine.engine.generate import output_function
from senospine.errors import ModelError, ScheduleError
from senospine.model import Model, load_model
from senospine.model.expressions import OPERATORS, Call, Expression, Name, Number, evaluate
from senospine.model.mathml import CONDITIONS

Load = Callable[..., Model]
MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'


@pytest.fixture
def antimony(tmp_path: Path) -> Load:
    """Load the body of an Antimony model."""

    def load(body: str) -> Model:
        path = tmp_path / "model.ant"
        path.write_text(f"model *m()\n{body}\nend\n", encoding="utf-8")
        return load_model(path)

    return load


@pytest.fixture
def sbml(tmp_path: Path) -> Load:
    """Load the inside of an SBML Level 3 Version 2 model."""

    def load(body: str, head: str = 'level3/version2/core" level="3" version="2') -> Model:
        path = tmp_path / "model.xml"
        path.write_text(
            f'<sbml xmlns="http://www.sbml.org/sbml/{head}"><model id="m">{body}</model></sbml>', encoding="utf-8"
        )
        return load_model(path)

    return load


def plain(model: Model, outputs: list[str] | None = None) -> Kernel:
    return compile_model(model, outputs, jit=False)


TIMES = np.array([0.0, 0.5, 1.0, 2.0, 5.0])


def test_a_growing_compartment_dilutes_what_reacts_in_it(antimony: Load) -> None:
    model = antimony("compartment C; C = 2; C' = 0.5; species S in C; S = 3; J: S -> ; k*S*C; k = 0.3;")
    solution = plain(model, ["S", "S__amount", "J"]).solve(times=TIMES, rtol=1e-10)
    amount = 6.0 * np.exp(-0.3 * TIMES)  # dA/dt = -k A: the volume cancels
    np.testing.assert_allclose(solution["S__amount"][0], amount, rtol=1e-8)
    np.testing.assert_allclose(solution["S"][0], amount / (2.0 + 0.5 * TIMES), rtol=1e-8)
    np.testing.assert_allclose(solution["J"][0], 0.3 * amount, rtol=1e-8)


def test_an_exchange_between_compartments_conserves_amounts(antimony: Load) -> None:
    model = antimony(
        "compartment A, B; A = 1; B = 10; species X in A, Y in B; X = 5; Y = 0.1; J: X -> Y; 0.7*X*A - 0.2*Y*B;"
    )
    solution = plain(model).solve(times=TIMES, rtol=1e-9)
    np.testing.assert_allclose(solution["X__amount"][0] + solution["Y__amount"][0], 6.0, rtol=1e-9)
    np.testing.assert_allclose(solution["Y"][0] * 10.0, solution["Y__amount"][0], rtol=1e-12)


def test_amount_and_concentration_are_both_asked_for_by_name(antimony: Load) -> None:
    model = antimony("compartment C; C = 4; substanceOnly species S in C; S = 8; J: S -> ; 0.5*S;")
    assert model.states == ("S",)
    kernel = plain(model, ["S__amount", "S__concentration"])
    solution = kernel.solve(times=[0.0])
    assert [float(solution[name][0, 0]) for name in ("S__amount", "S__concentration")] == [8.0, 2.0]
    assert kernel.constants({"C": [4.0, 5.0]})["C"].tolist() == [4.0, 5.0]


def test_small_amounts_are_solved_with_the_default_tolerance(antimony: Load) -> None:
    model = antimony("compartment C; C = 1e-12; species S in C; S = 1e-3; J: S -> ; 0.3*S*C;")
    solution = plain(model, ["S"]).solve(times=TIMES)
    np.testing.assert_allclose(solution["S"][0], 1e-3 * np.exp(-0.3 * TIMES), rtol=1e-4)


def test_derived_constants_follow_the_parameters_they_rest_on(antimony: Load) -> None:
    model = antimony("a = 1; b = 2*a; c = b + x; x = 10; x' = -c*x;")
    assert dict(model.parameters) == {"a": 1.0}
    assert list(model.derived) == ["b", "c"]
    kernel = plain(model)
    assert kernel.constants({"a": [1.0, 3.0]})["c"].tolist() == [12.0, 16.0]
    assert kernel.constants({"a": 3.0, "b": 7.0}, initial={"x": 0.0})["c"].tolist() == [7.0]
    solution = kernel.solve({"a": [1.0, 3.0]}, times=TIMES, rtol=1e-9)
    np.testing.assert_allclose(solution["x"], 10.0 * np.exp(-np.outer([12.0, 16.0], TIMES)), rtol=1e-6, atol=1e-8)
    assert antimony("a = 1; b = 3*a; c = b + x; x = 10; x' = -c*x;").sha256 != model.sha256


def test_rates_can_be_read_where_the_volume_moves(antimony: Load) -> None:
    model = antimony(
        "compartment C; C = 2; C' = 0.5; species S in C; S = 3; J: -> S; 2.5; r := rateOf(S); x' = rateOf(C); x = 0;"
    )
    solution = plain(model, ["r", "x"]).solve(times=TIMES, rtol=1e-10)
    amount, volume = 6.0 + 2.5 * TIMES, 2.0 + 0.5 * TIMES
    np.testing.assert_allclose(solution["r"][0], 2.5 / volume - 0.5 * amount / volume**2, rtol=1e-8)
    np.testing.assert_allclose(solution["x"][0], 0.5 * TIMES, rtol=1e-8)


def test_level_2_stoichiometry_formulas_are_read(sbml: Load) -> None:
    model = sbml(
        f"""<listOfCompartments><compartment id="C" size="1"/></listOfCompartments>
        <listOfSpecies><species id="S" compartment="C" initialAmount="1"/></listOfSpecies>
        <listOfParameters><parameter id="n" value="3"/></listOfParameters>
        <listOfReactions><reaction id="J" reversible="false"><listOfProducts><speciesReference species="S">
        <stoichiometryMath><math {MATH}><apply><times/><cn>2</cn><ci>n</ci></apply></math></stoichiometryMath>
        </speciesReference></listOfProducts><kineticLaw><math {MATH}><ci>v</ci></math><listOfParameters>
        <parameter id="v" value="0.5"/></listOfParameters></kineticLaw></reaction></listOfReactions>""",
        head='level2/version4" level="2" version="4',
    )
    assert model.parameters["J__v"] == 0.5
    np.testing.assert_allclose(plain(model, ["S"]).solve(times=TIMES)["S"][0], 1.0 + 3.0 * TIMES, rtol=1e-6)


def test_an_event_at_a_time_comes_before_the_output_and_a_dose_after_it(antimony: Load) -> None:
    kernel = plain(antimony("x = 0; x' = 0; y = 0; y' = 0; at (time >= T): x = x + 1; at (time > 2): y = 1; T = 2;"))
    schedule = Schedule.shared([Entry(2.0, "bolus", "x", 10.0)])
    solution = kernel.solve({"T": [2.0, 3.0]}, schedule, [0.0, 2.0, 2.5, 3.0])
    assert solution["x"].tolist() == [[0.0, 1.0, 11.0, 11.0], [0.0, 0.0, 10.0, 11.0]]
    assert solution["y"].tolist() == [[0.0, 0.0, 1.0, 1.0]] * 2
    with pytest.raises(ScheduleError, match="decides when event"):
        kernel.solve(None, Schedule.shared([Entry(1.0, "switch", "T", 4.0)]), [0.0, 5.0])


def test_the_grid_of_outputs_does_not_move_an_event(antimony: Load) -> None:
    kernel = plain(antimony("x = 1; x' = -x; at (time >= 1.3): x = x + 2;"), ["x"])
    coarse = kernel.solve(times=[3.0], rtol=1e-10)["x"][0, -1]
    fine = kernel.solve(times=np.linspace(0, 3, 40), rtol=1e-10)["x"][0, -1]
    exact = (np.exp(-1.3) + 2.0) * np.exp(-1.7)
    assert coarse == pytest.approx(exact, rel=1e-8)
    assert fine == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize(
    ("event", "after"),
    [
        ("at 1 after (time >= 1): x = y", 1.0),  # y = time: read at the trigger
        ("at 1 after (time >= 1), fromTrigger=false: x = y", 2.0),
        ("at 1 after (time >= 1 && time < 1.5), persistent=false: x = y", 0.0),
        ("at 1 after (time >= 1 && time < 2.5), persistent=false: x = y", 1.0),
        ("at (time >= 0): x = 5", 0.0),  # true before the start
        ("at (time >= 0), t0=false: x = 5", 5.0),
        ("at (time < 1 || time >= 2): x = y", 2.0),
        ("at (2*time - a >= 1): x = y", 1.5),
        ("at (time >= 1), priority=1: x = 3; at (time >= 1), priority=2: x = 4", 3.0),
        ("at (time >= 1), priority=2: x = 3; at (time >= 1), priority=1: x = 4", 4.0),
        ("at (time >= 1): x = x + 1; at (time >= 1), fromTrigger=false: x = x + 1", 2.0),
    ],
)
def test_delays_priorities_and_persistence(antimony: Load, event: str, after: float) -> None:
    model = antimony(f"a = 2; x = 0; x' = 0; y = 0; y' = 1; {event};")
    assert plain(model, ["x"]).solve(times=[4.0], rtol=1e-10)["x"][0, 0] == pytest.approx(after, rel=1e-9)


def test_a_resized_compartment_keeps_amounts(antimony: Load) -> None:
    body = "compartment C; C = 2; species S in C, $R in C; S = 3; J: S -> ; 0; R = 4; R' = 0; at (time >= 1): C = 8;"
    solution = plain(antimony(body), ["S", "R", "S__amount"]).solve(times=[0.5, 1.0])
    assert solution["S"][0].tolist() == [3.0, 0.75]
    assert solution["R"][0].tolist() == [4.0, 1.0]
    assert solution["S__amount"][0].tolist() == [6.0, 6.0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x = 1; x' = -x; E1: at (x < 0.5): x = 1;", "trigger of event 'E1' reads 'x'"),
        ("x = 1; x' = -x; E1: at x after (time >= 1): x = 1;", "delay of event 'E1' reads 'x'"),
        ("x = 1; x' = -x; E1: at (sin(time) > 0.5): x = 1;", "event 'E1' bends time"),
        ("x = 1; x' = -delay(x, 1);", "'delay' is outside the subset"),
        ("x = 1; x' = -x; x2 = 0; 0 = x + x2;", "algebraic|[Aa]ntimony"),
        ("x = 1; x' = -y;", "'y'"),
        ("x' = -x;", "'x' has no initial value"),
        ("const k; x = 1; x' = -k*x;", "'k' has no value"),
        ("a = b; b = a; x = 1; x' = -a*x;", "[Ll]oop"),
        ("compartment C; species S in C; S = 1; J: S -> ; S;", "'C' has no value"),
        ("x = 1; x' = -x; y := x; z := rateOf(y);", "rateOf"),
    ],
)
def test_what_is_outside_is_refused_by_name(antimony: Load, body: str, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        antimony(body)
    assert caught.value.where


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            '<listOfParameters><parameter id="a" value="1" constant="false"/></listOfParameters>'
            f'<listOfRules><algebraicRule id="R"><math {MATH}><ci>a</ci></math></algebraicRule></listOfRules>',
            "algebraic rules",
        ),
        (f'<listOfConstraints><constraint id="K"><math {MATH}><true/></math></constraint></listOfConstraints>', "'K'"),
        ('<listOfParameters><parameter id="a" value="1" constant="true" units="furlong"/></listOfParameters>', "unit"),
        (
            '<listOfCompartments><compartment id="C" size="1" constant="true"/></listOfCompartments>'
            '<listOfSpecies><species id="S" compartment="D" hasOnlySubstanceUnits="true" boundaryCondition="false"'
            ' constant="false"/></listOfSpecies>',
            "'S' is in no compartment",
        ),
    ],
)
def test_sbml_outside_the_subset_is_refused(sbml: Load, body: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        sbml(body)


def test_fast_reactions_and_required_packages_are_refused(sbml: Load) -> None:
    with pytest.raises(ModelError, match="reaction 'J' is fast"):
        sbml(
            f"""<listOfCompartments><compartment id="C" size="1" constant="true"/></listOfCompartments>
            <listOfSpecies><species id="S" compartment="C" initialAmount="1" hasOnlySubstanceUnits="true"
            boundaryCondition="false" constant="false"/></listOfSpecies>
            <listOfReactions><reaction id="J" reversible="false" fast="true"><listOfProducts><speciesReference
            species="S" stoichiometry="1" constant="true"/></listOfProducts><kineticLaw><math {MATH}><cn>1</cn></math>
            </kineticLaw></reaction></listOfReactions>""",
            head='level3/version1/core" level="3" version="1',
        )
    with pytest.raises(ModelError, match="package 'comp'"):
        sbml(
            "",
            head='level3/version1/core" xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1"'
            ' comp:required="true" level="3" version="1',
        )


def test_a_division_by_zero_at_the_start_is_reported_when_solving(antimony: Load) -> None:
    kernel = plain(antimony("a = 0; b = 1/a; x = 1; x' = -b*x;"))
    with pytest.raises(ModelError, match="initial value of 'b'"):
        kernel.solve(times=[1.0])
    assert plain(antimony("a = 0; x = 1; x' = -x/a;")).solve(times=[1.0]).failures


def test_units_of_reactions_are_checked(antimony: Load) -> None:
    body = """unit time_unit = second; unit substance = 1e-6 mole; unit extent = 1e-6 mole; unit volume = litre;
    unit per_second = 1 / second; unit size = litre; unit micromolar = 1e-6 mole / litre;
    compartment C; C = 1; C has size; species S in C; S = 2 micromolar; k has per_second; k = 1; J: S -> ; {law};"""
    model = antimony(body.format(law="k*S*C"))
    assert [item for item in model.check() if item.severity == "error" and "initial" not in item.what] == []
    assert any("'J'" in item.what for item in antimony(body.format(law="k*S")).check())


def test_an_exported_model_solves_the_same(antimony: Load, tmp_path: Path) -> None:
    model = antimony("compartment C; C = 2; species S in C; S = 3; J: S -> ; k*S*C; k = 0.3; at (time >= 1): S = 9;")
    path = tmp_path / "exported.xml"
    path.write_text(model.to_sbml(), encoding="utf-8")
    again = load_model(path)
    assert again.sha256 == model.sha256
    assert plain(again).solve(times=TIMES)["S"].tolist() == plain(model).solve(times=TIMES)["S"].tolist()


def test_every_operator_means_the_same_in_trees_in_python_and_compiled() -> None:
    a, b, c = Name("a"), Name("b"), Name("c")
    counts = {"piecewise": (a, Call("lt", (a, b)), b, Call("gt", (a, c)), c), "true": (), "false": (), "rem": (b, a)}
    inverse = {"arcsin", "arccos", "arctanh"}
    formulas: dict[str, Expression] = {}
    for operator in OPERATORS:
        pair = operator in {"divide", "power", "log", "root", "quotient", "lt", "leq", "gt", "geq", "eq", "neq"}
        many = operator in {"plus", "times", "min", "max", "minus"}
        arguments = counts.get(
            operator, (b, a) if pair or many else (Call("divide", (a, c)) if operator in inverse else b,)
        )
        if operator in {"and", "or", "xor", "not"}:
            arguments = (Call("lt", (a, b)), Call("gt", (a, c)))[: 1 if operator == "not" else 2]
        call: Expression = Call(operator, tuple(arguments))
        formulas[operator] = Call("piecewise", (Number(1.0), call, Number(0.0))) if operator in CONDITIONS else call
    formulas["negative base"] = Call("power", (Number(-2.0), Number(2.0)))
    functions = [
        output_function(["a", "b", "c"], [], {}, list(formulas), extra=formulas, jit=jit) for jit in (False, True)
    ]
    for values in ([0.7, 1.9, 2.5], [1.3, 3.4, 2.0], [0.2, 1.01, 7.5]):
        named = dict(zip("abc", values, strict=True))
        expected = [float(evaluate(formula, named)) for formula in formulas.values()]
        for function in functions:
            found = function(np.array(values), 0.0, np.zeros(0))
            np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=str(list(formulas)))


def test_plain_python_and_compiled_kernels_agree(antimony: Load) -> None:
    model = antimony(
        "compartment C; C = 2; species S in C; S = 3; J: S -> ; k*S^2*C/(1 + max(S, 0.5)); k = 0.3;"
        "z := piecewise(1, (time > 1 && S > 1) || false, 0); at 0.5 after (time >= 1): S = S + z;"
    )
    slow, fast = (compile_model(model, jit=jit).solve(times=TIMES, rtol=1e-9) for jit in (False, True))
    for name in model.outputs:
        np.testing.assert_allclose(slow[name], fast[name], rtol=1e-7, atol=1e-9)


def test_a_model_without_states_can_be_looked_at(antimony: Load) -> None:
    solution = plain(antimony("a = 2; y := a*time;")).solve(times=[0.0, 3.0])
    assert solution["y"].tolist() == [[0.0, 6.0]]


def test_the_mouse_has_no_findings() -> None:
    assert load_model("mouse").check() == []
