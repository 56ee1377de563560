"""Pages from templates: one file each, everything inline, every word escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import senospine
from senospine.report.svg import write_text
from senospine.report.words import count, counted


def write_page(
    path: str | Path,
    template: str,
    contents: Mapping[str, Any],
    filters: Mapping[str, Callable[..., object]] | None = None,
) -> Path:
    """Write the page that a template makes of its contents, whole or not at all, and return its path.

    Every page is given ``version``, ``date``, and the words ``count`` and ``counted``. A name the contents lack is an
    error; what is no ``Markup`` is escaped.

    Parameters
    ----------
    path : path
        Written beside, then renamed; the folder is made.
    template : str
        A file of ``templates/``.
    contents : mapping
    filters : mapping of str to callable, optional
        What the template's own filters are.

    Raises
    ------
    FileError
        The file cannot be written.
    """
    environment = Environment(
        loader=PackageLoader("senospine.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {
        "count": count, "counted": counted, "version": senospine.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }  # fmt: skip
    environment.filters |= filters or {}
    return write_text(path, environment.get_template(template).render(contents))
