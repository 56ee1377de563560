"""What tanezumab and celecoxib take in virtual patients, by how far a systemic analgesic reaches, beside trials.

Run it with ``python benchmarks/analgesics.py FOLDER [PEOPLE DRAWS]`` (300 people, 4 draws). One bank of lives serves
all readings. 10 mg of tanezumab and the NSAIDs set gains of the model (``pain_ngf_gain``, ``pain_pge2_gain``), so they
are no test of it; 5 mg and disability are. Navitoclax stands beside them because no reading may change it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from senospine.assays import REACHES, human_assay_register
from senospine.calibration import chosen_parameters
from senospine.model import load_model
from senospine.trial import Benefit, make_bank, parse_design, predicted_benefit

NAVITOCLAX = "navitoclax 250 mg oral daily for 7 days every 28 days, 6 cycles, from day 0 after enrolment"
CELECOXIB = "celecoxib 200 mg oral twice daily for 24 weeks from day 0 after enrolment"
TANEZUMAB = "tanezumab {} mg subcutaneous every 8 weeks for 24 weeks from day 0 after enrolment"
DESIGN = """\
trial: analgesics
question: What do drugs against NGF and COX-2 take?
patients: 600
weeks: 16
arms:
  placebo: {{control: injection}}
  tanezumab-10: {{therapy: {ten}}}
  tanezumab-5: {{therapy: {five}}}
  celecoxib: {{therapy: {celecoxib}}}
  navitoclax: {{therapy: '{navitoclax}'}}
entry:
  age: {{at_least: 18, at_most: 80}}
  pain: {{at_least: 5, days: 7}}
block: 5
visits: [8, 16]
endpoints:
  pain: {{measure: pain, week: {week}}}
"""
#: published: arm, week, points of 0-10 with 95 % interval, Roland-Morris points of 24 with theirs
PUBLISHED = (
    ("tanezumab-10", 16, "0.40 (0.04 to 0.76)", "1.74 (0.83 to 2.64)", "set a gain"),
    ("tanezumab-5", 16, "0.30 (-0.07 to 0.66)", "1.32 (0.43 to 2.21)", "a check"),
    ("celecoxib", 8, "0.33 (0.13 to 0.53), NSAIDs", "", "set a gain"),
    ("navitoclax", 16, "", "", "reached by no reading"),
)


def predictions(folder: Path, people: int, draws: int, reach: str) -> dict[tuple[str, int], Benefit]:
    """Return what each arm is predicted to take at weeks 8 and 16 under a reading of the reach."""
    therapies = {"ten": TANEZUMAB.format(10), "five": TANEZUMAB.format(5), "celecoxib": CELECOXIB,
                 "navitoclax": NAVITOCLAX}  # fmt: skip
    bank = make_bank(
        folder, list(therapies.values()), patients=people, draws=draws, weeks=24, reach=reach,
        centres=chosen_parameters("fit", load_model("human")), uncertainty="all" if draws > 1 else "none",
    )  # fmt: skip
    designs = {week: parse_design(DESIGN.format(**therapies, week=week)) for week in (8, 16)}
    return {(each.treated, week): each for week, plan in designs.items() for each in predicted_benefit(plan, bank)}


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1])
    people, draws = (int(text) for text in sys.argv[2:4]) if len(sys.argv) > 2 else (300, 4)
    found = {reach: predictions(folder, people, draws, reach) for reach in REACHES}
    print(f"| drug, week | {' | '.join(REACHES)} | published | role |\n|---|{'---|' * (len(REACHES) + 2)}")  # noqa: T201
    per_point = human_assay_register()["rmdq_per_point"].value
    for arm, week, points, disability, role in PUBLISHED:
        cells = []
        for reach in REACHES:
            each = found[reach][(arm, week)]
            low, high = each.interval
            cells.append(f"{each.mean:.2f}" + (f" ({low:.2f} to {high:.2f})" if draws > 1 else ""))
        print(f"| {arm}, week {week} | {' | '.join(cells)} | {points} | {role} |")  # noqa: T201
        if disability:
            cells = [f"{per_point * found[reach][(arm, week)].mean:.2f}" for reach in REACHES]
            print(f"| the same, Roland-Morris points | {' | '.join(cells)} | {disability} | a check |")  # noqa: T201


if __name__ == "__main__":
    main()
