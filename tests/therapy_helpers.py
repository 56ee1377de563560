"""Regimens to test with, drawn and written, and what every refusal has to say."""

from __future__ import annotations

import math

import pytest
from hypothesis import strategies as st

from senospine.errors import RegimenError, SenospineError, UnitError
from senospine.therapy import Regimen, parse_regimen

PAN = "navitoclax 50 mg/kg oral daily for 7 days every 21 days, 2 cycles, from week 4 after surgery"
PAN_MAPPING = {
    "drug": "navitoclax",
    "dose": "50 mg/kg",
    "route": "oral",
    "every": "1 day",
    "for": "7 days",
    "cycles": 2,
    "cycle length": "21 days",
    "from": "week 4 after surgery",
}
ARM = {"birth": 0.0, "surgery": 91.3}
HEAD = "navitoclax 50 mg/kg oral"
START = "from week 4 after surgery"


def refusal(kind: type[SenospineError], *args: object, call=parse_regimen, **kwargs: object) -> SenospineError:
    with pytest.raises(SenospineError) as caught:
        call(*args, **kwargs)
    assert type(caught.value) is kind, caught.value
    assert caught.value.where
    assert caught.value.remedy
    return caught.value


def attempt(text: str) -> Regimen | SenospineError:
    try:
        return parse_regimen(text)
    except (RegimenError, UnitError) as error:
        return error


def lengths(smallest: float, largest: float) -> st.SearchStrategy[float]:
    """Lengths of time [day] of every kind: whole minutes, hours, days, weeks, months, and any other."""
    units = (1 / 1440, 1 / 24, 1.0, 7.0, 30.4375)
    whole = st.sampled_from(units).flatmap(
        lambda unit: st.integers(math.ceil(smallest / unit), math.floor(largest / unit)).map(lambda n: n * unit)
    )
    return (whole | st.floats(smallest, largest)).filter(lambda days: smallest <= days <= largest)


@st.composite
def regimens(draw: st.DrawFn) -> Regimen:
    fields: dict[str, object] = {
        "drug": draw(st.sampled_from(["navitoclax", "ABT-263", "abt263"])),
        "dose": draw(st.floats(1e-12, 999_999.0)),
        "unit": "mg/kg",
        "route": "oral",
        "start_days": draw(lengths(0.0, 9000.0)),
        "anchor": draw(st.sampled_from(["birth", "surgery", "first dose"])),
    }
    if draw(st.booleans()):
        interval = draw(lengths(1 / 1440, 100.0))
        duration = interval * draw(st.integers(1, 50))
        fields |= {"interval_days": interval, "duration_days": duration}
        if draw(st.booleans()):
            fields |= {"cycles": draw(st.integers(1, 9)), "cycle_days": draw(lengths(duration, 10_000.0))}
    return Regimen(**fields)
