"""The report for a trial meeting: one page, and what a terminal shows of it. No science here."""

from senospine.report.trial.page import write_trial_report
from senospine.report.trial.search import print_search
from senospine.report.trial.terminal import print_trial, trial_dict
from senospine.report.trial.told import TrialReport

__all__ = ["TrialReport", "print_search", "print_trial", "trial_dict", "write_trial_report"]
