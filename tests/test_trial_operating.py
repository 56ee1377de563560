"""Many trials: the same bytes for any workers and any stop, and operating characteristics that behave as they must."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from trial_helpers import DESIGN, bank, design

from senospine.cli import main
from senospine.errors import AnalysisError, FileError, TrialError
from senospine.stats.risks import risk_difference
from senospine.stats.sequential import spending_boundaries
from senospine.trial import (
    Design,
    PatientBank,
    find_size,
    open_trials,
    operating_characteristics,
    run_trials,
    simulate_block,
    simulate_trial,
)
from senospine.trial.adaptive import _estimate, two_stage
from senospine.trial.operating import OperatingCharacteristics, characteristics, successes


def characters(plan: Design, people: PatientBank, trials: int) -> OperatingCharacteristics:
    return characteristics(plan, *simulate_block(plan, people, 1, range(trials)))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bank().write(tmp_path_factory.mktemp("bank"))


def hashes(folder: Path) -> dict[str, str]:
    parts = json.loads((folder / "manifest.json").read_text())["parts"]
    return {name: record["sha256"] for name, record in parts.items()}


def test_any_number_of_workers_and_any_stop_give_the_same_bytes(stored: Path, tmp_path: Path) -> None:
    plan = design()
    run_trials(plan, stored, tmp_path / "one", trials=110, workers=1)
    run_trials(plan, stored, tmp_path / "two", trials=110, workers=2)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    run_trials(plan, stored, tmp_path / "three", trials=50, workers=1)
    with pytest.raises(FileError, match="holds trials already"):
        run_trials(plan, stored, tmp_path / "three", trials=110, workers=1)
    longer = run_trials(plan, stored, tmp_path / "three", trials=110, workers=1, resume=True)
    assert hashes(tmp_path / "three") == hashes(tmp_path / "one")
    assert longer.analyses["trial"].tolist() == list(range(110))
    again = open_trials(tmp_path / "one", plan, 110)
    pd.testing.assert_frame_equal(again.analyses, longer.analyses)


def test_what_stands_is_kept_when_a_run_cannot_go_on(stored: Path, tmp_path: Path) -> None:
    plan = design()
    run_trials(plan, stored, tmp_path / "run", trials=50, workers=1)
    before = hashes(tmp_path / "run")
    for other, message in (
        (design(("patients: 80", "patients: 84")), "other inputs"),
        (design(("{at_least: 100}", "{at_least: 3000}")), "enrol no one"),
    ):
        with pytest.raises((FileError, TrialError), match=message):
            run_trials(other, stored, tmp_path / "run", trials=50, workers=1, resume=True)
    assert hashes(tmp_path / "run") == before
    part = next((tmp_path / "run/parts").glob("conduct*"))
    part.write_bytes(b"damage")
    with pytest.raises(FileError, match="of 6 bytes"):
        open_trials(tmp_path / "run", plan, 50)
    run_trials(plan, stored, tmp_path / "run", trials=50, workers=1, resume=True)
    assert hashes(tmp_path / "run") == before


def test_power_is_that_of_the_noncentral_t_at_the_trials_own_error() -> None:
    """Rejection rate against the power implied by the estimates' mean and the mean standard error."""
    plan = design(("rate: 20 %", "rate: 0 %"))
    analyses, conduct = simulate_block(plan, bank(1.5), 1, range(300))
    found = characteristics(plan, analyses, conduct)
    df, se = analyses["df"].mean(), np.sqrt((analyses["se"] ** 2).mean())
    implied = stats.nct.cdf(-stats.t.ppf(0.975, df), df, analyses["estimate"].mean() / se)
    got = found.methods.loc[("pain: drug - placebo", "mmrm", "rejected")]
    assert abs(got["value"] - implied) < 4 * got["error"]
    assert not found.null
    np.testing.assert_allclose(found.design["success"].value, got["value"], atol=0.02)


