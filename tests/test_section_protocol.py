"""One call a file: readings with their place, pictures, refusals that leave the other files alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from senospine.errors import MeasureError, SenospineError
from senospine.measure import definitions, readings_table
from senospine.measure.section import (
    ControlImage,
    Plan,
    draw_section,
    load_protocol,
    measure_file,
    measure_section_file,
    thresholds_from_images,
    write_section,
    write_thresholds,
)

PATTERN = r"(?P<group>[a-z]+)_(?P<animal>m\d+)_(?P<section>s\d+)"
SMALL = Plan(rows=400, columns=480, osteoclasts=60.0, senescent=0.5, nerve_length=8.0, vessel_length=8.0)
PROTOCOL = f"""
thickness_um: 10
bone: {{channel: bone}}
bleed_through: {{p16: {{TRAP: 0.1}}}}
cells:
  second: [{{channel: p16}}]
  abercrombie_height_um: 10
fibres:
  - {{channel: PGP9.5, carries: CGRP}}
  - {{channel: CD31, radius_um: [3.5]}}
double_positive: [{{first: CD31, second: Emcn}}]
colocalise: [{{first: PGP9.5, second: CGRP}}]
intensity: [CGRP]
thresholds: thresholds.yaml
name_pattern: '{PATTERN}'
"""


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a protocol, thresholds made from controls, and one section."""
    folder = tmp_path_factory.mktemp("laboratory")
    (folder / "protocol.yaml").write_text(PROTOCOL)
    empty = replace(SMALL, senescent=0.0, nerve_length=0.0, vessel_length=0.0)
    channels = ("p16", "CGRP", "PGP9.5", "CD31", "Emcn")
    images = []
    for number in range(2):
        section, _ = draw_section(empty, 5, number)
        write_section(folder / f"control{number}.ome.tif", section)
        images.append(ControlImage(folder / f"control{number}.ome.tif", f"c{number}", "known-negative", channels))
    write_thresholds(folder / "thresholds.yaml", thresholds_from_images(images, folder / "protocol.yaml"))
    write_section(folder / "vehicle_m7_s2.ome.tif", draw_section(SMALL, 6)[0])
    return folder


def test_a_file_gives_every_reading_with_place_inputs_and_pictures(laboratory: Path) -> None:
    result = measure_section_file(laboratory / "vehicle_m7_s2.ome.tif", laboratory / "protocol.yaml")
    table = readings_table(result.readings)
    assert set(table["animal"]) == {"m7"}
    assert set(table["group"]) == {"vehicle"}
    assert set(table["section"]) == {"s2"}
    assert table["inputs"].nunique() == 1
    assert "vehicle_m7_s2.ome.tif" in table["inputs"][0]
    value = {row.definition: row for row in table.itertuples()}
    _, truth = draw_section(SMALL, 6)
    inside = truth.cells[truth.cells["column"].between(12, 468)]
    area = SMALL.area_mm2
    count = value["N.Oc/T.Ar/trap-object"]
    assert count.total == pytest.approx(area)
    assert abs(count.count - len(inside)) <= 2
    assert count.value == pytest.approx(count.count / area)
    assert count.low < count.value < count.high
    edge = value["N.Oc/BS/trap-object"]
    assert edge.total * 1e3 == pytest.approx(truth.bone_edge_um, rel=0.02)
    assert 0 < value["Oc.S/BS/trap-object"].value < 1
    half = value["N.Oc/T.Ar/trap-object/abercrombie"]
    assert half.value == pytest.approx(count.value / 2)
    share = value["N.Oc.marker/N.Oc/trap-object"]
    assert abs(share.count - inside["senescent"].sum()) <= 2
    assert value["L.share/ridge-path/within-mask"].value == pytest.approx(
        truth.length_um["CGRP"] / truth.length_um["PGP9.5"], abs=0.08
    )
    lengths = {r.settings["channel"]: r.count for r in result.readings if r.definition == "L/T.Ar/ridge-path"}
    for channel, length in lengths.items():
        assert length * 1e3 == pytest.approx(truth.length_um[str(channel)], rel=0.08)
    assert value["L.double/T.Ar/ridge-path"].count * 1e3 == pytest.approx(truth.length_um["Emcn"], rel=0.1, abs=15)
    mean = value["I/T.Ar/mean"].value
    assert value["intensity_mean_per_mm2"].value == pytest.approx(mean / area)
    assert "fold of control" in definitions()["intensity_mean_per_mm2"].convention
    assert result.cells is not None
    assert int(result.cells["counted"].sum()) == count.count
    assert [item.title for item in result.overlays] == ["TRAP cells, p16", "PGP9.5", "CD31", "CD31 and Emcn"]


