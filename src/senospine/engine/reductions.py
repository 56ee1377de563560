"""What is kept of a subject instead of its trajectory: ends, extremes, areas, means, times below and above.

Each is a property of the solution: computed on every step of the solver from the method's own interpolant, it does not
depend on the times at which outputs are recorded. A window's edges count from inside: at its start the value after what
happens there, at its stop the value before. A dose within counts with both its sides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from senospine.errors import ModelError, ScheduleError

Array = NDArray[np.float64]
Kind = Literal["at", "area", "greatest", "above"]


@dataclass(frozen=True)
class Reduction:
    """One number for each subject; see the kinds below. The window is in the model's time.

    Parameters
    ----------
    output : str
        A state or assigned variable.
    start, stop : float, optional
        The window; by default from the first moment to the last output time.
    name : str, optional
        How it is asked for; by default what it says in words, see :attr:`label`.
    """

    output: str
    start: float | None = None
    stop: float | None = None
    name: str = ""

    _kind: ClassVar[Kind]
    _sign: ClassVar[int] = 1
    _slot: ClassVar[int] = 0

    def __post_init__(self) -> None:
        for value in (self.start, self.stop):
            if value is not None and not math.isfinite(value):
                raise ModelError(f"{self.label}: {value} is not a finite number")
        if self.start is not None and self.stop is not None and not self.start < self.stop:
            raise ModelError(f"{self.label}: the window is empty", remedy="let it stop after its start")

    @property
    def label(self) -> str:
        """Its name, given or in words."""
        return self.name or self._words() + self._window_words()

    def _words(self) -> str:
        raise NotImplementedError

    def _window_words(self) -> str:
        start = "" if self.start is None else f" from {self.start:g}"
        return start + ("" if self.stop is None else f" to {self.stop:g}")

    def gathers(self) -> tuple[Kind, int, float]:
        """Return what the kernel gathers, the sign that the output is taken with, and the level."""
        return self._kind, self._sign, self._level

    def read(self, slots: Array, window: Array) -> Array:
        """Return the values from what was gathered, (n_subjects, slots), and the windows, (n_subjects or 1, 2)."""
        return slots[:, self._slot] * (self._sign if self._kind == "greatest" and self._slot == 0 else 1)

    @property
    def _level(self) -> float:
        return 0.0


@dataclass(frozen=True)
class Minimum(Reduction):
    """The least value."""

    _kind = "greatest"
    _sign = -1

    def _words(self) -> str:
        return f"minimum of {self.output}"


@dataclass(frozen=True)
class Maximum(Reduction):
    """The greatest value."""

    _kind = "greatest"

    def _words(self) -> str:
        return f"maximum of {self.output}"


@dataclass(frozen=True)
class TimeOfMinimum(Minimum):
    """When the least value is first reached, in the model's time."""

    _slot = 1

    def _words(self) -> str:
        return f"time of minimum of {self.output}"


@dataclass(frozen=True)
class TimeOfMaximum(Maximum):
    """When the greatest value is first reached, in the model's time."""

    _slot = 1

    def _words(self) -> str:
        return f"time of maximum of {self.output}"


@dataclass(frozen=True)
class Area(Reduction):
    """The integral over time, such as an exposure."""

    _kind = "area"

    def _words(self) -> str:
        return f"area under {self.output}"


@dataclass(frozen=True)
class Mean(Area):
    """The mean over time."""

    def _words(self) -> str:
        return f"mean of {self.output}"

    def read(self, slots: Array, window: Array) -> Array:
        """Return the areas over the windows' lengths."""
        return slots[:, 0] / (window[:, 1] - window[:, 0])


@dataclass(frozen=True, init=False)
class TimeBelow(Reduction):
    """How long the output lies below ``level``."""

    _kind = "above"
    _sign = -1

    level: float = math.nan

    def __init__(
        self, output: str, level: float, start: float | None = None, stop: float | None = None, name: str = ""
    ) -> None:
        for key, value in {"output": output, "level": level, "start": start, "stop": stop, "name": name}.items():
            object.__setattr__(self, key, value)
        self.__post_init__()
        if not math.isfinite(level):
            raise ModelError(f"{self.label}: the level is not a finite number")

    @property
    def _level(self) -> float:
        return self.level

    def _words(self) -> str:
        return f"time {self.output} below {self.level:g}"


@dataclass(frozen=True, init=False)
class TimeAbove(TimeBelow):
    """How long the output lies above ``level``."""

    _sign = 1

    def _words(self) -> str:
        return f"time {self.output} above {self.level:g}"


@dataclass(frozen=True, init=False)
class At(Reduction):
    """The value at a time, before what happens there, as an output's."""

    _kind = "at"

    def __init__(self, output: str, time: float, name: str = "") -> None:
        for key, value in {"output": output, "start": time, "stop": None, "name": name}.items():
            object.__setattr__(self, key, value)
        self.__post_init__()

    def _words(self) -> str:
        return f"{self.output} at {self.start:g}"

    def _window_words(self) -> str:
        return ""


@dataclass(frozen=True, init=False)
class End(At):
    """The value at the last output time."""

    def __init__(self, output: str, name: str = "") -> None:
        for key, value in {"output": output, "start": None, "stop": None, "name": name}.items():
            object.__setattr__(self, key, value)

    def _words(self) -> str:
        return f"{self.output} at the end"


