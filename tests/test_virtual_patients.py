"""Patients out of the human model: selection, weights, courses, and whose they are."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from senospine.cli import app
from senospine.errors import FileError, SenospineError, TrialError
from senospine.therapy import drug_names, load_drug
from senospine.trial import (
    COURSES,
    UNTREATED,
    PatientBank,
    benefit_text,
    comparators,
    coverage_table,
    load_design,
    make_bank,
    parse_design,
    population_table,
    predicted_benefit,
    published_population,
    read_bank,
    read_therapy,
    run_trials,
    select,
)
from senospine.trial.patients import Plan, reference_drive, simulate_people
from senospine.trial.population import figure_of

PULSED = "navitoclax 250 mg oral daily for 7 days every 28 days, 3 cycles, from day 0 after enrolment"
PULSED_KEY = read_therapy(PULSED).text
RULED = f"{PULSED}; rule navitoclax-platelets"
NULL = "navitoclax 1e-06 mg oral daily for 28 days from day 0 after enrolment"
DESIGN = f"""\
trial: pulses
question: Does it work?
patients: 60
weeks: 12
arms:
  placebo: {{control: pill}}
  drug: {{therapy: '{PULSED}'}}
  nothing: {{therapy: '{NULL}'}}
entry:
  pain: {{at_least: 3, days: 7}}
