"""Local thickness is exact: against brute force, for any border rule, number of slabs and of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from senospine.errors import MeasureError
from senospine.measure.volume import balls, local_thickness

UNIT = (1.0, 1.0, 1.0)


def blobs(seed: int, shape: tuple[int, int, int], sigma: float = 2.0, share: float = 0.5) -> NDArray[np.bool_]:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma)
    return np.asarray(field > np.quantile(field, 1 - share))


def brute_force(phase: NDArray[np.bool_], domain: NDArray[np.bool_], border: str) -> NDArray[np.float64]:
    """Paint every ball of every centre: the definition itself, with SciPy's distances."""
    around = 0 if border in ("margin", "open") else 1
    solid = phase | (~domain & (border in ("open", "drop")))
    if border == "closed":
        solid = phase & domain
    distance = ndimage.distance_transform_edt(np.pad(solid, around, constant_values=border == "drop"))
    reach = ndimage.distance_transform_edt(np.pad(domain, 1))[1:-1, 1:-1, 1:-1]
    if around:
        distance = distance[1:-1, 1:-1, 1:-1]
    squared, allowed = np.rint(distance**2), np.rint(reach**2)
    centres = phase if border == "margin" else phase & domain
    best, grid = np.zeros(phase.shape), np.indices(phase.shape)
    for centre in np.argwhere(centres):
        radius = squared[tuple(centre)]
        if border == "drop" and radius > allowed[tuple(centre)]:
            continue
        inside = sum((grid[axis] - centre[axis]) ** 2 for axis in range(3)) < radius
        best[inside] = np.maximum(best[inside], radius)
    best[~(phase & domain)] = 0
    return np.where((best == 0) & phase & domain, np.nan, 2 * np.sqrt(best)).astype(np.float32)


@pytest.mark.parametrize("border", ["margin", "open", "closed", "drop"])
@pytest.mark.parametrize("kind", ["box", "ball"])
def test_equal_to_brute_force_to_the_bit(border: str, kind: str) -> None:
    phase = blobs(3, (22, 26, 24))
    z, y, x = np.indices(phase.shape)
    domain = (z > 3) & (z < 19) & (y > 4) & (x > 2) & (x < 20)
    if kind == "ball":
        domain = (z - 11) ** 2 + (y - 12) ** 2 + (x - 12) ** 2 < 100
    found = local_thickness(phase, UNIT, domain=domain, border=border)  # type: ignore[arg-type]
    wanted = brute_force(phase, domain, border)
    if border != "margin":
        wanted = wanted[tuple(slice(at.min(), at.max() + 1) for at in np.nonzero(domain))]
    assert np.array_equal(found.map_um, wanted, equal_nan=True)
    assert found.lost == np.isnan(wanted).sum() / np.count_nonzero(wanted)


@settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 4), st.sampled_from(["open", "closed", "drop"]))
def test_neither_slabs_nor_threads_change_a_bit(seed: int, slab: int, threads: int, border: Any) -> None:
    phase = blobs(seed, (40, 21, 70), 2.5, 0.6)
    whole = local_thickness(phase, UNIT, border=border, threads=1, slab=40)
    parts = local_thickness(phase, UNIT, border=border, threads=threads, slab=slab)
    assert np.array_equal(whole.map_um, parts.map_um, equal_nan=True)


def test_slabs_are_taken_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    phase = blobs(4, (90, 20, 22))
    whole = local_thickness(phase, UNIT, border="closed").map_um
    calls: list[int] = []
    paint = balls.Balls._paint

    def counted(self: Any, *given: Any) -> Any:
        calls.append(1)
        return paint(self, *given)

    monkeypatch.setattr(balls.Balls, "_paint", counted)
    monkeypatch.setattr(balls, "available_memory", lambda: 1)
    assert np.array_equal(local_thickness(phase, UNIT, border="closed").map_um, whole)
    assert len(calls) == 3


def test_slabs_of_halved_voxels_are_the_same() -> None:
    phase = blobs(5, (23, 20, 21))
    whole = local_thickness(phase, UNIT, border="closed", convention="oversample2")
    parts = local_thickness(phase, UNIT, border="closed", convention="oversample2", slab=5)
    assert np.array_equal(whole.map_um, parts.map_um)
    fine = local_thickness(phase.repeat(2, 0).repeat(2, 1).repeat(2, 2), UNIT, border="closed").values_um
    assert whole.values_um.mean() == pytest.approx(fine.mean() / 2, rel=1e-5)


def test_axes_may_be_turned_and_mirrored() -> None:
    phase = blobs(7, (20, 25, 66))
    found = local_thickness(phase, UNIT, border="open").map_um
    turned = local_thickness(phase.transpose(2, 0, 1)[::-1], UNIT, border="open").map_um
    assert np.array_equal(found.transpose(2, 0, 1)[::-1], turned)


def test_scales_with_the_voxel() -> None:
    phase = blobs(7, (20, 25, 30))
    small, large = (local_thickness(phase, (v, v, v), border="open").values_um for v in (1.0, 9.0))
    assert large == pytest.approx(9 * small)


def test_what_is_certain_stays_when_more_is_scanned() -> None:
    """Values no larger than the way to the border are those of the larger scan."""
    scan = blobs(11, (80, 80, 80), 3.0)
    box = (slice(20, 60),) * 3
    domain = np.zeros(scan.shape, bool)
    domain[box] = True
    truth = local_thickness(scan, UNIT, domain=domain, border="margin").map_um[box]
    cut = local_thickness(scan[box], UNIT, border="open")
    room = np.minimum.reduce(np.meshgrid(*[np.minimum(np.arange(40), np.arange(40)[::-1])] * 3, indexing="ij"))
    sure = (cut.map_um > 0) & (cut.map_um <= room)
    assert 0.1 < cut.certain < 1
    assert cut.certain == sure.sum() / (cut.map_um > 0).sum()
    assert np.array_equal(cut.map_um[sure], truth[sure])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spacing_um": (9, 9, 12)}, "no cubes"),
        ({"border": "marign"}, "did you mean 'margin'"),
        ({"border": "margin"}, "needs a region"),
        ({"convention": "bone"}, "did you mean 'bonej'"),
        ({"domain": np.ones((3, 3, 3), bool)}, "one grid"),
        ({"phase": np.ones((9, 9, 9), bool)}, "fills the whole"),
        ({"phase": np.zeros((9, 9, 9), bool)}, "no voxel"),
    ],
)
def test_what_cannot_be_measured_is_refused(change: dict[str, Any], words: str) -> None:
    given = {"phase": blobs(1, (9, 9, 9)), "spacing_um": UNIT, "border": "open"} | change
    with pytest.raises(MeasureError, match=words):
        local_thickness(**given)


def test_machine_code_is_kept_in_the_cache_folder(tmp_path: Path) -> None:
    """Kept where senospine keeps its code, whether or not the installation itself may be written to."""
    code = (
        "import numpy as np; from senospine.measure.volume.distance import rows;"
        "rows(np.ones((2, 2, 2), np.uint8), np.empty((2, 2, 2), np.int32), 0, 2, True);"
        "print(sum(rows.stats.cache_hits.values()))"
    )
    environment = {**os.environ, "SENOSPINE_CACHE": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)

    def hits() -> str:
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert hits() == "0"
    assert list(tmp_path.rglob("*.nbi"))
    assert hits() == "1"
    environment["SENOSPINE_CACHE"] = "/dev/null/none"
    assert hits() in ("0", "1")  # numba then tries places of its own; the kernels run all the same
