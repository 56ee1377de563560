"""Panels of secreted proteins: log2 levels with detection limits, plates as a random effect, composites."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from senospine.errors import Finding
from senospine.measure.behaviour.cells import Row
from senospine.measure.behaviour.sheet import Sheet, refuse
from senospine.measure.reading import Reading
from senospine.stats import fit_random_intercept

LEVEL = "analyte_level/log2/detection-limited"
COMPOSITE = "analyte_composite/mean-z-of-control/declared-members"


def read_panel(sheet: Sheet) -> list[Reading]:
    """Return the log2 level of every analyte in every animal, then the composites named beforehand."""
    refuse(_impossible(sheet), sheet.path)
    shifts = {analyte: plate_shifts(sheet, analyte) for analyte in {row.text("analyte") for row in sheet.rows}}
    levels = [_level(sheet, row, shifts[row.text("analyte")]) for row in sheet.rows]
    return levels + _composites(sheet, levels)


def _impossible(sheet: Sheet) -> list[Finding]:
    found = []
    for row in sheet.rows:
        level, lower = row.cells["level_pg_per_ml"], row.number("lower_limit_pg_per_ml")
        upper = row.number("upper_limit_pg_per_ml")
        if level == ">" and math.isnan(upper):
            found.append(Finding("error", row.where, "above an upper limit that is not given", "add the upper limit"))
        if upper <= lower:
            found.append(Finding("error", row.where, "the upper limit is not above the lower one", "correct one"))
        if not isinstance(level, str) and (level < lower or level > upper):
            remedy = "write '<' or '>' for what lies beyond a limit"
            found.append(Finding("error", row.where, f"a level of {level:g} lies beyond its own limits", remedy))
    analytes = {row.text("analyte") for row in sheet.rows}
    groups = {row.text("group") for row in sheet.rows}
    for name, members in _declared(sheet).items():
        missing = [member for member in members if member not in analytes]
        if missing or len(members) < 2:
            what = f"composite '{name}' names {', '.join(missing) or 'one member'}"
            found.append(Finding("error", str(sheet.path), what, f"two or more of: {', '.join(sorted(analytes))}"))
        if sheet.settings.get("control") not in groups:
            remedy = f"add a line '# control: GROUP'; one of: {', '.join(sorted(groups))}"
            found.append(Finding("error", str(sheet.path), f"composite '{name}' needs a control group", remedy))
    return found


def _declared(sheet: Sheet) -> dict[str, list[str]]:
    return {
        name.removeprefix("composite."): [part.strip() for part in value.split(",") if part.strip()]
        for name, value in sheet.settings.items()
        if name.startswith("composite.")
    }


def plate_shifts(sheet: Sheet, analyte: str) -> Mapping[str, float]:
    """Return how far each plate lies above the others in log2, shrunk as a random effect; groups are allowed for.

    Empty where there is one plate, or where plates and groups cannot be told apart. Levels beyond a limit do not count.
    """
    rows = [
        row for row in sheet.rows if row.text("analyte") == analyte and row.cells["level_pg_per_ml"] not in {"<", ">"}
    ]
    plates, groups = [row.text("plate") for row in rows], [row.text("group") for row in rows]
    design = np.array([[float(group == name) for name in sorted(set(groups))] for group in groups])
    both = [[*line, *(float(plate == name) for name in sorted(set(plates))[1:])] for line, plate in
            zip(design.tolist(), plates, strict=True)]  # fmt: skip
    if len(set(plates)) < 2 or len(rows) <= len(both[0]) or np.linalg.matrix_rank(np.array(both)) < len(both[0]):
        return {}
    y = np.log2([row.number("level_pg_per_ml") for row in rows])
    fit = fit_random_intercept(y, design, plates)
    rest = y - design @ fit.coefficients
    shifts = {}
    for plate in sorted(set(plates)):
        here = rest[[name == plate for name in plates]]
        shifts[plate] = float(fit.between * here.sum() / (fit.within + fit.between * len(here)))
    return shifts


def _level(sheet: Sheet, row: Row, shifts: Mapping[str, float]) -> Reading:
    level, plate = row.cells["level_pg_per_ml"], row.text("plate")
    shift = shifts.get(plate, 0.0)
    settings: dict[str, float | str] = {
        "analyte": row.text("analyte"),
        "sample": sheet.settings["sample"],
        "plate": plate,
        "plate_shift_log2": shift,
        "lower_limit_pg_per_ml": row.number("lower_limit_pg_per_ml"),
        **({"session": row.text("session")} if row.text("session") else {}),
    }
    one_plate = len({other.text("plate") for other in sheet.rows if other.text("analyte") == row.text("analyte")}) == 1
    warnings = () if one_plate or shifts else ("plates and groups cannot be told apart: no plate shift was taken off",)
    low = high = math.nan
    if level == "<":
        value = math.log2(row.number("lower_limit_pg_per_ml")) - shift
        low, high = -math.inf, value
    elif level == ">":
        value = math.log2(row.number("upper_limit_pg_per_ml")) - shift
        low, high = value, math.inf
    else:
        value = math.log2(level) - shift
    return Reading(LEVEL, value, sheet.place(row), low, high, settings=settings, inputs=sheet.inputs, warnings=warnings)


def _composites(sheet: Sheet, levels: list[Reading]) -> list[Reading]:
    """Return each composite: the mean over members of the level in SDs of the control group of the same session."""
    sessions: dict[str, dict[str, dict[str, list[Reading]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for item in levels:
        by_animal = sessions[str(item.settings.get("session", ""))]
        by_animal[item.place["animal"]][str(item.settings["analyte"])].append(item)
    return [
        _composite(sheet, name, members, found, _control_scale(sheet, members, by_animal), session)
        for name, members in _declared(sheet).items()
        for session, by_animal in sessions.items()
        for found in by_animal.values()
    ]


def _control_scale(
    sheet: Sheet, members: list[str], by_animal: Mapping[str, Mapping[str, list[Reading]]]
) -> dict[str, tuple[float, float]]:
    """Return mean and SD of each member among the control animals, SD 0 where it has none."""
    scale = {}
    for member in members:
        control = [
            np.mean([item.value for item in found[member]])
            for found in by_animal.values()
            if member in found and found[member][0].place["group"] == sheet.settings["control"]
        ]
        scale[member] = (float(np.mean(control)), float(np.std(control, ddof=1))) if len(control) > 1 else (0.0, 0.0)
    return scale


def _composite(
    sheet: Sheet, name: str, members: list[str], found: Mapping[str, list[Reading]],
    scale: Mapping[str, tuple[float, float]], session: str,
) -> Reading:  # fmt: skip
    known = [member for member in members if member in found]
    warnings: tuple[str, ...] = ()
    value = math.nan
    if len(known) < len(members):
        warnings += (f"not measured: {', '.join(sorted({*members} - {*known}))}",)
    elif any(scale[member][1] <= 0 for member in members):
        warnings += ("a member does not vary among the controls, or fewer than two controls were measured",)
    else:
        z = [
            (np.mean([item.value for item in found[member]]) - scale[member][0]) / scale[member][1]
            for member in members
        ]
        value = float(np.mean(z))
    limited = [m for m in known if any(math.isinf(item.low) or math.isinf(item.high) for item in found[m])]
    if limited:
        warnings += (f"at its limit: {', '.join(limited)}",)
    settings = {
        "composite": name,
        "sample": sheet.settings["sample"],
        "members": ", ".join(members),
        "control": sheet.settings["control"],
        **({"session": session} if session else {}),
    }
    place = next(iter(found.values()))[0].place
    return Reading(COMPOSITE, value, place, settings=settings, inputs=sheet.inputs, warnings=warnings)
