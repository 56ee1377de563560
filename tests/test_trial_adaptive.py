"""Trials that look or choose: estimates that know of it, hypotheses that share alpha, keys that nobody would heed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from trial_helpers import bank, design

from senospine.errors import TrialError
from senospine.stats.selection import after_selection, pooled_df
from senospine.stats.sequential import spending_boundaries
from senospine.stats.stagewise import after_stopping
from senospine.trial import Design, simulate_block, simulate_trial
from senospine.trial.accrual import look
from senospine.trial.adaptive import _estimate, two_stage
from senospine.trial.analyse import analyse
from senospine.trial.family import rejected_together, true_nulls
from senospine.trial.looks import bars, repeated_p
from senospine.trial.operating import characteristics, successes
from senospine.trial.rivals import other_populations, without_effect

LOOKS = "interim: {at: [0.5], success: pocock}\n"
STAGES = "population: {kind: two-stage, marker: endplate_defect, at_least: 1, mode: oracle}\n"
PLAN = "df: kenward-roger-linear}"
TWICE = ("patients: 80", "patients: 160")
ANCOVA = ("method: mmrm", "method: ancova")
NAMES = ["estimate", "lower", "upper", "p"]
LOW, HIGH = "pain: low - placebo", "pain: high - placebo"


def three_arms(multiplicity: str, therapy: str = "drug", more: str = "") -> Design:
    arms = f"  low: {{therapy: {therapy}}}\n  high: {{therapy: {therapy}}}\n"
    return design(
        ("  drug: {therapy: drug}\n", arms), ("block: 4", "block: 6"), ANCOVA,
        (PLAN, f"df: kenward-roger-linear, multiplicity: {multiplicity}}}"), more=more,
    )  # fmt: skip


@pytest.mark.parametrize("futility", ["", ", futility_z: 0.5", ", futility_z: 0.5, binding: false"])
def test_adjusted_rows_are_the_estimates_of_each_trial(futility: str) -> None:
    """Each trial against `after_stopping`, from what its analyses at both looks say, a benefit turned positive."""
    plan = design(more=LOOKS.replace("}", f"{futility}}}"))
    table, _ = simulate_block(plan, bank(1.5), 1, range(24))
    rows = table.set_index(["method", "trial"]).sort_index()
    boundaries = spending_boundaries([0.5, 1.0], spending="pocock")
    np.testing.assert_allclose(bars(plan), boundaries.critical)
    for number in range(24):
        plain, known = rows.loc[("mmrm", number)], rows.loc[("mmrm, adjusted", number)]
        data = simulate_trial(plan, bank(1.5), 1, number)
        first = analyse(plan, [data], [number], 1, reached=[look(plan, data, 1, number, 0.5).reached]).iloc[0]
        found = after_stopping(
            boundaries, int(plain["look"]), -plain["estimate"], plain["se"], df=plain["df"],
            information=[first["se"] ** -2, plain["se"] ** -2][: int(plain["look"])] + [np.nan] * (2 - plain["look"]),
            futility=0.5 if futility else None, binding="false" not in futility,
        )  # fmt: skip
        expected = [-found.estimate, -found.upper, -found.lower, found.p]
        np.testing.assert_allclose(known[NAMES].astype(float), expected, rtol=1e-6)
        np.testing.assert_allclose(known["se"], (found.upper - found.lower) / 2 / 1.959964, rtol=1e-6)
        assert known["rejected"] == (found.p <= 0.05)
        assert known["true"] == plain["true"]
    assert set(table["look"]) == {1, 2}
    plain, known = (rows.loc[(name, slice(None)), :] for name in ("mmrm", "mmrm, adjusted"))
    late = plain["look"].to_numpy() == 2
    assert not np.allclose(plain["estimate"][late], known["estimate"].to_numpy()[late], rtol=1e-3)
    np.testing.assert_allclose(plain["estimate"][~late], known["estimate"].to_numpy()[~late], rtol=1e-9)


def test_without_looks_there_is_nothing_to_adjust() -> None:
    assert set(simulate_block(design(), bank(), 1, range(4))[0]["method"]) == {"mmrm"}


def test_a_trial_is_judged_by_the_truth_of_all_who_were_planned() -> None:
    """Not by that of those it had when it stopped, whose luck stopped it."""
    looking, plain = (simulate_block(design(more=more), bank(2.0), 1, range(30))[0] for more in (LOOKS, ""))
    assert (looking["look"] == 1).sum() > 5
    own = looking[looking["method"] == "mmrm"].set_index("trial")["true"].sort_index()
    np.testing.assert_allclose(own, plain.set_index("trial")["true"], rtol=1e-12)


def test_the_unadjusted_flatter_and_the_adjusted_flatter_less() -> None:
    plan = design(ANCOVA, ("rate: 20 %", "rate: 0 %"), more=LOOKS)
    rows = characteristics(plan, *simulate_block(plan, bank(1.5), 1, range(250))).methods.loc["pain: drug - placebo"]
    bias, below = (rows.xs(name, level="measure")["value"] for name in ("bias", "below_truth"))
    assert bias["ancova"] < -3 * rows.loc[("ancova", "bias"), "error"]
    assert bias["ancova"] < bias["ancova, adjusted"] < 0.02
    assert below["ancova"] > below["ancova, adjusted"]
    assert abs(below["ancova, adjusted"] - 0.5) < 4 * rows.loc[("ancova, adjusted", "below_truth"), "error"]
    assert "below_truth" in characteristics(plan, *simulate_block(plan, bank(1.5), 1, range(4))).summary()


def test_more_responders_are_a_benefit_at_a_look_too() -> None:
    """Futility is a lack of benefit: with a strong drug hardly any trial stops for it."""
    plan = design(("week: 12}", "week: 12, responder: 30 %}"),
                  more="interim: {at: [0.5], success: none, futility_z: 0.0}\n")  # fmt: skip
    strong, none = (simulate_block(plan, bank(effect), 1, range(30))[0].query("method == 'responder'")
                    for effect in (3.0, 0.0))  # fmt: skip
    assert (strong["look"] == 1).mean() < 0.1 < 0.25 < (none["look"] == 1).mean()


def test_rows_are_rejected_at_the_bar_of_their_look() -> None:
    plan = design((PLAN, "df: kenward-roger-linear, sensitivity: [ancova]}"), more=LOOKS)
    table = simulate_block(plan, bank(1.5), 1, range(40))[0].query("method == 'ancova'")
    bar = bars(plan)[table["look"] - 1]
    np.testing.assert_array_equal(table["rejected"], stats.norm.isf(table["p"] / 2) >= bar)
    assert ((table["p"] < 0.05) & ~table["rejected"]).any()


def test_a_repeated_p_is_the_level_whose_bar_is_just_reached() -> None:
    plan = design(more="interim: {at: [0.5, 0.75], success: obrien-fleming}\n")
    for alpha in (0.001, 0.0125, 0.05, 0.2):
        critical = spending_boundaries([0.5, 0.75, 1.0], alpha=alpha).critical
        found = repeated_p(plan, 2 * stats.norm.sf(critical), [1, 2, 3])
        np.testing.assert_allclose(found, alpha, rtol=2e-3)
    none, sure = repeated_p(plan, [1.0, 0.0], [1, 2])
    assert (none, sure <= 1e-7) == (1.0, True)
    quiet = design(more="interim: {at: [0.5], success: none, futility_z: 0.0}\n")
    assert repeated_p(quiet, [0.001, 0.03], [1, 2]).tolist() == [1.0, 0.03]
    assert repeated_p(design(), [0.03], [1]).tolist() == [0.03]


def test_hypotheses_share_alpha_at_looks_too() -> None:
    """An arm that is second in line is never a success by itself, and has the bar of the look too."""
    plan = three_arms("hierarchical", more=LOOKS)
    table = simulate_block(plan, bank(1.5), 1, range(40))[0]
    together = rejected_together(plan, table)
    p = table[table["method"] == "ancova"].pivot_table("p", "trial", "hypothesis")
    place = table[table["method"] == "ancova"].groupby("trial")["look"].first()
    bar = 2 * stats.norm.sf(bars(plan))[place - 1]
    first = p[LOW] <= bar
    np.testing.assert_array_equal(together[LOW], first)
    np.testing.assert_array_equal(together[HIGH], first & (p[HIGH] <= bar))
    np.testing.assert_array_equal(successes(plan, table)["success"], first)


BACK = f'{{"{LOW}": {{"{HIGH}": 1}}, "{HIGH}": {{"{LOW}": 1}}}}'
GRAPH = f'{{weights: {{"{LOW}": 50 %, "{HIGH}": 0.5}}, transitions: {BACK}}}'


def test_a_design_writes_its_own_graph() -> None:
    """Two halves handed to each other are Holm's procedure."""
    own, holm = three_arms(GRAPH), three_arms("holm")
    table, conduct = simulate_block(own, bank(1.0), 1, range(40))
    pd.testing.assert_frame_equal(rejected_together(own, table), rejected_together(holm, table))
    some = rejected_together(own, table)
    p = table.pivot_table("p", "trial", "hypothesis")
    expected = [own.graph.test(row.to_dict(), alpha=0.05)["rejected"].to_numpy() for _, row in p[list(some)].iterrows()]
    np.testing.assert_array_equal(some, expected)
    assert (some != (p[list(some)] <= 0.05)).any().any()  # sharing costs something
    halves = three_arms(f'{{weights: {{"{LOW}": 50 %}}}}')
    np.testing.assert_array_equal(rejected_together(halves, table)[LOW], p[LOW] <= 0.025)
    assert not rejected_together(halves, table)[HIGH].any()
    rows = characteristics(own, table, conduct).methods["value"]
    assert rows[HIGH, "ancova", "rejected_together"] == some[HIGH].mean() < rows[HIGH, "ancova", "rejected"]


