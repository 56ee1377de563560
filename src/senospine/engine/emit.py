"""A system as LLVM code on lanes: constants of a subject, rates, Jacobian with its factors, solving, outputs.

All functions work in one block of memory, the workspace, of vectors laid out by :class:`Layout`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from senospine.engine.functions import Functions
from senospine.engine.graph import LOGICAL
from senospine.engine.system import System
from senospine.engine.tableaus import METHODS
from senospine.engine.vectors import POINTER, Lanes, Value, whole
from senospine.errors import ModelError

#: a pivot smaller than this part of what it was made of has lost its digits: the step is tried again, smaller
PIVOT_LOSS = 1e-11
_COMPARISONS = {"less": "<", "less equal": "<=", "equal": "=="}
_CALLS = frozenset({"power", "exp", "log", "sin", "cos", "tan", "tanh"})
_LIBRARY = frozenset({"sin", "cos", "tan", "tanh"})


class Layout:
    """Where each quantity stands in the workspace, counted in vectors."""

    def __init__(self, system: System) -> None:
        self.size = 0
        n, stages = system.states, max(method.stages for method in METHODS)
        # one vector each; subject, row, last_row and column hold whole numbers
        self.subject, self.row, self.last_row, self.column = (self._take(1) for _ in range(4))
        self.flags = self._take(1)  # whole numbers that concern all lanes, see Flag
        self.time, self.before, self.step, self.proposed = (self._take(1) for _ in range(4))
        self.stop, self.limit, self.due = (self._take(1) for _ in range(3))
        self.active, self.refused, self.fresh, self.accepted, self.rejected = (self._take(1) for _ in range(5))
        self.error, self.fraction, self.moment, self.stage_time = (self._take(1) for _ in range(4))
        self.pivot, self.sound = (self._take(1) for _ in range(2))
        self.rtol, self.exponent = (self._take(1) for _ in range(2))
        self.atol = self._take(n)
        self.state, self.trial, self.rate, self.extra = (self._take(n) for _ in range(4))
        self.first_weight, self.weight, self.by_time = (self._take(n) for _ in range(3))
        self.parameters = self._take(system.parameters)
        self.hoisted = self._take(len(system.hoisted))
        self.factors = self._take(len(system.plan.slots))
        self.stages = self._take(n * stages)
        self.outputs = self._take(len(system.outputs))

    def _take(self, count: int) -> int:
        start = self.size
        self.size += count
        return start


class Flag:
    """Places in the vector of flags (a workspace has at least two lanes, so at least two)."""

    DIRTY, INFUSING = 0, 1


class Scribe:
    """Writes nodes of the graph as values, each once within a function."""

    def __init__(
        self, lanes: Lanes, functions: Functions, system: System, leaves: Mapping[str, tuple[Value, int]],
        stored: Mapping[int, int],
    ) -> None:  # fmt: skip
        self.lanes, self.functions, self.graph = lanes, functions, system.graph
        self.leaves, self.stored = leaves, stored
        self._values: dict[int, Value] = {}

    def write(self, roots: Sequence[int], use: Callable[[int, Value], None] | None = None) -> list[Value]:
        """Return the values of ``roots`` as doubles, and hand each to ``use`` as soon as it is there.

        Calls clobber every register, so what needs them is written first, and what follows is kept short-lived.
        """
        self.write_calls(roots)
        values = []
        for index, root in enumerate(roots):
            self._write([root])
            values.append(self._real(root))
            if use is not None:
                use(index, values[-1])
        return values

    def write_calls(self, roots: Sequence[int]) -> None:
        """Write the calls that ``roots`` need, with what these need themselves."""
        graph, stop = self.graph, self.stored
        needed = graph.ordered(roots, stop.keys() | self._values.keys())
        calls = [node for node in needed if graph.operators[node] in _CALLS and not {node} & stop.keys()]
        if calls:
            self._write(calls)
            for node in [node for node in self._values if not graph.arguments[node] or node in stop]:
                del self._values[node]  # rather load again than carry across calls

    def _write(self, roots: Iterable[int]) -> None:
        for node in self.graph.ordered(roots, self.stored.keys() | self._values.keys()):
            if node not in self._values:
                self._values[node] = self._value(node)

    def _value(self, node: int) -> Value:
        graph, lanes = self.graph, self.lanes
        operator = graph.operators[node]
        if node in self.stored:
            return lanes.load(self.leaves["hoisted"][0], self.leaves["hoisted"][1] + self.stored[node])
        if operator == "number":
            return lanes.real(graph.values[node])
        if operator in {"state", "parameter", "time"}:
            base, offset = self.leaves[operator]
            return lanes.load(base, offset + int(graph.values[node]))
        items = graph.arguments[node]
        if operator == "choose":
            return lanes.choose(self._truth(items[0]), self._real(items[1]), self._real(items[2]))
        if operator in LOGICAL:
            return self._logic(operator, items)
        return self._arithmetic(operator, [self._real(item) for item in items])

    def _arithmetic(self, operator: str, x: list[Value]) -> Value:
        lanes = self.lanes
        if operator in {"add", "subtract", "multiply", "negative"}:
            return getattr(lanes, operator)(*x)
        if operator == "reciprocal":
            return lanes.divide(lanes.real(1.0), x[0])
        if operator in {"exp", "log", "power"}:
            return getattr(self.functions, operator)(*x)
        if operator in {"square root", "abs", "floor", "ceiling"}:
            return lanes.intrinsic(
                {"square root": "sqrt", "abs": "fabs", "ceiling": "ceil"}.get(operator, operator), x[0]
            )
        if operator in {"min", "max"}:  # NaN if either is NaN
            inner = lanes.choose(lanes.compare("<" if operator == "min" else ">", x[0], x[1]), x[0], x[1])
            return lanes.choose(lanes.here.fcmp_unordered("uno", x[0], x[0]), x[0], inner)
        if operator == "finite or zero":
            finite = lanes.compare("<", lanes.intrinsic("fabs", x[0]), lanes.real(math.inf))
            return lanes.choose(finite, x[0], lanes.real(0.0))
        if operator in _LIBRARY:
            return lanes.lane_by_lane(operator, x[0])
        raise ModelError(f"operator '{operator}' cannot be compiled")

    def _logic(self, operator: str, items: tuple[int, ...]) -> Value:
        lanes = self.lanes
        if operator in _COMPARISONS:
            return lanes.compare(_COMPARISONS[operator], self._real(items[0]), self._real(items[1]))
        if operator == "not equal":
            return lanes.compare("!=", self._real(items[0]), self._real(items[1]), unordered=True)
        truths = [self._truth(item) for item in items]
        if operator == "not":
            return lanes.here.not_(truths[0])
        return (lanes.here.and_ if operator == "and" else lanes.here.or_)(*truths)

    def _is_truth(self, node: int) -> bool:
        return self.graph.operators[node] in LOGICAL

    def _real(self, node: int) -> Value:
        value = self._values[node]
        if not self._is_truth(node):
            return value
        return self.lanes.choose(value, self.lanes.real(1.0), self.lanes.real(0.0))

    def _truth(self, node: int) -> Value:
        value = self._values[node]
        if self._is_truth(node):
            return value
        return self.lanes.compare("!=", value, self.lanes.real(0.0), unordered=True)


class SystemCode:
    """The functions of one system, written into a module.

    Attributes
    ----------
    prepare : ``(workspace)``
        Computes what depends on parameters only.
    rates : ``(workspace, time, state, result)``
        Time derivatives, infusions included.
    jacobian : ``(workspace)``
        At time and state of the workspace: rates, derivatives by time, and the factors of pivot I - J.
    solve : ``(workspace, rate, weight, result)``
        Solves with those factors for rate + weight.
    outputs : ``(workspace, state)``
        The outputs at the workspace's moment.
    """

    def __init__(self, lanes: Lanes, system: System) -> None:
        self.lanes, self.system, self.layout = lanes, system, Layout(system)
        self.functions = Functions(lanes)
        self._stored = {node: index for index, node in enumerate(system.hoisted)}
        self.prepare = self._write_prepare()
        self.rates = self._write_rates()
        self.jacobian = self._write_jacobian()
        self.solve = self._write_solve()
        self.outputs = self._write_outputs()

    def _scribe(self, workspace: Value, time: Value, state: Value, *, stored: bool = True) -> Scribe:
        layout = self.layout
        leaves = {
            "state": (state, 0),
            "time": (time, 0),
            "parameter": (workspace, layout.parameters),
            "hoisted": (workspace, layout.hoisted),
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

    def _write_rates(self) -> Value:
        lanes = self.lanes
        with lanes.function("rates", [POINTER] * 4) as function:
            workspace, time, state, result = function.args
            scribe = self._scribe(workspace, time, state)
            scribe.write(self.system.rates, lambda index, value: lanes.store(value, result, index))
            self._add_infusions(workspace, result, 0)
        return function

    def _add_infusions(self, workspace: Value, result: Value, offset: int) -> None:
        """Add infusions to rates where there are any; a rate without infusion keeps every bit."""
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
                place = layout.rate + index if index < n else layout.by_time + rows[index - n]
                if index < n + len(rows):
                    lanes.store(value, workspace, place)

            # the entries' calls are written here too, the entries themselves where they are needed
            nodes = [*system.rates, *system.by_time.values()]
            scribe.write_calls([*nodes, *system.jacobian.values()])
            scribe.write(nodes, keep)
            self._factor(workspace, scribe)
            self._add_infusions(workspace, workspace, layout.rate)
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
                least = lanes.least(size, least)
                if k in plan.updated:
                    before = lanes.multiply(lanes.intrinsic("fabs", original[k]), lanes.real(PIVOT_LOSS))
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
        small = lanes.compare("<", least, lanes.multiply(pivot, lanes.real(PIVOT_LOSS)))
        lost = small if lost is None else lanes.here.or_(lost, small)
        lanes.store(lanes.choose(lost, lanes.real(0.0), lanes.real(1.0)), workspace, layout.sound)

    def _write_solve(self) -> Value:
        lanes, plan, layout = self.lanes, self.system.plan, self.layout
        with lanes.function("solve", [POINTER] * 4) as function:
            workspace, rate, weight, result = function.args

            def factor(i: int, j: int) -> Value:
                return lanes.load(workspace, layout.factors + plan.slots[i, j])

            x: dict[int, Value] = {}
            for i in plan.order:
                x[i] = lanes.add(lanes.load(rate, i), lanes.load(weight, i))
                for j in plan.lower[i]:
                    x[i] = lanes.subtract(x[i], lanes.multiply(factor(i, j), x[j]))
            for i in reversed(plan.order):
                for j in plan.upper[i]:
                    x[i] = lanes.subtract(x[i], lanes.multiply(factor(i, j), x[j]))
                x[i] = lanes.multiply(x[i], factor(i, i))
                lanes.store(x[i], result, i)
        return function

    def _write_outputs(self) -> Value:
        lanes, layout = self.lanes, self.layout
        with lanes.function("outputs", [POINTER] * 2) as function:
            workspace, state = function.args
            scribe = self._scribe(workspace, lanes.place(workspace, layout.moment), state)
            first = layout.outputs
            scribe.write(self.system.outputs, lambda index, value: lanes.store(value, workspace, first + index))
        return function
