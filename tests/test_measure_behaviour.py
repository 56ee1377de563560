"""Sheets a laboratory fills in: what they give, and what is refused with its line."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from measure_helpers import animals_text, read, sheet

from senospine.errors import FileError, MeasureError
from senospine.measure import Reading, definition
from senospine.measure.behaviour import (
    grader_agreement,
    measure_file,
    plate_shifts,
    psychometric_slope,
    read_sheet,
    schemas,
    template,
)
from senospine.stats import wilson_interval


def of(readings: list[Reading], start: str) -> list[Reading]:
    return [item for item in readings if item.definition.startswith(start)]


@pytest.mark.parametrize("name", schemas())
def test_every_template_is_read_once_its_animals_are_real(tmp_path: Path, name: str) -> None:
    text = template(name)
    with pytest.raises(MeasureError, match="template's own"):
        measure_file(sheet(tmp_path, text))
    readings = read(tmp_path, text.replace("EXAMPLE-", ""))
    assert readings
    assert all(item.place["group"] in {"sham", "lsi"} and len(item.inputs) == 1 for item in readings)
    assert all(set(definition(item.definition).distinguished_by) <= set(item.settings) for item in readings)


WITHDRAWALS = "# sheet: withdrawals\ngroup,animal,paw,replicate,force_g,withdrawals,applications\n"


def test_withdrawals_keep_x_and_n_of_every_paw_and_replicate(tmp_path: Path) -> None:
    readings = read(tmp_path, WITHDRAWALS + "sham,1,left,1,0.4,3,10\nsham,1,right,1,0.4,5,10\nsham,1,left,1,0.07,1,10")
    first, second, third, slope = readings
    assert [(item.count, item.total) for item in (first, second, third)] == [(3, 10), (5, 10), (1, 10)]
    assert (first.low, first.high) == tuple(float(end) for end in wilson_interval(3, 10))
    assert (first.settings["paw"], first.settings["force_g"]) == ("left", 0.4)
    logits = math.log(8 / 12) - math.log(1 / 9)
    assert slope.value == pytest.approx(logits / math.log10(0.4 / 0.07), rel=1e-6)


def test_a_slope_whose_answers_separate_is_not_a_number(tmp_path: Path) -> None:
    found = psychometric_slope([0.07, 0.4], [0, 10], [10, 10])
    assert (math.isinf(found.slope), math.isinf(found.high)) == (True, True)
    assert 0 < found.low < 20
    even = psychometric_slope([0.07, 0.4], [5, 5], [10, 10])
    assert even.slope == pytest.approx(0, abs=1e-6)
    assert even.low == pytest.approx(-even.high, rel=1e-4)
    readings = read(tmp_path, WITHDRAWALS + "sham,1,left,1,0.4,10,10\nsham,1,left,1,0.07,0,10")
    assert math.isnan(readings[-1].value)
    assert "not finite" in readings[-1].warnings[0]


def test_psychometric_slope_recovers_a_curve_over_many_filaments() -> None:
    generator = np.random.default_rng(1)
    forces = np.array([0.02, 0.07, 0.16, 0.4, 1.0])
    p = 1 / (1 + np.exp(-3 * np.log10(forces / 0.2)))
    covered = 0
    for _ in range(200):
        found = psychometric_slope(forces, generator.binomial(20, p), np.full(5, 20))
        covered += found.low <= 3 <= found.high
    assert 182 <= covered <= 199  # 95 % of 200, within three standard errors


def test_a_latency_at_its_cut_off_is_only_a_bound(tmp_path: Path) -> None:
    head = "# sheet: latencies\ngroup,animal,test,trial,seconds,cutoff_s\n"
    free, cut = read(tmp_path, head + "sham,1,hot_plate,1,12.5,30\nsham,1,hot_plate,2,30,30")
    assert (free.value, math.isnan(free.low)) == (12.5, True)
    assert (cut.low, cut.high) == (30, math.inf)


def test_postures_fill_their_window(tmp_path: Path) -> None:
    head = "# sheet: postures\ngroup,animal,posture,seconds,window_s\n"
    readings = read(tmp_path, head + "sham,1,immobile,45,180\nsham,1,stretched,135,180")
    assert [item.value for item in readings] == [0.25, 0.75]
    with pytest.raises(MeasureError, match="take 100 s of a window of 180 s"):
        read(tmp_path, head + "sham,1,immobile,45,180\nsham,1,stretched,55,180")


def test_grip_follows_the_rule_declared(tmp_path: Path) -> None:
    text = "# sheet: grip\n# pulls: {}\ngroup,animal,pull,force_g,body_mass_g\nsham,1,1,100,25\nsham,1,2,140,25"
    for rule, force in (("maximum", 140.0), ("mean", 120.0)):
        ratio, grip = read(tmp_path, text.format(rule))
        assert grip.value == force
        assert ratio.value == pytest.approx(math.log(force / 25))
    with pytest.raises(MeasureError, match="'pulls' is missing"):
        read(tmp_path, text.replace("# pulls: {}\n", ""))


def wheel(first_night: str, hours: int = 48, bin_min: int = 30) -> str:
    """Return 48 h from 18:00 on: 60 m in every bin of the night (19 to 7), none by day; the first night half that."""
    lines = ["# sheet: wheel", "# lights_off: 19:00", "# lights_on: 07:00", f"# first_night: {first_night}",
             "group,animal,time,bin_min,distance_m"]  # fmt: skip
    for index in range(hours * 60 // bin_min):
        minutes = 18 * 60 + index * bin_min
        day, clock = divmod(minutes, 1440)
        dark = clock >= 19 * 60 or clock < 7 * 60
        metres = 0 if not dark else 30 if minutes < 1440 + 7 * 60 else 60
        lines.append(f"sham,1,2025-03-{day + 1:02d}T{clock // 60:02d}:{clock % 60:02d},{bin_min},{metres}")
    return "\n".join(lines)


def test_a_wheel_by_night_and_day_without_its_first_night(tmp_path: Path) -> None:
    found = {(item.definition.split("/")[0], item.settings["period"]): item for item in read(tmp_path, wheel("drop"))}
    # kept: 07:00 of day two to 18:00 of day three: 35 h, one night of 24 bins with 60 m
    assert found["wheel_distance", "night"].value == pytest.approx(1.44)
    assert found["wheel_distance", "all"].value == pytest.approx(1.44 * 24 / 35)
    assert found["wheel_distance", "day"].value == 0
    assert found["wheel_active_time", "night"].value == pytest.approx(12)
    assert found["wheel_max_speed", "all"].value == 2
    assert "too long" in "".join(found["wheel_active_time", "all"].warnings)
    kept = {(item.definition.split("/")[0], item.settings["period"]): item for item in read(tmp_path, wheel("keep"))}
    assert kept["wheel_distance", "all"].value == pytest.approx((0.72 + 1.44) / 2)
    assert "first night" in kept["wheel_distance", "all"].warnings[0]
    none = read(tmp_path, wheel("drop", hours=10))
    assert [math.isnan(item.value) for item in none] == [True]
    with pytest.raises(MeasureError, match="before the one in"):
        read(tmp_path, wheel("keep", hours=2).replace("T18:30", "T18:10"))


SCORES = """# sheet: scores
group,animal,scheme,level,grader,score
sham,1,Boos 2002,L4-L5,A,2
sham,1,Boos 2002,L4-L5,B,4
sham,1,Boos 2002,L5-L6,A,3
sham,1,Boos 2002,L5-L6,B,3
lsi,2,Boos 2002,L4-L5,A,8
lsi,2,Boos 2002,L4-L5,B,9"""


def test_scores_are_the_graders_median_with_their_agreement(tmp_path: Path) -> None:
    readings = read(tmp_path, SCORES)
    assert [item.value for item in readings] == [3, 3, 8.5]
    assert readings[0].place["level"] == "L4-L5"
    found = grader_agreement(read_sheet(sheet(tmp_path, SCORES)), "Boos 2002")
    assert (found.things, found.graders) == (3, ("A", "B"))
    assert readings[0].settings["weighted_kappa"] == found.kappa
    assert 0.8 < found.kappa < 1
    lonely = read(tmp_path, SCORES + "\nlsi,2,Boos 2002,L5-L6,A,7")
    assert "1 of 2 graders" in "".join(lonely[-1].warnings)


def panel(control: str = "sham", shift: float = 2.0, plates: tuple[str, str] = ("p1", "p2")) -> str:
    lines = ["# sheet: panel", "# sample: serum", f"# control: {control}", "# composite.sasp: NGF, IL-6",
             "group,animal,plate,analyte,level_pg_per_ml,lower_limit_pg_per_ml,upper_limit_pg_per_ml"]  # fmt: skip
    for index in range(16):
        group = "sham" if index < 8 else "lsi"
        plate = plates[index % 2]
        for analyte, level in (("NGF", 40.0), ("IL-6", 10.0)):
            value = level * (1 + 0.05 * (index % 8)) * (2 if group == "lsi" else 1) * (shift if plate == "p2" else 1)
            lines.append(f"{group},{group}{index},{plate},{analyte},{value:.3f},1,1000")
    return "\n".join(lines)


def test_a_panel_takes_the_plates_shift_off_and_builds_declared_composites(tmp_path: Path) -> None:
    shifts = plate_shifts(read_sheet(sheet(tmp_path, panel())), "NGF")
    assert shifts["p2"] - shifts["p1"] == pytest.approx(1.0, abs=0.1)  # a factor of two is one on log2
    readings = read(tmp_path, panel())
    composite = of(readings, "analyte_composite")
    z = [item.value for item in composite if item.place["group"] == "sham"]
    assert (np.mean(z), len(composite)) == (pytest.approx(0, abs=1e-9), 16)
    assert min(item.value for item in composite if item.place["group"] == "lsi") > 2
    with pytest.raises(MeasureError, match="needs a control group"):
        read(tmp_path, panel(control="shamm"))


def test_levels_beyond_their_limits_are_bounds(tmp_path: Path) -> None:
    columns = "level_pg_per_ml,lower_limit_pg_per_ml,upper_limit_pg_per_ml"
    head = f"# sheet: panel\n# sample: serum\ngroup,animal,plate,analyte,{columns}\n"
    low, high = read(tmp_path, head + "sham,1,p,NGF,<,8,1000\nsham,2,p,NGF,>,8,1024")
    assert (low.low, low.high) == (-math.inf, 3)
    assert (high.low, high.high) == (10, math.inf)
    with pytest.raises(MeasureError, match="beyond its own limits"):
        read(tmp_path, head + "sham,1,p,NGF,4,8,1000")


def test_plates_that_are_groups_are_left_alone_and_said_so(tmp_path: Path) -> None:
    lines = panel().splitlines()
    confounded = [
        line.replace(",p2,", ",p1,") if line.startswith("sham") else line.replace(",p1,", ",p2,") for line in lines
    ]
    level = of(read(tmp_path, "\n".join(confounded)), "analyte_level")[0]
    assert level.settings["plate_shift_log2"] == 0
    assert "cannot be told apart" in level.warnings[0]


GOOD = WITHDRAWALS + "sham,1,left,1,0.4,3,10\nlsi,2,left,1,0.4,7,10"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (GOOD.replace("3,10", "13,10"), ":3", "13 withdrawals of 10"),
        (GOOD.replace("sham,1", ",1"), ":3", "group is empty"),
        (GOOD.replace("lsi,2", "lsi,1"), ":4", "animal '1' is in group 'lsi', but in 'sham'"),
        (GOOD + "\nlsi,2,left,1,0.4,7,10", ":5", "the same animal, session, force_g, paw, replicate as in"),
        (GOOD.replace("force_g", "force"), ":2", "did you mean 'force_g'"),
        (GOOD.replace(",force_g", ""), ":3", "7 cells, but the header has 6"),
        (GOOD.replace("0.4,3", "x,3"), ":3", "'x' is no number"),
        (GOOD.replace("0.4,3", "nan,3"), ":3", "no finite number"),
        (GOOD.replace("3,10", "3.5,10"), ":3", "no whole number"),
        (GOOD.replace("0.4,3", "-0.4,3"), ":3", "below 0.001"),
        (GOOD.replace("withdrawals\ngroup", "withdrawls\ngroup"), ":1", "did you mean 'withdrawals'"),
        (GOOD.replace("# sheet: withdrawals\n", ""), ":1", "does not say which sheet"),
        (GOOD.replace("group,", "# studdy: x\ngroup,"), ":2", "unknown setting 'studdy'"),
        (GOOD.replace("group,", "# arrive.blindin: x\ngroup,"), ":2", "did you mean 'arrive.blinding'"),
        (GOOD.replace("group,", "# hello\ngroup,"), ":2", "is no setting"),
        (GOOD.replace("left,1,0.4,7", '"left,1,0.4,7'), ":4", "not CSV"),
        (WITHDRAWALS, ":2", "holds no row"),
        ("# sheet: withdrawals", "lab.csv", "no header"),
        (
            "# sheet: latencies\ngroup,animal,test,seconds,cutoff_s\nsham,1,hot_plate,31,30",
            ":3",
            "past the cut-off of 30 s",
        ),
        (
            "# sheet: animals\ngroup,animal,hot_plate_s\nsham,1,12",
            ":3",
            "hot_plate_s stands without hot_plate_cutoff_s",
        ),
    ],
)
def test_what_cannot_be_right_is_named_with_its_line(tmp_path: Path, text: str, where: str, message: str) -> None:
    with pytest.raises(MeasureError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert where in str(caught.value)


def test_all_findings_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(MeasureError) as caught:
        read(tmp_path, GOOD.replace("sham,1", ",1").replace("0.4,7", "x,7"))
    assert "2 things" in str(caught.value)
    assert "lab.csv:3" in str(caught.value)
    assert "lab.csv:4" in str(caught.value)


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for content in (b"# sheet: grip\n\xff\xfe", b"# sheet: grip\n\0"):
        path.write_bytes(content)
        with pytest.raises(FileError) as caught:
            measure_file(path)
        assert str(caught.value.where).endswith(":2")
    with pytest.raises(FileError, match="cannot read"):
        measure_file(tmp_path / "absent.csv")


def test_semicolons_decimal_commas_and_spreadsheet_padding_are_read(tmp_path: Path) -> None:
    rows = "group;animal;force_g;withdrawals;applications\nsham;1;0,4;3;10\nlsi;2;0,4;7;10\n;;;;"
    readings = read(tmp_path, "# sheet: withdrawals;;;;\n" + rows)
    assert [item.settings["force_g"] for item in readings] == [0.4, 0.4]
    runs = read(tmp_path, "# sheet: up_down\ngroup;animal;forces_g;responses\nsham, left;1;0,4 0,6 0,4;OXO")
    assert (runs[0].settings["forces_g"], runs[0].place["group"]) == ("0.4 0.6 0.4", "sham, left")


def test_the_sheet_of_animals_is_read_as_the_long_ones_are(tmp_path: Path) -> None:
    readings = read(tmp_path, animals_text())
    assert len(of(readings, "withdrawal_frequency")) == len(of(readings, "wheel_distance")) == 18
    row = of(readings, "wheel_distance")[0]
    assert row.value == pytest.approx(float(animals_text().splitlines()[4].split(",")[6]) / 2)
    assert row.place["study"] == "made"