def test_the_family_wise_error_is_that_of_any_true_null() -> None:
    plan = three_arms("none", therapy="untreated")
    table, conduct = simulate_block(plan, bank(0.0), 1, range(300))
    p = table.pivot_table("p", "trial", "hypothesis")
    loose = characteristics(plan, table, conduct).design["family_wise_error"]
    assert loose.value == ((p <= 0.05).any(axis=1)).mean()
    tight = characteristics(three_arms(GRAPH, therapy="untreated"), table, conduct).design["family_wise_error"]
    assert tight.value == ((p <= 0.025).any(axis=1)).mean() < loose.value
    assert tight.value < 0.05 + 3 * tight.error
    assert true_nulls(plan).all()
    assert not true_nulls(three_arms("none")).any()
    assert true_nulls(without_effect(three_arms("none"))).all()
    other = three_arms("none", therapy="untreated, given_as: infusion")  # another context is another thing
    assert not true_nulls(other).any()
    assert "family_wise_error" not in characteristics(three_arms("none"), table, conduct).design


def test_all_comers_beside_a_graph_have_all_of_alpha() -> None:
    positive = "pain: drug - placebo, marker-positive"
    graph = f'{{weights: {{"{positive}": 50 %, "pain: drug - placebo": 50 %}}}}'
    plan = design((PLAN, f"df: kenward-roger-linear, multiplicity: {graph}}}"),
                  more=STAGES.replace("two-stage", "stratified"))  # fmt: skip
    assert plan.graph.weights.tolist() == [0.5, 0.5]
    assert other_populations(plan)["the same, all-comers"].graph is None


