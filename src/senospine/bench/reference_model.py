"""A made-up model of senolytic therapy as large as those to come: 46 states, 61 parameters, 130 doses in a year.

Three drugs (gut, plasma, tissue; one eliminated with saturation), each diffusing through a line of disc layers;
senescent cells in three layers and in bone, killed by what reaches them; their secretome, bone cells, porosity, nerves,
vessels, platelets, pain. Time in hours. The numbers are plausible, not calibrated: they serve for speed and accuracy.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from senospine.engine import Schedule
from senospine.model import Model, load_model
from senospine.model.register import Variable

Array = NDArray[np.float64]
DRUGS = "ABC"
BIOLOGY = ["S1", "S2", "S3", "SB", "IL", "OC", "OB", "POR", "INN", "VES", "PRO", "T1", "T2", "T3", "PLT", "PAIN"]
OUTPUT_TIMES = np.arange(3.0, 26 * 336.0, 48.0)
DOSE_TIMES = [336.0 * cycle + 24.0 * day for cycle in range(26) for day in range(5)]
LN2 = math.log(2.0)


@dataclass(frozen=True)
class Reference:
    """The model with what is needed to run it.

    Attributes
    ----------
    outputs : tuple of str
        The 23 that are recorded.
    nominal, variation : dict of str to float
        Parameters: typical value and coefficient of variation.
    """

    model: Model
    outputs: tuple[str, ...]
    nominal: dict[str, float]
    variation: dict[str, float]

    def population(self, count: int, seed: int = 1) -> dict[str, Array]:
        """Return log-normal parameters; subject i is the same whatever the count."""
        nominal, variation = (np.array(list(item.values())) for item in (self.nominal, self.variation))
        spread = np.sqrt(np.log1p(variation**2))
        draws = [
            np.random.Generator(np.random.Philox(key=[seed, i])).standard_normal(len(nominal)) for i in range(count)
        ]
        values = nominal * np.exp(spread * np.clip(np.array(draws), -2.5, 2.5))
        return dict(zip(self.nominal, values.T, strict=True))

    def schedule(self, population: dict[str, Array]) -> Schedule:
        """Return the doses: all three drugs for five days every two weeks, each subject's own amounts."""
        amounts = np.column_stack([population[f"dose{drug}"] for drug in DRUGS])
        return Schedule.from_columns(
            time=np.repeat(DOSE_TIMES, len(DRUGS)), kind="bolus",
            target=[f"G{drug}" for drug in DRUGS] * len(DOSE_TIMES), amount=np.tile(amounts, len(DOSE_TIMES)),
        )  # fmt: skip


