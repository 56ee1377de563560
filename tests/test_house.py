"""The house's own rules: which floor may import which, and names that stay."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import senospine

SOURCE = Path(senospine.__file__).parent
FLOORS = {
    "errors": 0, "quantities": 0, "yaml_files": 0, "randomness": 0,
    "stats": 1, "model": 2, "engine": 3,
    "runs": 4, "therapy": 4, "subjects": 4, "assays": 4,
    "study": 5, "evidence": 6, "calibration": 7, "delivery": 7, "measure": 7, "trial": 7,
    "combination": 8, "exchange": 8,
    "report": 9, "bench": 9, "cli": 9,
}  # fmt: skip
FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_room_imports_only_floors_below_it(path: Path) -> None:
    mine = room(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            parts = name.split(".")
            if parts[0] != "senospine" or len(parts) == 1 or parts[1] == mine:
                continue
            below = FLOORS[parts[1]] < FLOORS[mine] or FLOORS[mine] == FLOORS[parts[1]] in {0, 9}
            assert below, f"{mine} (floor {FLOORS[mine]}) imports {parts[1]} (floor {FLOORS[parts[1]]})"


def test_every_room_has_a_floor_and_a_word_on_what_it_is() -> None:
    for path in FILES:
        assert room(path) in FLOORS
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_public_names_exist_and_are_documented() -> None:
    assert len(senospine.__all__) <= 30
    for name in senospine.__all__:
        assert getattr(senospine, name).__doc__ or name == "__version__"


def test_the_engine_knows_no_biology_and_no_files() -> None:
    for path in (SOURCE / "engine").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "pandas" not in text
        assert "open(" not in text or path.name == "cache.py"  # machine code is kept in a folder it is handed
