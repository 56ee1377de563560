"""A system as LLVM code on lanes: constants of a subject, rates, Jacobian with its factors, solving, outputs.

All functions work in one block of memory, the workspace, of vectors laid out by
:class:`~senospine.engine.layout.Layout`.
"""

from __future__ import annotations

from collections.abc import Callable

from senospine.engine.functions import Functions
from senospine.engine.layout import Flag, Layout
from senospine.engine.scribe import Scribe
from senospine.engine.system import System
from senospine.engine.vectors import POINTER, Lanes, Value, whole

#: a pivot smaller than this part of what it was made of has lost its digits: the step is tried again, smaller
PIVOT_LOSS = 1e-11


class SystemCode:
    """The functions of one system, written into a module.

    Attributes
    ----------
    prepare : ``(workspace)``
        Computes what depends on parameters only.
    change : ``(workspace)``
        At time and state of the workspace: rate, infusions included, and into weight the second derivatives.
    jacobian : ``(workspace)``
        At time and state of the workspace: rates (where the first stage is), derivatives by time, and the factors of
        pivot I - J.
    solve : ``(workspace, result)``
        Solves with those factors for what stands in result, in place.
    stage : ``(workspace, time, state, result)``
        Solves with those factors for the rates, without infusions, + what stands in result, in place.
    outputs : ``(workspace, state)``
        The outputs at the workspace's moment.
    """

    def __init__(self, lanes: Lanes, system: System) -> None:
        self.lanes, self.system, self.layout = lanes, system, Layout(system, single=lanes.single)
        self.functions = Functions(lanes)
        self._stored = {node: index for index, node in enumerate(system.hoisted)}
        self.prepare = self._write_prepare()
        self.change = self._write_change()
        self.jacobian = self._write_jacobian()
        self.solve = self._write_solve()
        self.stage = self._write_stage()
        self.outputs = self._write_outputs()

    def _scribe(self, workspace: Value, time: Value, state: Value, *, stored: bool = True) -> Scribe:
        layout = self.layout
        leaves = {
            "state": (state, 0),
            "time": (time, 0),
            "parameter": (workspace, layout.parameters),
            "hoisted": (workspace, layout.hoisted),
            "begin": (workspace, layout.begin),
        }
        return Scribe(self.lanes, self.functions, self.system, leaves, self._stored if stored else {})

    def _write_prepare(self) -> Value:
        lanes = self.lanes
        with lanes.function("prepare", [POINTER]) as function:
            (workspace,) = function.args
            scribe = self._scribe(workspace, workspace, workspace, stored=False)
            first = self.layout.hoisted
            scribe.write(self.system.hoisted, lambda index, value: lanes.store(value, workspace, first + index))
        return function

    def _write_change(self) -> Value:
        lanes, system, layout = self.lanes, self.system, self.layout
        with lanes.function("change", [POINTER]) as function:
            (workspace,) = function.args
            scribe = self._scribe(workspace, lanes.place(workspace, layout.time), lanes.place(workspace, layout.state))
            scribe.write_calls([*system.rates, *system.by_time.values(), *system.jacobian.values()])
            scribe.write(system.rates, lambda index, value: lanes.store(value, workspace, layout.rate + index))
            self.add_infusions(workspace, workspace, layout.rate)
            for row in range(system.states):
                total = scribe.write([system.by_time[row]])[0] if row in system.by_time else lanes.real(0.0)
                for (i, column), node in system.jacobian.items():
                    if i == row:
                        moved = lanes.load(workspace, layout.rate + column)
                        total = lanes.add(total, lanes.multiply(scribe.write([node])[0], moved))
                lanes.store(total, workspace, layout.weight + row)
        return function

    def add_infusions(self, workspace: Value, result: Value, offset: int) -> None:
        """Add infusions to rates, or weights, where there are any; what has no infusion keeps every bit."""
        lanes = self.lanes
        flags = lanes.place(workspace, self.layout.flags)
        infusing = lanes.scalar(flags, whole(Flag.INFUSING), whole(0).type)
        with lanes.here.if_then(lanes.here.icmp_signed("!=", infusing, whole(0)), likely=False):

            def body(index: Value) -> None:
                rate = lanes.load(result, lanes.here.add(index, whole(offset)))
                extra = lanes.load(workspace, lanes.here.add(index, whole(self.layout.extra)))
                none = lanes.compare("==", extra, lanes.real(0.0))
                total = lanes.choose(none, rate, lanes.add(rate, extra))
                lanes.store(total, result, lanes.here.add(index, whole(offset)))

            lanes.loop(self.system.states, body)

    def _write_jacobian(self) -> Value:
        lanes, system, layout = self.lanes, self.system, self.layout
        with lanes.function("jacobian", [POINTER]) as function:
            (workspace,) = function.args
            state, time = lanes.place(workspace, layout.state), lanes.place(workspace, layout.time)
            scribe = self._scribe(workspace, time, state)
            n, rows = system.states, list(system.by_time)

            def keep(index: int, value: Value) -> None:
                place = layout.stages + index if index < n else layout.by_time + rows[index - n]
                if index < n + len(rows):
                    lanes.store(value, workspace, place)

            # the entries' calls are written here too, the entries themselves where they are needed
            nodes = [*system.rates, *system.by_time.values()]
            scribe.write_calls([*nodes, *system.jacobian.values()])
            scribe.write(nodes, keep)
            self._factor(workspace, scribe)
            self.add_infusions(workspace, workspace, layout.stages)
        return function

    def _factor(self, workspace: Value, scribe: Scribe) -> None:
        """Write the elimination; entries of the matrix are computed when first needed and stored when final."""
        lanes, plan, layout, jacobian = self.lanes, self.system.plan, self.layout, self.system.jacobian
        pivot = lanes.load(workspace, layout.pivot)
        entry: dict[tuple[int, int], Value] = {}
        original: dict[int, Value] = {}

        def at(i: int, j: int) -> Value | None:
            if (i, j) not in entry:
                if (i, j) in jacobian:
                    value = scribe.write([jacobian[i, j]])[0]
                    entry[i, j] = lanes.subtract(pivot, value) if i == j else lanes.negative(value)
                elif i == j:
                    entry[i, j] = pivot
                if i == j:
                    original[i] = entry[i, j]
            return entry.get((i, j))

        def keep(i: int, j: int) -> None:
            lanes.store(entry[i, j], workspace, layout.factors + plan.slots[i, j])

        lost: Value = None
        least = pivot
        for operation in plan.operations:
            if len(operation) == 1:
                (k,) = operation
                value = at(k, k)
                size = lanes.intrinsic("fabs", value)
                least = lanes.least(value, least)  # signed: a negative one means growth faster than the step sees
                if k in plan.updated:
                    before = lanes.multiply(
                        lanes.intrinsic("fabs", original[k]),
                        lanes.real(PIVOT_LOSS * (lanes.rounding / 2.0**-52) ** 0.5),
                    )
                    here = lanes.compare("<", size, before)
                    lost = here if lost is None else lanes.here.or_(lost, here)
                entry[k, k] = lanes.divide(lanes.real(1.0), value)
                keep(k, k)
                for j in plan.upper[k]:
                    at(k, j)
                    keep(k, j)
            elif len(operation) == 2:
                i, k = operation
                entry[i, k] = lanes.multiply(at(i, k), entry[k, k])
                keep(i, k)
            else:
                i, j, k = operation
                product = lanes.multiply(entry[i, k], entry[k, j])
                old = at(i, j)
                entry[i, j] = lanes.negative(product) if old is None else lanes.subtract(old, product)
        small = lanes.compare(
            "<", least, lanes.multiply(pivot, lanes.real(PIVOT_LOSS * (lanes.rounding / 2.0**-52) ** 0.5))
        )
        lost = small if lost is None else lanes.here.or_(lost, small)
        lanes.store(lanes.choose(lost, lanes.real(0.0), lanes.real(1.0)), workspace, layout.sound)

    def _write_solve(self) -> Value:
        lanes = self.lanes
        with lanes.function("solve", [POINTER] * 2) as function:
            workspace, result = function.args
            self._substitute(workspace, lambda i: lanes.load(result, i), result)
        return function

    def _write_stage(self) -> Value:
        lanes, system = self.lanes, self.system
        with lanes.function("stage", [POINTER] * 4) as function:
            workspace, time, state, result = function.args
            scribe = self._scribe(workspace, time, state)
            scribe.write_calls(system.rates)

            def right(i: int) -> Value:
                return lanes.add(scribe.write([system.rates[i]])[0], lanes.load(result, i))

            self._substitute(workspace, right, result)
        return function

    def _substitute(self, workspace: Value, right: Callable[[int], Value], result: Value) -> None:
        """Solve with the factors for a right-hand side, each entry of which is written when it is needed."""
        lanes, plan, layout = self.lanes, self.system.plan, self.layout

        def factor(i: int, j: int) -> Value:
            return lanes.load(workspace, layout.factors + plan.slots[i, j])

        x: dict[int, Value] = {}
        for i in plan.order:
            x[i] = right(i)
            for j in plan.lower[i]:
                x[i] = lanes.subtract(x[i], lanes.multiply(factor(i, j), x[j]))
        for i in reversed(plan.order):
            for j in plan.upper[i]:
                x[i] = lanes.subtract(x[i], lanes.multiply(factor(i, j), x[j]))
            x[i] = lanes.multiply(x[i], factor(i, i))
            lanes.store(x[i], result, i)

    def _write_outputs(self) -> Value:
        lanes, layout = self.lanes, self.layout
        with lanes.function("outputs", [POINTER] * 2) as function:
            workspace, state = function.args
            scribe = self._scribe(workspace, lanes.place(workspace, layout.moment), state)
            first = layout.outputs
            scribe.write(self.system.outputs, lambda index, value: lanes.store(value, workspace, first + index))
        return function
