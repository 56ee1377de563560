"""The numbers a drug file may give, with their units: kinetics, transport in the disc, and what a drug does."""

from __future__ import annotations

from dataclasses import dataclass

from senospine.therapy.rows import Row

#: species whose model is composed with the drugs a study needs; the mouse's is written by hand
COMPOSED = ("dog", "human")


@dataclass(frozen=True)
class Term:
    """A number of a drug file.

    Attributes
    ----------
    unit : str
        The model's unit.
    neutral : float or None
        What a file that leaves the number out means by it; None where it must be given.
    least, most : float
        The range of what is possible; ``least`` itself only where it is 0 and ``zero`` is True.
    """

    unit: str
    meaning: str
    neutral: float | None = None
    zero: bool = False
    least: float = 0.0
    most: float = float("inf")

    def default(self) -> Row:
        """Return the row of a number that a file leaves out."""
        return Row(
            value=self.neutral or 0.0, unit=self.unit, source="assumption", how_obtained="default",
            reason="not in the drug's file: this value leaves the process out", meaning=self.meaning,
        )  # fmt: skip


KINETICS = {
    "absorption_rate": Term("1/day", "first-order uptake from the gut", 1.0),
    "transit_rate": Term("1/day", "passage from gut to blood; 1440 a day, a minute, is none to speak of", 1440.0),
    "lag": Term("day", "time from swallowing to the start of uptake; shifts the dose", 0.0, zero=True, most=2.0),
    "bioavailability": Term("fold", "share of an oral dose that reaches the blood", 1.0, most=1.0),
    "food_effect": Term("fold", "what food multiplies bioavailability by", 1.0),
    "fed": Term("fold", "whether doses are taken with food: 1 with, 0 without", 0.0, zero=True, most=1.0),
    "depot_absorption_rate": Term("1/day", "first-order uptake from under the skin or from muscle", 1.0),
    "depot_bioavailability": Term("fold", "share of a dose under the skin or in muscle taken up", 1.0, most=1.0),
    "clearance": Term("L/day", "linear clearance of a body of reference weight", 0.0, zero=True),
    "volume_central": Term("L", "central volume of a body of reference weight"),
    "volume_peripheral": Term("L", "peripheral volume of a body of reference weight", 1.0),
    "intercompartmental_clearance": Term("L/day", "exchange between the two compartments", 0.0, zero=True),
    "saturable_elimination_max": Term("mg/day", "largest saturable elimination", 0.0, zero=True),
    "saturable_half_concentration": Term("umol/L", "total concentration at half of it", 1.0),
    "clearance_exponent": Term("fold", "power of body weight that clearances follow", zero=True, most=2.0),
    "volume_exponent": Term("fold", "power of body weight that volumes follow", zero=True, most=2.0),
    "reference_weight": Term("kg", "body weight the volumes and clearances are of"),
    "molar_mass": Term("mg/umol", "molar mass"),
    "unbound_fraction": Term("fold", "share of the drug in plasma that is not bound to protein", most=1.0),
}  # fmt: skip

DISC = {
    "diffusivity_nucleus": Term("mm2/day", "diffusivity in the nucleus"),
    "diffusivity_ratio_cep": Term("fold", "diffusivity in the cartilage endplate over that in the nucleus"),
    "diffusivity_annulus": Term("mm2/day", "diffusivity in the annulus"),
    "charge": Term("fold", "charges a molecule carries", 0.0, zero=True, least=-1000.0),
    "retardation": Term("fold", "total over free drug in the tissue: 1 without binding", 1.0, least=1.0, zero=True),
    "disc_loss_rate": Term("1/day", "loss of free drug inside the disc", 0.0, zero=True),
    "release_rate": Term("1/day", "release from a depot in the disc", 24.0),
}

#: hazards add up, and pairs of drugs may interact
HAZARDS = (
    "endplate_kill", "osteoclast_kill", "disc_kill_1", "disc_kill_2", "disc_kill_3", "disc_kill_4", "dorsal_horn_kill",
    "platelet_kill", "precursor_kill", "neutrophil_precursor_kill", "lymphocyte_kill", "osteoblast_kill",
)  # fmt: skip
#: shares combine so that none exceeds one
SHARES = (
    "senomorphic_action", "cox2_inhibition", "ngf_neutralisation", "analgesia", "tlr4_inhibition",
    "endplate_denervation",
)  # fmt: skip
EXPOSURES = ("gut_exposure",)
INPUT_UNITS = {**dict.fromkeys(HAZARDS, "1/day"), **dict.fromkeys((*SHARES, *EXPOSURES), "fold")}
ZONES = tuple(f"disc_kill_{zone}" for zone in range(1, 5))
#: what a drug file may say a drug does, and the inputs of the spine that it moves; disc_kill is all four zones
ACTIONS = {**{name: (name,) for name in INPUT_UNITS}, "disc_kill": ZONES}

#: what a procedure does to a share of something, such as the fibres it cuts
PROCEDURE = {
    "share": Term("fold", "share that a procedure which succeeds takes at once", zero=True, most=1.0),
    "technical_success": Term("fold", "chance that it does; if not it takes nothing", 1.0, zero=True, most=1.0),
    "regrowth_half_time": Term("day", "time in which half of what was taken is back; 1e6 days, never", 1e6),
}


def action_unit(action: str) -> str:
    """Return the unit of an action's largest effect."""
    return INPUT_UNITS[ACTIONS[action][0]]


def action_terms(action: str) -> dict[str, Term]:
    """Return the three numbers of an action."""
    words = action.replace("_", " ")
    most = 1.0 if ACTIONS[action][0] in SHARES else float("inf")
    return {
        "max": Term(action_unit(action), f"largest {words}", zero=True, most=most),
        "half": Term("umol/L", f"concentration of half the largest {words}"),
        "hill": Term("fold", f"steepness of {words} on concentration", most=20.0),
    }
