"""From a mask of thin things to paths, and from paths to lengths that do not depend on their direction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from senospine.measure.extra import library
from senospine.measure.section.image import Mask

Path = NDArray[np.float64]  # (points, 2), rows and columns [pixels]

#: a chain of pixels climbs in stairs; smoothing along it by this many pixels takes the stairs away
SMOOTHING = 1.0
_STEPS = [(-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)]


def trace(mask: Mask) -> list[Path]:
    """Return the middle lines of a mask as paths between ends and branch points.

    Side branches shorter than the mask is wide are stubs of the skeleton and are removed. A free end is drawn out
    by the half width there, which thinning takes away; where the mask is cut by the image's border it is not.
    """
    from scipy import ndimage

    skeleton = library("skimage.morphology").skeletonize(mask)
    if not skeleton.any():
        return []
    half_width = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1]
    for _ in range(2):
        chains = _chains(skeleton)
        stubs = [chain for chain in chains if _is_stub(chain, half_width)]
        for points, _, _ in stubs:
            skeleton[tuple(np.array(points).T)] = False
        if not stubs:
            break
        skeleton = library("skimage.morphology").skeletonize(skeleton)
    return [_finish(chain, half_width) for chain in _chains(skeleton)]


Chain = tuple[list[tuple[int, int]], NDArray[np.float64] | None, NDArray[np.float64] | None]


def _chains(skeleton: Mask) -> list[Chain]:
    """Return runs of pixels, each with the branch point it starts and ends at, None at a free end."""
    from scipy import ndimage

    eight = np.ones((3, 3), dtype=int)
    neighbours = ndimage.convolve(skeleton.astype(np.int8), eight, mode="constant") - 1
    branching = skeleton & (neighbours > 2)
    knots, count = ndimage.label(branching, structure=eight)
    centres = np.array(ndimage.center_of_mass(branching, knots, np.arange(1, count + 1))).reshape(-1, 2)
    left = set(zip(*(found.tolist() for found in np.nonzero(skeleton & ~branching)), strict=True))
    chains: list[Chain] = []
    while left:
        chain = [left.pop()]
        for side in (0, -1):
            while True:
                y, x = chain[side]
                step = next(((y + dy, x + dx) for dy, dx in _STEPS if (y + dy, x + dx) in left), None)
                if step is None:
                    break
                left.discard(step)
                chain.insert(0, step) if side == 0 else chain.append(step)
        chains.append((chain, *_knots_at(chain, knots, centres)))
    return chains


def _knots_at(
    chain: list[tuple[int, int]], knots: NDArray[np.int32], centres: NDArray[np.float64]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    def beside(point: tuple[int, int]) -> list[int]:
        rows, columns = knots.shape
        y, x = point
        window = knots[max(y - 1, 0) : min(y + 2, rows), max(x - 1, 0) : min(x + 2, columns)]
        return list(dict.fromkeys(window[window > 0].tolist()))

    first, last = beside(chain[0]), beside(chain[-1])
    if len(chain) == 1:  # one pixel between two knots, or at the end of one
        first, last = first[:1], first[1:2]
    return (centres[first[0] - 1] if first else None, centres[last[0] - 1] if last else None)


def _is_stub(chain: Chain, half_width: NDArray[np.float64]) -> bool:
    points, first, last = chain
    if (first is None) == (last is None):  # free at both ends, or at neither
        return False
    knot = first if first is not None else last
    assert knot is not None
    return len(points) <= 1.5 * float(half_width[tuple(np.round(knot).astype(int))]) + 1


def _finish(chain: Chain, half_width: NDArray[np.float64]) -> Path:
    points, first, last = chain
    middle = np.array(points, dtype=float)
    if len(points) > 3 and first is None and last is None and np.abs(middle[0] - middle[-1]).max() <= 1:
        return _smooth(np.vstack([middle, middle[:1]]), closed=True)
    joined = [part[None] for part in (first,) if part is not None] + [middle]
    joined += [part[None] for part in (last,) if part is not None]
    path = _smooth(np.vstack(joined))
    for knot, end, inner in ((first, 0, slice(None, 8)), (last, -1, slice(-8, None))):
        point = points[end]
        at_border = any(c in (0, n - 1) for c, n in zip(point, half_width.shape, strict=True))
        if knot is None and not at_border:
            run = path[inner] if end == 0 else path[inner][::-1]
            along = run[0] - run[-1]
            size = float(np.hypot(*along))
            if size > 0:
                tip = run[0] + along / size * (half_width[point] - 0.5)
                path = np.vstack([tip, path]) if end == 0 else np.vstack([path, tip])
    return path


def _smooth(path: Path, closed: bool = False) -> Path:
    """Smooth along the path, ends held."""
    from scipy import ndimage

    if closed:
        body = ndimage.gaussian_filter1d(path[:-1], SMOOTHING, axis=0, mode="wrap")
        return np.vstack([body, body[:1]])
    if len(path) < 3:
        return path
    reach = min(int(4 * SMOOTHING), len(path) - 1)
    before = 2 * path[0] - path[reach:0:-1]
    after = 2 * path[-1] - path[-2 : -reach - 2 : -1]
    smooth = ndimage.gaussian_filter1d(np.vstack([before, path, after]), SMOOTHING, axis=0)
    return np.asarray(smooth[reach : reach + len(path)])


def length(path: Path) -> float:
    """Return the length of a path [pixels].

    Examples
    --------
    >>> length(np.array([[0.0, 0.0], [3.0, 4.0]]))
    5.0
    """
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def kulpa_length(skeleton: Mask) -> float:
    """Return the length of a chain of pixels by Kulpa's weights, 0.948 a straight and 1.343 a diagonal step [pixels].

    For comparison with software that uses it (Kulpa 1977, doi 10.1016/S0146-664X(77)80021-X).
    """
    s = skeleton
    straight = np.count_nonzero(s[1:] & s[:-1]) + np.count_nonzero(s[:, 1:] & s[:, :-1])
    down = s[1:, 1:] & s[:-1, :-1] & ~s[1:, :-1] & ~s[:-1, 1:]
    up = s[1:, :-1] & s[:-1, 1:] & ~s[1:, 1:] & ~s[:-1, :-1]
    return 0.948 * straight + 1.343 * (np.count_nonzero(down) + np.count_nonzero(up))
