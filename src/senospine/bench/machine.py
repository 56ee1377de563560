"""The machine that was measured, and what a fresh process pays."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from senospine.bench.peers.statement import Statement
from senospine.errors import BenchmarkError

_FRESH = """
import json, sys, time
from pathlib import Path
t0 = time.perf_counter()
import senospine
t1 = time.perf_counter()
from senospine.bench.peers.senospine_lanes import read_model
from senospine.bench.peers.statement import Statement
from senospine.engine import compile_model
t2 = time.perf_counter()
statement = Statement.read(Path(sys.argv[1]))
model = read_model(statement, Path(sys.argv[1]))
t3 = time.perf_counter()
kernel = compile_model(model, statement.outputs)
cached = kernel.build()
t4 = time.perf_counter()
seconds = {"import": t1 - t0, "import_engine": t2 - t1, "read_model": t3 - t2, "build": t4 - t3}
print(json.dumps(seconds | {"cached": cached}))
"""


def describe() -> dict[str, Any]:
    """Return processor, cores, vector units, versions and date."""
    import llvmlite.binding as llvm
    import numpy as np

    import senospine

    features = llvm.get_host_cpu_features()
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "processor_class": llvm.get_host_cpu_name(),
        "cores": os.cpu_count(),
        "cores_allowed": len(cores_allowed()),
        "vector_units": [name for name in ("avx2", "fma", "avx512f", "avx512dq", "neon") if features.get(name)],
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "versions": {"python": platform.python_version(), "senospine": senospine.__version__, "numpy": np.__version__},
    }


def cores_allowed() -> list[int]:
    """Return the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def fresh_process(statement: Statement, repeats: int = 3) -> dict[str, dict[str, float]]:
    """Return median seconds of import, reading the model and building it, in fresh processes without and with a cache.

    Raises
    ------
    BenchmarkError
        A process failed.
    """
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        statement.write(work)
        for kind in ("cold", "warm"):
            runs = []
            for number in range(repeats):
                cache = work / (f"cache{number}" if kind == "cold" else "cache0")
                runs.append(_run_fresh(work, cache))
                if runs[-1].pop("cached") != (kind == "warm"):
                    raise BenchmarkError(f"the {kind} build did not find the cache as it should")
            result[kind] = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return result


def _run_fresh(work: Path, cache: Path) -> dict[str, float]:
    environment = os.environ | {"SENOSPINE_CACHE": str(cache), "PYTHONPATH": str(Path(__file__).parents[2])}
    answer = subprocess.run(
        [sys.executable, "-c", _FRESH, str(work)], env=environment, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise BenchmarkError(f"a fresh process failed: {answer.stderr.strip().splitlines()[-1:]}")
    run: dict[str, float] = json.loads(answer.stdout)
    return run
