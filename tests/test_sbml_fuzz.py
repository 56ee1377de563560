"""Damaged models: whatever a text says, the answer is a model or a message, and soon."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from senospine.engine import compile_model
from senospine.errors import ModelError, SenospineError
from senospine.model import load_model
from senospine.model.antimony_text import antimony_to_sbml

ANTIMONY = """function hill(x, k)
  x^2/(k^2 + x^2)
end
model *m()
  unit day = 86400 second;
  compartment C, D; C = 2; D = 1.5; D' = 0.1;
  species S in C, $B in C, T in D; substanceOnly species A in D;
  S = 3; T = 1e-3; A = 2; B = 1;
  k = 0.3; q = 2*k; k has day;
  J1: 2 S + B -> T; k*C*hill(S, q);
  J2: T -> A; q*T*D;
  w := piecewise(1, time < 1 && S > 0.5, exp(-S));
  y' = w - rateOf(D)*y; y = 1;
  E1: at 0.5 after (time >= 1), priority=2, persistent=false: S = S + y, k2 = 4;
  k2 = 1;
end
"""


def outcome(text: str, path: Path) -> str:
    """Return 'solved', or the kind of error; anything but our own errors comes through."""
    path.write_text(text, encoding="utf-8")
    try:
        model = load_model(path)
        model.check()
        assert len(model.sha256) == 64
        compile_model(model, jit=False).solve(times=[0.0, 1.0, 2.0], max_steps=1000)
    except SenospineError as error:
        return type(error).__name__
    return "solved"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module")
def whole_sbml(folder: Path) -> str:
    path = folder / "whole.ant"
    path.write_text(ANTIMONY, encoding="utf-8")
    return antimony_to_sbml(path)


WORDS = ["0", "-1", "1e308", "1e-320", "nan", "<", ">", "&", '"', "(", ")", ";", "=", "x", "S", "C", "time", "\n", "é"]
DAMAGE = st.lists(
    st.tuples(st.sampled_from(["cut", "put", "swap words", "drop line", "repeat line"]), st.integers(0, 10**6),
              st.integers(0, 10**6), st.sampled_from(WORDS)),
    min_size=1, max_size=4,
)  # fmt: skip


def damaged(text: str, steps: list[tuple[str, int, int, str]]) -> str:
    for kind, first, second, word in steps:
        start, words, lines = first % (len(text) + 1), re.findall(r"\w+", text), text.split("\n")
        if kind == "cut":
            text = text[:start] + text[start + 1 + second % 40 :]
        elif kind == "put":
            text = text[:start] + word + text[start:]
        elif kind == "swap words" and words:
            old, new = words[first % len(words)], words[second % len(words)]
            text = text[:start] + re.sub(rf"\b{old}\b", new, text[start:], count=1)
        elif kind == "drop line":
            del lines[first % len(lines)]
            text = "\n".join(lines)
        elif kind == "repeat line":
            lines.insert(second % (len(lines) + 1), lines[first % len(lines)])
            text = "\n".join(lines)
    return text


def test_the_undamaged_texts_are_solved(folder: Path, whole_sbml: str) -> None:
    assert outcome(ANTIMONY, folder / "whole.ant") == "solved"
    assert outcome(whole_sbml, folder / "whole.xml") == "solved"


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps=DAMAGE)
def test_damaged_antimony_gives_a_model_or_a_message(folder: Path, steps: list[tuple[str, int, int, str]]) -> None:
    outcome(damaged(ANTIMONY, steps), folder / "damaged.ant")


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps=DAMAGE)
def test_damaged_sbml_gives_a_model_or_a_message(
    folder: Path, whole_sbml: str, steps: list[tuple[str, int, int, str]]
) -> None:
    outcome(damaged(whole_sbml, steps), folder / "damaged.xml")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=st.text(max_size=200))
def test_any_text_gives_a_message(folder: Path, text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    assert outcome(text, folder / "any.xml") == "ModelError"


@pytest.mark.parametrize(
    ("formula", "ended"),
    [
        ("+".join(["a"] * 3000), "solved"),
        ("(" * 400 + "a" + ")" * 400, "solved"),
        ("exp(" * 100 + "a" + ")" * 100, "solved"),
        ("piecewise(" + ", ".join(f"{i}, time < {i}" for i in range(1, 500)) + ", 7)", "solved"),
        ("".join(f"piecewise({i}, time < {i}, " for i in range(1, 90)) + "7" + ")" * 89, "solved"),
        ("exp(" * 300 + "a" + ")" * 300, "ModelError"),
        ("(" * 5000 + "a" + ")" * 5000, "ModelError"),
        ("a" + "-a" * 400, "ModelError"),
    ],
)
def test_long_and_deep_formulas(folder: Path, formula: str, ended: str) -> None:
    assert outcome(f"model *m()\n a = 0.1; x := {formula};\nend\n", folder / "deep.ant") == ended


@pytest.mark.parametrize(("levels", "ended"), [(8, "solved"), (20, "ModelError"), (40, "ModelError")])
def test_functions_of_functions_do_not_unfold_without_end(folder: Path, levels: int, ended: str) -> None:
    functions = "function f0(x)\n  x + x\nend\n" + "".join(
        f"function f{i}(x)\n  f{i - 1}(x) + f{i - 1}(x)\nend\n" for i in range(1, levels)
    )
    text = f"{functions}model *m()\n a = 1; y := f{levels - 1}(a);\nend\n"
    assert outcome(text, folder / "functions.ant") == ended


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><sbml/>', "XML entities"),
        ("<sbml>" + "<a>" * 20000, "nests elements"),
        ("<sbml", "not valid SBML"),
        ("", "not valid SBML"),
        ("\x00", "not valid SBML"),
    ],
)
def test_dangerous_xml_is_refused_before_it_is_read(folder: Path, text: str, words: str) -> None:
    path = folder / "bomb.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=words):
        load_model(path)
