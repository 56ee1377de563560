"""The scoreboard: what papers found beside how often the virtual laboratory finds it, and the naive rule.

The naive rule says "disease worse, drug better, and significant". It is right so often that only what beats it
is knowledge. Both are scored by the logarithm of the probability they gave to what was published; the rule's
probability is learned from all *other* rows, by Laplace's rule of succession, which is generous to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from senospine.assays import NOT_SIMULATED, readouts
from senospine.evidence.laboratory import Repeats
from senospine.evidence.rows import Contrast
from senospine.stats import wilson_interval

Verdict = Literal["agrees", "weak", "misses", "not testable"]
VERDICTS: tuple[Verdict, ...] = ("agrees", "weak", "misses", "not testable")


@dataclass(frozen=True)
class Score:
    """One row of the board.

    Attributes
    ----------
    p_sign : float or None
        Probability that the virtual laboratory finds the published sign; None where no sign was published.
    p_star : float or None
        Probability that it finds the same sign and the same star; None where the star is unclear.
    p_published : float or None
        Probability of what was published: ``p_star`` where the star is known, else ``p_sign``.
    p_low, p_high : float or None
        95 % interval of ``p_published`` over repeats (Wilson), given these animals: another pool of 1,000 moves it
        by up to twice as much.
    naive_sign : bool or None
        Whether the naive rule has the sign right.
    p_naive : float or None
        Probability the naive rule gave to what was published.
    gain_bits : float or None
        log2 of model over naive rule; above zero, the model knew more.
    """

    contrast: Contrast
    repeats: Repeats | None
    p_sign: float | None
    p_star: float | None
    p_published: float | None
    p_low: float | None
    p_high: float | None
    naive_sign: bool | None
    p_naive: float | None
    gain_bits: float | None
    verdict: Verdict

    @property
    def label(self) -> str:
        """What the read-out is called."""
        name = self.contrast.readout
        return readouts()[name].label if name in readouts() else NOT_SIMULATED[name]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        plain = asdict(self)
        contrast = plain.pop("contrast")
        contrast.pop("where")
        return {**contrast, "label": self.label, **plain}


def published_text(contrast: Contrast) -> str:
    """Return the published finding as a sign and a star.

    ``↑*`` significant rise, ``↓?`` fall with the star unclear, ``no *`` no significant difference.
    """
    arrow = {"up": "↑", "down": "↓", "none": "no"}[contrast.direction]
    star = {"yes": "*", "no": " *" if contrast.direction == "none" else " n.s.", "unclear": "?"}[contrast.significant]
    return arrow + star


def naive_direction(contrast: Contrast) -> Literal["up", "down"]:
    """Return where the naive rule expects the arm: disease worse, drug better."""
    worse = readouts()[contrast.readout].worse
    return worse if contrast.subset == "disease" else ("down" if worse == "up" else "up")


def scoreboard(evidence: Sequence[Contrast], repeats: Mapping[str, Repeats]) -> list[Score]:
    """Return one score per row of evidence, in its order; rows without repeats are 'not testable'."""
    testable = [row for row in evidence if row.id in repeats]
    hits = {row.id: _naive_hit(row) for row in testable}
    scores = []
    for row in evidence:
        if row.id not in repeats:
            scores.append(Score(row, None, *(None,) * 8, "not testable"))
            continue
        found = repeats[row.id]
        p_sign, p_star = probabilities(row, found)
        published = p_star if row.significant != "unclear" else p_sign
        assert published is not None  # a row has a sign or a star
        others = [hit for key, hit in hits.items() if key != row.id]
        trust = (sum(others) + 1) / (len(others) + 2)
        p_naive = trust if hits[row.id] else 1 - trust
        count = published * found.repeats
        low, high = wilson_interval(count, found.repeats)
        smoothed = (count + 0.5) / (found.repeats + 1)
        scores.append(
            Score(
                row,
                found,
                p_sign,
                p_star,
                published,
                float(low),
                float(high),
                None if row.direction == "none" else naive_direction(row) == row.direction,
                p_naive,
                math.log2(smoothed / p_naive),
                _verdict(row, p_sign, published),
            )
        )
    return scores


def probabilities(row: Contrast, found: Repeats) -> tuple[float | None, float | None]:
    """Return the probability of the published sign, and of sign and star together."""
    p_sign = {"up": found.rise, "down": 1 - found.rise, "none": None}[row.direction]
    if row.significant == "unclear":
        return p_sign, None
    if row.direction == "none":
        return None, 1 - found.star
    starred, plain = (found.up_star, found.up) if row.direction == "up" else (found.down_star, found.down)
    return p_sign, starred if row.significant == "yes" else plain


def _naive_hit(row: Contrast) -> bool:
    return row.significant != "no" and naive_direction(row) == row.direction


def _verdict(row: Contrast, p_sign: float | None, published: float) -> Verdict:
    """Agrees: what was published is likelier than not. Weak: the sign is, by a wide margin, but not the star."""
    if published >= (0.5 if row.significant != "unclear" else 0.8):
        return "agrees"
    return "weak" if p_sign is not None and p_sign >= 0.8 else "misses"


@dataclass(frozen=True)
class Total:
    """Totals over the rows of one role."""

    role: str
    rows: int
    verdicts: dict[str, int]
    mean_p_sign: float
    mean_p_star: float
    naive_hits: int
    model_bits: float
    naive_bits: float

    @property
    def gain_bits(self) -> float:
        """Model minus naive rule, in bits; above zero, the model knew more."""
        return self.model_bits - self.naive_bits


def totals(scores: Sequence[Score]) -> list[Total]:
    """Return totals by role, then over all."""
    roles = list(dict.fromkeys(score.contrast.role for score in scores))
    result = []
    for role in [*roles, "all"]:
        mine = [score for score in scores if role in {score.contrast.role, "all"}]
        tested = [score for score in mine if score.p_published is not None]
        naive_bits = sum(math.log2(score.p_naive) for score in tested if score.p_naive)
        gain = sum(score.gain_bits for score in tested if score.gain_bits is not None)
        result.append(
            Total(
                role,
                len(mine),
                {verdict: sum(score.verdict == verdict for score in mine) for verdict in VERDICTS},
                _mean([score.p_sign for score in tested]),
                _mean([score.p_star for score in tested]),
                sum(_naive_hit(score.contrast) for score in tested),
                naive_bits + gain,
                naive_bits,
            )
        )
    return result


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan
