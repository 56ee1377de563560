"""The protocol of a measurement: a page of YAML that says what was chosen, so that nothing is chosen in silence."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from senospine.errors import MeasureError, suggest
from senospine.measure.arrive import check_stated
from senospine.measure.inputs import content_hash
from senospine.measure.reading import HIERARCHY
from senospine.yaml_files import Document, read_yaml

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
AXES = {"z": 0, "y": 1, "x": 2}


class _Page(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Threshold(_Page):
    """How bone is told from marrow; see :func:`senospine.measure.volume.segment_bone`."""

    method: Literal["otsu", "fixed", "adaptive"] = "otsu"
    level: float | None = None
    sigma_um: NotNegative = 0.0
    window_um: Positive = 200.0


class EndplateChoice(_Page):
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


class Crop(_Page):
    """A part of the scan, first and one past the last voxel along each axis."""

    z: tuple[int, int] | None = None
    y: tuple[int, int] | None = None
    x: tuple[int, int] | None = None


class Place(_Page):
    """Where a scan belongs: the same for all, read from file names, or looked up in a table by file name."""

    fixed: dict[str, str] = {}
    pattern: str | None = None
    table: Path | None = None


class Protocol(_Page):
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
    arrive: dict[str, str] = {}

    @model_validator(mode="after")
    def _agree(self) -> Protocol:
        if self.border == "margin" and self.margin_um is None and self.region_mask is None:
            raise ValueError("the border rule 'margin' needs 'margin_um' or 'region_mask'")
        if (self.threshold.method == "fixed") != (self.threshold.level is not None):
            raise ValueError("the threshold rule 'fixed' needs a 'level', and only it does")
        if self.place.pattern is not None:
            re.compile(self.place.pattern)
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
            match = re.search(self.place.pattern, path.name)
            if match is None:
                raise MeasureError(
                    f"the file name does not fit the pattern {self.place.pattern}", where=str(path),
                    remedy="rename the file, or correct 'pattern'",
                )  # fmt: skip
            place |= {key: value for key, value in match.groupdict().items() if value is not None}
        if self.place.table is not None:
            place |= _row(self.place.table, path)
        for name in place:
            if name not in HIERARCHY:
                raise MeasureError(f"'{name}' is no level of the design", remedy=suggest(name, HIERARCHY))
        if not place.get("animal"):
            raise MeasureError(
                "which animal this is, is not told", where=str(path),
                remedy="under 'place' give 'fixed: {animal: …}', a 'pattern' with (?P<animal>…), or a 'table'",
            )  # fmt: skip
        return place

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


def _row(table: Path, path: Path) -> dict[str, str]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("file") == path.name]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MeasureError(
            f"cannot read the table: {error}", where=str(table), remedy="check path and format"
        ) from None
    if len(rows) != 1:
        raise MeasureError(
            f"{len(rows)} rows for the file {path.name}",
            where=str(table),
            remedy="give each file one row, column 'file'",
        )
    return {key: value.strip() for key, value in rows[0].items() if key in HIERARCHY and value and value.strip()}


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
    document = read_yaml(options) if isinstance(options, str | Path) else Document(Path("protocol"), options, {})
    if not isinstance(document.data, Mapping):
        raise MeasureError(
            "a protocol is a page of keys", where=str(document.path), remedy="start with 'kind: endplate'"
        )
    try:
        protocol = Protocol.model_validate(dict(document.data))
    except ValidationError as error:
        first = error.errors()[0]
        at = tuple(part for part in first["loc"])
        known = Protocol.model_fields if len(at) == 1 else ()
        remedy = (
            suggest(str(at[-1]), known)
            if first["type"] == "extra_forbidden" and known
            else "see docs/measure-volumes.md"
        )
        raise MeasureError(
            f"{'.'.join(map(str, at)) or 'protocol'}: {first['msg']}", where=document.where(*at), remedy=remedy
        ) from None
    except re.error as error:
        raise MeasureError(f"'pattern' is no regular expression: {error}", where=str(document.path)) from None
    if not isinstance(options, str | Path):
        return protocol
    folder = Path(options).parent
    place = protocol.place
    if place.table is not None:
        place = place.model_copy(update={"table": folder / place.table})
    mask = folder / protocol.region_mask if protocol.region_mask else None
    return protocol.model_copy(update={"place": place, "region_mask": mask})
