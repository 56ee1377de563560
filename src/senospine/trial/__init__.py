"""Virtual randomised trials: a design file, a bank of patients, what comes out and how often it is wrong."""

from senospine.trial.analyse import analyse
from senospine.trial.bank import BASELINE, COURSES, UNTREATED, PatientBank, read_bank, synthetic_bank
from senospine.trial.design import Design, design_names, load_design, parse_design, therapy_key
from senospine.trial.operating import (
    OperatingCharacteristics,
    characteristics,
    find_size,
    operating_characteristics,
)
from senospine.trial.run import TrialRun, open_trials, run_trials, simulate_block
from senospine.trial.simulate import Reason, TrialData, simulate_trial

__all__ = [
    "BASELINE",
    "COURSES",
    "UNTREATED",
    "Design",
    "OperatingCharacteristics",
    "PatientBank",
    "Reason",
    "TrialData",
    "TrialRun",
    "analyse",
    "characteristics",
    "design_names",
    "find_size",
    "load_design",
    "open_trials",
    "operating_characteristics",
    "parse_design",
    "read_bank",
    "run_trials",
    "simulate_block",
    "simulate_trial",
    "synthetic_bank",
    "therapy_key",
]