def visit_means(output: str, visits: Sequence[float], window: float) -> list[Mean]:
    """Return the mean over the ``window`` before each visit, as a diary of the last days gives it.

    Examples
    --------
    >>> [item.label for item in visit_means("pain", [84.0, 168.0], 7.0)]
    ['mean of pain from 77 to 84', 'mean of pain from 161 to 168']
    """
    return [Mean(output, visit - window, visit) for visit in visits]


class Window(NamedTuple):
    """Edges, None where the run says them; a point in time for the values at one."""

    start: float | None
    stop: float | None
    point: bool


class Cell(NamedTuple):
    """What the kernel gathers: of which output and window (by number), and from which slot on."""

    kind: Kind
    output: int
    sign: int
    window: int
    slot: int


@dataclass(frozen=True)
class ReductionPlan:
    """Reductions sorted into what they share.

    Attributes
    ----------
    outputs : tuple of str
    windows : tuple of Window
    cells : tuple of Cell
    levels : tuple of float
        One a cell.
    of_cell : tuple of int
        Each reduction's cell.
    """

    reductions: tuple[Reduction, ...]
    outputs: tuple[str, ...]
    windows: tuple[Window, ...]
    cells: tuple[Cell, ...]
    levels: tuple[float, ...]
    of_cell: tuple[int, ...]

    @classmethod
    def of(cls, reductions: Sequence[Reduction]) -> ReductionPlan:
        """Return the plan of reductions."""
        outputs = list(dict.fromkeys(item.output for item in reductions))
        found: dict[tuple[tuple[Kind, int, float], str, Window], int] = {}
        for item in reductions:
            point = isinstance(item, At)
            window = Window(item.start, item.start if point else item.stop, point)
            found.setdefault((item.gathers(), item.output, window), len(found))
        windows = list(dict.fromkeys(window for _, _, window in found))
        cells, slot = [], 0
        for (kind, sign, _), output, window in found:
            cells.append(Cell(kind, outputs.index(output), sign, windows.index(window), slot))
            slot += 2 if kind == "greatest" else 1
        places = []
        for item in reductions:
            point = isinstance(item, At)
            window = Window(item.start, item.start if point else item.stop, point)
            places.append(found[item.gathers(), item.output, window])
        levels = tuple(level for (_, _, level), _, _ in found)
        return cls(tuple(reductions), tuple(outputs), tuple(windows), tuple(cells), levels, tuple(places))

    @property
    def slots(self) -> int:
        """Numbers gathered for a subject."""
        return sum(2 if cell.kind == "greatest" else 1 for cell in self.cells)

    @property
    def structure(self) -> list[object]:
        """What decides the machine code: no times, no levels."""
        points = [window.point for window in self.windows]
        return [list(self.outputs), points, [list(cell) for cell in self.cells]]

    def horizon(self, times: Array) -> Array:
        """Return output times that reach the end of every window: those given, and if need be one more.

        Raises
        ------
        ScheduleError
            No time at all to solve to.
        """
        stops = [window.stop for window in self.windows if window.stop is not None]
        if times.shape[-1] == 0:
            if not self.windows or any(window.stop is None for window in self.windows):
                raise ScheduleError(
                    "no output times, and a reduction that stops at the last of them",
                    remedy="give times=[last time], or every reduction its own stop",
                )
            return np.array([max(stops)])
        if not stops or (times[..., -1] >= max(stops)).all():
            return times
        if times.ndim == 1:
            return np.append(times, max(stops))
        more = np.maximum(max(stops), np.nextafter(times[:, -1:], math.inf))
        return np.concatenate((times, more), axis=1)

    def edges(self, times: Array, start: float) -> Array:
        """Return start and stop of every window, shape (1 or n_subjects, n_windows, 2).

        ``times`` are those that the caller asked for.

        Raises
        ------
        ScheduleError
            A window that begins before the start, or ends where it begins.
        """
        last = times[..., -1:] if times.shape[-1] else np.full(1, math.nan)
        rows = last.reshape(-1)
        found = np.empty((len(rows), len(self.windows), 2))
        for number, window in enumerate(self.windows):
            found[:, number, 1] = rows if window.stop is None else window.stop
            found[:, number, 0] = start if window.start is None else window.start
            if window.point:
                found[:, number, 0] = found[:, number, 1]
            label = next(
                item.label for item, cell in zip(self.reductions, self.of_cell, strict=True)
                if self.cells[cell].window == number
            )  # fmt: skip
            if (found[:, number, 0] < start).any():
                raise ScheduleError(f"{label}: its time lies before the start at {start:g}")
            if not window.point and (found[:, number, 0] >= found[:, number, 1]).any():
                raise ScheduleError(
                    f"{label}: the window is empty", why=f"it begins at {found[0, number, 0]:g} and the run ends there",
                    remedy="ask for later output times, or give it a stop",
                )  # fmt: skip
        return found

    def points(self, edges: Array) -> Array:
        """Return the moments at which a value is asked for, from one subject's edges."""
        return edges[[window.point for window in self.windows], 1]

    def values(self, slots: Array, edges: Array) -> dict[str, Array]:
        """Return each reduction's values by label, (n_subjects,), from what was gathered."""
        result = {}
        for item, number in zip(self.reductions, self.of_cell, strict=True):
            cell = self.cells[number]
            result[item.label] = np.ascontiguousarray(item.read(slots[:, cell.slot :], edges[:, cell.window]))
        return result