@pytest.mark.parametrize("method", ["mmrm", "ancova"])
def test_sensitivity_analyses_of_two_stages_are_combined_by_stage(method: str) -> None:
    plan = design(TWICE, (PLAN, "df: kenward-roger-linear, sensitivity: [ancova]}"), more=STAGES)
    plain = design(TWICE, more=STAGES)
    table, stages = two_stage(plan, bank(0.5, only_with_defect=True), range(12), 1)
    own = two_stage(plain, bank(0.5, only_with_defect=True), range(12), 1)[0]
    pd.testing.assert_frame_equal(
        table[table["method"] != "ancova"].reset_index(drop=True), own.reset_index(drop=True)
    )  # they change nothing else
    seen = 0
    for number, (one, two) in enumerate(stages):
        rows = table[(table["trial"] == number) & (table["method"] == method)].set_index("hypothesis")
        if rows["chosen"].iloc[0] == "positive":
            continue
        p = [
            {name: stats.t.cdf(e / se, df) for name, (e, se, df) in
             ((name, _estimate(plan, stage, name, method)) for name in ("all", "positive"))}
            for stage in (one, two)
        ]  # fmt: skip
        for item in p:
            item["both"] = min(2 * min(item.values()), max(item.values()))
        joint = {name: stats.norm.sf((stats.norm.isf(p[0][name]) + stats.norm.isf(p[1][name])) / 2**0.5)
                 for name in p[0]}  # fmt: skip
        expected = min(2 * max(joint["all"], joint["both"]), 1)
        np.testing.assert_allclose(rows.loc["pain: drug - placebo", "p"], expected, rtol=1e-6)
        seen += 1
    assert seen > 2


