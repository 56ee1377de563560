"""What measuring one file gives: readings, pictures to check them by, and what the file says of the design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from senospine.measure.reading import Reading


@dataclass(frozen=True)
class Picture:
    """A picture a person checks at a glance, such as what was counted, outlined on the image.

    Attributes
    ----------
    title, caption : str
    png : bytes
        A whole PNG file.
    """

    title: str
    caption: str
    png: bytes


@dataclass(frozen=True)
class Measured:
    """Everything one input gave.

    Attributes
    ----------
    readings : sequence of Reading
    pictures : sequence of Picture
    arrive : mapping of str to str
        Items of ARRIVE 2.0 the input states, by name.
    """

    readings: Sequence[Reading]
    pictures: Sequence[Picture] = ()
    arrive: Mapping[str, str] = field(default_factory=dict)
