"""A stained section: named channels on one grid of known pixel size, and where the tissue is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import MeasureError, suggest

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: pixels at the top of the camera's range: beyond the first share a warning, beyond the second no measurement
SATURATED_WARN, SATURATED_REFUSE = 0.001, 0.05
_FULL_SCALES = frozenset(2.0**bits - 1 for bits in (8, 10, 12, 14, 16))


@dataclass(frozen=True)
class Section:
    """One stained section.

    Attributes
    ----------
    channels : mapping of str to array (rows, columns)
        Grey values; kept as float32.
    pixel_um : float
        Side of a pixel [µm].
    thickness_um : float
        Thickness of the cut [µm], NaN if unknown.
    mask : array of bool (rows, columns)
        Tissue. The whole field unless given.
    settings : mapping
        How it was prepared: goes into every reading.
    inputs : mapping of str to str
        File name to SHA-256.
    warnings : tuple of str

    Raises
    ------
    MeasureError
        No pixel size, channels or a mask of another size, values that are not numbers, no tissue.

    Examples
    --------
    >>> section = Section({"TRAP": np.eye(4)}, pixel_um=500.0)
    >>> section.area_mm2
    4.0
    """

    channels: Mapping[str, ArrayLike]
    pixel_um: float
    thickness_um: float = math.nan
    mask: ArrayLike | None = None
    settings: Mapping[str, float | str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.channels:
            raise MeasureError("a section without any channel", remedy="name at least one channel")
        if not (math.isfinite(self.pixel_um) and self.pixel_um > 0):
            raise MeasureError(
                f"the pixel size is {self.pixel_um} µm",
                why="without it neither an area nor a length has a unit",
                remedy="give pixel_um",
            )
        arrays = {name: np.asarray(values, dtype=np.float32) for name, values in self.channels.items()}
        shape = next(iter(arrays.values())).shape
        for name, values in arrays.items():
            if values.ndim != 2 or 0 in values.shape:
                raise MeasureError(f"channel '{name}' has shape {values.shape}", remedy="give one plane of pixels")
            if values.shape != shape:
                raise MeasureError(f"channel '{name}' has shape {values.shape}, others {shape}")
            if not np.isfinite(values).all():
                raise MeasureError(f"channel '{name}' holds values that are not finite numbers")
        mask = np.ones(shape, dtype=bool) if self.mask is None else np.asarray(self.mask) != 0
        if mask.shape != shape:
            raise MeasureError(
                f"the tissue mask has shape {mask.shape}, the image {shape}",
                why="a mask of another size would be laid over the wrong tissue",
                remedy="draw the mask on this very image, at its full resolution",
            )
        if not mask.any():
            raise MeasureError("the tissue mask is empty", remedy="check the mask, or leave this field out")
        object.__setattr__(self, "channels", MappingProxyType(arrays))
        object.__setattr__(self, "mask", mask)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.tissue.shape
        return rows, columns

    @property
    def tissue(self) -> Mask:
        """The tissue mask, (rows, columns)."""
        assert isinstance(self.mask, np.ndarray)
        return self.mask

    @property
    def area_mm2(self) -> float:
        """Area of the tissue [mm²]."""
        return float(np.count_nonzero(self.tissue)) * self.pixel_um**2 * 1e-6

    def channel(self, name: str) -> Image:
        """Return one channel.

        Raises
        ------
        MeasureError
            There is no such channel.
        """
        if name not in self.channels:
            raise MeasureError(f"the section has no channel '{name}'", remedy=suggest(name, self.channels))
        return np.asarray(self.channels[name], dtype=np.float32)

    def with_mask(self, mask: ArrayLike, **settings: float | str) -> Section:
        """Return the section with another tissue mask."""
        return replace(self, mask=mask, settings={**self.settings, **settings})

    def pixels(self, length_um: float) -> float:
        """Return a length in pixels."""
        return length_um / self.pixel_um


def check_exposure(
    name: str, values: NDArray[np.generic], where: str | None = None, white_is_light: bool = False
) -> list[str]:
    """Return warnings about the exposure of one channel as it came from the camera.

    In brightfield the top of the range is the empty slide: with ``white_is_light`` only a constant channel is refused.

    Raises
    ------
    MeasureError
        The channel is constant, or more than 5 % of it stands at the top of the camera's range.
    """
    top, bottom = float(values.max()), float(values.min())
    if top == bottom:
        word = "all zero" if top == 0 else f"the same everywhere ({top:g})"
        raise MeasureError(
            f"channel '{name}' is {word}", where=where, why="nothing was recorded", remedy="export this channel again"
        )
    if white_is_light or top not in _FULL_SCALES or values.dtype.kind == "f":
        return []
    share = float(np.mean(values == values.max()))
    if share > SATURATED_REFUSE:
        raise MeasureError(
            f"{share:.0%} of channel '{name}' is saturated",
            where=where,
            why="above the camera's range intensities are lost, and with them thresholds and ratios",
            remedy="expose again for a shorter time, or leave this channel out of the protocol",
        )
    return [f"{share:.2%} of channel {name} is saturated"] if share > SATURATED_WARN else []
