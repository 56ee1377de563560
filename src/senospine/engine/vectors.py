"""Helpers to write LLVM code on lanes: a value is one vector of doubles or floats, and nothing ever crosses lanes.

Because every instruction works on each lane alone, a subject's numbers cannot depend on its neighbours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

Value = Any  # llvmlite comes without types

POINTER = ir.PointerType()
WHOLE = ir.IntType(64)
REAL = ir.DoubleType()
BIT = ir.IntType(1)
_CONTRACT = ("contract",)


def whole(number: int) -> Value:
    """Return a 64-bit constant."""
    return ir.Constant(WHOLE, int(number))


def number(value: float) -> Value:
    """Return a constant double."""
    return ir.Constant(REAL, float(value))


class Lanes:
    """A module under construction and the place where code is being written.

    Parameters
    ----------
    width : int
        Number of lanes; a power of two.
    single : bool
        Values are single precision. Single numbers that are taken out or put in are doubles all the same.
    """

    def __init__(self, width: int, *, single: bool = False) -> None:
        self.width, self.single = width, single
        self.bytes = 4 if single else 8
        self.element, self._integer = (ir.FloatType(), ir.IntType(32)) if single else (REAL, WHOLE)
        self.rounding = 2.0**-23 if single else 2.0**-52
        self.largest = 2.0**128 - 2.0**104 if single else sys.float_info.max
        self.module = ir.Module("lanes")
        self.vector = ir.VectorType(self.element, width)
        self.integers = ir.VectorType(self._integer, width)
        self.align = self.bytes * width
        self.exact = False
        self.here: Value = None
        self._declared: dict[str, Value] = {}

    # -------------------------------------------------------------- functions

    @contextmanager
    def function(
        self, name: str, arguments: Sequence[Value], result: Value = None, *, public: bool = False
    ) -> Iterator[Value]:
        """Write the body of a function; pointers in it never overlap. Leaves with ``return`` where none was written."""
        kind = ir.FunctionType(result or ir.VoidType(), arguments)
        function = ir.Function(self.module, kind, name)
        function.attributes.add("nounwind")
        if not public:
            function.linkage = "internal"
            function.attributes.add("noinline")
        for argument in function.args:
            if argument.type == POINTER:
                argument.add_attribute("noalias")
        before, self.here = self.here, ir.IRBuilder(function.append_basic_block())
        yield function
        if not self.here.block.is_terminated:
            self.here.ret_void()
        self.here = before

    def outside(self, name: str, result: Value, arguments: Sequence[Value]) -> Value:
        """Return a declared function: an intrinsic of LLVM, or one of the mathematics library."""
        if name not in self._declared:
            self._declared[name] = ir.Function(self.module, ir.FunctionType(result, arguments), name)
        return self._declared[name]

    def intrinsic(self, name: str, *items: Value) -> Value:
        """Return ``llvm.name`` of vectors."""
        function = self.outside(f"llvm.{name}.v{self.width}f{8 * self.bytes}", self.vector, [self.vector] * len(items))
        return self.here.call(function, items)

    def lane_by_lane(self, name: str, item: Value) -> Value:
        """Return a function of the mathematics library, called for each lane in turn."""
        function = self.outside(name, REAL, [REAL])
        result: Value = ir.Constant(self.vector, ir.Undefined)
        for lane in range(self.width):
            index = ir.Constant(ir.IntType(32), lane)
            value = self.here.call(function, [self.widened(self.here.extract_element(item, index))])
            result = self.here.insert_element(result, self.narrowed(value), index)
        return result

    # ------------------------------------------------------------- arithmetic

    def real(self, value: float) -> Value:
        """Return a constant in all lanes."""
        return ir.Constant(self.vector, [float(value)] * self.width)

    def widened(self, number: Value) -> Value:
        """Return one number of a lane as a double."""
        return self.here.fpext(number, REAL) if self.single else number

    def narrowed(self, number: Value) -> Value:
        """Return a double as a lane holds it."""
        return self.here.fptrunc(number, self.element) if self.single else number

    def integer(self, value: int) -> Value:
        """Return a whole constant in all lanes."""
        return ir.Constant(self.integers, [value] * self.width)

    @contextmanager
    def times(self, count: int) -> Iterator[None]:
        """Let a value be ``count`` vectors side by side: their work is independent, so the processor overlaps it."""
        before = self.width, self.vector, self.integers
        self.width *= count
        self.vector, self.integers = (ir.VectorType(kind, self.width) for kind in (self.element, self._integer))
        yield
        self.width, self.vector, self.integers = before

    def joined(self, items: Sequence[Value]) -> Value:
        """Return vectors side by side; their number is a power of two."""
        values = list(items)
        while len(values) > 1:
            values = [self._shuffled(a, b, 0, 2 * a.type.count) for a, b in zip(values[::2], values[1::2], strict=True)]
        return values[0]

    def parts(self, value: Value, width: int) -> list[Value]:
        """Return the vectors of ``width`` that stand side by side in ``value``."""
        return [self._shuffled(value, value, first, width) for first in range(0, value.type.count, width)]

    def together(self, kind: Value, items: Sequence[Value]) -> Value:
        """Return values as one of a structure's type, as functions hand several back."""
        result: Value = ir.Constant(kind, ir.Undefined)
        for place, item in enumerate(items):
            result = self.here.insert_value(result, item, place)
        return result

    def _shuffled(self, a: Value, b: Value, first: int, count: int) -> Value:
        kind = ir.VectorType(ir.IntType(32), count)
        return self.here.shuffle_vector(a, b, ir.Constant(kind, list(range(first, first + count))))

    def _flags(self) -> tuple[str, ...]:
        return () if self.exact else _CONTRACT

    def add(self, a: Value, b: Value) -> Value:
        """Return ``a + b``."""
        return self.here.fadd(a, b, flags=self._flags())

    def subtract(self, a: Value, b: Value) -> Value:
        """Return ``a - b``."""
        return self.here.fsub(a, b, flags=self._flags())

    def multiply(self, a: Value, b: Value) -> Value:
        """Return ``a b``."""
        return self.here.fmul(a, b, flags=self._flags())

    def divide(self, a: Value, b: Value) -> Value:
        """Return ``a / b``."""
        return self.here.fdiv(a, b)

    def fused(self, a: Value, b: Value, c: Value) -> Value:
        """Return ``a b + c``, rounded once."""
        return self.intrinsic("fma", a, b, c)

    def negative(self, a: Value) -> Value:
        """Return ``-a``."""
        return self.here.fneg(a)

    def compare(self, how: str, a: Value, b: Value, *, unordered: bool = False) -> Value:
        """Return truth values; with a NaN, ``unordered``."""
        return (self.here.fcmp_unordered if unordered else self.here.fcmp_ordered)(how, a, b)

    def choose(self, condition: Value, yes: Value, no: Value) -> Value:
        """Return ``yes`` where ``condition`` holds."""
        return self.here.select(condition, yes, no)

    def least(self, a: Value, b: Value) -> Value:
        """Return the smaller; ``b`` where ``a`` is NaN."""
        return self.choose(self.compare("<", a, b), a, b)

    def greatest(self, a: Value, b: Value) -> Value:
        """Return the larger; ``b`` where ``a`` is NaN."""
        return self.choose(self.compare(">", a, b), a, b)

    def bits(self, a: Value) -> Value:
        """Return the bits of doubles as whole numbers."""
        return self.here.bitcast(a, self.integers)

    def double(self, a: Value) -> Value:
        """Return whole numbers read as the bits of doubles."""
        return self.here.bitcast(a, self.vector)

    def any(self, condition: Value) -> Value:
        """Return one truth value: does it hold in any lane."""
        mask = ir.IntType(self.width)
        return self.here.icmp_unsigned("!=", self.here.bitcast(condition, mask), ir.Constant(mask, 0))

    # ----------------------------------------------------------------- memory

    def place(self, base: Value, index: int | Value) -> Value:
        """Return the address of vector ``index`` after ``base``."""
        index = whole(index) if isinstance(index, int) else index
        return self.here.gep(base, [index], inbounds=True, source_etype=self.vector)

    def load(self, base: Value, index: int | Value = 0) -> Value:
        """Return vector ``index`` after ``base``."""
        return self.here.load(self.place(base, index), typ=self.vector, align=self.align)

    def store(self, value: Value, base: Value, index: int | Value = 0) -> None:
        """Write vector ``index`` after ``base``."""
        self.here.store(value, self.place(base, index), align=self.align)

    def scalar_place(self, base: Value, index: Value, kind: Value = REAL) -> Value:
        """Return the address of number ``index`` after ``base``."""
        return self.here.gep(base, [index], inbounds=True, source_etype=kind)

    def scalar(self, base: Value, index: Value, kind: Value = REAL) -> Value:
        """Return number ``index`` after ``base``."""
        align = self.bytes if kind == self.element else 8
        return self.here.load(self.scalar_place(base, index, kind), typ=kind, align=align)

    def set_scalar(self, value: Value, base: Value, index: Value) -> None:
        """Write number ``index`` after ``base``."""
        align = self.bytes if value.type == self.element else 8
        self.here.store(value, self.scalar_place(base, index, value.type), align=align)

    def spread(self, number: Value) -> Value:
        """Return one double in all lanes."""
        number = self.narrowed(number)
        first = self.here.insert_element(ir.Constant(self.vector, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.width), [0] * self.width)
        return self.here.shuffle_vector(first, ir.Constant(self.vector, ir.Undefined), zeros)

    # ---------------------------------------------------------------- control

    def loop(self, count: int | Value, body: Callable[[Value], None]) -> None:
        """Repeat ``body(i)`` for i = 0 … count - 1."""
        count = whole(count) if isinstance(count, int) else count
        self.repeat(whole(0), lambda i: self.here.icmp_signed("<", i, count), body)

    def fold(self, count: int, first: list[Value], body: Callable[[Value, list[Value]], list[Value]]) -> list[Value]:
        """Return what ``values = body(i, values)`` for i = 0 … count - 1 makes of ``first``, kept in registers."""
        before = self.here.block
        inside, after = self.here.append_basic_block(), self.here.append_basic_block()
        self.here.branch(inside)
        self.here.position_at_end(inside)
        index, *values = (self.here.phi(item.type) for item in [whole(0), *first])
        following = [self.here.add(index, whole(1)), *body(index, values)]
        for phi, start, item in zip([index, *values], [whole(0), *first], following, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(item, self.here.block)
        self.here.cbranch(self.here.icmp_signed("<", following[0], whole(count)), inside, after)
        self.here.position_at_end(after)
        return following[1:]

    def repeat(self, first: Value, test: Callable[[Value], Value], body: Callable[[Value], None]) -> None:
        """Repeat ``body(i)`` for i = first, first + 1, … while ``test(i)`` holds."""
        before = self.here.block
        head, inside, after = (self.here.append_basic_block() for _ in range(3))
        self.here.branch(head)
        self.here.position_at_end(head)
        index = self.here.phi(WHOLE)
        index.add_incoming(first, before)
        self.here.cbranch(test(index), inside, after)
        self.here.position_at_end(inside)
        body(index)
        following = self.here.add(index, whole(1))
        index.add_incoming(following, self.here.block)
        self.here.branch(head)
        self.here.position_at_end(after)
