"""The protocol of a batch of sections: what the channels are, how they are prepared, what is counted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, model_validator

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
from senospine.measure.section.cells import Region, Statistic
from senospine.measure.section.controls import read_thresholds
from senospine.measure.section.prepare import Background


class BackgroundRule(Page):
    """How background is subtracted."""

    method: Background = "top hat"
    radius_um: Positive = 25.0


class Where(Page):
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


class SecondMarker(Page):
    """A marker by which counted cells are called positive."""

    channel: str
    region: Region = "nuclear"
    statistic: Statistic = "mean"


class CellRule(Page):
    """What counts as a cell."""

    marker: str = "TRAP"
    nuclei: str = "DAPI"
    near_bone: bool = True
    max_gap_um: NotNegative = 2.0
    min_nuclei: Annotated[int, Field(ge=0)] = 1
    radius_um: Positive = 8.0
    nucleus_radius_um: Positive = 3.0
    min_area_um2: Positive = 40.0
    level: float | None = None
    second: tuple[SecondMarker, ...] = ()
    abercrombie_height_um: Positive | None = None


class FibreRule(Page):
    """One channel of nerve fibres or vessels."""

    channel: str
    radius_um: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1.0,)
    min_length_um: Positive = 10.0
    contrast: Positive | None = None
    carries: str | None = None
    thin_and_isotropic: bool = False


class Pair(Page):
    """Two channels."""

    first: str
    second: str


class ControlRule(Page):
    """How thresholds are set on control images."""

    false_positive: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    pixel_false_positive: Annotated[float, Field(gt=0, lt=0.5)] = 0.001
    ridge_false_positive: Annotated[float, Field(gt=0, lt=0.5)] = 0.0001


class Protocol(Page):
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
    bleed_through: dict[str, dict[str, Annotated[float, Field(ge=0, lt=1)]]] = Field(default_factory=dict)
    cells: CellRule | None = None
    fibres: tuple[FibreRule, ...] = ()
    double_positive: tuple[Pair, ...] = ()
    colocalise: tuple[Pair, ...] = ()
    intensity: tuple[str, ...] = ()
    thresholds: str | None = None
    controls: ControlRule = ControlRule()
    name_pattern: NamePattern | None = None
    places: str | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    arrive: dict[str, str] = Field(default_factory=dict)
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
            found |= place_by_name(self.name_pattern, path)
        if self.places is not None:
            found |= place_by_table(self.file(self.places), path, other_columns=False)
        remedy = "give name_pattern with (?P<animal>...), or a table of places with columns file and animal"
        return of_an_animal(found, path, remedy)


def load_protocol(options: Protocol | Mapping[str, Any] | str | Path) -> Protocol:
    """Return a protocol from a YAML file, a mapping, or a mapping that names the file as ``protocol``.

    Raises
    ------
    MeasureError
        Unknown keys (with a suggestion), values out of range, parts that do not go together.
    """
    if isinstance(options, Protocol):
        return options
    protocol, folder = read_page(Protocol, options, "docs/measure-sections.md")
    if folder is not None:
        protocol._folder = folder.resolve()
    return protocol
