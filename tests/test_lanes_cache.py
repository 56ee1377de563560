"""Machine code in a folder: used when whole, made again when not, never in the way."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import llvmlite
import numpy as np
import pytest
from lanes_models import BATEMAN, model_of

from senospine.engine import Area, End, Maximum, TimeAbove, compile_model, lanes
from senospine.engine.cache import Machine, default_folder
from senospine.engine.lanes import LARGE, LaneKernel
from senospine.engine.layout import EMITTER


def build(model: object, folder: Path, **options: object) -> bool:
    kernel = compile_model(model, cache=folder, **options)  # type: ignore[arg-type]
    assert isinstance(kernel, LaneKernel)
    return kernel.build()


def test_the_second_build_comes_from_the_cache_whatever_the_values(tmp_path: Path) -> None:
    model = model_of(BATEMAN)
    assert not build(model, tmp_path)
    assert build(model, tmp_path)
    other = replace(model, parameters=MappingProxyType({"ka": 9.0, "ke": 8.0}))
    assert build(other, tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lanes"]  # nothing half-written is left


def test_other_equations_outputs_or_widths_are_other_code(tmp_path: Path) -> None:
    build(model_of(BATEMAN), tmp_path)
    assert not build(model_of(BATEMAN.replace("- ke*plasma", "- 2*ke*plasma")), tmp_path)
    assert not build(model_of(BATEMAN), tmp_path, width=2)
    kernel = compile_model(model_of(BATEMAN), ["plasma"], cache=tmp_path)
    assert isinstance(kernel, LaneKernel)
    assert not kernel.build()


@pytest.mark.parametrize("damage", [lambda b: b[:-100], lambda b: b"", lambda b: b[:99] + b"\x00\x01\x02" + b[102:]])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: object) -> None:
    model = model_of(BATEMAN)
    build(model, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))  # type: ignore[operator]
    assert not build(model, tmp_path)
    assert build(model, tmp_path)
    np.testing.assert_allclose(compile_model(model, cache=tmp_path).solve(times=[0.0])["gut"], 1.0)


def test_a_folder_that_cannot_be_written_is_no_cache(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert not build(model_of(BATEMAN), blocked / "folder")
    assert not build(model_of(BATEMAN), blocked / "folder")


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SENOSPINE_CACHE", str(tmp_path / "own"))
    assert default_folder() == tmp_path / "own"
    monkeypatch.delenv("SENOSPINE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "senospine"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_folder() == tmp_path / "home" / ".cache" / "senospine"


def test_the_number_of_lanes_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("2", "4"):
        monkeypatch.setenv("SENOSPINE_LANES", given)
        kernel = compile_model(model_of(BATEMAN), cache=False)
        assert f"lanes {given}," in kernel.solve(times=[1.0]).method


#: what is emitted for one model, plain and with all that may be asked in double and single precision, by emitter
#: number: other code needs another number, or caches hold what was
EMITTED = {
    9: (
        "d94d16e874fc7649a4da0c322e8900c535baefc847d1bbae39348386503939c4",
        "ccc124556b0ff9875725dc4d5e6127071f664b3329bcd5b512f6abbb13408bc7",
        "4a07a840d5a6904e11267c01504661921db2713d146fb3f47ab0a37227dd79ea",
    )
}


@pytest.mark.skipif(llvmlite.__version__ != "0.50.0", reason="the text differs between versions of llvmlite")
def test_emitted_code_changes_only_with_its_number() -> None:
    text = "k = 2; x' = -x^k + exp(-time)*max(y, 0.1); y' = x - y; x = 1; y = 0; z := ln(x + y);"
    plain = compile_model(model_of(text), width=4)
    reduce = [Area("z"), Maximum("x"), TimeAbove("z", 1.0), End("y")]
    model = model_of(text + "at 1 after (time > 2): x = y;")
    full = compile_model(model, reduce=reduce, width=4)
    lean = compile_model(model, reduce=reduce, width=4, precision="single")
    assert isinstance(plain, LaneKernel)
    assert isinstance(full, LaneKernel)
    assert isinstance(lean, LaneKernel)
    texts = plain.write(), full.write(("z",)), lean.write(("z",))
    found = tuple(hashlib.sha256(item.encode()).hexdigest() for item in texts)
    assert EMITTED.get(EMITTER) == found, "raise EMITTER and note the new hashes here"


def test_a_warm_start_imports_neither_numba_nor_the_emitter(tmp_path: Path) -> None:
    script = (
        "import sys, senospine\n"
        f"kernel = senospine.compile_model(senospine.load_model('mouse'), cache={str(tmp_path)!r})\n"
        "warm = kernel.build(); kernel.solve(times=[10.0])\n"
        "names = ('numba', 'scipy', 'senospine.engine.vectors', 'senospine.engine.driver')\n"
        "print(warm, *(name in sys.modules for name in names))"
    )
    answers = [subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True) for _ in "12"]
    assert answers[0].stdout.split()[0] == "False"
    assert answers[1].stdout.split() == ["True", "False", "False", "False", "False"]


def test_large_models_get_half_the_lanes_where_registers_are_worked_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SENOSPINE_LANES", raising=False)
    small, large = (model_of("".join(f"x{i}' = -x{i}; x{i} = 1;" for i in range(n))) for n in (LARGE - 1, LARGE))
    for name, expected in (("znver4", (8, 4)), ("sapphirerapids", (8, 8))):
        monkeypatch.setattr(lanes, "this_machine", lambda name=name: Machine(name, "+avx512f,+avx512dq"))
        assert tuple(LaneKernel(model, ("x0",)).lanes for model in (small, large)) == expected
        assert LaneKernel(large, ("x0",), width=2, precision="single").lanes == 4
