"""The mechanism as a picture, drawn from the model's own equations."""

from __future__ import annotations

from pathlib import Path

from markupsafe import escape

from senospine.model import Model
from senospine.report.arrows import Arrow, mechanism_arrows, mechanism_nodes
from senospine.report.layout import GAP, NODE_HEIGHT, NODE_WIDTH, Layout, lay_out
from senospine.report.strokes import curve, head
from senospine.report.svg import BLUE, FONT, GREEN, ORANGE, PURPLE, QUIET, SKY, VERMILION, line, text_width, write_text

_INK = {
    "driver": "#4d4d4d", "clock": "#4d4d4d", "drugs": BLUE, "blood": "#8A2F3B", "senescence": VERMILION,
    "endplate": "#B97A00", "disc": "#3C7A89", "vertebra": "#8A6D3B", "innervation": GREEN, "dorsal horn": "#5B4FA8",
    "pain": "#A6518A",
}  # fmt: skip
_TINT = {
    "driver": "#8c8c8c", "clock": "#8c8c8c", "drugs": SKY, "senescence": VERMILION, "endplate": ORANGE,
    "innervation": GREEN, "pain": PURPLE,
}  # fmt: skip
_SPARE = ("#5B4FA8", "#3C7A89", "#8A6D3B")
_SIZE, _LINE, _HEAD, _FOOT, _SIDE = 12.5, 13.5, 35.0, 46.0, 14.0


def mechanism_svg(model: Model) -> str:
    """Return the mechanism as SVG text: variables, and who raises or lowers whom.

    Everything is generated: nodes from the declared variables, lines and their signs from the equations
    (:func:`~senospine.report.arrows.mechanism_arrows`), places from a search for few crossings. The same model
    gives the same text. Takes about a second.

    Examples
    --------
    >>> from senospine.model import load_model
    >>> "senescent" in mechanism_svg(load_model("mouse"))
    True
    """
    nodes, arrows = mechanism_nodes(model), mechanism_arrows(model)
    groups = {node: model.variables[node].group if node in model.variables else "other" for node in nodes}
    return Picture(model, groups, arrows).svg()


def write_mechanism(model: Model, path: str | Path) -> Path:
    """Write :func:`mechanism_svg` to ``path``, whole or not at all, and return the path.

    Raises
    ------
    FileError
        The file cannot be written.
    """
    return write_text(path, mechanism_svg(model))


def _wrap(label: str) -> list[str]:
    """Return a label in one line, or in the two that fit best."""
    words = label.split()
    if len(words) == 1 or text_width(label, _SIZE) <= NODE_WIDTH - 13:
        return [label]
    cuts = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))]
    return list(min(cuts, key=lambda cut: max(text_width(part, _SIZE) for part in cut)))