def reference_model(layers: int = 7, *, unit_doses: bool = False) -> Reference:
    """Return the model; 7 layers give 46 states, 20 give 85.

    With ``unit_doses`` every bolus is to be 1, and the dose stands before the absorption: the same drug in plasma, and
    the dose a parameter that one can differentiate with respect to.
    """
    nominal: dict[str, float] = {}
    variation: dict[str, float] = {}
    rates: dict[str, str] = {}

    def par(name: str, value: float, cv: float = 0.3) -> str:
        nominal[name], variation[name] = value, cv
        return name

    kinetics = {
        "A": (1.2, LN2 / 4 * 1.5, 0.30, 0.15),
        "B": (0.8, None, 0.20, 0.10),
        "C": (0.5, LN2 / 17 * 1.8, 0.10, 0.08),
    }
    for drug, dose in zip(DRUGS, (3.0, 8.0, 2.0), strict=True):
        absorption, elimination, out, back = kinetics[drug]
        ka, k12, k21 = par(f"ka{drug}", absorption), par(f"k12{drug}", out), par(f"k21{drug}", back)
        par(f"dose{drug}", dose, 0.2)
        gut, plasma, tissue = f"G{drug}", f"C{drug}", f"P{drug}"
        if elimination is None:
            loss = f"{par('VmB', LN2 / 1.5)}*{plasma}/({par('KmB', 1.0)} + {plasma})"
        else:
            loss = f"{par(f'kel{drug}', elimination)}*{plasma}"
        rates[gut] = f"-{ka}*{gut}"
        rates[plasma] = f"{f'dose{drug}*' if unit_doses else ''}{ka}*{gut} - {loss} - {k12}*{plasma} + {k21}*{tissue}"
        rates[tissue] = f"{k12}*{plasma} - {k21}*{tissue}"
    for drug, delay in zip(DRUGS, (12.0, 30.0, 72.0), strict=True):
        d, kb = par(f"D{drug}", layers * layers / delay), par(f"kb{drug}", 2.0 * layers / delay)
        kd, fu = par(f"kd{drug}", 0.01), par(f"fu{drug}", 0.5)
        x = [f"x{drug}{i}" for i in range(layers)]
        for i in range(layers):
            inflow = f"{kb}*({fu}*C{drug} - {x[0]})" if i == 0 else f"{d}*({x[i - 1]} - {x[i]})"
            beyond = f" + {d}*({x[i + 1]} - {x[i]})" if i < layers - 1 else ""
            rates[x[i]] = f"-{kd}*{x[i]} + {inflow}{beyond}"
    for name, value, cv in (
        ("ECA", 0.5, 0.3), ("ECB", 0.6, 0.3), ("ECC", 0.5, 0.3), ("kmax", 0.02, 0.3), ("hill", 2.0, 0.1),
        ("ks", 0.0005, 0.3), ("krem", 0.0015, 0.3), ("Ks", 0.5, 0.3), ("asen", 1.0, 0.3), ("kmaxB", 0.03, 0.3),
        ("kIL", LN2 / 48, 0.3), ("kdIL", LN2 / 12, 0.3), ("kOC", 0.006, 0.3), ("kdOC", 0.003, 0.3), ("Koc", 1.0, 0.3),
        ("iOCA", 1.0, 0.3), ("kOB", 0.004, 0.3), ("kdOB", 0.002, 0.3), ("aOB", 1.0, 0.3), ("kPOR", 0.0006, 0.3),
        ("kqPOR", 0.0006, 0.3), ("kINN", 0.0008, 0.3), ("kdINN", 0.0004, 0.3), ("kVES", 0.0005, 0.3),
        ("kdVES", 0.0005, 0.3), ("ktr", 4.0 / 120.0, 0.15), ("gam", 0.17, 0.1), ("PLT0", 250.0, 0.15),
        ("emaxP", 0.6, 0.1), ("ECP", 1.0, 0.3), ("kPAIN", LN2 / 72, 0.3), ("kdPAIN", LN2 / 72, 0.3),
        ("aPAIN", 0.5, 0.3),
    ):  # fmt: skip
        par(name, value, cv)
    assignments = {}
    sites = [*((f"u{k + 1}", f"x{{}}{z}", "1") for k, z in enumerate((0, layers // 2, layers - 1))), ("uB", "C{}", "2")]
    for name, exposure, factor in sites:
        total = " + ".join(f"{exposure.format(drug)}/({factor}*EC{drug})" for drug in DRUGS)
        assignments[f"e{name}"] = total
        assignments[name] = f"((e{name} + sqrt(e{name}*e{name} + 1e-6))/2)^hill"  # the smooth positive part
    for cell, kill, u in (("S1", "kmax", "u1"), ("S2", "kmax", "u2"), ("S3", "kmax", "u3"), ("SB", "kmaxB", "uB")):
        rates[cell] = f"ks*(1 + asen*IL) - krem*{cell}/(Ks + {cell}) - {kill}*{u}/(1 + {u})*{cell}"
    rates |= {
        "IL": "kIL*(S1 + S2 + S3 + SB) - kdIL*IL",
        "OC": "kOC*IL/(Koc + IL) - kdOC*OC*(1 + 2*CA/(iOCA + CA))",
        "OB": "kOB/(1 + aOB*OC) - kdOB*OB",
        "POR": "kPOR*OC - kqPOR*OB*POR",
        "INN": "kINN*POR*IL/(1 + IL) - kdINN*INN",
        "VES": "kVES*IL*POR - kdVES*VES",
        "PRO": "ktr*PRO*((1 - emaxP*CC/(ECP + CC))*(PLT0/PLT)^gam - 1)",
        "T1": "ktr*(PRO - T1)",
        "T2": "ktr*(T1 - T2)",
        "T3": "ktr*(T2 - T3)",
        "PLT": "ktr*(T3 - PLT)",
        "PAIN": "kPAIN*INN*(1 + aPAIN*IL) - kdPAIN*PAIN",
    }
    first = dict.fromkeys(BIOLOGY, "1") | dict.fromkeys(("PRO", "T1", "T2", "T3", "PLT"), "PLT0")
    lines = [f"  {name} := {text};" for name, text in assignments.items()]
    lines += [f"  {name}' = {text};" for name, text in rates.items()]
    lines += [f"  {name} = {first.get(name, '0')};" for name in rates]
    lines += [f"  {name} = {value!r};" for name, value in nominal.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reference.ant"
        path.write_text("model reference()\n" + "\n".join(lines) + "\nend\n", encoding="utf-8")
        model = load_model(path)
    scales = {name: Variable(name, name, "", "state", "", 0.01) for name in rates}
    model = replace(model, variables=MappingProxyType(scales))
    outputs = ("CA", "CB", "CC", "xA0", f"xA{layers - 1}", f"xB{layers // 2}", f"xC{layers - 1}", *BIOLOGY)
    return Reference(model, outputs, nominal, variation)


def worst_error(values: Array, truth: Array, floor: Array | float = 1e-300) -> Array:
    """Return each subject's largest error at any output and time.

    Relative to the larger of the value, 1 % of its peak, and ``floor``. Both of shape (n_subjects, n_times, n_outputs).
    """
    peak = np.abs(truth).max(axis=1, keepdims=True)
    size = np.maximum(np.maximum(np.abs(truth), 0.01 * peak), floor)
    return np.asarray((np.abs(values - truth) / size).max(axis=(1, 2)))
