"""Coefficients of a Rosenbrock method: Rodas5P.

In transformed variables a step of size h from (t, y) solves, stage by stage,

    (I / (γ h) - J) k_i = f(t + α_i h, y + Σ a_ij k_j) + Σ c_ij k_j / h + γ_i h ∂f/∂t,

and ends at the argument of the last stage plus its k, which is also the error estimate. Between, at t + θ h,

    y(θ) = (1 - θ) y0 + θ (y1 + (1 - θ) (d0 + θ (d1 + θ d2))),   d_r = Σ dense_rj k_j.

References
----------
Hairer, E., Wanner, G.: Solving Ordinary Differential Equations II, 2nd ed., section IV.7.
Steinebach, G. (2023): Construction of Rosenbrock-Wanner method Rodas5P, BIT 63, 27, doi 10.1007/s10543-023-00967-x.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Rosenbrock:
    """A stiffly accurate Rosenbrock method.

    Attributes
    ----------
    order : int
    gamma : float
    stage : tuple of tuple of float
        a_ij of the first stages; each later stage starts from the argument before plus the last k.
    coupling : tuple of tuple of float
        c_ij of all stages.
    dense : tuple of tuple of float
    """

    name: str
    order: int
    gamma: float
    stage: tuple[tuple[float, ...], ...]
    coupling: tuple[tuple[float, ...], ...]
    dense: tuple[tuple[float, ...], ...]

    @property
    def stages(self) -> int:
        """Number of stages."""
        return len(self.coupling)

    @cached_property
    def nodes(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """α_i and γ_i: where each stage stands in time, and its weight of ∂f/∂t; they follow from the rest."""
        n = self.stages
        a, c = np.zeros((n, n)), np.zeros((n, n))
        for i in range(n):
            c[i, :i] = self.coupling[i]
            if i < len(self.stage):
                a[i, :i] = self.stage[i]
            else:
                a[i] = a[i - 1]
                a[i, i - 1] += 1.0
        gammas = np.linalg.inv(np.eye(n) / self.gamma - c)
        alphas = (a @ gammas).sum(axis=1)
        return tuple(_clean(alphas)), tuple(_clean(gammas.sum(axis=1)))


def _clean(values: np.ndarray) -> list[float]:
    """Return values with rounding at 0 and 1 taken off."""
    return [float(round(v)) if abs(v - round(v)) < 1e-12 else float(v) for v in values]


RODAS5P = Rosenbrock(
    name="Rodas5P",
    order=5,
    gamma=0.21193756319429014,
    stage=(
        (),
        (3.0,),
        (2.849394379747939, 0.45842242204463923),
        (-6.954028509809101, 2.489845061869568, -10.358996098473584),
        (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
        (-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946),
    ),
    coupling=(
        (),
        (-14.155112264123755,),
        (-17.97296035885952, -2.859693295451294),
        (147.12150275711716, -1.41221402718213, 71.68940251302358),
        (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
        (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
        (30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783, -19.097331116725623,
         -28.087943162872662),
        (37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047, -40.06618937091002,
         -54.66780262877968, -9.48861652309627),
    ),
    dense=(
        (25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204, 0.524948541321073,
         1.1241088310450404, 0.4272876194431874, -0.17202221070155493),
        (-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796, 20.176138334709044,
         15.98066361424651, -6.789040303419874, -6.710236069923372),
        (11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643, -52.072871366152654,
         -59.78993625266729, -0.15582684282751913, 4.883087185713722),
    ),
)  # fmt: skip
