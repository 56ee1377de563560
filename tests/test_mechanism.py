"""The picture of the mechanism is what the equations say, and nothing lies over anything else."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from helpers import DECAY, UNITS, model_of

from senospine.errors import FileError
from senospine.model import Model, load_model
from senospine.model.loading import BIOLOGY
from senospine.report import Arrow, mechanism_arrows, mechanism_svg, write_mechanism
from senospine.report.arrows import mechanism_nodes
from senospine.report.layout import NODE_HEIGHT, NODE_WIDTH, lay_out
from senospine.report.svg import text_width

PICTURE = Path(__file__).parents[1] / "docs/mechanism.svg"

#: what the papers cited in biology/*.ant say, as far as the model holds it
KNOWN = [
    ("navitoclax_kill", "endplate_kill", 1),
    ("endplate_kill", "senescent_osteoclasts", -1),
    ("disc_kill", "senescent_disc_cells", -1),
    ("dorsal_horn_kill", "senescent_dorsal_horn", -1),
    ("immune_capacity", "senescent_removal", 1),
    ("senescent_removal", "senescent_osteoclasts", -1),
    ("immune_capacity", "senescent_disc_cells", -1),
    ("sparc_loss", "senescent_disc_cells", 1),
    ("o_vanillin_effect", "disc_sasp", -1),
    ("tak242_effect", "disc_sasp", -1),
    ("celecoxib_effect", "prostaglandin_e2", -1),
    ("h_vessels", "ectopic_ossification", 1),
    ("navitoclax_concentration", "bone_formation", -1),
    ("navitoclax_concentration", "platelets_old", -1),
    ("disc_sensitisation", "cold_pain", 1),
    ("instability", "senescent_osteoclasts", 1),
    ("age", "senescent_osteoclasts", 1),
    ("senescent_osteoclasts", "sasp", 1),
    ("senescent_osteoclasts", "netrin1", 1),
    ("senescent_osteoclasts", "prostaglandin_e2", 1),
    ("sasp", "osteoclasts", 1),
    ("trap_osteoclasts", "endplate_porosity", 1),
    ("endplate_porosity", "sensory_innervation", 1),
    ("netrin1", "sensory_innervation", 1),
    ("prostaglandin_e2", "sensitisation", 1),
    ("sensitisation", "mechanical_pain", 1),
]


@pytest.fixture(scope="module")
def arrows(mouse: Model) -> tuple[Arrow, ...]:
    return mechanism_arrows(mouse)


@pytest.mark.parametrize(("source", "target", "sign"), KNOWN)
def test_known_arrows_stand(arrows: tuple[Arrow, ...], source: str, target: str, sign: int) -> None:
    assert Arrow(source, target, sign) in arrows


def test_what_the_model_does_not_hold_is_not_drawn(arrows: tuple[Arrow, ...]) -> None:
    pairs = {(arrow.source, arrow.target) for arrow in arrows}
    assert ("age", "h_vessels") not in pairs  # they follow osteoclasts, never age
    assert ("navitoclax_kill", "osteoclasts") not in pairs
    assert ("sensitisation", "cold_pain") not in pairs  # touch and cold are told apart
    assert ("disc_sensitisation", "mechanical_pain") not in pairs
    assert not [pair for pair in pairs if pair[0] == pair[1]]


def test_inner_assignments_are_contracted(mouse: Model, arrows: tuple[Arrow, ...]) -> None:
    inner = set(mouse.assignments) - set(mouse.variables)
    assert inner  # attraction, production, nociceptive drive …
    assert not inner & {name for arrow in arrows for name in (arrow.source, arrow.target)}


@pytest.mark.parametrize(
    ("file", "text", "instead", "arrow"),
    [
        ("disc.ant", " * (1 + stretch_gain * (1 - disc_matrix))", "", ("disc_matrix", "disc_sensitisation")),
        ("endplate.ant", "instability_recruitment * instability + ", "", ("instability", "osteoclasts")),
        ("innervation.ant", "attraction := endplate_porosity * ", "attraction := ",
         ("endplate_porosity", "sensory_innervation")),
    ],
)  # fmt: skip
def test_an_arrow_cut_from_the_text_disappears(
    mouse: Model, tmp_path: Path, file: str, text: str, instead: str, arrow: tuple[str, str]
) -> None:
    for path in BIOLOGY.glob("*.ant"):
        shutil.copy(path, tmp_path)
    whole = (tmp_path / file).read_text()
    assert text in whole
    (tmp_path / file).write_text(whole.replace(text, instead))
    cut = replace(load_model(tmp_path / "mouse.ant", BIOLOGY / "parameters.csv"), variables=mouse.variables)
    before = {(item.source, item.target) for item in mechanism_arrows(mouse)}
    after = {(item.source, item.target) for item in mechanism_arrows(cut)}
    assert before - after == {arrow}
    assert after < before


def test_a_knockout_takes_its_arrow_away(mouse: Model) -> None:
    knockout = replace(mouse, parameters={**mouse.parameters, "pain_ep4_activity": 0.0})
    lost = set(mechanism_arrows(mouse)) - set(mechanism_arrows(knockout))
    assert lost == {Arrow("prostaglandin_e2", "sensitisation", 1)}


def test_a_sign_that_depends_on_the_state_is_neutral(tmp_path: Path) -> None:
    model = model_of(
        tmp_path, UNITS + "x has fold; y has fold; k has per_day;"
        "x' = k * (y - 1)^2 - k * x; y' = -k * x * y; x = 1; y = 1; k = 0.5;"
    )  # fmt: skip
    assert set(mechanism_arrows(model)) == {Arrow("y", "x", 0), Arrow("x", "y", -1)}
    picture = mechanism_svg(model)  # a circle, without groups: still a picture
    assert "raises or lowers" in picture
    assert "either, by state" in picture


def test_a_model_without_arrows_is_a_picture(tmp_path: Path) -> None:
    assert mechanism_arrows(model_of(tmp_path, DECAY)) == ()
    ElementTree.fromstring(mechanism_svg(model_of(tmp_path, DECAY)))


def test_nothing_lies_over_anything_else(mouse: Model, arrows: tuple[Arrow, ...]) -> None:
    groups = {node: mouse.variables[node].group for node in mechanism_nodes(mouse)}
    layout = lay_out(groups, arrows)
    items = list(layout.y)
    for index, one in enumerate(items):
        for other in items[index + 1 :]:
            if layout.column[one] == layout.column[other]:
                room = (NODE_HEIGHT if one in groups else 0) / 2 + (NODE_HEIGHT if other in groups else 0) / 2
                assert abs(layout.y[one] - layout.y[other]) >= room + 8, (one, other)


def test_layers_run_from_drivers_to_pain(mouse: Model, arrows: tuple[Arrow, ...]) -> None:
    groups = {node: mouse.variables[node].group for node in mechanism_nodes(mouse)}
    layers = lay_out(groups, arrows).layers
    assert layers == (
        ("clock", "driver", "drugs"), ("blood",), ("senescence",), ("endplate", "disc"), ("innervation", "vertebra"),
        ("dorsal horn",), ("pain",),
    )  # fmt: skip


def test_bands_of_groups_do_not_lie_over_each_other(mouse: Model, arrows: tuple[Arrow, ...]) -> None:
    """Two groups share a column only where one stands wholly above the other there."""
    groups = {node: mouse.variables[node].group for node in mechanism_nodes(mouse)}
    layout = lay_out(groups, arrows)
    wide = [first for first, last in layout.columns_of.values() if last > first]
    assert len(wide) == len(set(wide))
    for column in set(layout.column.values()):
        kinds = [groups[node] for node in sorted(groups, key=layout.y.__getitem__) if layout.column[node] == column]
        assert sum(a != b for a, b in pairwise(kinds)) == len(set(kinds)) - 1, column


def test_every_label_is_there_and_fits(mouse: Model) -> None:
    root = ElementTree.fromstring(mechanism_svg(mouse))
    words = [item.text or "" for item in root.iter("{http://www.w3.org/2000/svg}text")]
    for node in mechanism_nodes(mouse):
        assert set(mouse.label(node).split()) <= set(" ".join(words).split())
    inside = [word for word in words if any(word and word in mouse.label(node) for node in mechanism_nodes(mouse))]
    assert all(text_width(word, 12.5) <= NODE_WIDTH - 6 for word in inside)


def test_every_arrow_is_drawn_once(mouse: Model, arrows: tuple[Arrow, ...]) -> None:
    root = ElementTree.fromstring(mechanism_svg(mouse))
    drawn = [item.attrib["data-arrow"] for item in root.iter() if "data-arrow" in item.attrib]
    assert sorted(drawn) == sorted(f"{a.source} {'-0+'[a.sign + 1]} {a.target}" for a in arrows)


def test_the_same_model_gives_the_same_picture(mouse: Model) -> None:
    assert mechanism_svg(mouse) == mechanism_svg(load_model("mouse"))


def test_hostile_labels_are_escaped(mouse: Model) -> None:
    variables = {**mouse.variables, "sasp": replace(mouse.variables["sasp"], label='<script>"&', group="<b>")}
    picture = mechanism_svg(replace(mouse, variables=variables))
    assert "<script>" not in picture
    assert "<b>" not in picture
    ElementTree.fromstring(picture)


def test_it_is_written_whole_or_not_at_all(mouse: Model, tmp_path: Path) -> None:
    path = write_mechanism(mouse, tmp_path / "new" / "m.svg")
    assert path.read_text(encoding="utf-8") == mechanism_svg(mouse)
    assert [item.name for item in path.parent.iterdir()] == ["m.svg"]
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot write"):
        write_mechanism(mouse, tmp_path / "file" / "m.svg")


def test_the_picture_in_the_documents_is_not_stale(mouse: Model) -> None:
    found = PICTURE.read_text(encoding="utf-8")
    assert mouse.sha256 in found
    assert found == mechanism_svg(mouse), "run: senospine model show mouse --picture docs/mechanism.svg"