def test_the_pictures_show_what_was_counted(laboratory: Path) -> None:
    result = measure_section_file(laboratory / "vehicle_m7_s2.ome.tif", laboratory / "protocol.yaml")
    assert result.cells is not None
    picture, table = result.overlays[0].image, result.cells
    magenta, green = ((picture == colour).all(axis=-1) for colour in ((255, 80, 220), (90, 220, 90)))
    positive = table["counted"] & table["p16_positive"].fillna(False).astype(bool)
    for rows, drawn, other in (
        (table[positive], magenta, green),
        (table[table["counted"] & ~positive], green, magenta),
    ):
        for row in rows.itertuples():
            y, x = int(row.row), int(row.column)
            window = np.s_[max(y - 12, 0) : y + 12, max(x - 6, 0) : x + 6]
            assert drawn[window].any()
            assert drawn[window].sum() > other[window].sum()
    assert result.overlays[0].png[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_same_file_gives_the_same_readings(laboratory: Path) -> None:
    first, _ = measure_file(laboratory / "vehicle_m7_s2.ome.tif", laboratory / "protocol.yaml")
    again = measure_file(laboratory / "vehicle_m7_s2.ome.tif", {"protocol": laboratory / "protocol.yaml"}).readings
    assert readings_table(first).equals(readings_table(again))


def test_a_control_is_refused_and_the_rest_of_the_batch_goes_on(laboratory: Path, tmp_path: Path) -> None:
    good = laboratory / "vehicle_m7_s2.ome.tif"
    cut = tmp_path / "vehicle_m8_s1.ome.tif"
    cut.write_bytes(good.read_bytes()[:50_000])
    odd = tmp_path / "nameless.ome.tif"
    odd.write_bytes(good.read_bytes())
    control = tmp_path / "sham_m1_s1.ome.tif"
    control.write_bytes((laboratory / "control0.ome.tif").read_bytes())
    protocol = load_protocol(laboratory / "protocol.yaml")
    told = []
    for path in (cut, odd, control, good):
        try:
            told.append(str(len(measure_file(path, protocol)[0])))
        except SenospineError as error:
            told.append(str(error))
    assert "not a whole TIFF" in told[0]
    assert "does not fit the pattern" in told[1]
    assert "one of the controls" in told[2]
    assert int(told[3]) > 15


def test_p16_without_controls_is_not_measured(laboratory: Path) -> None:
    options: dict[str, Any] = {"bone": {"channel": "bone"}, "cells": {"second": [{"channel": "p16"}]}}
    with pytest.raises(MeasureError, match="no threshold of p16 was set on controls"):
        measure_file(laboratory / "vehicle_m7_s2.ome.tif", options, place={"animal": "m7"})


def test_a_field_without_cells_counts_none_over_its_area(tmp_path: Path) -> None:
    section, _ = draw_section(Plan(rows=256, columns=256, osteoclasts=0.0), 1)
    write_section(tmp_path / "a.ome.tif", section)
    options = {"bone": {"channel": "bone"}, "cells": {}}
    readings, overlays = measure_file(tmp_path / "a.ome.tif", options, place={"animal": "m7"})
    assert (readings[0].value, readings[0].low) == (0.0, 0.0)
    assert readings[0].high == pytest.approx(3.689 / section.area_mm2, rel=1e-3)
    assert "no TRAP above the noise in this field" in readings[0].warnings
    assert len(overlays) == 1


def test_masks_of_tissue_and_bone_lie_beside_the_image(tmp_path: Path) -> None:
    import tifffile

    section, truth = draw_section(Plan(rows=256, columns=384, osteoclasts=60.0), 2)
    write_section(tmp_path / "a_1.ome.tif", section)
    tifffile.imwrite(tmp_path / "a_1_bone.tif", truth.bone.astype(np.uint8))
    tifffile.imwrite(tmp_path / "a_1_tissue.tif", np.ones(truth.bone.shape, np.uint8)[:-1])
    options: dict[str, Any] = {
        "cells": {}, "bone": {"file_ending": "_bone.tif"}, "name_pattern": r"a_(?P<animal>\d)", "thickness_um": 10.0,
    }  # fmt: skip
    readings, _ = measure_file(tmp_path / "a_1.ome.tif", options)
    assert set(readings[0].inputs) == {"a_1.ome.tif", "a_1_bone.tif"}
    with pytest.raises(MeasureError, match="another size"):
        measure_file(tmp_path / "a_1.ome.tif", {**options, "tissue": {"file_ending": "_tissue.tif"}})
    tifffile.imwrite(tmp_path / "a_1_bone.tif", truth.bone.astype(np.uint8)[:, :-1])
    with pytest.raises(MeasureError, match="bone mask has shape"):
        measure_file(tmp_path / "a_1.ome.tif", options)


def test_brightfield_goes_through_its_stains(tmp_path: Path) -> None:
    import tifffile
    from skimage.color import rgb_from_hed

    y, x = np.mgrid[:300, :300]
    unit = [rgb_from_hed[k] / np.linalg.norm(rgb_from_hed[k]) for k in (0, 2)]
    nuclei = sum(np.hypot(y - 150, x - c) < 7 for c in (130, 150, 170)) + (np.hypot(y - 60, x - 60) < 7)
    cell = ((y - 150) / 25) ** 2 + ((x - 150) / 45) ** 2 < 1
    density = nuclei[..., None] * 0.8 * unit[0] + cell[..., None] * 0.7 * unit[1]
    noise = np.random.default_rng(1).normal(0, 2, density.shape)
    rgb = np.clip(255 * np.exp(-density) + noise, 0, 255).astype(np.uint8)
    tifffile.imwrite(tmp_path / "m1.tif", rgb, photometric="rgb")
    options = {
        "pixel_um": 0.5, "stains": ["haematoxylin", "DAB"], "name_pattern": r"(?P<animal>m\d)",
        "cells": {"marker": "DAB", "nuclei": "haematoxylin", "near_bone": False}, "background": {"radius_um": 40},
    }  # fmt: skip
    result = measure_section_file(tmp_path / "m1.tif", options)
    assert result.cells is not None
    assert list(result.cells["nuclei"]) == [3]


def test_places_come_from_a_table_too(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text("file,group,animal,field\na.tif,sham,m1,2\nb.tif,sham,,1\n")
    (tmp_path / "p.yaml").write_text("intensity: [CGRP]\nplaces: places.csv\n")
    protocol = load_protocol(tmp_path / "p.yaml")
    assert protocol.place(Path("x/a.tif")) == {"group": "sham", "animal": "m1", "field": "2"}
    with pytest.raises(MeasureError, match="which animal"):
        protocol.place(Path("b.tif"))
    with pytest.raises(MeasureError, match=r"0 rows for the file c\.tif"):
        protocol.place(Path("c.tif"))
    (tmp_path / "places.csv").write_text("file,grup,animal\na.tif,sham,m1\n")
    with pytest.raises(MeasureError, match="did you mean 'group'"):
        protocol.place(Path("a.tif"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("intensity: [CGRP]\nbakground: {method: none}\n", r"p\.yaml:2: unknown key 'bakground'"),
        ("cells: {near_bone: false, markr: TRAP}\n", "did you mean 'marker'"),
        ("fibres: [{channel: CGRP, radius: 1}]\n", "did you mean 'radius_um'"),
        ("cells: {}\n", "cells near bone need bone"),
        ("pixel_um: 0.5\n", "nothing to measure"),
        ("intensity: [CGRP]\npixel_um: -1\n", r"p\.yaml:2: pixel_um"),
        ("intensity: [CGRP]\ntissue: {channel: a, file_ending: b}\n", "either file_ending or channel"),
        ("cells: {near_bone: false, abercrombie_height_um: 8}\n", "needs thickness_um"),
        ("intensity: [CGRP]\nname_pattern: '(?P<mouse>x)'\n", "no level of the design"),
        ("intensity: [CGRP]\nname_pattern: '(((x'\n", "no regular expression"),
        ("- a\n", "no mapping"),
    ],
)
def test_a_protocol_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(MeasureError, match=said):
        load_protocol(tmp_path / "p.yaml")


def test_a_channel_the_file_lacks_is_named(laboratory: Path) -> None:
    with pytest.raises(MeasureError, match="did you mean 'CGRP'"):
        measure_file(laboratory / "vehicle_m7_s2.ome.tif", {"intensity": ["CGPR"]}, place={"animal": "m7"})


def test_the_protocol_in_the_documents_loads(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "docs" / "measure-sections.md").read_text(encoding="utf-8")
    (tmp_path / "p.yaml").write_text(text.split("```yaml")[1].split("```")[0])
    protocol = load_protocol(tmp_path / "p.yaml")
    assert protocol.place(Path("vehicle_m7_s2.tif")) == {"group": "vehicle", "animal": "m7", "section": "s2"}
    assert {"p16", "PGP9.5", "Emcn", "bone"} <= protocol.channels_used()
    for block in text.split("```python")[1:]:
        compile(block.split("```")[0], "measure-sections.md", "exec")
