"""The optional libraries for images, imported when first needed and missed in plain words."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from senospine.errors import MeasureError


def library(name: str) -> Any:
    """Return a module of the extra ``measure``.

    Raises
    ------
    MeasureError
        The extra is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise MeasureError(
            f"reading images needs {name.split('.')[0]}, which is not installed",
            remedy="install the extra: pip install 'senospine[measure]'",
        ) from None
