"""Studies: a file becomes arms, arms are run, and the outcome is a folder of tables."""

from senospine.study.file import Arm, Study, load_study, published_studies
from senospine.study.run import DEFAULT_ANIMALS, DEFAULT_SEED, Outcome, open_outcome, output_times, run_study
from senospine.study.worlds import effect_worlds, readout_worlds

__all__ = [
    "DEFAULT_ANIMALS",
    "DEFAULT_SEED",
    "Arm",
    "Outcome",
    "Study",
    "effect_worlds",
    "load_study",
    "open_outcome",
    "output_times",
    "published_studies",
    "readout_worlds",
    "run_study",
]
