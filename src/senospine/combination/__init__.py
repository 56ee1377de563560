"""Two drugs together: simulated surfaces, what they look like to each null, and whether an experiment could tell."""

from senospine.combination.combine import Combination, Told, combine
from senospine.combination.design import Design, plan
from senospine.combination.draws import PARAMETERS, Candidates, candidates
from senospine.combination.programme import Beaten, beats_better

__all__ = [
    "PARAMETERS",
    "Beaten",
    "Candidates",
    "Combination",
    "Design",
    "Told",
    "beats_better",
    "candidates",
    "combine",
    "plan",
]