def test_nothing_against_nothing() -> None:
    """Type I error within four Monte-Carlo errors of 5 %, coverage of 95 %, bias of zero; trials of nothing say no."""
    plan = design(("{therapy: drug}", "{control: pill}"), more="estimand: {stopping: hypothetical}\n")
    found = characters(plan, bank(0.0), 400)
    rows = found.methods.loc[("pain: drug - placebo", "mmrm")]
    for name, value in (("rejected", 0.05), ("coverage", 0.95), ("bias", 0.0), ("truth", 0.0)):
        assert abs(rows.loc[name, "value"] - value) < 4 * rows.loc[name, "error"], name
    assert found.null
    wrong = 1 - found.design["right_decision"].value
    assert abs(wrong - 0.025) < 4 * found.design["right_decision"].error
    text = found.summary()
    assert "type I error" in text
    assert "± " in text
    assert found.design["screened"].value > 80


def test_imputing_the_reference_is_conservative() -> None:
    plan = design(
        ("df: kenward-roger-linear}", "df: kenward-roger-linear, sensitivity: [ancova, MAR, J2R], imputations: 10}"),
        ("rate: 20 %", "rate: 45 %"), ("{therapy: drug}", "{control: pill}"),
    )  # fmt: skip
    analyses, _ = simulate_block(plan, bank(0.0), 1, range(200))
    spread = analyses.groupby("method")["estimate"].std() / analyses.groupby("method")["se"].mean()
    assert spread["J2R"] < 0.85  # its error is said too large, for what it estimates
    assert 0.85 < spread["MAR"] < 1.15
    assert 0.85 < spread["ancova"] < 1.15


@pytest.mark.parametrize("covariance", ["unstructured", "ar1"])
def test_one_by_one_is_what_many_at_once_say(covariance: str) -> None:
    fast = simulate_block(design(), bank(), 1, range(2))[0]
    kind = f"covariance: {covariance}, df: kenward-roger" if covariance == "ar1" else "df: kenward-roger-sas"
    slow = simulate_block(design(("df: kenward-roger-linear", kind)), bank(), 1, range(2))[0]
    if covariance == "unstructured":
        np.testing.assert_allclose(slow[["estimate", "se", "p"]], fast[["estimate", "se", "p"]], rtol=1e-5)
    else:
        assert np.isfinite(slow["p"]).all()
        assert not np.allclose(slow["estimate"], fast["estimate"], rtol=1e-3)


def test_responders_are_counted_with_the_missing_as_none() -> None:
    plan = design(("{measure: pain, week: 12}", "{measure: pain, week: 12, responder: 30 %}"))
    table, _ = simulate_block(plan, bank(), 1, [3])
    data = simulate_trial(plan, bank(), 1, 3)
    with np.errstate(invalid="ignore"):
        better = data.observed["pain"][:, -1] <= 0.7 * data.baseline["pain"]
    arm = data.enrolled.arm
    effect = risk_difference(better[arm == 1].sum(), (arm == 1).sum(), better[arm == 0].sum(), (arm == 0).sum())
    np.testing.assert_allclose(table[["estimate", "p"]].iloc[0], [effect.estimate, effect.p])
    assert characters(plan, bank(3.0), 20).design["success"].value > 0.5  # more responders is the good direction


def test_several_endpoints_share_alpha_as_the_design_says() -> None:
    more = "  pain: {measure: pain, week: 12}\n  odi: {measure: odi, week: 12}"
    plan = design(("  pain: {measure: pain, week: 12}", more))
    assert plan.graph is not None
    analyses, _ = simulate_block(plan, bank(1.0), 1, range(40))
    p = analyses.pivot_table("p", "trial", "hypothesis")
    table = successes(plan, analyses)
    np.testing.assert_array_equal(table["success"], (p["pain: drug - placebo"] <= 0.05) & (table["true"] > -10))


def test_looks_spend_alpha_and_save_patients() -> None:
    looks = "interim: {at: [0.5], success: obrien-fleming, futility_z: 0.0}\n"
    bars = spending_boundaries([0.5, 1.0]).critical
    strong, none = (
        simulate_block(design(more=looks), bank(effect), 1, range(80))[0].query("method == 'mmrm'")
        for effect in (3.0, 0.0)
    )
    for table in (strong, none):
        z = stats.norm.isf(table["p"] / 2)
        np.testing.assert_array_equal(table["rejected"], z >= bars[table["look"] - 1])
        assert set(table["patients"]) == {40, 80}
        assert table["trial"].is_unique
    assert (strong["look"] == 1).mean() > 0.6
    assert 0.25 < (none["look"] == 1).mean() < 0.75  # half of the trials of nothing look bad halfway
    assert strong.loc[strong["look"] == 1, "rejected"].mean() > 0.8
    last = none[none["look"] == 2].iloc[0]
    whole = simulate_block(design(), bank(0.0), 1, [int(last["trial"])])[0].iloc[0]
    np.testing.assert_allclose(last["estimate"], whole["estimate"])


