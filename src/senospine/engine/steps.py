"""One step of a Rosenbrock method, the interpolation within it, and the first step after a break point, on lanes."""

from __future__ import annotations

from collections.abc import Sequence

from senospine.engine.emit import SystemCode
from senospine.engine.tableaus import Rosenbrock
from senospine.engine.vectors import POINTER, Value, whole

#: a first step is not less than this many roundings of the time, so that it moves it
FEWEST_ROUNDINGS = 64
#: a first step's error is taken as (step / time of the transient) ^ order over this
FIRST_ERROR = 10.0
#: a first step changes the state by no more than this many times its size
MOST_CHANGE = 10.0
#: a first step above this, or none where the state stands still, says nothing: it is taken as the second, and grows
LARGEST_FIRST, UNKNOWN_FIRST = 1e12, 1e-3
#: the mean square error that a step with an unsound factorisation is given
UNSOUND = 1e8


class StepCode:
    """The functions of one method.

    Attributes
    ----------
    step : ``(workspace, norm)``
        From state and time by step: writes trial and error, the square of the scaled norm; NaN if anything is.
        ``norm`` 0 is the root mean square over states, 1 the largest.
    between : ``(workspace)``
        The states that outputs read, at a fraction of the last step, into weight.
    """

    def __init__(self, code: SystemCode, method: Rosenbrock) -> None:
        self.code, self.method = code, method
        self.lanes, self.layout, self.states = code.lanes, code.layout, code.system.states
        self.step = self._write_step()
        self.between = self._write_between()

    def _stage(self, workspace: Value, stage: int, index: Value) -> Value:
        offset = whole(self.layout.stages + stage * self.states)
        return self.lanes.load(workspace, self.lanes.here.add(index, offset))

    def _combined(self, workspace: Value, row: Sequence[Value], index: Value, start: Value = None) -> Value:
        lanes, total = self.lanes, start
        for stage, coefficient in enumerate(row):
            if coefficient is not None:
                term = lanes.multiply(self._stage(workspace, stage, index), coefficient)
                total = term if total is None else lanes.add(total, term)
        return lanes.real(0.0) if total is None else total

    def _write_step(self) -> Value:
        lanes, layout, method = self.lanes, self.layout, self.method
        with lanes.function(f"step_{method.name}", [POINTER, whole(0).type]) as function:
            workspace, norm = function.args
            step = lanes.load(workspace, layout.step)
            inverse = lanes.divide(lanes.real(1.0), step)
            lanes.store(lanes.multiply(inverse, lanes.real(1 / method.gamma)), workspace, layout.pivot)
            lanes.here.call(self.code.jacobian, [workspace])
            nodes, weights = method.nodes
            time, trial = lanes.place(workspace, layout.stage_time), lanes.place(workspace, layout.trial)
            for stage in range(method.stages):
                place = layout.stages + stage * self.states
                if stage > 0:  # the first has its rates from the Jacobian
                    self._combine(workspace, stage, inverse)
                    self.code.add_infusions(workspace, workspace, place)
                if weights[stage] != 0.0:
                    self._add_time(workspace, place, lanes.multiply(step, lanes.real(weights[stage])))
                result = lanes.place(workspace, place)
                if stage == 0:
                    lanes.here.call(self.code.solve, [workspace, result])
                    continue
                moment = lanes.add(lanes.load(workspace, layout.time), lanes.multiply(step, lanes.real(nodes[stage])))
                lanes.store(moment, workspace, layout.stage_time)
                lanes.here.call(self.code.stage, [workspace, time, trial, result])
            self._finish(workspace, norm)
        return function

    def _add_time(self, workspace: Value, target: int, factor: Value) -> None:
        """Add the derivatives by time, of the rates that have any."""
        lanes = self.lanes
        for row in self.code.system.by_time:
            term = lanes.multiply(factor, lanes.load(workspace, self.layout.by_time + row))
            lanes.store(lanes.add(lanes.load(workspace, target + row), term), workspace, target + row)

    def _row(self, coefficients: tuple[float, ...], factor: Value = None) -> list[Value]:
        """Return coefficients in all lanes, times a factor; None for zero."""
        values = [self.lanes.real(item) if item else None for item in coefficients]
        return values if factor is None else [item and self.lanes.multiply(item, factor) for item in values]

    def _combine(self, workspace: Value, stage: int, inverse: Value) -> None:
        """Write the argument of a stage, and its weights where it will be, from the stages before.

        Passes go up and down in turn: what one used last is what the next finds in the cache.
        """
        lanes, layout, method = self.lanes, self.layout, self.method
        stages = self._row(method.stage[stage]) if stage < len(method.stage) else []
        coupling = self._row(method.coupling[stage], inverse)

        def body(index: Value) -> None:
            if stage % 2:
                index = lanes.here.sub(whole(self.states - 1), index)
            trial = lanes.here.add(index, whole(layout.trial))
            if stage < len(method.stage):
                start = lanes.load(workspace, lanes.here.add(index, whole(layout.state)))
                argument = self._combined(workspace, stages, index, start)
            else:
                argument = lanes.add(lanes.load(workspace, trial), self._stage(workspace, stage - 1, index))
            weight = self._combined(workspace, coupling, index)
            lanes.store(argument, workspace, trial)
            lanes.store(weight, workspace, lanes.here.add(index, whole(layout.stages + stage * self.states)))

        lanes.loop(self.states, body)

    def _finish(self, workspace: Value, norm: Value) -> None:
        """Write the end of the step and the norm of its error."""
        lanes, layout, last = self.lanes, self.layout, self.method.stages - 1
        zero = lanes.real(0.0)
        rtol = lanes.load(workspace, layout.rtol)

        def body(index: Value, sums: list[Value]) -> list[Value]:
            error = self._stage(workspace, last, index)
            before = lanes.load(workspace, lanes.here.add(index, whole(layout.state)))
            place = lanes.here.add(index, whole(layout.trial))
            after = lanes.add(lanes.load(workspace, place), error)
            lanes.store(after, workspace, place)
            size = lanes.greatest(lanes.intrinsic("fabs", before), lanes.intrinsic("fabs", after))
            atol = lanes.load(workspace, lanes.here.add(index, whole(layout.atol)))
            scaled = lanes.divide(error, lanes.add(atol, lanes.multiply(rtol, size)))
            square = lanes.multiply(scaled, scaled)
            total, unknown, largest = sums
            return [
                lanes.add(total, square),
                lanes.add(unknown, lanes.multiply(after, zero)),
                lanes.greatest(square, largest),
            ]

        total, unknown, largest = lanes.fold(self.states, [zero, zero, zero], body)
        total = lanes.add(total, unknown)
        mean = lanes.multiply(total, lanes.real(1 / self.states))
        chosen = lanes.here.select(lanes.here.icmp_signed("==", norm, whole(0)), mean, largest)
        square = lanes.add(chosen, lanes.multiply(total, zero))  # NaN or infinite anywhere is NaN here
        sound = lanes.compare("!=", lanes.load(workspace, layout.sound), zero)
        lanes.store(lanes.choose(sound, square, lanes.real(UNSOUND)), workspace, layout.error)

    def _write_between(self) -> Value:
        lanes, layout, dense = self.lanes, self.layout, [self._row(row) for row in self.method.dense]
        with lanes.function(f"between_{self.method.name}", [POINTER]) as function:
            (workspace,) = function.args
            right = lanes.load(workspace, layout.fraction)
            left = lanes.subtract(lanes.real(1.0), right)
            at_end = lanes.compare(">=", right, lanes.real(1.0))

            def body(index: Value) -> None:
                before = lanes.load(workspace, lanes.here.add(index, whole(layout.state)))
                after = lanes.load(workspace, lanes.here.add(index, whole(layout.trial)))
                rows = [self._combined(workspace, row, index) for row in dense]
                inner = rows[-1]
                for row in reversed(rows[:-1]):
                    inner = lanes.add(row, lanes.multiply(right, inner))
                inner = lanes.multiply(right, lanes.add(after, lanes.multiply(left, inner)))
                value = lanes.add(lanes.multiply(left, before), inner)
                place = lanes.here.add(index, whole(layout.weight))
                lanes.store(lanes.choose(at_end, after, value), workspace, place)

            recorded = self.code.system.recorded
            if len(recorded) * 2 > self.states:
                lanes.loop(self.states, body)
            else:
                for state in recorded:
                    body(whole(state))
        return function


