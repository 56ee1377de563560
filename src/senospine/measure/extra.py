"""The optional libraries for images, imported when first needed and missed in plain words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def tiff_complaints() -> Iterator[list[str]]:
    """Collect what tifffile only logs as an error; meanwhile it is printed nowhere."""
    found: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("tifffile")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)  # whoever else has silenced it
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