def test_a_perfect_marker_beats_a_noisy_one_beats_none() -> None:
    whole = ("rate: 20 %", "rate: 0 %"), ("patients: 80", "patients: 240")

    def truth(kind: str, mode: str) -> float:
        more = f"population: {{kind: {kind}, marker: endplate_defect, at_least: 1, mode: {mode}}}\n"
        found = characters(design(*whole, more=more), bank(1.0, only_with_defect=True), 60)
        return float(found.methods.loc[("pain: drug - placebo", "mmrm", "truth"), "value"])

    all_comers = characters(design(*whole), bank(1.0, only_with_defect=True), 60)
    plain = all_comers.methods.loc[("pain: drug - placebo", "mmrm", "truth"), "value"]
    noisy, perfect = truth("marker-enriched", "clinic"), truth("marker-enriched", "oracle")
    # 2 points times the rise in all, in 81 % (a positive reading is right that often), and in half of them
    np.testing.assert_allclose([noisy / perfect, plain / perfect], [0.806, 0.5], atol=0.12)
    more = "population: {kind: marker-enriched, marker: endplate_defect, at_least: 1}\n"
    enriched = characters(design(*whole, more=more), bank(1.0, only_with_defect=True), 10)
    assert enriched.design["screened"].value > 1.6 * all_comers.design["screened"].value  # what it costs


def test_a_stratified_trial_tests_all_and_the_positive() -> None:
    more = "population: {kind: stratified, marker: endplate_defect, at_least: 1, mode: oracle}\n"
    plan = design(("df: kenward-roger-linear}", "df: kenward-roger-linear, multiplicity: holm}"), more=more)
    analyses, conduct = simulate_block(plan, bank(1.5, only_with_defect=True), 1, range(40))
    truth = analyses.groupby("hypothesis")["true"].mean()
    assert truth["pain: drug - placebo, marker-positive"] < truth["pain: drug - placebo"] - 0.5
    assert np.isfinite(analyses["p"]).all()
    assert (
        successes(plan, analyses)["success"].mean()
        >= (analyses[analyses["hypothesis"] == "pain: drug - placebo"]["p"] < 0.025).mean()
    )
    assert len(characteristics(plan, analyses, conduct).methods.groupby(level=0)) == 2


def test_two_stages_choose_the_population_that_gains_and_hold_the_error() -> None:
    more = "population: {kind: two-stage, marker: endplate_defect, at_least: 1, mode: oracle, select_difference: 0.5}\n"
    plan = design(("patients: 80", "patients: 160"), more=more)
    strong = simulate_block(plan, bank(2.0, only_with_defect=True), 1, range(40))[0].query("method == 'mmrm'")
    chosen = strong.groupby("trial")["chosen"].first()
    assert (chosen == "positive").mean() > 0.8
    positive = strong[strong["hypothesis"].str.contains("positive")]
    assert positive["rejected"].mean() > 0.8
    assert not (
        strong["rejected"] & ~strong["hypothesis"].str.contains("positive") & (strong["chosen"] == "positive")
    ).any()
    none = simulate_block(plan, bank(0.0), 1, range(200))[0].query("method == 'mmrm'")
    family = none.groupby("trial")["rejected"].any().mean()
    assert family < 0.025 + 4 * np.sqrt(0.025 * 0.975 / 200)


