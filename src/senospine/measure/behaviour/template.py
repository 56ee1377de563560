"""Empty sheets to fill in: every column explained, two made-up rows that must be replaced."""

from __future__ import annotations

import csv
import io

from senospine.measure.arrive import arrive_items
from senospine.measure.behaviour.schema import schema

EXAMPLE = "EXAMPLE"


def template(name: str = "animals") -> str:
    """Return a sheet as CSV text, ready to be filled in.

    Lines that begin with ``##`` explain; ``# name: value`` lines are settings and items of ARRIVE 2.0; below the header
    stand two made-up animals, whose names begin with EXAMPLE so that they cannot be taken for data.

    Raises
    ------
    MeasureError
        No such sheet.
    """
    kind = schema(name)
    lines = [f"# sheet: {name}", f"## {kind.meaning}", "## Lines with two signs explain and may be deleted."]
    for setting in kind.settings:
        if setting.name == "sheet":
            continue
        choices = f"; one of: {', '.join(setting.choices)}" if setting.choices else ""
        needed = "" if setting.required else " (may be left out)"
        lines.append(f"## {setting.name}: {setting.meaning}{choices}{needed}")
        lines.append(f"# {setting.name}: {setting.example}" if not setting.pattern else f"## # {setting.name}.NAME: …")
    lines.append(
        "## ARRIVE 2.0, the Essential 10 (doi 10.1371/journal.pbio.3000410): say what is so, leave open what is not."
    )
    lines += [f"# arrive.{item.name}:" for item in arrive_items() if not item.from_data]
    lines.append("## Columns:")
    for column in kind.columns:
        limits = f"; one of: {', '.join(column.choices)}" if column.choices else ""
        needed = ", needed" if column.required else ""
        lines.append(f"## {column.name}: {column.meaning}{limits}{needed}")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in kind.columns])
    for index in range(2):
        writer.writerow([_example(column.name, column.example, index) for column in kind.columns])
    return "\n".join(lines) + "\n" + out.getvalue()


def _example(name: str, example: tuple[str, ...], index: int) -> str:
    cell = example[index] if index < len(example) else ""
    return f"{EXAMPLE}-{cell}" if name == "animal" else cell
