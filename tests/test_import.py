"""What starts with what: the package itself needs nothing but Python, and the engine nothing but NumPy."""

from __future__ import annotations

import subprocess
import sys

import pytest

THIRD = (
    "antimony jinja2 libsbml llvmlite matplotlib numba numpy pandas pint pyarrow pydantic rich scipy typer xarray yaml"
)


@pytest.mark.parametrize(
    ("statement", "needs"),
    [
        ("import senospine", set()),
        ("import senospine; dir(senospine)", set()),
        ("import senospine.engine", {"numpy"}),
        ("import senospine.model", {"numpy"}),
        ("from senospine import sensitivities, compile_model, Schedule", {"numpy"}),
    ],
)
def test_what_an_import_brings(statement: str, needs: set[str]) -> None:
    code = f"import sys; {statement}; print(*(name for name in {THIRD!r}.split() if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert set(done.stdout.split()) == needs


def test_differentiating_again_needs_no_compiler(tmp_path: object) -> None:
    """From the cache the machine code comes without what makes it."""
    script = (
        "import sys, senospine\n"
        f"kernel = senospine.compile_model(senospine.load_model('mouse'), ['sensitisation'], cache={str(tmp_path)!r})\n"
        "senospine.sensitivities(kernel, ['navitoclax_clearance'], times=[10.0])\n"
        "names = ('numba', 'scipy', 'senospine.engine.vectors', 'senospine.engine.driver')\n"
        "print(*(name in sys.modules for name in names))"
    )
    answers = [subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True) for _ in "12"]
    assert answers[0].stdout.split()[2:] == ["True", "True"]
    assert answers[1].stdout.split() == ["False"] * 4
