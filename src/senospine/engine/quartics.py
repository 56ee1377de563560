"""Polynomials of degree four on lanes: where they turn and where they cross zero, on [0, 1].

Five samples of an output within a step give one. A state's own interpolant is of degree four, so of a state it is the
interpolant itself.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from senospine.engine.vectors import POINTER, Lanes, Value

#: nodes of Gauss's quadrature of order six within (0, 1), with the ends around them
NODES = (0.0, 0.5 - float(np.sqrt(0.15)), 0.5, 0.5 + float(np.sqrt(0.15)), 1.0)
#: its weights
WEIGHTS = (5 / 18, 8 / 18, 5 / 18)


@lru_cache(maxsize=1)
def from_samples() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the matrices from values at the nodes to Bernstein coefficients and to powers."""
    x = np.array(NODES)[:, None]
    k = np.arange(5)
    bernstein = np.array([math.comb(4, int(i)) for i in k]) * x**k * (1 - x) ** (4 - k)
    return np.asarray(np.linalg.inv(bernstein), dtype=float), np.asarray(np.linalg.inv(x**k), dtype=float)


class Quartics:
    """Functions on polynomials, written into a module once."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self._root = self._write_root()
        self.turns = self._write_turns()
        self.crossings = self._write_crossings()

    def combine(self, row: NDArray[np.float64], samples: list[Value]) -> Value:
        """Return the sum of samples with the weights of ``row``."""
        total: Value = None
        for weight, sample in zip(row, samples, strict=True):
            if abs(weight) > 1e-14:
                term = self.lanes.multiply(sample, self.lanes.real(float(weight)))
                total = term if total is None else self.lanes.add(total, term)
        return total

    def value(self, powers: list[Value], x: Value) -> Value:
        """Return the polynomial's value."""
        total = powers[-1]
        for power in reversed(powers[:-1]):
            total = self.lanes.add(power, self.lanes.multiply(total, x))
        return total

    def _write_root(self) -> Value:
        """Write ``root(c0 … c4, left, right)``: where the sign changes between; one of the two if it does not."""
        lanes = self.lanes
        with lanes.function("root", [lanes.vector] * 7, lanes.vector) as function:
            powers, (left, right), here = list(function.args[:5]), function.args[5:], lanes.here
            low, high = here.alloca(lanes.vector), here.alloca(lanes.vector)
            for value, place in ((left, low), (right, high)):
                here.store(value, place, align=lanes.align)
            rises = lanes.compare("<", self.value(powers, left), self.value(powers, right))

            def halve(_: Value) -> None:
                a, b = (here.load(place, typ=lanes.vector, align=lanes.align) for place in (low, high))
                middle = lanes.multiply(lanes.add(a, b), lanes.real(0.5))
                below = lanes.compare("<", self.value(powers, middle), lanes.real(0.0))
                on_left = here.icmp_signed("==", below, rises)
                here.store(lanes.choose(on_left, middle, a), low, align=lanes.align)
                here.store(lanes.choose(on_left, b, middle), high, align=lanes.align)

            lanes.loop(round(-math.log2(lanes.rounding)) + 1, halve)  # as far as numbers tell
            here.ret(here.load(high, typ=lanes.vector, align=lanes.align))
        return function

    def _write_turns(self) -> Value:
        """Write ``turns(c0 … c4, result)``: three points between which, and to 0 and 1, it is monotone."""
        lanes = self.lanes
        with lanes.function("turns", [*[lanes.vector] * 5, POINTER]) as function:
            c, result, here = function.args[:5], function.args[5], lanes.here
            zero, one = lanes.real(0.0), lanes.real(1.0)
            slope = [lanes.multiply(c[i + 1], lanes.real(i + 1.0)) for i in range(4)] + [zero]
            # where the slope itself turns: a quadratic, the rounding-proof way
            a, b, d = (lanes.multiply(slope[3], lanes.real(3.0)), slope[2], slope[1])
            within = lanes.subtract(lanes.multiply(b, b), lanes.multiply(a, d))
            sign = lanes.choose(lanes.compare("<", b, zero), lanes.real(-1.0), one)
            root = lanes.intrinsic("sqrt", lanes.greatest(within, zero))
            q = lanes.negative(lanes.add(b, lanes.multiply(sign, root)))
            bends = [self._clip(lanes.divide(q, a)), self._clip(lanes.divide(d, q))]
            first, second = lanes.least(*bends), lanes.greatest(*bends)
            for index, (left, right) in enumerate(((zero, first), (first, second), (second, one))):
                lanes.store(here.call(self._root, [*slope, left, right]), result, index)
        return function

    def _clip(self, x: Value) -> Value:
        """Return ``x`` brought into [0, 1]; 0 for NaN."""
        lanes = self.lanes
        x = lanes.choose(lanes.compare(">", x, lanes.real(0.0)), x, lanes.real(0.0))
        return lanes.least(x, lanes.real(1.0))

    def _write_crossings(self) -> Value:
        """Write ``crossings(c0 … c4, result)``: its turns, then where it crosses zero between them and to the ends."""
        lanes = self.lanes
        with lanes.function("crossings", [*[lanes.vector] * 5, POINTER]) as function:
            c, result, here = list(function.args[:5]), function.args[5], lanes.here
            here.call(self.turns, [*c, result])
            points = [lanes.real(0.0), *(lanes.load(result, index) for index in range(3)), lanes.real(1.0)]
            for index, (left, right) in enumerate(itertools.pairwise(points)):
                lanes.store(here.call(self._root, [*c, left, right]), result, 3 + index)
        return function
