"""Two drugs together: sham and hazard nulls through the engine, the design, what can be told, and posterior draws."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from test_cli import senospine

from senospine.calibration import shipped_posterior
from senospine.combination import beats_better, candidates, combine, plan
from senospine.combination.combine import excess_error
from senospine.errors import AnalysisError, CalibrationError, FileError, RegimenError, StudyError
from senospine.model import Model, load_model
from senospine.report.isoboles import isoboles_svg, write_isoboles
from senospine.study import load_study

#: no cell becomes senescent after the start, none is removed, and p16 has no background: what is left is the drugs' own
QUIET = {"senescence_removal_rate": 0.0}


def test_the_design_is_a_factorial_of_the_largest_doses_of_our_studies() -> None:
    design = plan("RG7112", "o-vanillin", "disc_p16", levels=4)
    assert design.drugs == ("rg-7112", "o-vanillin")
    assert design.doses_a.tolist() == design.doses_b.tolist() == [0, 25, 50, 75, 100]
    assert design.units == ("mg/kg", "mg/kg")
    assert len(design.cells()) == 25 + 2 * 8
    assert len(design.times[0]) == 8  # weekly for 8 weeks
    assert (design.animal.name, design.measure_day) == ("sparc-null", 270.0)
    doses = np.array([[0.0, 0.0], [25.0, 50.0]])
    schedule = design.entries(doses, np.array([False, True]))
    amounts = [sorted({(e.target, e.amount) for e in schedule.of(k)}) for k in (0, 1)]
    assert ("sparc_loss", 0.0) in amounts[0]
    assert ("sparc_loss", 1.0) in amounts[1]
    assert ("rg7112_effect", 25.0) in amounts[1]
    assert ("o_vanillin_effect", 50.0) in amounts[1]


def test_a_drug_with_itself_is_no_interaction_whatever_the_parameters() -> None:
    design = plan("rg-7112", "rg-7112", "acetone_response", levels=3)
    result = combine(design, candidates(design.model, "prior", 8, 3), n=4)
    assert result.kept >= 6
    assert result.indices["interaction index"] == pytest.approx((1, 1, 1), abs=1e-6)
    assert np.abs(result.indices["excess over Loewe"]).max() < 1e-6
    assert "no interaction" in result.sentence


def test_hazards_that_add_are_bliss_on_cells_that_only_drugs_remove() -> None:
    """In an explanted disc without removal or new cells; the stain's background alone keeps p16 from being exact."""
    design = plan("rg-7112", "o-vanillin", "disc_p16", species="human_disc", levels=3)
    chosen = candidates(design.model, "register", 1, 1)
    quiet = replace(chosen, values={name: np.array([value]) for name, value in QUIET.items()})
    plain = combine(design, quiet).indices["excess over Bliss"][0]
    helped = combine(design, replace(quiet, interaction=np.array([1.0])))
    assert abs(plain) < 0.012
    assert helped.indices["excess over Bliss"][0] > plain + 0.005
    assert helped.indices["excess over the better drug"][0] > 0


def test_what_can_be_told_grows_with_the_animals() -> None:
    design = plan("rg-7112", "o-vanillin", "disc_p16", levels=3)
    chosen = candidates(design.model, "register", 1, 1)
    few, many = (combine(design, chosen, n=n).told for n in (8, 8 * 2500))
    assert few.detectable == pytest.approx(50 * many.detectable)
    assert few.needed == pytest.approx(many.needed)
    assert few.power < 0.8 < many.power
    moved = few.helping[0] - few.null[0]
    assert few.needed == pytest.approx(few.n * (few.detectable / moved) ** 2)
    assert few.hindering[0] < few.null[0] < few.helping[0]


def test_the_error_of_the_excess_is_the_spread_of_repeated_experiments() -> None:
    """First order against 40,000 made experiments of four groups, with a full effect that is not zero."""
    means, full, n = np.array([26.0, 15.0, 17.0, 9.0]), 4.0, 50
    sd = np.array([6.0, 4.0, 5.0, 3.0])
    seen = means + sd / np.sqrt(n) * np.random.default_rng(5).standard_normal((40000, 4))
    fa, fb, both = ((seen[:, 0] - seen[:, k]) / (seen[:, 0] - full) for k in (1, 2, 3))
    truth = [(means[0] - means[k]) / (means[0] - full) for k in (1, 2, 3)]
    error = excess_error((truth[0], truth[1], truth[2]), sd / (means[0] - full), n)
    assert (both - fa - fb + fa * fb).std() == pytest.approx(error, rel=0.03)


