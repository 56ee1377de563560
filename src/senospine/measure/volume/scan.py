"""What readers of scans share: what they hand back, and lengths in the units that headers name."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

#: what a reader hands back: voxels, spacing in um or None where the file does not tell
Scan = tuple[NDArray[Any], tuple[float, float, float] | None]

#: micrometres in one of the units that headers name
MICROMETRES = {
    "um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "micrometre": 1.0,
    "\\u00b5m": 1.0, "mm": 1e3, "millimeter": 1e3, "cm": 1e4, "nm": 1e-3, "m": 1e6, "inch": 25400.0,
}  # fmt: skip