block: 3
visits: [4, 8, 12]
endpoints:
  pain: {{measure: pain, week: 12}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 300 people of the register, followed untreated, in pulses, with a rule, and on next to nothing."""
    place = tmp_path_factory.mktemp("bank")
    make_bank(place, [PULSED, RULED, NULL], patients=300, draws=1, weeks=12, uncertainty="none", workers=1)
    return place


@pytest.fixture(scope="module")
def people(folder: Path) -> PatientBank:
    return read_bank(folder)


def test_a_null_drug_shows_none_and_a_senolytic_some(people: PatientBank) -> None:
    untreated = people.course(UNTREATED)
    np.testing.assert_allclose(people.course(NULL)["pain"], untreated["pain"], atol=2e-3)
    np.testing.assert_allclose(people.course(NULL)["platelets"], untreated["platelets"], rtol=2e-3)
    gain = untreated["pain"] - people.course(PULSED)["pain"]
    assert gain.min() > -2e-3
    assert gain[:, -1].max() > 0.05
    most = 0.55 * 10  # what endplate and disc can explain
    assert gain.max() < most


def test_reach_moves_what_an_analgesic_does_and_nothing_a_senolytic_does(tmp_path: Path) -> None:
    """One bank of lives, read twice: the second call simulates nobody."""
    block = "tanezumab 10 mg subcutaneous once at day 0 after enrolment"
    seen: list[int] = []
    read = {
        reach: make_bank(tmp_path, [PULSED, block], patients=100, draws=1, weeks=8, uncertainty="none", workers=1,
                         reach=reach, on_progress=lambda done, _: seen.append(done))
        for reach in ("spine", "all")
    }  # fmt: skip
    assert seen == [0, 100, 100]
    assert [bank.made_by["reach"] for bank in read.values()] == ["spine", "all"]
    spine, everywhere = read.values()
    for therapy in (UNTREATED, PULSED):
        np.testing.assert_allclose(spine.course(therapy)["pain"], everywhere.course(therapy)["pain"], atol=1e-6)
    gains = [bank.course(UNTREATED)["pain"][:, -1] - bank.course(block)["pain"][:, -1] for bank in read.values()]
    assert (gains[1] >= gains[0] - 1e-5).all()
    hurting = (spine.baseline["pain"] >= 4).to_numpy()
    assert gains[1][hurting].mean() > 5 * gains[0][hurting].mean()
    assert gains[1].max() < 10 * 0.3


def test_three_shipped_drugs_block_outright_and_no_senolytic_does() -> None:
    blockade = {"ngf_neutralisation", "cox2_inhibition", "analgesia"}
    found = {name for name in drug_names() if blockade & set(load_drug(name).actions.get("human", {}))}
    assert found == {"tanezumab", "celecoxib", "o-vanillin"}
    assert load_drug("o-vanillin").actions["human"]["analgesia"].max.value == 0


def test_platelets_fall_on_the_drug_and_less_with_a_dosing_rule(people: PatientBank) -> None:
    lowest = {key: people.course(key)["platelets"].min(axis=1) for key in (UNTREATED, PULSED, RULED)}
    assert (lowest[PULSED] < lowest[UNTREATED]).all()
    assert (lowest[RULED] < 50).mean() < (lowest[PULSED] < 50).mean()
    assert people.course(UNTREATED)["gut_exposure"].max() == 0
    assert people.course(PULSED)["gut_exposure"][:, 1].min() > 0  # the mean of the first week


def test_the_same_bytes_for_any_number_of_workers_and_after_a_stop(tmp_path: Path) -> None:
    options = {"patients": 60, "draws": 2, "weeks": 4, "stops": [3.5]}
    one = make_bank(tmp_path / "one", [PULSED], workers=1, **options)  # type: ignore[arg-type]
    two = make_bank(tmp_path / "two", [PULSED], workers=2, **options)  # type: ignore[arg-type]
    assert one.sha256 == two.sha256
    shutil.copytree(tmp_path / "one" / "lives", tmp_path / "three" / "lives")
    part = sorted((tmp_path / "three" / "lives" / "parts").glob("*.parquet"))[1]
    part.unlink()  # as if stopped before it
    seen: list[int] = []
    three = make_bank(tmp_path / "three", [PULSED], workers=1, on_progress=lambda done, _: seen.append(done), **options)  # type: ignore[arg-type]
    assert three.sha256 == one.sha256
    assert three.stops[PULSED_KEY].days == (3.5,)
    with pytest.raises(FileError, match="other inputs"):  # another grid of stops is another bank
        make_bank(tmp_path / "three", [PULSED], workers=1, **{**options, "stops": [2.5]})  # type: ignore[arg-type]
    assert read_bank(tmp_path / "three").sha256 == one.sha256
    assert seen[0] > 0  # went on, did not begin anew
    same = [one.baseline[one.baseline["draw"] == draw].set_index("patient") for draw in (0, 1)]
    both = same[0].index.intersection(same[1].index)
    for name in ("age", "sex"):  # person i is the same person in every draw
        assert (same[0].loc[both, name] == same[1].loc[both, name]).all()
    changed = same[0].loc[both, "spinal_pain"] / same[1].loc[both, "spinal_pain"]
    assert changed.std() > 0.01  # and the draws differ in what is doubted


def test_weights_bring_people_to_the_calibration_figures(people: PatientBank) -> None:
    rows = population_table(people.baseline).set_index("name")
    roles = {row.name: row.role for row in published_population()}
    assert roles["disc_degeneration_40"] == roles["defect_and_pain"] == "calibration"
    assert roles["modic_patients_jensen"] == roles["modic_general_jensen"] == "validation"
    used = rows[rows["role"] == "calibration"]
    assert used["agrees"].mean() > 0.9
    away = [(rows[name] - rows["published"]).abs()[used.index].sum() for name in ("sampled", "simulated")]
    assert away[1] < 0.2 * away[0]
    assert not rows["agrees"].all()  # two published readings that disagree cannot both be met
    assert rows["verdict"][["limiting_gbd2010", "limiting_gbd2017", "ever_schmidt"]].eq("misses").all()  # others taken
    assert people.baseline["weight"].sum() == pytest.approx(len(people.baseline))


def test_many_have_degeneration_and_no_pain_and_others_pain_from_elsewhere(people: PatientBank) -> None:
    table = people.baseline
    weight = table["weight"] / table["weight"].sum()
    assert weight[(table["disc_degeneration"] > 0) & (table["pain"] < 1)].sum() > 0.3
    assert (
        weight[(table["pain"] >= 2) & (table["spinal_pain_points"] + table["persisting_pain_points"] < 1)].sum() > 0.02
    )
    assert (table["spinal_pain_points"] <= 5.5).all()


def test_an_odds_ratio_at_one_age_is_that_of_a_logistic_regression() -> None:
    """A cause that goes with age: the crude odds ratio is not the one it was made with, the other is."""
    generator = np.random.default_rng(6)
    age = generator.uniform(20, 90, 200_000)
    given = (generator.random(len(age)) < 1 / (1 + np.exp(-(age - 55) / 10))).astype(float)
    of = generator.random(len(age)) < 1 / (1 + np.exp(3 - np.log(6) * given - 0.04 * (age - 55)))
    events = {"of": of.astype(float), "given": given, "": np.ones(len(age)), "age": age}
    row = replace(published_population()[0], of="of", given="given", among="", ages=(20, 90), statistic="odds_ratio")
    crude, adjusted = (
        figure_of(replace(row, statistic=name), events, np.ones(len(age)))
        for name in ("odds_ratio", "odds_ratio_at_one_age")
    )
    assert adjusted == pytest.approx(6, rel=0.06)
    assert crude > 10
    slope = replace(row, statistic="odds_ratio_per_decade", among="given")
    assert figure_of(slope, events, np.ones(len(age))) == pytest.approx(np.exp(0.4), rel=0.05)
    assert np.isnan(figure_of(slope, events, np.zeros(len(age))))
    assert np.isnan(figure_of(slope, events | {"of": (age > 60).astype(float)}, np.ones(len(age))))  # no best slope


def test_selection_counts_each_limit(people: PatientBank) -> None:
    table = people.baseline.copy()
    table.loc[table.index[0], "endplate_porosity"] = 9.0
    table.loc[table.index[1], "platelets"] = np.nan
    found = select(table)
    assert found.refused["endplate_porosity"] == 1
    assert found.refused["platelets"] == 1
    assert (~found.kept).sum() == 2


def test_coverage_adds_up(people: PatientBank) -> None:
    cells = coverage_table(people.baseline)
    assert len(cells) == 5 * 3 * 2 * 2
    assert cells["share"].sum() == pytest.approx(100)
    assert cells["people"].sum() == len(people.baseline)
    assert (cells["effective"] <= cells["people"] + 1e-9).all()


def test_a_perfect_marker_beats_a_noisy_one_and_that_beats_none(people: PatientBank) -> None:
    found = []
    for more in ("", "clinic", "oracle"):
        extra = f"population: {{kind: marker-enriched, marker: modic, at_least: 1, mode: {more}}}\n" if more else ""
        found.append(predicted_benefit(parse_design(DESIGN + extra), people)[0].mean)
    assert 0 < found[0] < found[1] < found[2]


def test_predictions_stand_beside_what_treatments_have_achieved(people: PatientBank) -> None:
    drug, nothing = predicted_benefit(parse_design(DESIGN), people)
    assert drug.treated == "drug"
    assert abs(nothing.mean) < 1e-3
    text = benefit_text([drug, nothing], people)
    assert "It does not exceed 0.82 points" in text
    assert "tanezumab 10 mg: 0.40 (0.04 to 0.76)" in text
    best = comparators()[0].benefit
    boasting = type(drug)("drug", "placebo", 12, np.array([best + 0.1, best + 0.3]), 1.0, 0.01)
    assert "EXCEEDS what any treatment has achieved" in boasting.statement()
    hoping = type(drug)("drug", "placebo", 12, np.array([0.1, 0.1, 0.1, best + 0.3]), 1.0, 0.01)
    assert "25 % of draws exceed it" in hoping.statement()
    assert boasting.between_draws == pytest.approx(np.sqrt(0.02 - 0.0002))


def test_a_null_drug_is_found_as_often_as_chance_allows(folder: Path, tmp_path: Path) -> None:
    plan = parse_design(DESIGN.replace(f"  drug: {{therapy: '{PULSED}'}}\n", "").replace("block: 3", "block: 4"))
    run = run_trials(plan, folder, tmp_path, trials=200, workers=1)
    rows = run.analyses[run.analyses["method"] == "mmrm"]
    assert abs(rows["true"].mean()) < 4 * rows["true"].std() / np.sqrt(200)
    assert 1 <= (rows["p"] < 0.05).sum() <= 21  # the central 99.9 % of 200 at 5 %
    two = run_trials(plan, folder, tmp_path / "two", trials=100, workers=2)
    assert two.analyses.equals(run.analyses[run.analyses["trial"] < 100].reset_index(drop=True))


def test_a_life_cut_at_enrolment_is_the_life(people: PatientBank) -> None:
    young = people.baseline["age"] < 40
    old = people.baseline["age"] > 70
    pain = people.course(UNTREATED)["pain"]
    assert (pain[:, -1] >= pain[:, 0] - 1e-3).all()  # untreated spines of this model only get worse
    assert people.baseline["spinal_pain"][old].median() > 2 * people.baseline["spinal_pain"][young].median()


def test_a_person_handles_a_drug_alike_alone_and_in_a_pair() -> None:
    alone = "rg-7112 500 mg oral daily for 7 days from day 0 after enrolment"
    pair = f"{alone} + o-vanillin 0.000001 mg oral daily for 7 days from day 0 after enrolment"
    plan = Plan((read_therapy(alone), read_therapy(pair)), (0.0, 7.0, 14.0), 4)
    courses = simulate_people(plan, 1, 0, 6).courses
    one, two = (courses[each.text] for each in plan.therapies)
    for name in ("spinal_pain", "gut_exposure", "platelets"):
        np.testing.assert_allclose(one[name], two[name], rtol=5e-3, atol=1e-6)
    assert np.ptp(one["gut_exposure"][:, 1]) > 0  # and people differ in it


def test_the_commands_make_a_bank_and_show_it(tmp_path: Path) -> None:
    runner = CliRunner()
    made = runner.invoke(app, [
        "patients", "--people", "80", "--draws", "1", "--weeks", "2", "--out", str(tmp_path / "bank"), "--workers", "1",
        "--therapy", PULSED, "--stop", "2.5", "--picture", str(tmp_path / "people.svg"), "--json",
    ])  # fmt: skip
    assert made.exit_code == 0, made.output
    shown = json.loads(made.stdout)
    assert {row["name"] for row in shown["figures"]} == {row.name for row in published_population()}
    assert "SYNTHETIC DATA" in (tmp_path / "people.svg").read_text()
    assert read_bank(tmp_path / "bank").stops[PULSED_KEY].days == (2.5,)
    plan = tmp_path / "plan.yaml"
    plan.write_text(DESIGN.replace(f"  nothing: {{therapy: '{NULL}'}}\n", "").replace("block: 3", "block: 4"))
    done = runner.invoke(app, [
        "trial", str(plan), "--patients", "120", "--draws", "1", "--trials", "4", "--workers", "1",
        "--out", str(tmp_path / "run"), "--json",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["stopping"].startswith("Those who stop follow the mechanism")
    assert (said["lasting"][0]["arm"], said["lasting"][0]["stopped"]) == ("drug", 42)
    assert read_bank(tmp_path / "run-bank").stops[PULSED_KEY].days == (28.0, 56.0)  # the visits before the last
    (predicted,) = said["predicted"]
    assert (predicted["treated"], predicted["control"], predicted["week"]) == ("drug", "placebo", 12)
    assert "It does not exceed 0.82 points" in predicted["statement"]
    assert read_bank(tmp_path / "run-bank").made_by["carried"] == "gains of the mouse from a fit"


def test_the_reference_is_a_severely_degenerated_spine(human: object) -> None:
    assert 1 < reference_drive(human, {}) < 20  # type: ignore[arg-type]
    assert reference_drive(human, {"mouse_endplate_sasp_per_senescent_cell": 0.9}) > reference_drive(human, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["navitoclax-pulsed", "navitoclax-engagement", "navitoclax-enriched", "rg7112-o-vanillin", "tanezumab"]
)
def test_therapies_of_shipped_designs_are_read(name: str) -> None:
    texts = [text for text in load_design(name).therapies if text != UNTREATED]
    assert texts
    for text in texts:
        assert read_therapy(text).drugs


@pytest.mark.parametrize(
    ("therapy", "options", "said"),
    [
        ("navitoclax 250 mg oral daily for 7 days; hold it", {}, "cannot be read"),
        (f"{PULSED}; rule none", {}, "neither a shipped dosing rule"),
        ("wonder 5 mg oral daily for 7 days from day 0 after enrolment", {}, "wonder"),
        (PULSED.replace("mg", "mg/kg"), {}, "mg/kg"),
        (PULSED, {"uncertainty": "some"}, "no uncertainty is called 'some'"),
        (PULSED, {"patients": 10}, "are no bank"),
        (PULSED, {"uncertainty": "none", "draws": 3}, "draws of nothing uncertain"),
        (PULSED, {"reach": "nerve"}, "no reach of systemic analgesics is called 'nerve'"),
        (PULSED, {"centres": {"unheard_of": 1.0}}, "no parameter 'unheard_of'"),
        (PULSED, {"stops": [28, 364]}, "nobody can stop on day 364"),
        (PULSED, {"stops": [float("nan")]}, "nobody can stop on day nan"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused(tmp_path: Path, therapy: str, options: dict[str, object], said: str) -> None:
    with pytest.raises(SenospineError, match=said):
        make_bank(tmp_path, [therapy], workers=1, **options)  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_bank_without_a_therapy_serves_no_design_that_gives_it(people: PatientBank) -> None:
    with pytest.raises(TrialError, match="the bank holds no patients under"):
        predicted_benefit(load_design("rg7112-o-vanillin"), people)
    assert set(people.courses[UNTREATED]) == set(COURSES)