def test_the_same_call_gives_the_same_numbers_and_sets_do_not_see_each_other() -> None:
    design = plan("navitoclax", "rg-7112", "snoc_density", animal="lsi", levels=3)
    chosen = candidates(design.model, "prior", 3, 9)
    one, again = (combine(design, chosen).to_dict() for _ in range(2))
    assert one == again
    alone = replace(chosen, values={k: v[:1] for k, v in chosen.values.items()}, interaction=chosen.interaction[:1])
    np.testing.assert_array_equal(combine(design, alone).level[0], combine(design, chosen).level[0])
    json.dumps(one, allow_nan=False)


def test_the_full_effect_is_nothing_left_or_health() -> None:
    design = plan("rg-7112", "o-vanillin", "disc_p16", levels=3)
    chosen = candidates(design.model, "register", 1, 1)
    zero, healthy = combine(design, chosen), combine(design, chosen, full="healthy")
    np.testing.assert_allclose(zero.affected, 1 - zero.level / zero.level[:, :1, :1])
    assert (healthy.affected[:, 1:, 1:] > zero.affected[:, 1:, 1:]).all()
    assert "young" in healthy.scale


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (("navitoclacs", "rg-7112", "disc_p16"), {}, RegimenError, "did you mean 'navitoclax'"),
        (("navitoclax", "rg-7112", "disc_p17"), {}, StudyError, "did you mean 'disc_p16'"),
        (("navitoclax", "rg-7112", "disc_p16"), {"species": "cat"}, StudyError, "no combinations in species 'cat'"),
        (("navitoclax", "rg-7112", "disc_p16"), {"species": "human_disc"}, StudyError, "no shipped study gives"),
        (("rg-7112", "o-vanillin", "grip_force"), {"species": "human_disc"}, StudyError, "needs 'axial_pain'"),
        (("navitoclax", "rg-7112", "disc_p16"), {"levels": 2}, StudyError, "no surface"),
        (("navitoclax", "rg-7112", "disc_p16"), {"measure_at": "day 220 after birth"}, StudyError, "last dose"),
        (("navitoclax", "rg-7112", "disc_p16"), {"top_a": "50"}, Exception, "no unit"),
        (("navitoclax", "rg-7112", "disc_p16"), {"animal": "lsi-ep4-removed"}, StudyError, "nothing is usual"),
    ],
)  # fmt: skip
def test_what_cannot_be_designed_is_refused(
    arguments: tuple[str, str, str], options: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        plan(*arguments, **options)  # type: ignore[arg-type]


def test_what_cannot_be_simulated_is_refused() -> None:
    design = plan("rg-7112", "o-vanillin", "platelet_count", levels=3)
    with pytest.raises(AnalysisError, match="no surface of platelet_count"):
        combine(design, candidates(design.model, "register", 1, 1), full="zero")  # neither drug touches platelets
    with pytest.raises(StudyError, match="full effect 'half'"):
        combine(design, candidates(design.model, "register", 1, 1), full="half")
    with pytest.raises(StudyError, match="no spread"):
        combine(design, candidates(design.model, "register", 1, 1), n=1)
    with pytest.raises(CalibrationError, match="no parameters 'post'"):
        candidates(design.model, "post", 1, 1)


def test_draws_of_the_prior_are_the_register_s_and_the_interaction_is_even(mouse: Model) -> None:
    chosen = candidates(mouse, "prior", 400, 2, interaction=True)
    flat = chosen.values["innervation_netrin1_share"]
    assert stats.kstest(flat, "uniform").pvalue > 1e-3
    assert stats.kstest(chosen.interaction, stats.uniform(-1, 2).cdf).pvalue > 1e-3
    assert not candidates(mouse, "prior", 5, 2).interaction.any()


def test_draws_of_the_posterior_are_the_shipped_ones_and_of_the_mouse_alone(mouse: Model) -> None:
    chosen, shipped = candidates(mouse, "posterior", 30, 3), shipped_posterior()
    assert set(chosen.values) == {row.name for row in shipped.priors.rows if not row.of_likelihood}
    for name, values in shipped.values().items():
        assert name not in chosen.values or set(chosen.values[name]) <= set(values)
    assert len(set(chosen.values["senescence_removal_rate"])) == 30
    with pytest.raises(CalibrationError, match="stale"):
        candidates(load_model("disc_explant"), "posterior", 1, 1)


def test_additive_hazards_beat_the_better_drug_always_and_by_little() -> None:
    study = load_study("mannarino2025")
    rows = beats_better(study, candidates(load_model("mouse"), "prior", 8, 4))
    assert {row.readout for row in rows} == {item.name for item in study.readouts}
    by = {row.readout: row for row in rows}
    assert by["disc_p16"].better == 1.0
    assert by["disc_p16"].singles == ("o-vanillin", "rg7112")
    assert by["disc_p16"].by_a_tenth >= by["trabecular_thickness"].by_a_tenth == 0.0
    assert by["trabecular_thickness"].seen == pytest.approx(1 / 3, abs=0.06)  # three groups alike
    assert all(row.significant <= row.seen for row in rows)
    hindered = candidates(load_model("mouse"), "prior", 8, 4)
    hindered = replace(hindered, interaction=np.full(8, -1.0))
    worse = {row.readout: row for row in beats_better(study, hindered)}
    assert worse["disc_p16"].advantage[0] < by["disc_p16"].advantage[0]


def test_programmes_are_studies_with_each_drug_alone() -> None:
    study = load_study("lsi-combination")
    few = candidates(load_model("mouse"), "register", 1, 1)
    rows = beats_better(study, few, drugs={"navitoclax", "rg-7112"})
    assert {(row.arm, row.singles) for row in rows} == {("navitoclax-rg7112", ("navitoclax", "rg7112"))}
    with pytest.raises(StudyError, match="no arm of both drugs"):
        beats_better(load_study("pan2024-lsi"), few)


def test_the_picture_is_whole_and_marked(tmp_path: Path) -> None:
    from xml.etree import ElementTree

    design = plan("rg-7112", "o-vanillin", "disc_p16", levels=3)
    result = combine(design, candidates(design.model, "register", 1, 1))
    svg = isoboles_svg(result)
    root = ElementTree.fromstring(svg)
    assert "SYNTHETIC DATA" in svg
    lines = [item for item in root.iter() if item.tag.endswith("polyline")]
    assert len(lines) == 4
    for item in lines:  # an isobole of hazards that add, each proportional to its dose, is straight
        x, y = np.array([[float(v) for v in at.split(",")] for at in item.attrib["points"].split()]).T
        slope, start = np.polyfit(x, y, 1)
        assert np.abs(y - slope * x - start).max() < 4.0  # pixels of 330
    with pytest.raises(FileError, match=r"\.svg"):
        write_isoboles(result, tmp_path / "surface.png")
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_it_all_and_an_unknown_drug_writes_nothing(tmp_path: Path) -> None:
    picture = tmp_path / "surface.svg"
    common = ["drug", "combine", "rg-7112", "o-vanillin", "--parameters", "register", "--levels", 3]
    done = senospine(*common, "--picture", picture, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found["indices"]) >= {"excess over Bliss", "interaction index", "MuSyC beta", "MuSyC log10 alpha"}
    assert "told from hazards that add" in found["sentence"]
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    words = senospine(*common).stdout
    assert "Distance from each null" in words
    assert "SYNTHETIC" in words
    picture.unlink()
    lost = senospine("drug", "combine", "rg-7112", "o-vanilin", "--picture", picture)
    assert (lost.returncode, picture.exists()) == (2, False)
    assert "did you mean 'o-vanillin'" in lost.stderr
    assert "Traceback" not in lost.stderr
    table = senospine("drug", "combine", "rg-7112", "o-vanillin", "--study", "mannarino2025", "--sets", 4)
    assert table.returncode == 0, table.stderr
    assert "prior, psi free" in table.stdout