def write_start(code: SystemCode, order: int) -> Value:
    """Write ``(workspace)``: proposes a first step for fresh lanes.

    From the sizes d1 and d2 of the first and second derivatives, scaled as errors are, a transient of rate d2 / d1 and
    size d1² / d2 is read, whose error over a step h is taken as size (h rate)^order / 10. The unit of time plays no
    part. No first step changes the state by more than ten times its size. The rule of Hairer, Nørsett & Wanner needs
    two evaluations instead of one with derivatives, and proposed a fifth to a twentieth of what the error allows.

    References
    ----------
    Hairer, E., Nørsett, S. P., Wanner, G.: Solving Ordinary Differential Equations I, section II.4.
    """
    lanes, layout, n = code.lanes, code.layout, code.system.states
    with lanes.function("start", [POINTER]) as function:
        (workspace,) = function.args
        lanes.here.call(code.change, [workspace])
        rtol = lanes.load(workspace, layout.rtol)

        def gather(index: Value, sums: list[Value]) -> list[Value]:
            y, first, second = (
                lanes.load(workspace, lanes.here.add(index, whole(place)))
                for place in (layout.state, layout.rate, layout.weight)
            )
            atol = lanes.load(workspace, lanes.here.add(index, whole(layout.atol)))
            scale = lanes.add(atol, lanes.multiply(rtol, lanes.intrinsic("fabs", y)))
            inverse = lanes.divide(lanes.real(1.0), scale)
            scaled = [lanes.multiply(item, inverse) for item in (y, first, second)]
            return [lanes.add(total, lanes.multiply(item, item)) for total, item in zip(sums, scaled, strict=True)]

        zero = lanes.real(0.0)
        squares = lanes.fold(n, [zero, zero, zero], gather)
        d0, d1, d2 = (lanes.intrinsic("sqrt", lanes.multiply(item, lanes.real(1 / n))) for item in squares)
        small = lanes.divide(lanes.multiply(d2, lanes.real(FIRST_ERROR)), lanes.multiply(d1, d1))
        power = code.functions.power(small, lanes.real(1 / order))
        first = lanes.divide(lanes.multiply(power, d1), d2)
        most = lanes.divide(lanes.multiply(lanes.add(d0, lanes.real(1.0)), lanes.real(MOST_CHANGE)), d1)
        first = lanes.least(first, most)  # the second where the first is NaN
        usable = lanes.compare("<", first, lanes.real(LARGEST_FIRST))
        first = lanes.choose(usable, first, lanes.real(UNKNOWN_FIRST))
        roundings = lanes.intrinsic("fabs", lanes.load(workspace, layout.time))
        first = lanes.greatest(first, lanes.multiply(roundings, lanes.real(FEWEST_ROUNDINGS * lanes.rounding)))
        fresh = lanes.compare("!=", lanes.load(workspace, layout.fresh), zero)
        lanes.store(lanes.choose(fresh, first, lanes.load(workspace, layout.proposed)), workspace, layout.proposed)
        lanes.store(zero, workspace, layout.fresh)
    return function
