"""A laboratory nobody has: behaviour sheet, scans and sections drawn from simulated animals, with the truth beside.

SYNTHETIC DATA, and every file says so in its name or its first line. It answers whether a design would have found what
a simulation holds true, through the same files, protocols and commands as a real laboratory's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from senospine.assays import readout, readouts
from senospine.errors import FileError, MeasureError
from senospine.measure.section import (
    ControlImage,
    Plan,
    draw_section,
    plan_of_animal,
    thresholds_from_images,
    write_section,
    write_thresholds,
)
from senospine.measure.volume import drilled_endplate, write_nrrd
from senospine.randomness import stream
from senospine.runs import cannot_write

if TYPE_CHECKING:
    from senospine.study import Outcome

#: read-out to the columns of a sheet of animals it fills, and what of one measurement stands in each
_COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "withdrawal_frequency_0.07g": {"withdrawals_0.07g": lambda x: round(3 * x), "applications_0.07g": lambda x: 30},
    "withdrawal_frequency_0.4g": {"withdrawals_0.4g": lambda x: round(3 * x), "applications_0.4g": lambda x: 30},
    "heat_latency": {"hot_plate_s": lambda x: round(x, 2), "hot_plate_cutoff_s": lambda x: 20},
    "wheel_distance": {"wheel_distance_km": lambda x: round(x, 3), "wheel_hours": lambda x: 48},
    "wheel_active_time": {"wheel_active_time_h": lambda x: round(x, 3), "wheel_hours": lambda x: 48},
    "wheel_max_speed": {"wheel_max_speed_m_per_min": lambda x: round(x, 2), "wheel_hours": lambda x: 48},
}
_NAME = r"synthetic_(?P<group>[A-Za-z0-9-]+)_(?P<animal>m\d+)_(?P<{}>{}\d+)"
_SCANS = f"""# SYNTHETIC DATA
kind: endplate
endplate: {{side: caudal, head: last, closing_um: 250}}  # wider than channels that merge
threshold: {{sigma_um: 5}}
place: {{fixed: {{study: synthetic}}, pattern: '{_NAME.format("level", "L")}'}}
"""
_SECTIONS = f"""# SYNTHETIC DATA
bone: {{channel: bone}}
bleed_through: {{p16: {{TRAP: BLEED}}}}
cells: {{second: [{{channel: p16}}]}}
fibres:
  - {{channel: PGP9.5, carries: CGRP}}
  - {{channel: CD31, radius_um: [3.5]}}
