"""The extrapolation map: its links are the mechanism's arrows, its lights follow from sources, nothing is left out."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from senospine.cli import app
from senospine.errors import ModelError, RegisterError
from senospine.model import Link, Model, extrapolation_map
from senospine.model.links import LIGHTS, counts
from senospine.model.loading import BIOLOGY
from senospine.report import mechanism_arrows
from senospine.report.extrapolation import map_svg

PICTURE = Path(__file__).parents[1] / "docs/human-map.svg"
#: sums, means and read-outs that nothing else reads: true by definition, not by evidence
DEFINED = {
    ("endplate_pain", "spinal_pain"), ("disc_pain", "spinal_pain"), ("osteoclasts", "trap_osteoclasts"),
    ("osteoclasts", "netrin1"), ("senescent_disc_cells", "senescent_disc_cells"), ("age", "ectopic_ossification"),
    ("bone_formation", "ectopic_ossification"), ("disc_sensitisation", "dorsal_horn_cgrp"),
    ("sensory_innervation", "dorsal_horn_cgrp"), ("dorsal_horn_gliosis", "dorsal_horn_gfap"),
    ("sensory_innervation", "neuronal_fibres"), ("trabecular_bone", "trabecular_thickness"),
    ("immune_capacity", "senescent_disc_cells"), ("immune_capacity", "senescent_dorsal_horn"),
    ("ngf", "systemic_relief"), ("prostaglandin_e2", "systemic_relief"), ("endplate_porosity", "systemic_relief"),
    ("senescent_osteoclasts", "systemic_relief"),
}  # fmt: skip
#: how wide the central 90 % of a multiplier is, by the worst light of the links it carries over
FACTORS = {"human": 2, "mouse": 3, "assumed": 5}


@pytest.fixture(scope="module")
def links(human: Model) -> tuple[Link, ...]:
    return extrapolation_map(human)


def _zone(name: str) -> str:
    return re.sub(r"^(senescent_disc_cells)_\d$", r"\1", name)


def test_links_are_the_arrows_of_the_equations(human: Model, links: tuple[Link, ...]) -> None:
    groups = {name: row.group for name, row in human.variables.items()}
    arrows = {
        (_zone(arrow.source), _zone(arrow.target))
        for arrow in mechanism_arrows(human)
        if groups[arrow.source] != "drugs" and groups.get(arrow.target) != "blood"
    }
    mine = {(link.source, link.target) for link in links}
    assert len(mine) == len(links)
    assert mine - arrows == set()
    assert arrows - mine == DEFINED


def test_every_gain_carried_over_belongs_to_a_link_and_widens_with_its_light(
    human: Model, links: tuple[Link, ...]
) -> None:
    lights: dict[str, list[str]] = {}
    for link in links:
        if link.translation:
            lights.setdefault(link.translation.name, []).append(link.light)
    assert set(lights) == {name for name in human.parameters if name.startswith("translation_")}
    for name, found in lights.items():
        row = human.register[name]
        assert row.high == FACTORS[max(found, key=LIGHTS.index)], name  # type: ignore[arg-type]
        assert row.low == pytest.approx(1 / row.high, abs=5e-4), name
    named = {row.name for link in links for row in link.parameters if row.name.startswith("mouse_")}
    clocks = {
        "mouse_endplate_remodelling_rate",
        "mouse_disc_repair_rate",
    }  # the tissues' own, beside which rates are carried
    assert {name for name in human.parameters if name.startswith("mouse_")} - named == clocks


def test_lights_follow_from_the_sources(links: tuple[Link, ...]) -> None:
    found = {(link.source, link.target): (link.light, link.size) for link in links}
    assert found["ngf", "sensitisation"] == ("human", "human")
    assert found["degeneration", "senescent_osteoclasts"] == ("mouse", "human")
    assert found["senescent_disc_cells", "disc_sasp"] == ("human", "assumed")
    assert found["sasp", "osteoclasts"][0] == "mouse"
    assert found["sasp", "sensitisation"] == ("assumed", "assumed")
    total = counts(links)
    assert {name: sum(numbers.values()) for name, numbers in total.items()} == {"light": len(links), "size": len(links)}


def test_a_size_is_as_good_as_its_weakest_row(links: tuple[Link, ...]) -> None:
    link = next(link for link in links if link.source == "ngf" and link.target == "sensitisation")
    (row,) = link.parameters
    theirs = replace(row, species="mouse")
    guess = replace(row, source="assumption", species="human")
    assert replace(link, parameters=(row, theirs)).size == "mouse"
    assert replace(link, parameters=(row, theirs, guess)).size == "assumed"
    assert replace(link, parameters=(row, replace(guess, name="translation_x"))).size == "human"
    assert replace(link, parameters=()).size == "assumed"


def test_evidence_against_a_link_is_shown(links: tuple[Link, ...]) -> None:
    against = {(link.source, link.target) for link in links if link.against}
    assert {("sasp", "osteoclasts"), ("sasp", "trabecular_bone")} <= against


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "ngff"}, "no variable 'ngff'"),
        ({"parameters": "pain_ngf_gain nothing"}, "no registered parameter 'nothing'"),
        ({"in_people": "seen", "people_reference": ""}, "needs both words and a reference"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    human: Model, tmp_path: Path, change: dict[str, str], message: str
) -> None:
    with (BIOLOGY / "links.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows[3] |= change
    table = tmp_path / "links.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(RegisterError, match=message) as caught:
        extrapolation_map(human, table)
    assert caught.value.where == f"{table}:5"


def test_the_picture_has_a_line_for_each_link_in_the_colour_of_its_light(human: Model, links: tuple[Link, ...]) -> None:
    root = ElementTree.fromstring(map_svg(human, links))
    drawn = [group for group in root.iter("{http://www.w3.org/2000/svg}g") if "data-arrow" in group.attrib]
    inks: dict[str, set[str]] = {light: set() for light in LIGHTS}
    lights = {(link.source, link.target): link.light for link in links}
    for group in drawn:
        source, _, target = group.attrib["data-arrow"].split()
        path = group.find("{http://www.w3.org/2000/svg}path")
        assert path is not None
        inks[lights[source, target]].add(path.attrib["stroke"])
        assert ("stroke-dasharray" in path.attrib) == (lights[source, target] == "assumed")
    assert len(drawn) == len(links)
    assert all(len(found) == 1 for found in inks.values())
    assert len(set.union(*inks.values())) == 3


def test_the_picture_in_the_documents_is_the_models(human: Model, links: tuple[Link, ...]) -> None:
    made = "run: senospine model map --picture docs/human-map.svg"
    assert PICTURE.read_text(encoding="utf-8") == map_svg(human, links), made


def test_the_command_prints_every_link(links: tuple[Link, ...], tmp_path: Path) -> None:
    picture = tmp_path / "map.svg"
    result = CliRunner().invoke(app, ["model", "map", "--json", "--picture", str(picture)])
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert [(item["source"], item["target"], item["light"]) for item in printed["links"]] == [
        (link.source, link.target, link.light) for link in links
    ]
    assert picture.exists()
    table = CliRunner().invoke(app, ["model", "map"])
    assert table.exit_code == 0
    assert "20 human, 24 mouse, 5 assumed" in table.stdout


def test_a_model_that_carries_nothing_over_is_refused(mouse: Model) -> None:
    with pytest.raises(ModelError, match="'mouse' carries nothing over") as caught:
        extrapolation_map(mouse)
    assert "'human'" in str(caught.value.remedy)
