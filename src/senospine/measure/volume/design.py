"""How many animals and scans: power from a model of porosities that synthetic scans are held against."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from senospine.errors import MeasureError
from senospine.measure.power import Array, power_table
from senospine.randomness import stream

if TYPE_CHECKING:
    import pandas as pd

#: log odds by which a reading of :func:`drilled_endplate` (9 um voxels, blur 6 um, noise a tenth of the contrast, Otsu
#: after a Gaussian of 5 um) differs from the truth, for porosities of 0.08 to 0.3, and its SD; measured by
#: this project, and a test repeats it. At 0.45, where channels merge, the shift was 0.001
READING_SHIFT, READING_SD = -0.011, 0.004


def draw_porosities(
    porosity: float,
    animals: int,
    scans: int,
    generator: np.random.Generator,
    experiments: int = 1,
    animal_cv: float = 0.14,
    endplate_cv: float = 0.1,
    scan_cv: float = 0.05,
    reading: tuple[float, float] = (READING_SHIFT, READING_SD),
) -> Array:
    """Return what each animal reads, the mean of its scanned endplates, (experiments, animals), as a share.

    All differences act on the odds, as in :mod:`senospine.assays`: of animals about ``porosity`` (their median), of an
    animal's endplates about its own, of scanning one again, and of reading a scan.
    """

    def normal(cv: float, shape: tuple[int, ...]) -> Array:
        return np.asarray(np.sqrt(np.log1p(cv**2)) * generator.standard_normal(shape))

    shape = (experiments, animals, scans)
    odds = np.log(porosity / (1 - porosity)) + normal(animal_cv, shape[:2])[..., None]
    odds = odds + normal(endplate_cv, shape) + normal(scan_cv, shape)
    odds = odds + reading[0] + reading[1] * generator.standard_normal(shape)
    return np.asarray((1 / (1 + np.exp(-odds))).mean(axis=-1))


def scan_power(
    control: float,
    treated: float,
    animals: Sequence[int] = (3, 4, 6, 8, 10, 12),
    scans: Sequence[int] = (1, 2),
    animal_cv: float = 0.14,
    endplate_cv: float = 0.1,
    scan_cv: float = 0.05,
    reading: tuple[float, float] = (READING_SHIFT, READING_SD),
    alpha: float = 0.05,
    repeats: int = 2000,
    seed: int = 1,
) -> pd.DataFrame:
    """Return the power to tell two endplate porosities apart, for every number of animals and scans.

    An animal's scans are averaged and groups compared by Welch's test on animals. Cost: milliseconds a row.

    Parameters
    ----------
    control, treated : float
        True porosities, shares between 0 and 1, such as a simulated arm's read-outs over 100.
    animals, scans : sequence of int
        Animals a group; endplates scanned an animal.
    animal_cv, endplate_cv, scan_cv : float
        Between animals and of scanning again, as the assays have them (sources in their register); between the
        endplates of one animal 0.1 is an assumption. All of the odds.
    reading : (float, float)
        Shift of the log odds by reading a scan, and its SD; by default those of clean synthetic scans, a floor.

    Returns
    -------
    DataFrame
        ``animals, scans, power, low, high, mean_porosity``; ``low`` and ``high`` are Wilson's interval for the repeats
        drawn, ``mean_porosity`` the control animals' mean.

    Raises
    ------
    MeasureError
        Fewer than two animals, no scan, a porosity that is no share.

    Examples
    --------
    >>> table = scan_power(0.15, 0.25, animals=[3, 6], scans=[1], repeats=500)
    >>> bool(table["power"][1] > table["power"][0])
    True
    """
    if min(animals) < 2 or min(scans) < 1:
        raise MeasureError("a design needs two animals a group and a scan", remedy="ask for more")
    if not (0 < control < 1 and 0 < treated < 1):
        raise MeasureError(f"porosities {control:g} and {treated:g} are no shares", remedy="give 0.15 for 15 %")

    def drawn(arm: str, porosity: float, n: int, s: int) -> Array:
        return draw_porosities(porosity, n, s, stream(seed, f"scans {arm} {n} {s}"), repeats, animal_cv, endplate_cv,
                               scan_cv, reading)  # fmt: skip

    designs = (
        ({"animals": n, "scans": s}, drawn("control", control, n, s), drawn("treated", treated, n, s))
        for n, s in product(animals, scans)
    )
    return power_table(designs, alpha, "mean_porosity")
