"""A measured number carries its definition, its animal and its unit."""

import pytest

from senospine.errors import MeasureError
from senospine.measure import HIERARCHY, Reading, definitions, readings_table

FREQUENCY = "withdrawal_frequency/fixed-filament/x-of-n"


def test_every_definition_says_unit_convention_and_source() -> None:
    for item in definitions().values():
        assert item.unit
        assert len(item.convention.split()) > 4
        assert item.source == "assumption" or item.source.startswith("10.")


def test_a_reading_without_definition_or_animal_is_refused() -> None:
    with pytest.raises(MeasureError, match="did you mean"):
        Reading("withdrawal_frequency/fixed-filament/x-of-m", 0.3, {"animal": "7"})
    with pytest.raises(MeasureError, match="no animal"):
        Reading(FREQUENCY, 0.3, {"group": "sham"})
    with pytest.raises(MeasureError, match="no level of the design"):
        Reading(FREQUENCY, 0.3, {"animal": "7", "cages": "2"})


def test_the_table_keeps_place_unit_and_settings() -> None:
    table = readings_table([Reading(FREQUENCY, 0.3, {"animal": "7", "group": "sham"}, count=3, total=10,
                                    settings={"force_g": 0.4})])  # fmt: skip
    assert list(table.columns[:8]) == list(HIERARCHY)
    row = table.iloc[0]
    assert (row["animal"], row["group"], row["unit"], row["total"]) == ("7", "sham", "1", 10)
    assert row["settings"] == '{"force_g": 0.4}'
