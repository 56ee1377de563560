"""Studies: a file becomes arms, arms are run, and the outcome is a folder of tables."""

from senospine.study.file import Arm, Study, load_study, published_studies
from senospine.study.run import DEFAULT_ANIMALS, DEFAULT_SEED, Outcome, open_outcome, run_studies, run_study

__all__ = [
    "DEFAULT_ANIMALS",
    "DEFAULT_SEED",
    "Arm",
    "Outcome",
    "Study",
    "load_study",
    "open_outcome",
    "published_studies",
    "run_studies",
    "run_study",
]
