"""The extrapolation map: each link from mouse to human with a traffic light, as a table and as a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import escape
from rich.console import Console

from senospine.model import Link, Model
from senospine.model.links import LIGHTS, Light, counts
from senospine.report.arrows import Arrow, mechanism_arrows
from senospine.report.mechanism import Picture
from senospine.report.svg import GREEN, ORANGE, QUIET, VERMILION, line, text_width, write_text
from senospine.report.tables import new_table

_INK: dict[Light, str] = {"human": GREEN, "mouse": ORANGE, "assumed": VERMILION}
_WIDTH: dict[Light, float] = {"human": 2.4, "mouse": 1.5, "assumed": 1.5}
_WORDS: dict[Light, str] = {"human": "seen in people", "mouse": "seen in mice only", "assumed": "assumed"}
_STYLE: dict[Light, str] = {"human": "green", "mouse": "yellow", "assumed": "red"}
_ZONE = re.compile(r"^(senescent_disc_cells)_\d$")


def map_svg(model: Model, links: Sequence[Link]) -> str:
    """Return the map as SVG text: the links' lines in the colours of their lights, dashed where assumed.

    Examples
    --------
    >>> from senospine.model import extrapolation_map, load_model
    >>> model = load_model("human")
    >>> "seen in people" in map_svg(model, extrapolation_map(model))
    True
    """
    signs = {(_ZONE.sub(r"\1", arrow.target), arrow.source): arrow.sign for arrow in mechanism_arrows(model)}
    lights = {Arrow(k.source, k.target, signs.get((k.target, k.source), 1)): k.light for k in links}
    ends = {end for link in links for end in (link.source, link.target)}
    groups = {name: row.group for name, row in model.variables.items() if name in ends}
    return _Map(model, groups, tuple(lights), lights).svg()


def write_map(model: Model, links: Sequence[Link], path: str | Path) -> Path:
    """Write :func:`map_svg` to ``path``, whole or not at all, and return the path.

    Raises
    ------
    FileError
        The file cannot be written.
    """
    return write_text(path, map_svg(model, links))


class _Map(Picture):
    title, command, file = "Extrapolation map of model", "map", "docs/human-map.svg"

    def __init__(
        self, model: Model, groups: dict[str, str], arrows: tuple[Arrow, ...], lights: dict[Arrow, Light]
    ) -> None:
        super().__init__(model, groups, arrows)
        self.lights = lights
        self.ink = dict.fromkeys(self.ink, QUIET)  # colour belongs to the lights
        self.tint = {}

    def _stroke(self, arrow: Arrow) -> tuple[str, float, bool]:
        light = self.lights[arrow]
        return _INK[light], _WIDTH[light], light == "assumed"

    def _legend(self) -> list[str]:
        y, x, parts = self.height - 24.0, 14.0, []
        for light in LIGHTS:
            dash = 'stroke-dasharray="4 3"' if light == "assumed" else ""
            words = f"{_WORDS[light]} ({sum(found == light for found in self.lights.values())})"
            parts += [line(x, y - 4, x + 30, y - 4, _INK[light], _WIDTH[light], dash)]
            parts += [f'<text x="{x + 37:.1f}" y="{y:.1f}" font-size="12" fill="{QUIET}">{words}</text>']
            x += 48 + text_width(words, 12) + 14
        note = "Whether the arrow was seen, not how large it is: most sizes are carried over or assumed."
        parts.append(
            f'<text x="14.0" y="{y + 17:.1f}" font-size="11" fill="{QUIET}">'
            f"{escape(note)} Model {escape(self.model.name)}, {self.model.sha256[:12]}.</text>"
        )
        return parts


def map_dict(model: Model, links: Sequence[Link]) -> dict[str, Any]:
    """Return plain data."""
    return {"model": model.name, "sha256": model.sha256, **counts(links), "links": [link.to_dict() for link in links]}


def print_map(console: Console, model: Model, links: Sequence[Link]) -> None:
    """Print one line a link, and how many have which light."""
    table = new_table(f"From mouse to human: the links of model '{model.name}'")
    table.add_column("link")
    table.add_column("arrow", no_wrap=True)
    table.add_column("size", no_wrap=True)
    table.add_column("carried over", justify="right", no_wrap=True)
    table.add_column("what was seen")
    for link in links:
        table.add_row(
            f"{model.label(link.source)} → {model.label(link.target)}",
            *(f"[{_STYLE[light]}]● {light}[/]" for light in (link.light, link.size)),
            _carried(link),
            _seen(link),
        )
    console.print()
    console.print(table)
    found = counts(links)
    for name, words in (
        ("light", "arrow: where the link itself was seen"),
        ("size", "size: where its numbers are from"),
    ):
        console.print(f"{words}: " + ", ".join(f"{found[name][light]} {light}" for light in LIGHTS), highlight=False)
    console.print(
        "carried over: the central 90 % of the multiplier on the mouse's gain; translation=False leaves it at 1. "
        "⚡ marks evidence against a link.",
        style="dim", highlight=False,
    )  # fmt: skip


def _carried(link: Link) -> str:
    row = link.translation
    return "" if row is None else f"× {row.low:g}–{row.high:g}"


def _seen(link: Link) -> str:
    found = link.in_people or link.in_mice
    words = f"{found.words} [dim]({found.reference})[/]" if found else ""
    return words + (f" ⚡ {link.against.words} [dim]({link.against.reference})[/]" if link.against else "")
