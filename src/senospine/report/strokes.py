"""Lines of the mechanism's picture and their ends."""

from __future__ import annotations

from senospine.report.svg import line


def curve(x1: float, y1: float, x2: float, y2: float) -> str:
    """Return a smooth way from one place to another that leaves and arrives level."""
    middle = (x1 + x2) / 2
    return f"C{middle:.1f},{y1:.1f} {middle:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"


def head(x: float, y: float, dx: float, dy: float, sign: int, ink: str) -> str:
    """Return the end of a line that arrives at (x, y) along (dx, dy): a point, a bar, or a ring."""
    if sign == 0:
        return (
            f'<circle cx="{x - 4 * dx:.1f}" cy="{y - 4 * dy:.1f}" r="3" fill="#fff" stroke="{ink}" stroke-width="1.5"/>'
        )
    if sign < 0:
        x, y = x - 5 * dx, y - 5 * dy
        return line(x - 5 * dy, y - 5 * dx, x + 5 * dy, y + 5 * dx, ink, 3)
    corners = [(x - 0.5 * dx, y - 0.5 * dy)]
    corners += [(x - 8 * dx + side * 3.6 * dy, y - 8 * dy + side * 3.6 * dx) for side in (1, -1)]
    return f'<polygon points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in corners)}" fill="{ink}"/>'
