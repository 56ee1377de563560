"""What could change a result's last digits: versions of packages, kind of processor, the source itself."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

# numpy's names for the instruction sets that change float64 arithmetic, oldest first
_LANES = ("X86_V2", "FMA3", "AVX2", "X86_V3", "AVX512F", "AVX512_SKX", "X86_V4", "ASIMD", "SVE", "VSX3", "VSX4", "VXE2")


@cache
def _versions() -> dict[str, str]:
    names = ("senospine", "numpy", "scipy", "numba", "llvmlite", "antimony", "python-libsbml", "pyarrow")
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in names},
        "processor": _processor(),
    }


def versions() -> dict[str, str]:
    """Return the versions and the kind of processor that could change a result's last digits."""
    return dict(_versions())


def _processor() -> str:
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    extensions = config.get("SIMD Extensions", {})
    present = {*extensions.get("baseline", ()), *extensions.get("found", ())}
    return " ".join([platform.machine(), *[name for name in _LANES if name in present]])


@cache
def _source() -> str:
    digest = hashlib.sha256()
    room = Path(__file__).parents[1]
    for path in sorted(room.rglob("*")):
        if path.suffix in {".py", ".ant", ".csv", ".yaml"}:
            digest.update(path.relative_to(room).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def fingerprint() -> dict[str, str]:
    """Return :func:`versions` and the hash of senospine's own source: equal on machines that give equal bytes."""
    return {**_versions(), "source": _source()}