def test_the_second_stage_enrols_whom_was_chosen_and_the_test_is_closed() -> None:
    """p of a population is the larger of its own combination and that of Simes' intersection (one-sided, doubled)."""
    more = "population: {kind: two-stage, marker: endplate_defect, at_least: 1, mode: oracle}\n"
    plan = design(("patients: 80", "patients: 160"), more=more)
    table, stages = two_stage(plan, bank(0.5, only_with_defect=True), range(12), 1)
    binding = 0
    for number, (one, two) in enumerate(stages):
        rows = table[(table["trial"] == number) & (table["method"] == "mmrm")].set_index("hypothesis")
        chosen = rows["chosen"].iloc[0]
        assert (two.enrolled.recorded["positive"] > 0).all() == (chosen == "positive")
        if chosen == "positive":
            continue
        early, late = (
            {name: stats.t.cdf(e / se, df) for name, (e, se, df) in
             ((name, _estimate(plan, stage, name, "mmrm")) for name in ("all", "positive"))}
            for stage in (one, two)
        )  # fmt: skip
        for p in (early, late):
            p["both"] = min(2 * min(p.values()), max(p.values()))
        combined = {
            name: stats.norm.sf((stats.norm.isf(early[name]) + stats.norm.isf(late[name])) / 2**0.5) for name in early
        }
        for name, suffix in (("all", ""), ("positive", ", marker-positive")):
            expected = min(2 * max(combined[name], combined["both"]), 1)
            np.testing.assert_allclose(rows.loc[f"pain: drug - placebo{suffix}", "p"], expected, rtol=1e-6)
            binding += combined["both"] > combined[name]
    assert binding > 0
    assert {"all", "positive"} <= set(table["chosen"])


def test_assurance_is_power_averaged_over_draws() -> None:
    halves = [bank(2.5), bank(0.0)]
    baseline = pd.concat([item.baseline.assign(draw=number) for number, item in enumerate(halves)], ignore_index=True)
    both = PatientBank(
        baseline,
        halves[0].days,
        {
            therapy: {name: np.concatenate([item.courses[therapy][name] for item in halves]) for name in outputs}
            for therapy, outputs in halves[0].courses.items()
        },
        {},
    )
    found = characters(design(), both, 60)
    sure, none = (characters(design(), item, 30).design["success"].value for item in halves)
    np.testing.assert_allclose(found.design["assurance"].value, (sure + none) / 2, atol=0.12)
    np.testing.assert_allclose(found.design["right_decision"].value, (sure + 1 - none) / 2, atol=0.12)
    assert "assurance" not in characters(design(), halves[0], 4).design


def test_sample_size_is_found_and_the_impossible_is_told() -> None:
    plan = design(("rate: 20 %", "rate: 0 %"))
    found = find_size(plan, bank(2.0), power=0.8, low=40, high=200, trials=60)
    assert 40 < found.size < 200
    table = found.table.set_index("size")
    assert table.loc[found.size, "power"] >= 0.8 > table.loc[found.size - 4, "power"]
    with pytest.raises(AnalysisError, match="reach a power"):
        find_size(plan, bank(0.0), power=0.8, low=40, high=60, trials=20)


def test_one_trial_has_no_operating_characteristics(stored: Path, tmp_path: Path) -> None:
    run = run_trials(design(), stored, tmp_path / "run", trials=1, workers=1)
    with pytest.raises(TrialError, match="at least two trials"):
        operating_characteristics(run)


def test_the_command_prints_tables_and_writes_files(
    tmp_path: Path, stored: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(DESIGN)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["senospine", "trial", str(file), *words])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    options = ("--bank", str(stored), "--trials", "20", "--out", str(tmp_path / "run"), "--workers", "1")
    code, out, _ = run(*options)
    assert code == 0
    assert "How often it is right, 20 trials" in out
    assert (tmp_path / "run/report.html").is_file()
    assert (tmp_path / "run/first-trial/ADSL.csv").is_file()
    code, _, err = run(*options)
    assert code == 2
    assert "--resume" in err
    code, out, _ = run(*options, "--resume", "--json")
    assert code == 0
    assert json.loads(out)["trials"] == 20
    code, out, _ = run("--bank", "synthetic", "--effect", "2.5", "--power", "0.8", "--sizes", "40", "120",
                       "--trials", "20", "--out", str(tmp_path / "size"), "--json")  # fmt: skip
    assert code == 0
    assert 40 <= json.loads(out)["patients"] <= 120
    file.write_text(DESIGN.replace("week: 12}", "week: 13}"))
    code, _, err = run(*options, "--resume")
    assert code == 2
    assert "small.yaml:16" in err
    assert "Traceback" not in err
