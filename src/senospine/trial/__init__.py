"""Virtual randomised trials: a design file, a bank of patients, what comes out and how often it is wrong."""

from senospine.trial.analyse import analyse
from senospine.trial.bank import BASELINE, COURSES, UNTREATED, PatientBank, read_bank, synthetic_bank
from senospine.trial.benefit import Benefit, benefit_text, comparators, predicted_benefit
from senospine.trial.design import Design, design_names, load_design, parse_design, therapy_key
from senospine.trial.followed import Followed, follow
from senospine.trial.lasting import Lasting, lasting_benefit, stopping_text
from senospine.trial.making import make_bank
from senospine.trial.operating import (
    OperatingCharacteristics,
    characteristics,
    find_size,
    operating_characteristics,
)
from senospine.trial.patients import Therapy, read_therapy
from senospine.trial.population import coverage_table, population_table, published_population, select, weigh
from senospine.trial.rivals import Rival, Rivals, run_rivals
from senospine.trial.run import TrialRun, open_trials, run_trials, simulate_block
from senospine.trial.simulate import Reason, TrialData, simulate_trial
from senospine.trial.stopping import Stops, stop_days

__all__ = [
    "BASELINE",
    "COURSES",
    "UNTREATED",
    "Benefit",
    "Design",
    "Followed",
    "Lasting",
    "OperatingCharacteristics",
    "PatientBank",
    "Reason",
    "Rival",
    "Rivals",
    "Stops",
    "Therapy",
    "TrialData",
    "TrialRun",
    "analyse",
    "benefit_text",
    "characteristics",
    "comparators",
    "coverage_table",
    "design_names",
    "find_size",
    "follow",
    "lasting_benefit",
    "load_design",
    "make_bank",
    "open_trials",
    "operating_characteristics",
    "parse_design",
    "population_table",
    "predicted_benefit",
    "published_population",
    "read_bank",
    "read_therapy",
    "run_rivals",
    "run_trials",
    "select",
    "simulate_block",
    "simulate_trial",
    "stop_days",
    "stopping_text",
    "synthetic_bank",
    "therapy_key",
    "weigh",
]
