"""exp, log and power on lanes against numpy, over wide ranges and at every special value."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from senospine.engine.cache import load_code
from senospine.engine.functions import Functions
from senospine.engine.vectors import POINTER, WHOLE, Lanes

Array = NDArray[np.float64]
COUNT = 1 << 14
SPECIAL = np.array(
    [
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        -2.0,
        0.5,
        -0.5,
        3.0,
        -3.0,
        np.inf,
        -np.inf,
        np.nan,
        1e-310,
        -1e-310,
        1e300,
        5e-324,
        709.0,
    ]
)


def _aligned(count: int) -> Array:
    raw = np.zeros(count + 8)
    return raw[(-raw.ctypes.data % 64) // 8 :][:count]


@pytest.fixture(scope="module", params=[2, 4, 8])
def apply(request: pytest.FixtureRequest) -> Callable[..., Array]:
    width = request.param

    def write() -> str:
        lanes = Lanes(width)
        functions = Functions(lanes)
        for name, count in (("exp", 1), ("log", 1), ("power", 2)):
            with lanes.function(f"all_{name}", [POINTER] * (count + 1) + [WHOLE], public=True) as function:
                *given, result, size = function.args

                def body(i: object, name: str = name, given: list[object] = given, result: object = result) -> None:
                    lanes.store(getattr(functions, name)(*(lanes.load(item, i) for item in given)), result, i)

                lanes.loop(size, body)
        return str(lanes.module)

    code = load_code("test", write, ("all_exp", "all_log", "all_power"), None)

    def call(name: str, *given: Array) -> Array:
        size = -(-len(given[0]) // width) * width
        arrays = [_aligned(size) for _ in range(len(given) + 1)]
        for array, values in zip(arrays, given, strict=False):
            array[: len(values)] = values
        kinds = [ctypes.c_void_p] * len(arrays)
        function = ctypes.CFUNCTYPE(None, *kinds, ctypes.c_int64)(code.addresses[f"all_{name}"])
        function(*(array.ctypes.data for array in arrays), size // width)
        return arrays[-1][: len(given[0])].copy()

    call.code = code  # type: ignore[attr-defined]  # keeps the code loaded
    return call


def ulps(found: Array, expected: Array) -> float:
    return float(np.max(np.abs(found - expected) / np.spacing(np.abs(expected))))


def test_exp(apply: Callable[..., Array]) -> None:
    rng = np.random.default_rng(1)
    for x in (rng.uniform(-708, 709, COUNT), rng.uniform(-1, 1, COUNT), rng.normal(size=COUNT) * 1e-9):
        assert ulps(apply("exp", x), np.exp(x)) <= 1
    low = rng.uniform(-745, -708, COUNT)  # below normal numbers
    assert np.abs(apply("exp", low) - np.exp(low)).max() <= 1e-323


def test_log(apply: Callable[..., Array]) -> None:
    rng = np.random.default_rng(2)
    for x in (np.exp(rng.uniform(-744, 709, COUNT)), rng.uniform(0.7, 1.5, COUNT), 1 + rng.normal(size=COUNT) * 1e-8):
        assert ulps(apply("log", x), np.log(x)) <= 2


def test_power(apply: Callable[..., Array]) -> None:
    rng = np.random.default_rng(3)
    cases = [
        (np.exp(rng.uniform(-700, 700, COUNT)), rng.uniform(-3, 3, COUNT)),
        (rng.uniform(0.01, 100, COUNT), rng.uniform(-10, 10, COUNT)),
        (np.exp(rng.uniform(-740, -709, COUNT)), rng.uniform(0.1, 0.9, COUNT)),  # bases below normal numbers
    ]
    for a, b in cases:
        with np.errstate(all="ignore"):
            expected = np.power(a, b)
        normal = (expected > 1e-307) & (expected < 1e307)
        assert ulps(apply("power", a, b)[normal], expected[normal]) <= 2
    a, b = rng.uniform(0.7, 1.3, COUNT), rng.uniform(-1500, 1500, COUNT)
    assert np.max(np.abs(apply("power", a, b) / np.power(a, b) - 1)) < 1e-14


@pytest.mark.parametrize("name", ["exp", "log"])
def test_special_values(apply: Callable[..., Array], name: str) -> None:
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(SPECIAL)
    np.testing.assert_allclose(apply(name, SPECIAL), expected, rtol=1e-15)


def test_power_at_special_values_is_as_in_c(apply: Callable[..., Array]) -> None:
    import math

    def power(a: float, b: float) -> float:
        try:
            return math.pow(a, b)
        except ValueError:
            return math.inf * (math.copysign(1, a) if b % 2 == 1 else 1) if a == 0 else math.nan
        except OverflowError:
            return math.inf * (-1 if a < 0 and b % 2 == 1 else 1)

    a, b = (item.ravel() for item in np.meshgrid(SPECIAL, SPECIAL))
    expected = np.array([power(float(x), float(y)) for x, y in zip(a, b, strict=True)])
    np.testing.assert_allclose(apply("power", a, b), expected, rtol=1e-15)


def test_a_lane_does_not_notice_its_neighbours(apply: Callable[..., Array]) -> None:
    rng = np.random.default_rng(4)
    a, b = rng.uniform(0.1, 5, 64), rng.uniform(-3, 3, 64)
    alone = apply("power", a, b)
    mixed = np.where(np.arange(64) % 2 == 0, a, np.resize(SPECIAL, 64))
    assert (apply("power", mixed, b)[::2] == alone[::2]).all()
