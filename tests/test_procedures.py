"""Procedures: files, lines of text, jumps and regrowth in closed form, and what is left of pain."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli import senospine
from therapy_helpers import refusal

from senospine.engine import Schedule, compile_model
from senospine.errors import RegimenError
from senospine.model import Model, load_model
from senospine.therapy import (
    Jump,
    Performed,
    check_procedure,
    compose_model,
    jumps,
    load_drug,
    load_procedure,
    parse_treatment,
    read_procedure,
)

YEAR = 365.25
BVNA = "basivertebral-nerve-ablation once at day 0 after enrolment"
STATE = "nerve_ablation_endplate_denervation_taken"
FILE = """\
name: cold
class: made up
given_as: sham procedure
source:
  - {doi: 10.1000/none, citation: none}
species: [human]
effects:
  human:
    endplate_denervation:
      share: {value: 0.5, unit: fold, source: assumption, reason: made up}
      regrowth_half_time: {value: 100, unit: day, source: assumption, reason: made up}
"""
#: of a person with a severely degenerated spine
OLD = {"degeneration_load": 1.0, "age_at_start": 0.0}
OUTPUTS = ["endplate_denervation", "sensory_innervation", "pain_nociceptive_drive", "sensitisation", "endplate_pain",
           "disc_pain", "disc_sensitisation", "spinal_pain"]  # fmt: skip


def own(folder: Path, *changes: tuple[str, str]) -> Path:
    text = FILE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "cold.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def schedule(found: list[Jump]) -> Schedule:
    return Schedule.from_columns(
        time=[item.time for item in found], kind="bolus", target=[item.state for item in found],
        amount=np.stack([item.amount for item in found], axis=1),
    )  # fmt: skip


def done(text: str, share: float, half_time: float, success: float = 1.0, *, at: float = 0.0) -> list[Jump]:
    performed = [parse_treatment(part) for part in text.split(" + ")]
    assert all(isinstance(item, Performed) for item in performed)
    values = {"share": share, "technical_success": success, "regrowth_half_time": half_time}
    return jumps(
        performed, {"enrolment": at}, "human",
        lambda name: next(value for number, value in values.items() if name.endswith(number)),
        lambda procedure: np.array([0.5]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def ablated() -> Model:
    return compose_model("human", procedures=["BVNA"])


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0, 1), st.floats(1, 1e5), st.lists(st.integers(0, 3000), min_size=1, max_size=4, unique=True).map(sorted)
)
def test_jumps_are_what_one_minus_the_product_of_what_is_left_says(
    share: float, half_time: float, days: list[int]
) -> None:
    text = " + ".join(BVNA.replace("day 0", f"day {day}") for day in reversed(days))
    found = done(text, share, half_time)
    assert [jump.time for jump in found] == days
    taken, before = 0.0, days[0]
    for jump in found:
        taken *= 2 ** (-(jump.time - before) / half_time)
        left = (1 - taken) * (1 - share)  # each takes its share of what is left
        taken += jump.amount.item()
        assert 1 - taken == pytest.approx(left, abs=1e-12)
        assert taken <= 1 + 1e-12
        before = jump.time


def test_the_state_jumps_and_grows_back_as_the_exponential_says(ablated: Model) -> None:
    kernel = compile_model(ablated, outputs=[STATE, "endplate_denervation"])
    text = f"{BVNA} + {BVNA.replace('day 0', 'day 300')}"
    name = "nerve_ablation_endplate_denervation_regrowth_half_time"
    times = np.array([0.0, 1.0, 150.0, 300.0, 301.0, 1000.0, 3000.0])
    found = kernel.solve({name: [400.0]}, schedule(done(text, 0.8, 400.0)), times, rtol=1e-10)
    first = 0.8 * 2 ** (-times / 400)
    before = 0.8 * 2 ** (-300 / 400)
    second = (before + 0.8 * (1 - before)) * 2 ** (-(times - 300) / 400)
    expected = np.where(times == 0, 0, np.where(times <= 300, first, second))  # outputs at a jump are those before it
    np.testing.assert_allclose(found[STATE][0], expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_array_equal(found["endplate_denervation"], found[STATE])


def test_what_is_sent_is_what_is_not_cut_and_the_disc_sends_on(ablated: Model) -> None:
    kernel, times = compile_model(ablated, outputs=OUTPUTS), 60 * YEAR + np.arange(0.0, 3000.0, 100.0)
    cut = schedule(done(BVNA, 0.9, 1000.0, at=60 * YEAR))
    half = {"nerve_ablation_endplate_denervation_regrowth_half_time": [1000.0]}
    with_cut, without = (
        kernel.solve(OLD | half, item, times, rtol=1e-9, n_subjects=1) for item in (cut, Schedule.shared([]))
    )
    assert without["endplate_pain"].min() > 1.5  # there is something to take
    left = 1 - with_cut["endplate_denervation"]
    np.testing.assert_allclose(with_cut["pain_nociceptive_drive"], left * without["pain_nociceptive_drive"], rtol=1e-6)
    np.testing.assert_allclose(with_cut["sensory_innervation"], without["sensory_innervation"], rtol=1e-7)
    np.testing.assert_allclose(with_cut["disc_sensitisation"], without["disc_sensitisation"], rtol=1e-7)
    assert (with_cut["endplate_pain"][0, 1:] < without["endplate_pain"][0, 1:]).all()
    assert (with_cut["disc_pain"] <= without["disc_pain"] * (1 + 1e-6)).all()  # the cord calms down, the disc does not
    assert with_cut["spinal_pain"].min() >= with_cut["disc_pain"].min() - 1e-9
    assert with_cut["endplate_pain"][0, -1] > with_cut["endplate_pain"].min()  # fibres grow back, and so does pain


def test_all_fibres_cut_for_good_leave_the_pain_of_the_disc_and_no_less(ablated: Model) -> None:
    kernel, times = compile_model(ablated, outputs=OUTPUTS), 60 * YEAR + np.array([0.0, 200.0, 400.0])
    found = kernel.solve(OLD, schedule(done(BVNA, 1.0, 1e9, at=60 * YEAR)), times, rtol=1e-9, n_subjects=1)
    np.testing.assert_array_equal(found["endplate_pain"][0, 1:], 1.0)
    np.testing.assert_allclose(found["spinal_pain"][0, 1:], found["disc_pain"][0, 1:], rtol=1e-12)
    assert found["disc_pain"].min() > 1.1


def test_one_that_fails_takes_nothing() -> None:
    (jump,) = done(BVNA, 0.9, 1000.0, success=0.4)  # luck is 0.5
    assert jump.amount.tolist() == [0.0]


def test_a_sham_is_no_other_model(ablated: Model) -> None:
    human = load_model("human")
    assert compose_model("human", procedures=["sham-procedure"]) is human
    assert done("sham-procedure once at day 0 after enrolment", 0.9, 1000.0) == []
    assert set(ablated.states) - set(human.states) == {STATE}
    kernels = [compile_model(model, outputs=["spinal_pain"]) for model in (human, ablated)]
    one, other = (kernel.solve(OLD, times=[60 * YEAR], rtol=1e-9, n_subjects=1)["spinal_pain"] for kernel in kernels)
    np.testing.assert_allclose(one, other, rtol=1e-7)  # nobody is operated on: the state stays 0


def test_two_procedures_and_a_drug_join_as_shares_do(tmp_path: Path) -> None:
    model = compose_model("human", ["navitoclax"], procedures=["BVNA", read_procedure(own(tmp_path))])
    assert model.check() == []
    kernel = compile_model(model, outputs=["endplate_denervation", "navitoclax_concentration"])
    both = schedule([*done(BVNA, 0.9, 1e9), Jump(0.0, "cold_endplate_denervation_taken", np.array([0.5]))])
    dose = Schedule.from_columns(time=0.0, kind="bolus", target="navitoclax_gut", amount=[[150.0]])
    half = {f"{name}_endplate_denervation_regrowth_half_time": [1e9] for name in ("nerve_ablation", "cold")}
    found = kernel.solve(half, both + dose, [1.0], rtol=1e-8)
    assert found["endplate_denervation"].item() == pytest.approx(1 - 0.1 * 0.5, rel=1e-6)
    alone = compile_model(compose_model("human", ["navitoclax"]), outputs=["navitoclax_concentration"])
    np.testing.assert_allclose(
        found["navitoclax_concentration"],
        alone.solve({}, dose, [1.0], rtol=1e-8)["navitoclax_concentration"],
        rtol=1e-6,
    )


def test_a_file_without_half_time_means_for_good(tmp_path: Path) -> None:
    line = "      regrowth_half_time: {value: 100, unit: day, source: assumption, reason: made up}\n"
    model = compose_model("human", procedures=[read_procedure(own(tmp_path, (line, "")))])
    kernel = compile_model(model, outputs=["endplate_denervation"])
    jump = Jump(0.0, "cold_endplate_denervation_taken", np.array([0.5]))
    found = kernel.solve({}, schedule([jump]), [50 * YEAR], rtol=1e-8)
    assert found["endplate_denervation"].item() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("endplate_denervation:", "endplate_dennervation:", 9, "did you mean 'endplate_denervation'"),
        ("endplate_denervation:", "endplate_kill:", 9, "nothing that a procedure can take a share of"),
        ("value: 0.5", "value: 1.5", 10, "at most 1 fold"),
        ("value: 100", "value: -100", 11, "above 0 day"),
        ("value: 0.5,", "value: 0.5, cv: 0.2,", 10, "leave the cv out"),
        ("unit: day", "unit: kg", 11, "'kg' cannot be turned into 'day'"),
        ("share:", "shares:", 10, "did you mean 'share'"),
        (", reason: made up}\n      regrowth", "}\n      regrowth", 10, "gives no reason"),
        ("given_as: sham procedure\n", "", 1, "'given_as' is missing"),
        ("class:", "klass:", 2, "unknown key 'klass'"),
        ("species: [human]", "species: [dog]", 8, "which 'species' does not name"),
    ],
)
def test_bad_files_are_refused_with_their_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    path = own(tmp_path, (old, new))
    error = refusal(RegimenError, path, call=read_procedure)
    assert words in str(error)
    assert (error.where or "").endswith(f"cold.yaml:{line}") or new == ""
    assert any(words in f"{item.what}; {item.remedy}" for item in check_procedure(path))


def test_names_lines_and_files(tmp_path: Path) -> None:
    assert parse_treatment("bvna once at week 2 after enrolment").text() == (
        "basivertebral-nerve-ablation once at week 2 after enrolment"
    )
    spaced = parse_treatment("sham procedure once at day 0 after enrolment")
    assert spaced == parse_treatment(spaced.text())
    path = own(tmp_path)
    mine = parse_treatment(f"{path} once at day 3 after enrolment")
    assert isinstance(mine, Performed)
    assert (mine.procedure.name, mine.start_days, parse_treatment(mine.text())) == ("cold", 3.0, mine)
    drug = parse_treatment("navitoclax 150 mg oral once at day 0 after enrolment")
    assert drug.text() == "navitoclax 150 mg oral once at day 0 after enrolment"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("basivertebral-nerve-ablatio once at day 0 after enrolment", "did you mean 'basivertebral-nerve-ablation'"),
        ("navitoclac 3 mg oral once at day 0 after enrolment", "did you mean 'navitoclax'"),
        ("bvna daily for 7 days from day 0 after enrolment", "'daily' where 'once at' should stand"),
        ("bvna once from day 0 after enrolment", "'from' where 'once at' should stand"),
        ("bvna once at day 0 after first dose", "count from enrolment"),
        ("bvna once at day 0 after enrolment twice", "'twice' after the time"),
        ("bvna once at day 0", "no anchor"),
    ],
)
def test_lines_that_cannot_be_meant_are_refused(text: str, words: str) -> None:
    assert words in str(refusal(RegimenError, text, call=parse_treatment))


def test_where_a_procedure_cannot_be_done(tmp_path: Path) -> None:
    assert "is a procedure and no drug" in str(refusal(RegimenError, "BVNA", "here", call=load_drug))
    with pytest.raises(RegimenError, match="no data for species 'mouse'"):
        compose_model("mouse", procedures=["BVNA"])
    dogs = own(tmp_path, ("[human]", "[dog]"), ("  human:", "  dog:"))
    with pytest.raises(RegimenError, match="the dog model has no input 'endplate_denervation'"):
        compose_model("dog", procedures=[read_procedure(dogs)])
    mice = own(tmp_path, ("[human]", "[mouse]"), ("  human:", "  mouse:"))
    with pytest.raises(RegimenError, match="written by hand"):
        compose_model("mouse", procedures=[read_procedure(mice)])
    with pytest.raises(RegimenError, match="counts from surgery, which there is not here"):
        done(BVNA.replace("enrolment", "surgery"), 0.9, 1000.0)
    taken = own(tmp_path, ("name: cold", "name: cold\nsymbol: nerve_ablation"))
    with pytest.raises(RegimenError, match="give it another symbol"):
        compose_model("human", procedures=["BVNA", read_procedure(taken)])


def test_a_procedure_is_what_its_file_says() -> None:
    found = load_procedure("BVNA")
    assert found is load_procedure("basivertebral-nerve-ablation")
    assert found.sha256 != load_procedure("sham-procedure").sha256
    model = compose_model("human", procedures=[found])
    row = model.register["nerve_ablation_endplate_denervation_share"]
    assert (row.value, row.low, row.high, row.species) == (0.9, 0.7, 1.0, "human")
    assert row.where.rsplit("/", 1)[-1].startswith("basivertebral-nerve-ablation.yaml:")
    assert model.variables[STATE].group == "procedure"


def test_the_commands(tmp_path: Path) -> None:
    listed = json.loads(senospine("procedure", "list", "--json").stdout)
    assert [item["procedure"] for item in listed] == ["basivertebral-nerve-ablation", "sham-procedure"]
    assert "takes nothing" in senospine("procedure", "show", "sham-procedure").stdout
    shown = senospine("procedure", "show", "bvna").stdout
    assert "regrowth half time" in shown
    assert "10.1136/rapm-2020-102259" in shown
    path = own(tmp_path)
    assert senospine("procedure", "check", path).stdout.split()[-2:] == ["are", "clean"]
    own(tmp_path, ("value: 0.5", "value: 1.5"))
    bad = senospine("procedure", "check", path)
    assert (bad.returncode, "cold.yaml:10" in bad.stdout) == (2, True)
    unknown = senospine("procedure", "show", "bvnb")
    assert (unknown.returncode, "did you mean 'BVNA'" in unknown.stderr) == (2, True)
    own(tmp_path)
    model = senospine("model", "check", "human", "--drugs", f"bvna,{path},navitoclax")
    assert model.stdout.split()[-2:] == ["are", "clean"]