def test_rows_that_know_of_the_choice_are_those_of_the_selection() -> None:
    plan = design(TWICE, more=STAGES.replace("}", ", select_difference: 0.2}"))
    table, stages = two_stage(plan, bank(0.5), range(14), 1)
    rows = table.set_index(["method", "trial"]).sort_index()
    kinds = set()
    for number, (one, two) in enumerate(stages):
        own = table[(table["trial"] == number) & (table["method"] == "mmrm, adjusted")].iloc[0]
        early = {name: _estimate(plan, one, name, "mmrm") for name in ("all", "positive", "negative")}
        late = _estimate(plan, two, own["chosen"], "mmrm")
        first = early[own["chosen"]]
        limit = early["negative"][0] - 0.2 if own["chosen"] == "positive" else np.inf
        df = pooled_df(first[1], first[2], late[1], late[2])
        found = after_selection(first[0], first[1], late[0], late[1], below=limit, df=df)
        expected = [found.median[0], found.lower[0], found.upper[0], found.p[0]]
        np.testing.assert_allclose(own[NAMES].astype(float), expected, rtol=1e-6)
        np.testing.assert_allclose(rows.loc[("mmrm, unbiased", number), "estimate"], found.unbiased[0], rtol=1e-8)
        assert own["hypothesis"].endswith("positive") == (own["chosen"] == "positive")
        kinds.add(own["chosen"])
    assert kinds == {"all", "positive"}


def test_both_stages_together_are_unbiased_given_the_choice_and_surer_than_the_second() -> None:
    """No difference between groups, so that noise alone chooses."""
    plan = design(TWICE, ("rate: 20 %", "rate: 0 %"), ANCOVA, more=STAGES)
    analyses, conduct = simulate_block(plan, bank(0.5), 1, range(240))
    rows = characteristics(plan, analyses, conduct).methods.loc["pain: drug - placebo, marker-positive"]
    for method in ("unbiased", "adjusted"):
        found = rows.loc[f"ancova, {method}"]
        assert abs(found.loc["bias", "value"]) < 3 * found.loc["bias", "error"]
        assert found.loc["bias", "value"] == found.loc["bias_if_chosen", "value"]
        assert abs(found.loc["coverage", "value"] - 0.95) < 4 * max(found.loc["coverage", "error"], 0.02)
        assert found.loc["empirical_se", "value"] < rows.loc[("ancova, second stage", "empirical_se"), "value"]
        assert rows.loc[("ancova", "bias_if_chosen"), "value"] < found.loc["bias", "value"] - 0.03
    # all-comers and the difference between groups do not know of each other
    everyone = characteristics(plan, analyses, conduct).methods.loc["pain: drug - placebo"]
    pooled = everyone.loc[("ancova", "bias_if_chosen")]
    assert abs(pooled["value"]) < 3 * pooled["error"]


