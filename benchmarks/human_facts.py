"""What the human model says beside published facts that set nothing in it, and beside those that did; prints a table.

Run it with ``python benchmarks/human_facts.py``. One spine with the register's values, one with the gains of the fit to
mice, and the central 90 % over draws of the doubt about carrying gains over (1,000 draws, seed 1).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from senospine import Entry, Schedule, compile_model, load_model
from senospine.calibration import chosen_parameters
from senospine.subjects import draw_people, draw_translation, sex_parameters, untreated_life

YEAR, DRAWS = 365.25, 1000
SEVERE = {"degeneration_load": 1.0}
HUMAN = load_model("human")
KERNEL = compile_model(HUMAN)
Values = Mapping[str, object]


def at(output: str, age: float, values: Values, plan: Schedule | None = None) -> np.ndarray:
    """Return an output at an age in years."""
    solution = KERNEL.solve(values, plan, times=[age * YEAR])
    if solution.failures:
        raise RuntimeError(solution.failures[0])
    return solution[output][:, 0]


def taken(action: str, share: float, days: float, values: Values, age: float = 50.0) -> np.ndarray:
    """Return the percentage of pain above the healthy that an action takes from a severely degenerated spine."""
    plan = Schedule.shared([Entry(age * YEAR, "switch", action, share)])
    without, given = (at("spinal_pain", age + days / YEAR, {**values, **SEVERE}, item) for item in (None, plan))
    return 100 * (without - given) / (without - 1)


def loss(sex: str, values: Values) -> np.ndarray:
    """Return the change of trabecular bone from 20 to 90 years in percent."""
    own = {**values, **sex_parameters(sex)}
    return 100 * (at("trabecular_bone", 90, own) / at("trabecular_bone", 20, own) - 1)


def endplate_share(values: Values) -> np.ndarray:
    """Return the percentage of pain that the endplate sends at 50 years."""
    own = {**values, **SEVERE}
    return 100 * (at("endplate_pain", 50, own) - 1) / (at("spinal_pain", 50, own) - 1)


def resorption(values: Values) -> np.ndarray:
    """Return the change of trabecular resorption at week 20 if three days of every 28 clear half of senescent cells."""
    start = 70 * YEAR
    clears = [("endplate_kill", np.log(2) / 3), ("disc_kill_1", np.log(2) / 3)]
    pulses = [
        Entry(start + 28 * cycle + day, "switch", name, rate * (day == 0))
        for cycle in range(5)
        for name, rate in clears
        for day in (0.0, 3.0)
    ]
    end = 70 + 140 / YEAR
    given, without = (at("sasp", end, values, plan) for plan in (Schedule.shared(pulses), None))
    gain = KERNEL.constants(values)["vertebra_sasp_resorption"]
    return 100 * ((1 + gain * (given - 1)) / (1 + gain * (without - 1)) - 1)


def porosity(values: Values) -> np.ndarray:
    """Return by how many percent endplate porosity is higher at 64 with severe degeneration than with none."""
    return 100 * (at("endplate_porosity", 64, {**values, **SEVERE}) / at("endplate_porosity", 64, values) - 1)


def disc_cells(values: Values) -> np.ndarray:
    """Return how many times as many disc cells are senescent at 45 with severe degeneration as with none."""
    return at("senescent_disc_cells", 45, {**values, **SEVERE}) / at("senescent_disc_cells", 45, values)


HALF = ("endplate_rankl_activity", 0.375)  # what halves osteoclasts where RANKL makes 80 % of them
FACTS = [
    ("endplate porosity, severe against no degeneration, 64 y", "+50 to +130 %", porosity),
    ("pain taken by all NGF neutralised, 16 weeks", "6 % (0 to 20)", lambda v: taken("ngf_neutralisation", 1, 112, v)),
    ("pain taken by 80 % of COX-2 inhibited, 8 weeks", "6.5 % (2.5 to 10.4)",
     lambda v: taken("cox2_inhibition", 0.8, 56, v)),
    ("senescent disc cells, severe over no degeneration, 45 y", "17-fold", disc_cells),
    ("trabecular bone of the spine, 20 to 90 y, women", "-55 %", lambda v: loss("female", v)),
    ("trabecular bone of the spine, 20 to 90 y, men", "-46 %", lambda v: loss("male", v)),
    ("share of pain from the endplate, 50 y", "at most 55 %", endplate_share),
    ("pain taken by half of osteoclasts, 1 month", "21 % (0 to 43)", lambda v: taken(*HALF, 30, v)),
    ("pain taken by half of osteoclasts, 1 year", "10 % (-15 to 36)", lambda v: taken(*HALF, 365, v)),
    ("bone resorption at 20 weeks of monthly senolytics", "no difference", resorption),
]  # fmt: skip


def main() -> None:
    """Print the table."""
    drawn = draw_translation(HUMAN, DRAWS, 1)
    fit = chosen_parameters("fit", HUMAN)
    print("| fact | published | register | 90 % | fit to mice | 90 % |\n|---|---|---|---|---|---|")  # noqa: T201
    for words, published, found in FACTS:
        cells = []
        for values in ({}, fit):
            low, high = np.quantile(found({**values, **drawn}), (0.05, 0.95))
            cells += [f"{found(values)[0]:.3g}", f"{low:.3g} to {high:.3g}"]
        print(f"| {words} | {published} | {' | '.join(cells)} |")  # noqa: T201
    people = draw_people(HUMAN, 2000, 1, "degenerated", ages=(35, 85))
    state = untreated_life(HUMAN, people.parameters, people.ages)
    r = np.corrcoef(state["disc_matrix"], state["endplate_porosity"])[0, 1]
    words = "disc matrix against endplate porosity over people of 35-85 y"
    print(f"| {words} | falls, R2 0.47 | r {r:.2f}, R2 {r * r:.2f} | | | |")  # noqa: T201


if __name__ == "__main__":
    main()
