"""What the measurements of one section share, and how a value becomes a reading."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from senospine.errors import MeasureError
from senospine.measure.reading import Reading
from senospine.measure.section.controls import Threshold
from senospine.measure.section.fibres import Fibres
from senospine.measure.section.image import Mask, Section
from senospine.measure.section.protocol import Protocol
from senospine.stats.counts import poisson_interval


@dataclass
class Bench:
    """A prepared section, what is asked of it, and what was traced on it already."""

    section: Section
    protocol: Protocol
    place: Mapping[str, str]
    thresholds: Mapping[str, Threshold]
    bone: Mask | None = None
    traced: dict[str, Fibres] = field(default_factory=dict)

    def reading(self, definition: str, value: float, warnings: Sequence[str] = (), **more: Any) -> Reading:
        """Return a reading with the section's own settings, inputs and warnings."""
        settings = {**self.section.settings, "pixel_um": self.section.pixel_um, **more.pop("settings", {})}
        if math.isfinite(self.section.thickness_um):
            settings["thickness_um"] = self.section.thickness_um
        told = tuple(dict.fromkeys((*self.section.warnings, *warnings)))
        return Reading(
            definition, value, self.place, settings=settings, inputs=self.section.inputs, warnings=told, **more
        )

    def rate(self, definition: str, count: int, total: float, warnings: Sequence[str] = (), **more: Any) -> Reading:
        """Return a count over an area or a length, with its Poisson interval."""
        low, high = poisson_interval(count)
        return self.reading(definition, count / total, warnings, low=float(low) / total, high=float(high) / total,
                            count=count, total=total, **more)  # fmt: skip

    def threshold(self, name: str, region: str) -> Threshold | None:
        """Return the threshold of region ``pixel`` or ``ridge`` from controls, if there is one."""
        found = self.thresholds.get(f"{name} {region}")
        if found is not None and set(self.section.inputs.values()) & set(found.images):
            raise MeasureError(
                f"this image is one of the controls the {region} threshold of {name} was set on",
                remedy="measure other images, or set the threshold on other controls",
            )
        return found
