"""The table of keys in the documents is what the program reads: no key missing, none made up, every default true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from senospine.trial.file import File, Section

TEXT = (Path(__file__).parents[1] / "docs/trial-designs.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([^`]+)` \| .+ \| ([^|]+) \|$", TEXT.split("## Every key")[1], re.MULTILINE))
#: what stands for none is said in words
FOLLOWS = {"arms.NAME.given_as", "analysis.subgroup_scale", "analysis.compare"}


def leaves(annotation: Any) -> list[Any]:
    return [annotation, *(leaf for item in get_args(annotation) for leaf in leaves(item))]


def keys(section: type[Section], above: str = "") -> Iterator[tuple[str, bool, Any]]:
    for name, field in section.model_fields.items():
        kinds = leaves(field.annotation)
        below = [item for item in kinds if isinstance(item, type) and issubclass(item, Section)]
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        if below:
            named = any(get_origin(item) is dict for item in kinds) and not isinstance(default, str)
            yield from keys(below[0], f"{above}{name}.NAME." if named else f"{above}{name}.")
        if not below or isinstance(default, str):
            yield f"{above}{name}", field.is_required(), default


KEYS = {key: (required, default) for key, required, default in keys(File)}


def test_every_key_is_documented_and_none_is_made_up() -> None:
    assert set(ROWS) == set(KEYS)
    assert len(ROWS) > 60


@pytest.mark.parametrize("key", sorted(KEYS))
def test_the_default_is_what_the_document_says(key: str) -> None:
    (required, default), told = KEYS[key], ROWS.get(key, "")
    if required:
        assert told == "needed"
    elif default is None or default == "" or default in ([], {}):
        assert told == "–" or key in FOLLOWS
    elif isinstance(default, float | int) and not isinstance(default, bool):
        assert told in {f"{default:g}", f"{100 * default:g} %"}
    else:
        assert told.lower() == str(default).lower()