double_positive: [{{first: CD31, second: Emcn}}]
intensity: [CGRP, PGP9.5, CD31, Emcn]
thresholds: thresholds.yaml
name_pattern: '{_NAME.format("section", "s")}'
"""


@dataclass(frozen=True)
class SyntheticAnimal:
    """A simulated animal that a laboratory measures.

    Attributes
    ----------
    group : str
        Letters, digits and hyphens.
    number : int
        Names it ``m01`` and keys all its draws.
    expected : mapping of str to float
        Its true read-outs, in the unit of :func:`senospine.assays.readouts`.
    """

    group: str
    number: int
    expected: Mapping[str, float]

    @property
    def name(self) -> str:
        """Its name in every file."""
        return f"m{self.number:02d}"


def animals_of(outcome: Outcome, n: int = 6, arms: Sequence[str] | None = None) -> list[SyntheticAnimal]:
    """Return the first ``n`` animals of each arm of a study that was run, with all their true read-outs.

    Raises
    ------
    MeasureError
        Fewer animals were simulated.
    StudyError
        No such arm.
    """
    animals: list[SyntheticAnimal] = []
    for name in arms or [arm.name for arm in outcome.study.arms]:
        arm = outcome.study.arm(name)
        own = [item for item in readouts().values() if outcome.study.species in item.species]
        values = {item.name: outcome.expected(item, arm) for item in own}
        solved = np.flatnonzero(np.all([np.isfinite(value) for value in values.values()], axis=0))[:n]
        if len(solved) < n:
            raise MeasureError(f"arm '{name}' holds {len(solved)} animals, not {n}", remedy="simulate more of them")
        for animal in solved:
            mine = {key: float(value[animal]) for key, value in values.items()}
            animals.append(SyntheticAnimal(name, len(animals) + 1, mine))
    return animals


def write_laboratory(
    folder: str | Path, animals: Sequence[SyntheticAnimal], *, scans: int = 1, sections: int = 2,
    plan: Plan | None = None, scan: Mapping[str, float] | None = None, seed: int = 1,
) -> Path:  # fmt: skip
    """Write what a laboratory would have of these animals; return the folder.

    ``behaviour/animals.csv`` is measured with the assays' noise. ``scans`` and ``sections`` hold files and the
    ``protocol.yaml`` that measures them; beside the sections lie control images, and thresholds set on them. All scans
    of an animal have its porosity, all its sections its densities. ``truth.csv`` tells what was drawn.

    Parameters
    ----------
    folder : path
        New or empty.
    animals : sequence of SyntheticAnimal
    scans, sections : int
        Of each animal; none where 0.
    plan : Plan, optional
        What a section is like beside the animal's densities.
    scan : mapping, optional
        Arguments of :func:`senospine.measure.volume.drilled_endplate`, such as ``radius_um``.
    seed : int

    Raises
    ------
    FileError
        The folder holds files, or cannot be written.
    """
    folder = Path(folder)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise FileError("the folder holds files", where=str(folder), remedy="choose a new or empty one")
        for name in ("behaviour", "scans", "sections/controls"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    (folder / "behaviour" / "animals.csv").write_text(_sheet(animals, seed), encoding="utf-8")
    truth = [{"group": one.group, "animal": one.name, "what": "animal", **one.expected} for one in animals]
    if scans:
        (folder / "scans" / "protocol.yaml").write_text(_SCANS, encoding="utf-8")
        truth += [row for one in animals for row in _scans(folder / "scans", one, scans, scan or {}, seed)]
    if sections:
        plan = plan or Plan(cgrp_share=0.3, type_h_share=0.3)
        _controls(folder / "sections", plan, seed)
        truth += [row for one in animals for row in _sections(folder / "sections", one, sections, plan, seed)]
    columns = list(dict.fromkeys(name for row in truth for name in row))
    (folder / "truth.csv").write_text("# SYNTHETIC DATA\n" + _csv(columns, truth), encoding="utf-8")
    return folder


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _sheet(animals: Sequence[SyntheticAnimal], seed: int) -> str:
    rows = []
    for one in animals:
        row: dict[str, object] = {"group": one.group, "animal": one.name}
        for name, cells in _COLUMNS.items():
            if name in one.expected:
                generator = stream(seed, f"measure/laboratory/{name}", one.number)
                value = float(readout(name).measure(np.array([one.expected[name]]), generator)[0])
                row |= {column: cell(value) for column, cell in cells.items()}
        rows.append(row)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return "## SYNTHETIC DATA, simulated by senospine\n# sheet: animals\n# study: synthetic\n" + _csv(columns, rows)


def _scans(
    folder: Path, one: SyntheticAnimal, scans: int, drawing: Mapping[str, Any], seed: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    share, apart = one.expected["endplate_porosity"] / 100, one.expected.get("trabecular_separation")
    width = {} if apart is None else {"diameter_um": 1000 * apart}  # a channel's width is the space between its walls
    for number in range(1, scans + 1):
        drawn = drilled_endplate(share, seed=seed, subject=1000 * one.number + number, **{**width, **drawing})
        file = folder / f"synthetic_{one.group}_{one.name}_L{number}.nrrd"
        write_nrrd(file, drawn.volume)
        told = {"endplate_porosity": 100 * drawn.truth["porosity"], "pores": drawn.truth["number"]}
        rows.append({"group": one.group, "animal": one.name, "what": file.name, **told})
    return rows


def _controls(folder: Path, plan: Plan, seed: int) -> None:
    """Draw three sections without p16, nerves and vessels, and set the thresholds on them."""
    protocol = folder / "protocol.yaml"
    protocol.write_text(_SECTIONS.replace("BLEED", f"{plan.bleed:g}"), encoding="utf-8")
    without = replace(plan, osteoclasts=60.0, senescent=0.0, nerve_length=0.0, vessel_length=0.0)
    channels = ("p16", "CGRP", "PGP9.5", "CD31", "Emcn")
    images, rows = [], []
    for number in (1, 2, 3):
        file = folder / "controls" / f"synthetic_control_{number}.ome.tif"
        write_section(file, draw_section(without, seed, number)[0])
        images.append(ControlImage(file, f"c{number}", "known-negative", channels))
        rows.append({"file": f"controls/{file.name}", "animal": f"c{number}", "kind": "known-negative",
                     "channels": " ".join(channels)})  # fmt: skip
    (folder / "controls.csv").write_text(_csv(list(rows[0]), rows), encoding="utf-8")
    write_thresholds(folder / "thresholds.yaml", thresholds_from_images(images, protocol))


def _sections(folder: Path, one: SyntheticAnimal, sections: int, plan: Plan, seed: int) -> list[dict[str, Any]]:
    mine = plan_of_animal(one.expected, **plan.__dict__)
    rows = []
    for number in range(1, sections + 1):
        section, truth = draw_section(mine, seed, 1000 * one.number + number)
        file = folder / f"synthetic_{one.group}_{one.name}_s{number}.ome.tif"
        write_section(file, section)
        inside = truth.cells[truth.cells["column"].between(0, mine.columns)]
        told = {
            "osteoclast_density": len(inside) / mine.area_mm2,
            "snoc_density": inside["senescent"].sum() / mine.area_mm2,
        }
        rows.append({"group": one.group, "animal": one.name, "what": file.name, **told})
    return rows
