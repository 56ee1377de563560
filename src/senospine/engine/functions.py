"""exp, log and power on lanes: within about an ulp, and right at zero, infinity, NaN and below zero.

The reductions are the classical ones: ``exp(x) = 2^n exp(r)`` with |r| <= ln(2)/2, ``log(x) = e ln(2) + 2 atanh(s)``
with s = (m - 1)/(m + 1). Polynomials are the exact series, economised with Chebyshev polynomials in rational
arithmetic on |r| <= 0.347 and s² <= 0.0295. The logarithm inside a power keeps a second word, so that a large
exponent does not blow its rounding up. Rare arguments go through a branch that changes only the lanes that need it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from senospine.engine.vectors import Lanes, Value


@dataclass(frozen=True)
class Format:
    """What the functions need to know of a precision.

    Attributes
    ----------
    digits : int
        Bits of the mantissa that are stored.
    bias : int
        Of the exponent.
    one, half_root, whole : int
        The bits of 1, of the root of one half, and of 2^digits.
    exp, log : tuple of float
        Coefficients.
    high, low : float
        Two words of ln(2); the high one ends in zero bits.
    large, clamp : float
        exp of the first is far from the ends of normal numbers, of the second beyond all numbers.
    smallest : float
        The smallest normal number.
    lift : int
        This power of two makes any number normal.
    """

    digits: int
    bias: int
    one: int
    half_root: int
    whole: int
    exp: tuple[float, ...]
    log: tuple[float, ...]
    high: float
    low: float
    large: float
    clamp: float
    smallest: float
    lift: int

    @property
    def shifter(self) -> float:
        """A number that leaves a whole number in the low bits when added."""
        return 1.5 * 2.0**self.digits


DOUBLE = Format(
    digits=52, bias=1023, one=0x3FF0000000000000, half_root=0x3FE6A09E667F3BCD, whole=0x4330000000000000,
    exp=(0.5000000000000001, 0.1666666666666667, 0.04166666666662374, 0.00833333333332607, 0.0013888888917408333,
         0.00019841269875050602, 2.4801520994318236e-05, 2.7557255109098465e-06, 2.7620231608750013e-07,
         2.5105337938760716e-08),
    log=(0.6666666666666666, 0.40000000000000896, 0.285714285707929, 0.22222222394081534, 0.1818179539245811,
         0.15386252931250757, 0.13268424423504332, 0.1309022274000801),
    high=6.93147180369123816490e-01, low=1.90821492927058770002e-10, large=700.0, clamp=800.0,
    smallest=2.2250738585072014e-308, lift=54,
)  # fmt: skip
#: the exact series, cut where its rest is below a fifth of a rounding
SINGLE = Format(
    digits=23, bias=127, one=0x3F800000, half_root=0x3F3504F3, whole=0x4B000000,
    exp=tuple(1 / math.factorial(power) for power in range(2, 8)), log=tuple(2 / (2 * term + 3) for term in range(4)),
    high=0.693359375, low=math.log(2) - 0.693359375, large=85.0, clamp=110.0, smallest=2.0**-126, lift=25,
)  # fmt: skip


class Functions:
    """The three functions, each written into the module once, when first used."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes, self.form = lanes, SINGLE if lanes.single else DOUBLE
        self._written: dict[str, Value] = {}

    def exp(self, x: Value) -> Value:
        """Return ``exp(x)``."""
        return self.side_by_side("exp", [(x,)])[0]

    def log(self, x: Value) -> Value:
        """Return ``log(x)``; NaN below zero."""
        return self.side_by_side("log", [(x,)])[0]

    def power(self, a: Value, b: Value) -> Value:
        """Return ``a ** b`` as C's pow does."""
        return self.side_by_side("power", [(a, b)])[0]

    def side_by_side(self, name: str, calls: Sequence[tuple[Value, ...]]) -> list[Value]:
        """Return a function's values at 1, 2 or 4 sets of arguments, the same bits as one by one but sooner."""
        lanes, count = self.lanes, len(calls)
        key = f"lanes_{name}" if count == 1 else f"lanes_{name}_{count}"
        flat = [item for items in calls for item in items]
        if key not in self._written:
            width, each = lanes.width, len(calls[0])
            result = lanes.vector if count == 1 else ir.LiteralStructType([lanes.vector] * count)
            with lanes.function(key, [lanes.vector] * len(flat), result) as function, lanes.times(count):
                lanes.exact, before = True, lanes.exact
                given = [lanes.joined(function.args[place::each]) for place in range(each)]
                value = getattr(self, f"_{name}")(*given)
                lanes.exact = before
                if count == 1:
                    lanes.here.ret(value)
                else:
                    lanes.here.ret(lanes.together(result, lanes.parts(value, width)))
            self._written[key] = function
        found = lanes.here.call(self._written[key], flat)
        return [found] if count == 1 else [lanes.here.extract_value(found, place) for place in range(count)]

    # ------------------------------------------------------------------- parts

    def _polynomial(self, x: Value, coefficients: tuple[float, ...]) -> Value:
        """Return the polynomial, in pairs (Estrin), which has short chains."""
        lanes = self.lanes
        terms = [lanes.real(item) for item in coefficients]
        while len(terms) > 1:
            pairs = [lanes.fused(terms[i + 1], x, terms[i]) for i in range(0, len(terms) - 1, 2)]
            terms = pairs + terms[len(terms) - len(terms) % 2 :]
            x = lanes.multiply(x, x)
        return terms[0]

    def _exp(self, x: Value) -> Value:
        lanes = self.lanes
        ordinary = lanes.compare("<", lanes.intrinsic("fabs", x), lanes.real(self.form.large))
        return self._with_rare(self._exp_inner(x), ordinary, lambda: self._any_exp(x))

    def _with_rare(self, plain: Value, ordinary: Value, rare: Callable[[], Value]) -> Value:
        """Return ``plain``, with the lanes that are not ordinary from ``rare``, which is seldom run."""
        lanes = self.lanes
        start = lanes.here.block
        with lanes.here.if_then(lanes.any(lanes.here.not_(ordinary)), likely=False):
            other = lanes.choose(ordinary, plain, rare())
            end = lanes.here.block
        result = lanes.here.phi(lanes.vector)
        result.add_incoming(plain, start)
        result.add_incoming(other, end)
        return result

    def _reduced(self, x: Value, low: Value = None) -> tuple[Value, Value]:
        """Return n and exp(r) with x + low = n ln(2) + r."""
        lanes = self.lanes
        n = lanes.intrinsic("rint", lanes.multiply(x, lanes.real(1 / math.log(2))))
        r = lanes.fused(n, lanes.real(-self.form.high), x)
        r = lanes.fused(n, lanes.real(-self.form.low), r)
        if low is not None:
            r = lanes.add(r, low)
        tail = lanes.fused(self._polynomial(r, self.form.exp), lanes.multiply(r, r), r)
        return n, lanes.add(lanes.real(1.0), tail)

    def _scaled(self, value: Value, exponent: Value) -> Value:
        """Return ``value 2^exponent`` for an exponent within those of normal numbers."""
        lanes = self.lanes
        bits = lanes.bits(lanes.add(exponent, lanes.real(self.form.shifter + self.form.bias)))
        return lanes.multiply(value, lanes.double(lanes.here.shl(bits, lanes.integer(self.form.digits))))

    def _exp_inner(self, x: Value, low: Value = None) -> Value:
        """Return ``exp(x + low)`` where that is a normal number."""
        n, value = self._reduced(x, low)
        return self._scaled(value, n)

    def _any_exp(self, x: Value, low: Value = None) -> Value:
        """Return ``exp(x + low)`` for any x; in two scalings, so that it may end in infinity or below normal."""
        lanes = self.lanes
        x = lanes.choose(lanes.compare(">", x, lanes.real(self.form.clamp)), lanes.real(self.form.clamp), x)
        x = lanes.choose(lanes.compare("<", x, lanes.real(-self.form.clamp)), lanes.real(-self.form.clamp), x)
        n, value = self._reduced(x, low)
        half = lanes.intrinsic("rint", lanes.multiply(n, lanes.real(0.5)))
        return self._scaled(self._scaled(value, half), lanes.subtract(n, half))

    def _log_parts(self, x: Value, shift: Value = None) -> tuple[Value, Value]:
        """Return log(x 2^shift) as a sum of two words, for positive normal x."""
        lanes = self.lanes
        shifted = lanes.here.add(lanes.bits(x), lanes.integer(self.form.one - self.form.half_root))
        exponent = lanes.here.lshr(shifted, lanes.integer(self.form.digits))
        mantissa = lanes.here.add(
            lanes.here.and_(shifted, lanes.integer((1 << self.form.digits) - 1)), lanes.integer(self.form.half_root)
        )
        e = lanes.double(lanes.here.or_(exponent, lanes.integer(self.form.whole)))
        e = lanes.subtract(e, lanes.real(2.0**self.form.digits + self.form.bias))
        e = e if shift is None else lanes.add(e, shift)
        f = lanes.subtract(lanes.double(mantissa), lanes.real(1.0))
        d = lanes.add(lanes.real(2.0), f)
        d_low = lanes.subtract(f, lanes.subtract(d, lanes.real(2.0)))
        r = lanes.divide(lanes.real(1.0), d)
        s = lanes.multiply(f, r)
        rest = lanes.fused(lanes.negative(s), d_low, lanes.fused(lanes.negative(s), d, f))
        s_low = lanes.multiply(rest, r)
        z = lanes.multiply(s, s)
        twice = lanes.add(s, s)
        series = lanes.multiply(lanes.multiply(s, z), self._polynomial(z, self.form.log))
        base = lanes.multiply(e, lanes.real(self.form.high))
        high = lanes.add(base, twice)
        low = lanes.add(lanes.subtract(base, high), twice)
        low = lanes.add(low, lanes.add(lanes.fused(e, lanes.real(self.form.low), lanes.add(s_low, s_low)), series))
        return high, low

    def _enlarged(self, x: Value) -> tuple[Value, Value]:
        """Return x with numbers below normal made normal, and the power of two that undoes it."""
        lanes = self.lanes
        small = lanes.compare("<", x, lanes.real(self.form.smallest))
        return (
            lanes.choose(small, lanes.multiply(x, lanes.real(2.0**self.form.lift)), x),
            lanes.choose(small, lanes.real(-self.form.lift), lanes.real(0.0)),
        )

    def _ordinary(self, x: Value) -> Value:
        lanes = self.lanes
        above = lanes.compare(">=", x, lanes.real(self.form.smallest))
        return lanes.here.and_(above, lanes.compare("<", x, lanes.real(math.inf)))

    def _log(self, x: Value) -> Value:
        lanes = self.lanes
        return self._with_rare(lanes.add(*self._log_parts(x)), self._ordinary(x), lambda: self._rare_log(x))

    def _rare_log(self, x: Value) -> Value:
        lanes = self.lanes
        result = lanes.add(*self._log_parts(*self._enlarged(x)))
        result = lanes.choose(lanes.compare("==", x, lanes.real(math.inf)), x, result)
        result = lanes.choose(lanes.compare("==", x, lanes.real(0.0)), lanes.real(-math.inf), result)
        bad = lanes.compare("<", x, lanes.real(0.0), unordered=True)
        return lanes.choose(bad, lanes.real(math.nan), result)

    def _power(self, a: Value, b: Value) -> Value:
        lanes = self.lanes
        product, rest = self._exponent(a, b)
        normal = lanes.compare("<", lanes.intrinsic("fabs", product), lanes.real(self.form.large))
        ordinary = lanes.here.and_(self._ordinary(a), normal)
        return self._with_rare(self._exp_inner(product, rest), ordinary, lambda: self._rare_power(a, b))

    def _exponent(self, a: Value, b: Value, shift: Value = None) -> tuple[Value, Value]:
        """Return b log(a) as a sum of two words, for positive normal a."""
        lanes = self.lanes
        first, rest = self._log_parts(a, shift)
        high = lanes.add(first, rest)
        low = lanes.add(lanes.subtract(first, high), rest)
        product = lanes.multiply(b, high)
        return product, lanes.fused(b, low, lanes.fused(b, high, lanes.negative(product)))

    def _rare_power(self, a: Value, b: Value) -> Value:
        """Return a ** b for any arguments, in the order of C's rules."""
        lanes = self.lanes
        zero, one, infinite = lanes.real(0.0), lanes.real(1.0), lanes.real(math.inf)
        size = lanes.intrinsic("fabs", a)
        big, shift = self._enlarged(size)
        product, rest = self._exponent(big, b, shift)
        small = lanes.compare("<", lanes.intrinsic("fabs", product), lanes.real(1000.0))
        result = self._any_exp(product, lanes.choose(small, rest, zero))
        rising = lanes.compare(">", b, zero)
        result = lanes.choose(lanes.compare("==", size, zero), lanes.choose(rising, zero, infinite), result)
        result = lanes.choose(lanes.compare("==", size, infinite), lanes.choose(rising, infinite, zero), result)
        endless = lanes.compare("==", lanes.intrinsic("fabs", b), infinite)
        grows = lanes.here.xor(lanes.compare(">", size, one), lanes.compare("<", b, zero))
        limit = lanes.choose(lanes.compare("==", size, one), one, lanes.choose(grows, infinite, zero))
        result = lanes.choose(endless, limit, result)
        is_whole = lanes.compare("==", lanes.intrinsic("rint", b), b)
        half = lanes.multiply(b, lanes.real(0.5))
        odd = lanes.here.and_(is_whole, lanes.compare("!=", lanes.intrinsic("rint", half), half))
        minus = lanes.here.icmp_signed("<", lanes.bits(a), lanes.integer(0))
        result = lanes.choose(lanes.here.and_(minus, odd), lanes.negative(result), result)
        below = lanes.here.and_(lanes.compare("<", a, zero), lanes.compare("<", size, infinite))
        result = lanes.choose(lanes.here.and_(below, lanes.here.not_(is_whole)), lanes.real(math.nan), result)
        unknown = lanes.here.fcmp_unordered("uno", a, b)
        result = lanes.choose(unknown, lanes.real(math.nan), result)
        trivial = lanes.here.or_(lanes.compare("==", b, zero), lanes.compare("==", a, one))
        return lanes.choose(trivial, one, result)
