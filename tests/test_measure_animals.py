"""The gate: animals are n, everything else is refused or modelled, and no conversion happens undeclared."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from measure_helpers import CELL_VALUE, DISTANCE, animals_text, cells, read
from scipy import stats as scipy_stats
from study_helpers import made_outcome, made_study

from senospine.assays import readouts
from senospine.errors import MeasureError
from senospine.measure import Reading, definitions, readings_table
from senospine.measure.animals import (
    analyse,
    as_readouts,
    beside_plot,
    beside_simulated,
    compare,
    conversions,
    describe,
    estimation_plot,
    summarise,
    superplot,
    to_observations,
)
from senospine.measure.animals.summarise import CELLS_AS_N
from senospine.measure.arrive import arrive_items, arrive_lines
from senospine.stats import fit_censored, pooled_t

SCORE = "degeneration_score/named-scheme/median-of-graders"
LATENCY = "hot_plate_latency/first-response/cut-off"
LEVEL = "analyte_level/log2/detection-limited"


def table_of(values: dict[str, list[float]], identity: str, **more: object) -> pd.DataFrame:
    readings = [
        Reading(identity, value, {"group": group, "animal": f"{group}{index}"}, **more)  # type: ignore[arg-type]
        for group, group_values in values.items()
        for index, value in enumerate(group_values)
    ]
    return readings_table(readings)


def test_cells_are_refused_as_n_with_the_reason() -> None:
    table = cells(0.3, 1)
    with pytest.raises(MeasureError, match="the n is the animal, not the cell") as caught:
        compare(table)
    assert "54 % at an ICC of 0.3" in str(caught.value)
    for unit in ("cell", "field", "section"):
        with pytest.raises(MeasureError, match="no experimental unit"):
            summarise(table, unit=unit)
        with pytest.raises(MeasureError, match="is no n"):
            compare(table, unit=unit)
    assert len(summarise(table)) == 10
    assert compare(summarise(table))["n_group"].tolist() == [5]


@pytest.mark.parametrize("icc", [0.1, 0.3, 0.5])
def test_the_gate_keeps_its_error_rate_where_cells_as_n_lose_it(icc: float) -> None:
    """Null experiments, 5 animals a group, 30 cells each: the same numbers go through the gate and around it.

    The gate is Welch's test of the animals' means, which a real comparison below reproduces; 2,000 experiments.
    """
    generator = np.random.default_rng(int(100 * icc))
    values = np.sqrt(icc) * generator.normal(size=(2000, 2, 5, 1)) + np.sqrt(1 - icc) * generator.normal(
        size=(2000, 2, 5, 30)
    )
    means, pooled = values.mean(axis=-1), values.reshape(2000, 2, 150)
    through = scipy_stats.ttest_ind(means[:, 0], means[:, 1], axis=1, equal_var=False).pvalue < 0.05
    around = pooled_t(pooled[:, 0], pooled[:, 1]).p < 0.05
    assert 0.03 <= through.mean() <= 0.07
    assert around.mean() == pytest.approx(CELLS_AS_N[icc], abs=0.035)


def test_the_gate_itself_keeps_its_error_rate() -> None:
    """The real code path, readings in, p out: null experiments with 5 animals of 6 cells; ICC 0.5."""
    p = np.array([float(compare(summarise(cells(0.5, seed, count=6)))["p"].iloc[0]) for seed in range(120)])
    assert (p < 0.05).sum() <= 14  # 6 expected; three standard errors and a half
    assert scipy_stats.kstest(p, "uniform").pvalue > 0.001


def test_a_comparison_is_welch_of_the_animals_means_and_tells_the_icc() -> None:
    table = cells(0.5, 7, animals=40, shift=1.0)
    flat = table.assign(section="")  # 30 cells of one section
    animals = summarise(flat)
    row = compare(animals).iloc[0]
    means = flat.groupby(["group", "animal"])["value"].mean()
    oracle = scipy_stats.ttest_ind(means["b"], means["a"], equal_var=False)
    assert row["p"] == pytest.approx(oracle.pvalue)
    assert row["icc"] == pytest.approx(0.5, abs=0.1)
    assert row["g_low"] < row["hedges_g"] < row["g_high"] < 0
    mixed = compare(flat, model="mixed").iloc[0]
    assert mixed["effect"] == pytest.approx(row["effect"], rel=1e-6)
    assert mixed["p"] == pytest.approx(float(pooled_t(means["b"], means["a"]).p), rel=1e-3)  # balanced: exact


def test_means_are_nested_so_that_a_big_section_weighs_no_more() -> None:
    place = {"group": "a", "animal": "1", "section": "s1"}
    readings = [
        Reading(DISTANCE, value, place | {"cell": str(i)}, settings={"period": "all"})
        for i, value in enumerate((1, 1, 1))
    ]
    readings.append(Reading(DISTANCE, 5.0, place | {"section": "s2", "cell": "9"}, settings={"period": "all"}))
    row = summarise(readings_table(readings)).iloc[0]
    assert (row["value"], row["parts"]) == (3.0, 4)


def test_counts_are_added_and_scores_are_medians_of_medians() -> None:
    frequency = "withdrawal_frequency/fixed-filament/x-of-n"
    place = {"group": "a", "animal": "1"}
    parts = [
        Reading(frequency, k / n, place, count=k, total=n, settings={"force_g": 0.4, "paw": str(k)})
        for k, n in ((1, 10), (9, 20))
    ]
    row = summarise(readings_table(parts)).iloc[0]
    assert (row["value"], row["count"], row["total"], row["variant"]) == (10 / 30, 10, 30, "0.4 g")
    scores = {"L4": (1, 1, 9), "L5": (3, 5, 5)}
    readings = [Reading(SCORE, s, place | {"level": level, "section": str(i)}, settings={"scheme": "x"})
                for level, values in scores.items() for i, s in enumerate(values)]  # fmt: skip
    assert summarise(readings_table(readings))["value"].tolist() == [3.0]  # medians 1 and 5


def test_latencies_keep_what_is_known() -> None:
    place = {"group": "a", "animal": "1"}

    def summary(*trials: float) -> tuple[float, float, float]:
        readings = [Reading(LATENCY, t, place, *((30, math.inf) if t >= 30 else ()), settings={"trial": str(i)})
                    for i, t in enumerate(trials)]  # fmt: skip
        row = summarise(readings_table(readings)).iloc[0]
        return float(row["value"]), float(row["low"]), float(row["high"])

    assert summary(4, 9, 30)[0] == 9
    assert summary(9, 30, 30) == (30, 30, math.inf)
    assert summary(4, 9, 30, 30) == (19.5, 19.5, math.inf)


def test_the_hierarchy_is_checked() -> None:
    table = cells(0.3, 1)
    with pytest.raises(MeasureError, match="no group is given for animal a0"):
        summarise(table.assign(group=table["group"].where(table["animal"] != "a0", "")))
    with pytest.raises(MeasureError, match="animal 'x' stands in group 'a' and 'b'"):
        summarise(table.assign(animal=table["animal"].replace({"a0": "x", "b0": "x"})))
    with pytest.raises(MeasureError, match="no cage is given"):
        summarise(table, unit="cage")
    caged = table.assign(cage=table["group"] + (table["animal"].str[1].astype(int) // 2).astype(str))
    by_cage = summarise(caged, unit="cage")
    assert len(by_cage) == 6
    assert compare(by_cage, unit="cage")["n_group"].tolist() == [3]
    with pytest.raises(MeasureError, match="not summarised by animal"):
        compare(by_cage)
    with pytest.raises(MeasureError, match="one group, 'a'"):
        compare(summarise(table[table["group"] == "a"]))
    with pytest.raises(MeasureError, match="no group 'c'"):
        compare(summarise(table), control="c")


def test_each_kind_is_compared_in_its_own_way() -> None:
    count = compare(table_of({"a": [4, 6], "b": [1, 3]}, "acetone_count/window/responses")).iloc[0]
    assert count["effect_kind"] == "difference of means"  # no totals: no rate
    high, low = [2.0, 4.0, 5.0, 6.0], [1.0, 2.5, 3.0, 3.5]
    scores = compare(table_of({"a": high, "b": low}, SCORE, settings={"scheme": "x"}), [("a", "b")]).iloc[0]
    assert scores["effect_kind"] == "odds ratio"
    assert scores["effect"] > 1
    assert scores["p"] == pytest.approx(scipy_stats.mannwhitneyu(high, low, method="exact").pvalue)
    apart = compare(table_of({"a": [5, 6], "b": [1, 2]}, SCORE, settings={"scheme": "x"}), [("a", "b")]).iloc[0]
    assert (math.isnan(apart["effect"]), "infinite" in apart["warnings"]) == (True, True)


def test_censored_groups_go_through_the_censored_likelihood() -> None:
    readings = [
        Reading(LATENCY, t, {"group": group, "animal": f"{group}{i}"}, *((30, math.inf) if t >= 30 else ()))
        for group, times in (("a", (8, 11, 14, 9)), ("b", (18, 30, 25, 30)))
        for i, t in enumerate(times)
    ]
    row = compare(summarise(readings_table(readings)), [("a", "b")]).iloc[0]
    low = np.log([8, 11, 14, 9, 18, 30, 25, 30])
    high = np.where(low >= np.log(30), np.inf, low)
    fit = fit_censored(low, high, np.stack([np.ones(8), [1, 1, 1, 1, 0, 0, 0, 0]], axis=1))
    assert row["effect"] == pytest.approx(math.exp(fit.coefficients[1]))
    assert "2 of 8 animals lie beyond a limit" in row["warnings"]
    assert math.isnan(row["hedges_g"])
    stopped = [Reading(LATENCY, 30, {"group": "b", "animal": f"b{i}"}, 30, math.inf) for i in range(4)]
    row = compare(summarise(readings_table(readings[:4] + stopped)), [("a", "b")]).iloc[0]
    assert (math.isnan(row["effect"]), row["p"]) == (True, pytest.approx(2 / 70))


def test_shares_of_a_whole_are_compared_as_log_ratios() -> None:
    readings = [
        Reading(CELL_VALUE, share, {"group": group, "animal": f"{group}{i}"}, total=180, settings={"posture": name})
        for group, rows in (("a", (0.2, 0.3, 0.0)), ("b", (0.5, 0.6, 0.4)))
        for i, part in enumerate(rows)
        for name, share in (("still", part), ("up", 1 - part))
    ]
    found = compare(summarise(readings_table(readings)), [("a", "b")]).set_index("variant")
    assert found.loc["still", "effect"] == pytest.approx(-found.loc["up", "effect"])  # type: ignore[operator]
    assert found["effect_kind"].unique().tolist() == ["difference of centred log-ratios"]


def test_a_panel_is_adjusted_over_its_analytes() -> None:
    generator = np.random.default_rng(1)
    readings = [
        Reading(LEVEL, float(generator.normal(3 * (name == "x0" and group == "a"))),
                {"group": group, "animal": f"{group}{i}"}, settings={"analyte": name, "sample": "serum"})
        for name in ("x0", "x1", "x2", "x3")
        for group in ("a", "b")
        for i in range(6)
    ]  # fmt: skip
    found = compare(summarise(readings_table(readings)))
    assert found["p_adjusted"].to_numpy() == pytest.approx(scipy_stats.false_discovery_control(found["p"]))


def test_sessions_are_compared_with_animals_as_degrees_of_freedom() -> None:
    generator = np.random.default_rng(3)
    readings = []
    for group, rise in (("a", 2.0), ("b", 0.0)):
        for i in range(6):
            own = generator.normal()
            for week, when in enumerate(("week 0", "week 4", "week 8")):
                value = own + rise * week / 2 + 0.3 * generator.normal()
                readings.append(Reading(DISTANCE, value, {"group": group, "animal": f"{group}{i}"},
                                        settings={"period": "all", "session": when}))  # fmt: skip
    found = compare(summarise(readings_table(readings)), [("a", "b")], model="mixed").set_index("session")
    assert "t(10)" in str(found.loc["all sessions", "test"])
    change = found.loc["week 8 − week 0"]
    assert change["effect"] == pytest.approx(2.0, abs=0.5)
    assert change["p"] < 1e-4
    values = summarise(readings_table(readings)).pivot_table("value", "animal", "session")
    own = values["week 8"] - values["week 0"]
    oracle = scipy_stats.ttest_ind(own[own.index.str[0] == "a"], own[own.index.str[0] == "b"], equal_var=False)
    assert change["p"] == pytest.approx(oracle.pvalue)
    assert change["effect_kind"] == "change of the difference of means"
    slow = readings_table(
        Reading(LATENCY, math.exp(item.value), item.place, settings={"session": item.settings["session"]})
        for item in readings
    )
    ratio = compare(summarise(slow), [("a", "b")], model="mixed").set_index("session").loc["all sessions"]
    assert ratio["effect"] == pytest.approx(math.exp(found.loc["all sessions", "effect"]))  # type: ignore[arg-type]
    assert ratio["effect_kind"] == "ratio of geometric means over sessions"
    once = readings_table([Reading(SCORE, 3.0, item.place, settings={"scheme": "x"}) for item in readings[::3]])
    told = analyse(pd.concat([once, readings_table(readings)]), control="b").comparisons
    assert set(told[told["session"] == "all sessions"]["definition"]) == {DISTANCE}
    single = compare(summarise(readings_table(readings)), [("a", "b")])
    assert single["session"].tolist() == ["week 0", "week 4", "week 8"]


def test_groups_are_described_by_kind(tmp_path: Path) -> None:
    table = describe(summarise(readings_table(read(tmp_path, animals_text(n=5))))).set_index(["definition", "group"])
    row = table.loc["withdrawal_frequency/fixed-filament/x-of-n", "vehicle"]
    assert row["n"] == 5
    assert 0 <= row["overdispersion"] < 0.2
    assert 0 < row["low"] < row["mean"] < row["high"] < 1


def test_every_declared_conversion_leads_from_a_definition_to_a_readout() -> None:
    for item in conversions():
        assert item.definition in definitions()
        assert item.to in readouts()
        assert len(item.reason.split()) > 4
        assert item.readout.as_fold == ("fold" in item.rule)  # a fold enters as fold, nothing else does


def test_observations_enter_by_declared_conversion_or_under_their_own_id(tmp_path: Path) -> None:
    table = readings_table(read(tmp_path, animals_text()))
    found = {(item.name, item.group): item for item in to_observations(table, control="sham")}
    touch = found["withdrawal_frequency_0.4g", "vehicle"]
    counts = table[(table["group"] == "vehicle") & table["definition"].str.startswith("withdrawal_f")]
    assert touch.value == pytest.approx(10 * counts["value"].mean())
    assert touch.convention == readouts()["withdrawal_frequency_0.4g"].definition
    assert (touch.n_units, touch.likelihood, touch.source) == (6, "beta-binomial", "measured")
    assert touch.counts[0] == (counts["count"].iloc[0], 30)
    assert len(touch.source_hash[0]) == 64
    heat = found["heat_latency", "sham"]
    assert all(high == math.inf for (low, high), value in zip(heat.limits, heat.values, strict=True) if value >= 20)
    other = table_of({"sham": [1.0, 2.0]}, "acetone_time/window/seconds")
    assert to_observations(other)[0].name == to_observations(other)[0].convention == "acetone_time/window/seconds"


def test_an_intensity_enters_as_fold_of_control() -> None:
    settings = {"analyte": "NGF", "sample": "whole endplates L3-L5"}
    table = table_of({"sham": [3.0, 3.0], "lsi": [4.0, 5.0]}, LEVEL, settings=settings)
    found = as_readouts(summarise(table), "sham")
    assert found["value"].tolist() == [1, 1, 2, 4]
    assert set(found["convention"]) == {readouts()["ngf_protein"].definition}
    with pytest.raises(MeasureError, match="no control group is named"):
        as_readouts(summarise(table))
    serum = table_of({"sham": [3.0, 3.0]}, LEVEL, settings={"analyte": "NGF", "sample": "serum"})
    assert as_readouts(summarise(serum), "sham").empty  # another tissue: no conversion is declared


def test_measured_animals_stand_beside_simulated_ones(tmp_path: Path) -> None:
    animals = summarise(readings_table(read(tmp_path, animals_text())))
    outcome = made_outcome(made_study("sham", "vehicle", n=4), {"vehicle": {"heat_pain": 2.0}}, 400)
    table, simulated = beside_simulated(animals, outcome)
    rows = table.set_index(["readout", "group"])
    heat = rows.loc["heat_latency", "vehicle"]
    assert heat["simulated_median"] == pytest.approx(float(np.median(simulated["heat_latency", "vehicle"])))
    assert heat["simulated_median"] == pytest.approx(
        0.5 * rows.loc["heat_latency", "sham"]["simulated_median"], rel=0.15
    )
    assert heat["n"] == 6
    assert set(rows.index.get_level_values("group")) == {"sham", "vehicle"}
    assert len(beside_plot(animals, table, simulated).axes) == 3
    with pytest.raises(MeasureError, match="no arm 'lsi'"):
        beside_simulated(animals, outcome, {"vehicle": "lsi"})
    with pytest.raises(MeasureError, match="no measured group has the name of an arm"):
        beside_simulated(animals[animals["group"] == "navitoclax"], outcome)
    doubled = pd.concat(
        [animals, animals[animals["definition"] == LATENCY].assign(definition="hargreaves_latency/paw/cut-off")]
    )
    with pytest.raises(MeasureError, match="both stand for heat_latency"):
        beside_simulated(doubled, outcome)


def test_plots_show_every_animal(tmp_path: Path) -> None:
    table = cells(0.3, 1)
    figure = superplot(table)
    drawn = sum(len(item.get_offsets()) for item in figure.axes[0].collections)
    assert drawn == 300 + 10
    figure = estimation_plot(summarise(readings_table(read(tmp_path, animals_text()))), "sham")
    assert [axes.get_title().strip() for axes in figure.axes] == [
        "paw withdrawal frequency, 0.4 g",
        "hot plate latency",
        "wheel distance, all",
    ]


def test_arrive_names_what_is_missing_and_makes_nothing_up() -> None:
    lines = {
        line.item.name: line for line in arrive_lines([{"blinding": "graders were blind"}], {"numbers": "sham: 6"})
    }
    assert (lines["blinding"].origin, lines["blinding"].text) == ("stated", "graders were blind")
    assert lines["sample_size"].origin == "data"
    assert (lines["randomisation"].origin, lines["randomisation"].text) == ("missing", "")
    assert {item.number.rstrip("ab") for item in arrive_items()} == {str(n) for n in range(1, 11)}
    with pytest.raises(MeasureError, match="did you mean 'blinding'"):
        arrive_lines([{"blindin": "x"}], {})
