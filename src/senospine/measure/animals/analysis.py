"""From readings to everything that is told of them: animals, groups, comparisons, ARRIVE, refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

import senospine
from senospine.errors import MeasureError
from senospine.measure.animals.compare import compare
from senospine.measure.animals.describe import describe
from senospine.measure.animals.summarise import summarise, with_variants
from senospine.measure.arrive import ArriveLine, arrive_lines
from senospine.measure.reading import definition


@dataclass(frozen=True)
class Analysis:
    """What a table of readings says of animals and groups.

    Attributes
    ----------
    readings, animals, groups, comparisons : DataFrame
        Empty where the readings do not carry them; ``refusals`` says why.
    arrive : list of ArriveLine
    refusals : tuple of str
    unit : str
    control : str or None
    """

    readings: pd.DataFrame
    animals: pd.DataFrame
    groups: pd.DataFrame
    comparisons: pd.DataFrame
    arrive: list[ArriveLine]
    refusals: tuple[str, ...]
    unit: str
    control: str | None


def analyse(
    readings: pd.DataFrame, *, control: str | None = None, unit: str = "animal",
    stated: Iterable[Mapping[str, str]] = (),
) -> Analysis:  # fmt: skip
    """Return animals, groups and comparisons of a table of readings.

    What the gate refuses stops nothing else: the readings stay, and the refusal is told; animals without a group are
    left out of comparisons where others have one. Where an animal was measured in more than one session, the
    comparison over sessions stands below those of each.
    """
    empty, refusals = pd.DataFrame(), []
    animals = groups = comparisons = empty
    try:
        compared = with_group(readings)
        lonely = sorted({str(name) for name in readings["animal"]} - {str(name) for name in compared["animal"]})
        if lonely:
            remedy = "name the group in the sheet, the file's name or the table of places"
            left = f"no group is given for animal {', '.join(lonely)}: left out of groups and comparisons"
            refusals.append(f"{left}\n  what to do: {remedy}")
        animals = summarise(compared, unit)
        groups = describe(animals)
        comparisons = compare(animals, control=control, unit=unit)
        repeated = animals[animals.groupby(["definition", "variant"])["session"].transform("nunique") > 1]
        if len(repeated):
            over = compare(repeated, control=control, unit=unit, model="mixed")
            comparisons = pd.concat([comparisons, over], ignore_index=True)
    except MeasureError as error:
        refusals.append(str(error))
    lines = arrive_lines(stated, _told(animals, groups, comparisons, unit))
    return Analysis(readings, animals, groups, comparisons, lines, tuple(refusals), unit, control)


def with_group(readings: pd.DataFrame) -> pd.DataFrame:
    """Return the readings whose animal has a group, or all where none has."""
    table = with_variants(readings)
    grouped = table[table["group"] != ""]
    return grouped if len(grouped) else table


def _told(animals: pd.DataFrame, groups: pd.DataFrame, comparisons: pd.DataFrame, unit: str) -> dict[str, str]:
    """Return what the tables tell of items of ARRIVE."""
    if animals.empty:
        return {}
    counts = animals.groupby("group", sort=False)[unit].nunique()
    told = {
        "groups": f"groups measured: {', '.join(str(name) for name in counts.index)}",
        "numbers": ", ".join(f"{group}: {count} {unit}s" for group, count in counts.items()),
        "definitions": "; ".join(dict.fromkeys(definition(str(name)).label for name in animals["definition"])),
        "summaries": "table of groups: n, mean, SD, interval of 95 %" if len(groups) else "",
    }
    if len(comparisons):
        tests = sorted({str(test).split(", dispersion")[0] for test in comparisons["test"] if test != "none"})
        told["tests"] = f"{'; '.join(tests)}; senospine {senospine.__version__}"
        told["effects"] = "table of comparisons: effect with interval of 95 %"
    return told
