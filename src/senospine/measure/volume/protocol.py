"""The protocol of a measurement: a page of YAML that says what was chosen, so that nothing is chosen in silence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from senospine.measure.arrive import check_stated
from senospine.measure.inputs import content_hash
from senospine.measure.protocol import (
    NamePattern,
    NotNegative,
    Page,
    Positive,
    of_an_animal,
    place_by_name,
    place_by_table,
    read_page,
)

AXES = {"z": 0, "y": 1, "x": 2}


class Threshold(Page):
    """How bone is told from marrow; see :func:`senospine.measure.volume.segment_bone`."""

    method: Literal["otsu", "fixed", "adaptive"] = "otsu"
    level: float | None = None
    sigma_um: NotNegative = 0.0
    window_um: Positive = 200.0


class EndplateChoice(Page):
    """Which face of the vertebra, how deep and how far from its rim."""

    axis: Literal["z", "y", "x"] = "z"
    head: Literal["first", "last"] = "first"
    side: Literal["cranial", "caudal"] = "caudal"
    depth_um: tuple[NotNegative, Positive] = (0.0, 150.0)
    inset: Annotated[float, Field(ge=0, lt=1)] = 0.1
    closing_um: NotNegative = 100.0
    smallest_pore_voxels: Annotated[int, Field(ge=1)] = 8

    @property
    def disc(self) -> Literal["first", "last"]:
        """At which end of the axis the disc lies: the caudal face looks away from the head."""
        return "last" if (self.head == "first") == (self.side == "caudal") else "first"


class Crop(Page):
    """A part of the scan, first and one past the last voxel along each axis."""

    z: tuple[int, int] | None = None
    y: tuple[int, int] | None = None
    x: tuple[int, int] | None = None


class Place(Page):
    """Where a scan belongs: the same for all, read from file names, or looked up in a table by file name."""

    fixed: dict[str, str] = Field(default_factory=dict)
    pattern: NamePattern | None = None
    table: Path | None = None


class Protocol(Page):
    """Everything that is chosen before a scan is measured."""

    kind: Literal["trabecular", "endplate", "disc"]
    place: Place = Place()
    spacing_um: Positive | tuple[Positive, Positive, Positive] | None = None
    resample: bool = False
    bin: Annotated[int, Field(ge=1, le=16)] = 1
    crop: Crop = Crop()
    threshold: Threshold = Threshold()
    region_mask: Path | None = None
    margin_um: Positive | None = None
    border: Literal["margin", "open", "closed", "drop"] | None = None
    convention: Literal["bonej", "voxel", "oversample2"] = "bonej"
    endplate: EndplateChoice = EndplateChoice()
    front_axis: Literal[0, 1] = 0
    sensitivity: bool = True
    allow_coarse: bool = False
    threads: Annotated[int, Field(ge=0)] = 0
    arrive: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agree(self) -> Protocol:
        if self.border == "margin" and self.margin_um is None and self.region_mask is None:
            raise ValueError("the border rule 'margin' needs 'margin_um' or 'region_mask'")
        if (self.threshold.method == "fixed") != (self.threshold.level is not None):
            raise ValueError("the threshold rule 'fixed' needs a 'level', and only it does")
        check_stated(self.arrive)
        return self

    @property
    def border_rule(self) -> Literal["margin", "open", "closed", "drop"]:
        """The rule that was given; else ``margin`` where there is one, else ``open``."""
        return self.border or ("open" if self.margin_um is None and self.region_mask is None else "margin")

    @property
    def edges_um(self) -> tuple[float, float, float] | None:
        """Voxel edges z, y, x that override the file's."""
        return (self.spacing_um,) * 3 if isinstance(self.spacing_um, float) else self.spacing_um

    def place_of(self, path: Path) -> dict[str, str]:
        """Return where the scan at ``path`` belongs.

        Raises
        ------
        MeasureError
            No animal is named, a pattern does not fit, or the table has no row, or two, for the file.
        """
        place = dict(self.place.fixed)
        if self.place.pattern is not None:
            place |= place_by_name(self.place.pattern, path)
        if self.place.table is not None:
            place |= place_by_table(self.place.table, path, other_columns=True)
        remedy = "under 'place' give 'fixed: {animal: …}', a 'pattern' with (?P<animal>…), or a 'table'"
        return of_an_animal(place, path, remedy)

    def basis(self, path: Path) -> dict[str, Any]:
        """Return what decides the readings of a scan beside the scan; see :class:`senospine.measure.inputs.Chosen`."""
        chosen = self.model_dump(mode="json", exclude={"place", "arrive", "threads", "region_mask"})
        region = None if self.region_mask is None else content_hash(self.region_mask)
        apart = sorted(path.parent.glob(f"{path.stem}.*")) if path.suffix.lower() == ".nhdr" else []
        voxels = {item.name: content_hash(item) for item in apart}  # of a header whose voxels lie in another file
        return {"protocol": chosen, "place": self.place_of(path), "region": region, "voxels": voxels}

    def left_out(self, path: Path) -> str | None:
        """Return why a file is no scan of its own: it is the region drawn on one."""
        mine = self.region_mask is not None and path.resolve() == self.region_mask.resolve()
        return "region mask" if mine else None


def load_protocol(options: Protocol | Mapping[str, Any] | str | Path) -> Protocol:
    """Return a protocol from a YAML file or a mapping; paths in a file are relative to it.

    Raises
    ------
    MeasureError
        An unknown key, or a choice that cannot be.

    Examples
    --------
    >>> load_protocol({"kind": "endplate", "place": {"fixed": {"animal": "7"}}}).endplate.disc
    'last'
    """
    if isinstance(options, Protocol):
        return options
    protocol, folder = read_page(Protocol, options, "docs/measure-volumes.md")
    if folder is None:
        return protocol
    place = protocol.place
    if place.table is not None:
        place = place.model_copy(update={"table": folder / place.table})
    mask = folder / protocol.region_mask if protocol.region_mask else None
    return protocol.model_copy(update={"place": place, "region_mask": mask})
