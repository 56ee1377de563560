"""The protocol of a batch of sections: what the channels are, how they are prepared, what is counted."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from senospine.errors import MeasureError, suggest
from senospine.measure.arrive import check_stated
from senospine.measure.inputs import content_hash
from senospine.measure.reading import HIERARCHY
from senospine.measure.section.cells import Region, Statistic
from senospine.measure.section.controls import read_thresholds
from senospine.measure.section.prepare import Background
from senospine.yaml_files import Document, read_yaml

Positive = Annotated[float, Field(gt=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BackgroundRule(_Part):
    """How background is subtracted."""

    method: Background = "top hat"
    radius_um: Positive = 25.0


class Where(_Part):
    """Tissue or bone: from a file beside the image (its name with this ending), or from a channel.

    ``level`` [grey] is for bone, Otsu's without; ``smooth_um`` for tissue.
    """

    file_ending: str | None = None
    channel: str | None = None
    level: float | None = None
    smooth_um: Positive = 10.0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.file_ending is None) == (self.channel is None):
            raise ValueError("give either file_ending or channel")
        return self


class SecondMarker(_Part):
    """A marker by which counted cells are called positive."""

    channel: str
    region: Region = "nuclear"
    statistic: Statistic = "mean"


class CellRule(_Part):
    """What counts as a cell."""

    marker: str = "TRAP"
    nuclei: str = "DAPI"
    near_bone: bool = True
    max_gap_um: Annotated[float, Field(ge=0)] = 2.0
    min_nuclei: Annotated[int, Field(ge=0)] = 1
    radius_um: Positive = 8.0
    nucleus_radius_um: Positive = 3.0
    min_area_um2: Positive = 40.0
    level: float | None = None
    second: tuple[SecondMarker, ...] = ()
    abercrombie_height_um: Positive | None = None


class FibreRule(_Part):
    """One channel of nerve fibres or vessels."""

    channel: str
    radius_um: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1.0,)
    min_length_um: Positive = 10.0
    contrast: Positive | None = None
    carries: str | None = None
    thin_and_isotropic: bool = False


class Pair(_Part):
    """Two channels."""

    first: str
    second: str


class ControlRule(_Part):
    """How thresholds are set on control images."""

    false_positive: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    pixel_false_positive: Annotated[float, Field(gt=0, lt=0.5)] = 0.001
    ridge_false_positive: Annotated[float, Field(gt=0, lt=0.5)] = 0.0001


class Protocol(_Part):
    """A protocol; the same for every image of a batch, controls included.

    Attributes
    ----------
    channels : mapping
        Our name to the file's name or position; all the file names without it.
    stains : tuple of str
        For brightfield: the two or three stains that red, green and blue are taken apart into.
    bleed_through : mapping
        ``{"p16": {"TRAP": 0.08}}``.
    thresholds : path, optional
        Made from controls; a relative path starts at the protocol's folder.
    name_pattern : str, optional
        Regular expression with named groups such as ``(?P<animal>...)`` for the file's name.
    arrive : mapping
        Items of ARRIVE 2.0 that hold for the batch, such as ``blinding``.
    places : path, optional
        CSV with a column ``file`` and columns of the design such as ``group, animal, section``.
    """

    channels: dict[str, int | str] | None = None
    pixel_um: Positive | None = None
    thickness_um: Positive | None = None
    stains: tuple[str, ...] = ()
    tissue: Where | None = None
    bone: Where | None = None
    background: BackgroundRule = BackgroundRule()
    bleed_through: dict[str, dict[str, Annotated[float, Field(ge=0, lt=1)]]] = {}
    cells: CellRule | None = None
    fibres: tuple[FibreRule, ...] = ()
    double_positive: tuple[Pair, ...] = ()
    colocalise: tuple[Pair, ...] = ()
    intensity: tuple[str, ...] = ()
    thresholds: str | None = None
    controls: ControlRule = ControlRule()
    name_pattern: str | None = None
    places: str | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    arrive: dict[str, str] = {}
    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if not (self.cells or self.fibres or self.double_positive or self.colocalise or self.intensity):
            raise ValueError("nothing to measure: give cells, fibres, double_positive, colocalise or intensity")
        if self.cells and self.cells.near_bone and self.bone is None:
            raise ValueError("cells near bone need bone: give it, or near_bone: false")
        if self.cells and self.cells.abercrombie_height_um and self.thickness_um is None:
            raise ValueError("Abercrombie's correction needs thickness_um")
        check_stated(self.arrive)
        return self

    def file(self, name: str) -> Path:
        """Return a file the protocol names."""
        return self._folder / name

    def mask_files(self, path: Path) -> dict[str, Path]:
        """Return the masks that belong to an image, by what they show."""
        regions = (("tissue", self.tissue), ("bone", self.bone))
        return {
            name: path.with_name(path.name.split(".")[0] + region.file_ending)
            for name, region in regions
            if region is not None and region.file_ending is not None
        }

    def basis(self, path: Path) -> dict[str, Any]:
        """Return what decides the readings of an image beside it; see :class:`senospine.measure.inputs.Chosen`."""
        files = self.mask_files(path)
        if self.thresholds is not None:
            files["thresholds"] = self.file(self.thresholds)
        chosen = self.model_dump(mode="json", exclude={"name_pattern", "places", "thresholds", "arrive"})
        contents = {name: content_hash(file) for name, file in files.items()}
        return {"protocol": chosen, "place": self.place(path), "files": contents}

    def left_out(self, path: Path) -> str | None:
        """Return why a file is no section to measure: a mask of one, or a control its thresholds were set on."""
        endings = [region.file_ending for region in (self.tissue, self.bone) if region is not None]
        if any(ending and path.name.endswith(ending) for ending in endings):
            return "mask"
        if self.thresholds is not None and path.is_file() and content_hash(path) in self._control_images:
            return "control image"
        return None

    @cached_property
    def _control_images(self) -> frozenset[str]:
        found = read_thresholds(self.file(str(self.thresholds)))
        return frozenset(image for item in found.values() for image in item.images)

    def channels_used(self) -> set[str]:
        """Return the channels something is asked of."""
        used = set(self.intensity)
        if self.cells:
            used |= {self.cells.marker, self.cells.nuclei, *(item.channel for item in self.cells.second)}
        for rule in self.fibres:
            used |= {rule.channel, *([rule.carries] if rule.carries else [])}
        for pair in (*self.double_positive, *self.colocalise):
            used |= {pair.first, pair.second}
        for region in (self.tissue, self.bone):
            if region is not None and region.channel is not None:
                used.add(region.channel)
        for target, sources in self.bleed_through.items():
            used |= {target, *sources}
        return used

    def place(self, path: Path) -> dict[str, str]:
        """Return where an image belongs, from its name and from the table.

        Raises
        ------
        MeasureError
            The name does not fit, the table has no row for it or two, or no animal is found.
        """
        found: dict[str, str] = {}
        if self.name_pattern is not None:
            match = re.search(self.name_pattern, path.name)
            if match is None:
                raise MeasureError(
                    f"the file's name does not fit the pattern {self.name_pattern}", where=str(path),
                    remedy="rename the file or correct name_pattern",
                )  # fmt: skip
            found |= {key: value for key, value in match.groupdict().items() if value}
        if self.places is not None:
            found |= self._row(path)
        if not found.get("animal"):
            raise MeasureError(
                "it is not said which animal this section is from", where=str(path),
                remedy="give name_pattern with (?P<animal>...), or a table of places with columns file and animal",
            )  # fmt: skip
        return found

    def _row(self, path: Path) -> dict[str, str]:
        table = self.file(str(self.places))
        try:
            with table.open(encoding="utf-8-sig", newline="") as stream:
                rows = list(csv.DictReader(stream))
        except (OSError, UnicodeDecodeError) as error:
            raise MeasureError(f"cannot read the table of places: {error}", where=str(table)) from None
        unknown = [name for name in (rows[0] if rows else ()) if name != "file" and name not in HIERARCHY]
        if unknown or (rows and "file" not in rows[0]):
            word = f"unknown column '{unknown[0]}'" if unknown else "no column 'file'"
            raise MeasureError(word, where=str(table), remedy=suggest(unknown[0] if unknown else "", HIERARCHY))
        mine = [row for row in rows if row["file"] == path.name]
        if len(mine) != 1:
            raise MeasureError(
                f"{len(mine)} rows for {path.name}",
                where=str(table),
                remedy="give each image one row, by its file name",
            )
        return {key: value.strip() for key, value in mine[0].items() if key != "file" and value and value.strip()}


def load_protocol(options: Protocol | Mapping[str, Any] | str | Path) -> Protocol:
    """Return a protocol from a YAML file, a mapping, or a mapping that names the file as ``protocol``.

    Raises
    ------
    MeasureError
        Unknown keys (with a suggestion), values out of range, parts that do not go together.
    """
    if isinstance(options, Protocol):
        return options
    if isinstance(options, Mapping) and set(options) == {"protocol"}:
        options = str(options["protocol"])
    document = Document(Path("<options>"), dict(options), {}) if isinstance(options, Mapping) else read_yaml(options)
    if not isinstance(document.data, dict):
        raise MeasureError(
            "the protocol is no mapping", where=str(document.path), remedy="see docs/measure-sections.md"
        )
    try:
        protocol = Protocol.model_validate(document.data)
    except ValidationError as error:
        raise _told(error, document) from None
    if not isinstance(options, Mapping):
        protocol._folder = document.path.resolve().parent
    if protocol.name_pattern is not None:
        _check_pattern(protocol.name_pattern, document.where("name_pattern"))
    return protocol


def _check_pattern(pattern: str, where: str) -> None:
    try:
        names = re.compile(pattern).groupindex
    except re.error as error:
        raise MeasureError(f"name_pattern is no regular expression: {error}", where=where) from None
    for name in names:
        if name not in HIERARCHY:
            raise MeasureError(f"'{name}' is no level of the design", where=where, remedy=suggest(name, HIERARCHY))


def _told(error: ValidationError, document: Document) -> MeasureError:
    first = error.errors()[0]
    key = tuple(first["loc"])
    words = ".".join(str(part) for part in key)
    model: Any = Protocol
    if first["type"] == "extra_forbidden":
        for part in key[:-1]:
            if isinstance(part, str):  # a number is a place in a list
                model = next(iter(_models(model.model_fields[part].annotation)), model)
        remedy = suggest(str(key[-1]), model.model_fields)
        return MeasureError(f"unknown key '{words}'", where=document.where(*key), remedy=remedy)
    message = first["msg"].removeprefix("Value error, ")
    return MeasureError(f"{words}: {message}" if words else message, where=document.where(*key))


def _models(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models(part)]
