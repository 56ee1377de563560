"""What the extra ``measure`` brings, asked for when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from senospine.errors import MeasureError


def skimage(module: str) -> Any:
    """Return a module of scikit-image.

    Raises
    ------
    MeasureError
        It is not installed.
    """
    try:
        return import_module(f"skimage.{module}")
    except ImportError:
        raise MeasureError(
            "measuring scans needs the package scikit-image", remedy="pip install 'senospine[measure]'"
        ) from None