RESPONDER = ("week: 12}", "week: 12, responder: 30 %}")
SECOND = ("week: 12}", "week: 12}\n  odi: {measure: odi, week: 12}")


@pytest.mark.parametrize(
    ("changes", "more", "message", "line"),
    [
        ([(PLAN, "df: kenward-roger-linear, sensitivity: [ancova, J2R]}")], STAGES, "no sensitivity analysis 'J2R", 17),
        ([RESPONDER], STAGES, "chooses by a mean", 16),
        ([SECOND], STAGES, "tests its first endpoint only, not 'odi'", 17),
        ([(PLAN, "df: kenward-roger-linear, multiplicity: holm}")], STAGES, "closed test of its own", 17),
        ([], STAGES.replace("}", ", first_stage: 0.1}"), "the first stage has 8 patients: too few", 19),
        ([], "population: {marker: modic}\n", "an all-comers design has no 'marker'", 19),
        ([], STAGES.replace("two-stage", "stratified").replace("}", ", first_stage: 0.4}"), "has no 'first_stage'", 19),
        ([], "interim: {at: [0.5], success: none}\n", "can stop nothing", 19),
        ([], "interim: {at: [0.5], binding: true}\n", "no bound for futility", 19),
        ([("{control: pill}", "{control: pill, given_as: infusion}")], "", "has 'given_as' too", 6),
        ([("mechanism: at random", "mechanism: completely at random")], "", "'log_hazard_per_point' says it does", 18),
        ([(PLAN, "df: kenward-roger-linear, subgroup_scale: 0.4}")], "", "no 'subgroup_scale'", 17),
        ([(PLAN, "df: kenward-roger-linear, imputations: 20}")], "", "nothing is imputed", 17),
        ([(PLAN, 'df: kenward-roger-linear, multiplicity: {weights: {"pain: drg - placebo": 1}}}')], "",
         r"(?s)no hypothesis of this design.*did you mean 'pain: drug - placebo'", 17),
        ([(PLAN, 'df: kenward-roger-linear, multiplicity: {weights: {"pain: drug - placebo": 120 %}}}')], "",
         "between 0 % and 100 %", 17),
        ([(PLAN, "df: kenward-roger-linear, multiplicity: {weigths: {}}}")], "", "did you mean 'weights'", 17),
        ([(PLAN, "df: kenward-roger-linear, multiplicity: holmes}")], "", "'none', 'hierarchical' or 'holm'", 17),
    ],
)  # fmt: skip
def test_what_would_not_be_heeded_is_refused(
    changes: list[tuple[str, str]], more: str, message: str, line: int
) -> None:
    with pytest.raises(TrialError, match=message) as caught:
        design(*changes, more=more)
    assert f"small.yaml:{line}" in str(caught.value)
    assert "what to do" in str(caught.value)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (f'{{weights: {{"{LOW}": 80 %, "{HIGH}": 30 %}}}}', "the weights are 110 % together"),
        (f'{{weights: {{"{LOW}": 1}}, transitions: {{"{LOW}": {{"{LOW}": 1}}}}}}', "hands its share to itself"),
        (f'{{weights: {{"{LOW}": 1}}, transitions: {{"{LOW}": {{"pain: hi - placebo": 1}}}}}}', "no hypothesis"),
        (f'{{weights: {{"{LOW}": 1}}, transitions: {{"{LOW}": {{"{HIGH}": 3}}}}}}', "write 3 as a share"),
    ],
)
def test_a_graph_that_shares_what_there_is_not_is_refused(graph: str, message: str) -> None:
    with pytest.raises(TrialError, match=message) as caught:
        three_arms(graph)
    assert "small.yaml:" in str(caught.value)
