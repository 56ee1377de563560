"""Time and memory of local thickness beside PoreSpy's, in interleaved rounds, each call in a process of its own.

``python benchmarks/local_thickness.py --sizes 256 512 --rounds 3 --json out.json``. Both phases of a random
medium, a quarter of it bone; machine code is made before the clock starts. What is compared: seconds on the wall,
seconds of all cores, and the peak of memory, beside what the process had held before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

PROGRAMS = ("senospine", "porespy")


def medium(size: int, sigma: float, seed: int = 1) -> NDArray[np.bool_]:
    """Return a quarter of bone: a Gaussian field of width ``sigma`` voxels cut at its upper quartile, periodic."""
    noise = np.random.default_rng(seed).standard_normal((size,) * 3, dtype=np.float32)
    spectrum = fft.rfftn(noise, workers=2)
    squares = [fft.fftfreq(size).astype(np.float32) ** 2] * 2 + [fft.rfftfreq(size).astype(np.float32) ** 2]
    spectrum *= np.exp(-2 * np.pi**2 * sigma**2 * (squares[0][:, None, None] + squares[1][:, None] + squares[2]))
    field = fft.irfftn(spectrum, noise.shape, workers=2)
    return np.asarray(field > np.quantile(field[::4, ::4, ::4], 0.75))


def _thickness(program: str, phase: NDArray[np.bool_]) -> float:
    """Return the mean diameter in voxels."""
    if program == "senospine":
        from senospine.measure.volume import local_thickness

        return float(local_thickness(phase, (1.0, 1.0, 1.0), border="open").values_um.mean(dtype=float))
    import porespy

    radii = porespy.filters.local_thickness(phase)
    return float(2 * radii[phase].mean(dtype=float))


def _peak() -> float:
    """Return the most memory this process has held, GB; what the parent held before does not count (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e9


def once(program: str, path: str) -> dict[str, Any]:
    """Measure both phases in this process."""
    bone = np.load(path)
    _thickness(program, np.ascontiguousarray(bone[:48, :48, :48]))
    before, wall, cpu, found = _peak(), time.perf_counter(), time.process_time(), []
    for phase in (bone, ~bone):
        found.append(_thickness(program, phase))
    return {
        "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu, "peak_gb": _peak(),
        "before_gb": before, "mean_bone": found[0], "mean_marrow": found[1],
    }  # fmt: skip


def main() -> None:
    """Run all rounds and print one JSON line for each call, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256])
    parser.add_argument("--sigma", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default=os.environ.get("TMPDIR", "/tmp"))
    parser.add_argument("--once", nargs=2, metavar=("PROGRAM", "FILE"))
    given = parser.parse_args()
    if given.once:
        sys.stdout.write(json.dumps(once(*given.once)))
        return
    for size in given.sizes:
        path = os.path.join(given.folder, f"medium-{os.getpid()}.npy")
        np.save(path, medium(size, given.sigma))
        rows: dict[str, list[dict[str, Any]]] = {program: [] for program in PROGRAMS}
        for round_ in range(given.rounds):
            for program in PROGRAMS if round_ % 2 == 0 else PROGRAMS[::-1]:
                command = [sys.executable, __file__, "--once", program, path]
                out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                rows[program].append(json.loads(out.splitlines()[-1]))
                load = os.getloadavg()[0]
                sys.stdout.write(
                    json.dumps({"size": size, "program": program, "load": load} | rows[program][-1]) + "\n"
                )
                sys.stdout.flush()
        os.unlink(path)
        medians = {
            program: {key: float(np.median([row[key] for row in found])) for key in found[0]}
            for program, found in rows.items()
        }
        sys.stdout.write(json.dumps({"size": size, "medians": medians}) + "\n")


if __name__ == "__main__":
    main()