class Picture:
    """A picture of variables in bands of their groups, with lines from who acts to whom; subclasses colour it anew."""

    title, command, file = "Mechanism of model", "show", "docs/mechanism.svg"

    def __init__(self, model: Model, groups: dict[str, str], arrows: tuple[Arrow, ...]) -> None:
        self.model, self.groups, self.arrows = model, groups, arrows
        self.layout: Layout = lay_out(groups, arrows)
        spare = [group for group in dict.fromkeys(groups.values()) if group not in _INK]
        self.ink = {**_INK, **{group: _SPARE[i % len(_SPARE)] for i, group in enumerate(spare)}}
        self.tint = _TINT
        top = min(self.layout.y[node] - NODE_HEIGHT / 2 for node in groups)
        self.lift = _HEAD - min(top, *self.layout.y.values())
        self.bottom = max(max(self.layout.y.values()), max(self.layout.y[n] for n in groups) + NODE_HEIGHT / 2)
        self.bottom += self.lift + 7
        columns = max(self.layout.column.values()) + 1
        self.width = 2 * _SIDE + columns * NODE_WIDTH + (columns - 1) * GAP
        self.height = self.bottom + _FOOT

    def svg(self) -> str:
        name, digest = self.model.name, self.model.sha256
        made = f"senospine model {self.command} {name} --picture {self.file}"
        parts = [*self._bands(), *(self._arrow(arrow) for arrow in self.arrows), *map(self._node, self.groups)]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:.0f}" width="100%" '
            f'role="img" aria-label="{self.title} {escape(name)}" font-family="{FONT}" font-size="{_SIZE}">\n'
            f"<title>{self.title} {escape(name)}</title>\n"
            f"<metadata>made by: {escape(made)}; model sha256 {digest}</metadata>\n"
            f'<rect width="{self.width:g}" height="{self.height:.0f}" fill="#fff"/>\n'
            + "\n".join([*parts, *self._legend()])
            + "\n</svg>\n"
        )

    def _x(self, item: str) -> float:
        """Return the left side of an item's column."""
        return _SIDE + self.layout.column[item] * (NODE_WIDTH + GAP)

    def _y(self, item: str) -> float:
        return self.layout.y[item] + self.lift

    def _bands(self) -> list[str]:
        parts = []
        for layer in self.layout.layers:
            for group in layer:
                first, last = self.layout.columns_of[group]
                x = _SIDE + first * (NODE_WIDTH + GAP) - 7
                width = (last - first) * (NODE_WIDTH + GAP) + NODE_WIDTH + 14
                top, bottom = 10.0, self.bottom
                if len(layer) > 1:
                    mine = [self._y(node) for node in self.groups if self.groups[node] == group]
                    top, bottom = min(mine) - NODE_HEIGHT / 2 - 25, max(mine) + NODE_HEIGHT / 2 + 7
                tint = self.tint.get(group, self.ink[group])
                parts.append(
                    f'<rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}" rx="7" '
                    f'fill="{tint}" fill-opacity="0.09"/>'
                    f'<text x="{x + width / 2:.1f}" y="{top + 17:.1f}" text-anchor="middle" font-size="11.5" '
                    f'font-weight="700" letter-spacing=".04em" fill="{self.ink[group]}">{escape(group)}</text>'
                )
        return parts

    def _node(self, node: str) -> str:
        x, y, ink = self._x(node), self._y(node), self.ink[self.groups[node]]
        words = _wrap(self.model.label(node))
        base = y + 4.4 - (len(words) - 1) * _LINE / 2
        label = "".join(
            f'<text x="{x + NODE_WIDTH / 2:.1f}" y="{base + i * _LINE:.1f}" text-anchor="middle" fill="#111"'
            + (f' textLength="{NODE_WIDTH - 8:g}" lengthAdjust="spacingAndGlyphs"'
               if text_width(word, _SIZE) > NODE_WIDTH - 6 else "")
            + f">{escape(word)}</text>"
            for i, word in enumerate(words)
        )  # fmt: skip
        return (
            f'<g><rect x="{x:.1f}" y="{y - NODE_HEIGHT / 2:.1f}" width="{NODE_WIDTH:g}" height="{NODE_HEIGHT:g}" '
            f'rx="6" fill="#fff" stroke="{ink}" stroke-width="1.4"/>{label}</g>'
        )

    def _port(self, arrow: Arrow) -> float:
        """Return where on the target's side a line ends: lines that come from above end above."""
        side = self._leftwards(arrow)
        rivals = [a for a in self.arrows if a.target == arrow.target and not self._upright(a)]
        rivals = sorted((a for a in rivals if self._leftwards(a) == side), key=self._comes_from)
        step = min(11.0, (NODE_HEIGHT - 5) / max(len(rivals), 1))
        return self._y(arrow.target) + (rivals.index(arrow) - (len(rivals) - 1) / 2) * step

    def _comes_from(self, arrow: Arrow) -> float:
        return self._y(self.layout.routes[arrow][-2])

    def _leftwards(self, arrow: Arrow) -> bool:
        return self.layout.column[arrow.target] < self.layout.column[arrow.source]

    def _upright(self, arrow: Arrow) -> bool:
        if self.layout.column[arrow.source] != self.layout.column[arrow.target]:
            return False
        low, high = sorted([self._y(arrow.source), self._y(arrow.target)])
        column = self.layout.column[arrow.source]
        return not any(c == column and low < self._y(item) < high for item, c in self.layout.column.items())

    def _arrow(self, arrow: Arrow) -> str:
        ink, width, dashed = self._stroke(arrow)
        if self._upright(arrow):
            path, x, y, dx, dy = self._upright_path(arrow)
        else:
            path, x, y, dx, dy = self._sideways_path(arrow)
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        names = f"{self.model.label(arrow.source)} {_VERBS[arrow.sign]} {self.model.label(arrow.target)}"
        return (
            f'<g data-arrow="{escape(arrow.source)} {"-0+"[arrow.sign + 1]} {escape(arrow.target)}">'
            f"<title>{escape(names)}</title>"
            f'<path d="{path}" fill="none" stroke="{ink}" stroke-width="{width:g}" stroke-opacity=".85"{dash}/>'
            f"{head(x, y, dx, dy, arrow.sign, ink)}</g>"
        )

    def _stroke(self, arrow: Arrow) -> tuple[str, float, bool]:
        """Return a line's ink, width, and whether it is dashed."""
        return (self.ink[self.groups[arrow.source]] if arrow.sign else QUIET), 1.5, not arrow.sign

    def _upright_path(self, arrow: Arrow) -> tuple[str, float, float, float, float]:
        x = self._x(arrow.source) + NODE_WIDTH / 2
        down = 1.0 if self._y(arrow.target) > self._y(arrow.source) else -1.0
        start, end = self._y(arrow.source) + down * NODE_HEIGHT / 2, self._y(arrow.target) - down * NODE_HEIGHT / 2
        return f"M{x:.1f},{start:.1f}L{x:.1f},{end - down * 5:.1f}", x, end, 0.0, down

    def _sideways_path(self, arrow: Arrow) -> tuple[str, float, float, float, float]:
        """Leave at one side, pass straight through the columns between, end at the other side."""
        route, way = self.layout.routes[arrow], -1.0 if self._leftwards(arrow) else 1.0
        same = self.layout.column[arrow.source] == self.layout.column[arrow.target]
        x, y = self._x(route[0]) + (NODE_WIDTH if way > 0 and not same else 0), self._y(route[0])
        path = f"M{x:.1f},{y:.1f}"
        for item in route[1:-1]:
            near, far = self._x(item) + 14, self._x(item) + NODE_WIDTH - 14
            near, far = (near, far) if way > 0 else (far, near)
            path += curve(x, y, near, self._y(item)) + f"L{far:.1f},{self._y(item):.1f}"
            x, y = far, self._y(item)
        end_x = self._x(arrow.target) + (NODE_WIDTH if way < 0 else 0)
        end_y = self._port(arrow)
        if same:  # round the nodes between
            bend = x - GAP * 0.8
            path += f"C{bend:.1f},{y:.1f} {bend:.1f},{end_y:.1f} {end_x - 6:.1f},{end_y:.1f}"
        else:
            path += curve(x, y, end_x - way * 6, end_y)
        return path, end_x, end_y, way, 0.0

    def _legend(self) -> list[str]:
        y, x, parts = self.height - 24.0, _SIDE, []
        for sign, words in ((1, "raises"), (-1, "lowers"), (0, "either, by state")):
            if sign == 0 and all(arrow.sign for arrow in self.arrows):
                continue
            parts += [line(x, y - 4, x + 24, y - 4, QUIET, 1.5, 'stroke-dasharray="4 3"' if sign == 0 else "")]
            parts += [head(x + 30, y - 4, 1, 0, sign, QUIET)]
            parts += [f'<text x="{x + 37:.1f}" y="{y:.1f}" font-size="12" fill="{QUIET}">{words}</text>']
            x += 48 + text_width(words, 12) + 14
        note = "lines take the colour of what acts; a variable’s own decay is not drawn"
        source = f"A hypothesis, not data. Drawn from the equations of model {self.model.name}, "
        parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" fill="{QUIET}">{note}</text>')
        parts.append(
            f'<text x="{_SIDE:.1f}" y="{y + 17:.1f}" font-size="11" fill="{QUIET}">'
            f"{escape(source)}{self.model.sha256[:12]}.</text>"
        )
        return parts


_VERBS = {1: "raises", -1: "lowers", 0: "raises or lowers"}
