"""The scoreboard: what papers found beside how often the virtual laboratory finds it, and the naive rule.

The naive rule says "disease worse, drug better, and significant". It is right so often that only what beats it
is knowledge. Both are scored by the logarithm of the probability they gave to what was published; the rule's
probability is learned from all *other* rows of the same species, by Laplace's rule of succession, which is generous to
it; what is published of people changes nothing of what the rule gives to a mouse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from senospine.assays import NOT_SIMULATED, readouts
from senospine.evidence.facts import Association, Bound, Contrast, Fact, Rate, Value
from senospine.evidence.judging import Repeats, logarithm
from senospine.stats import wilson_interval

Verdict = Literal["agrees", "weak", "misses", "not testable"]
VERDICTS: tuple[Verdict, ...] = ("agrees", "weak", "misses", "not testable")
#: mean logarithm of a fold where the naive rule has to name a size (assumption)
NAIVE_SIZE = math.log(2)
#: species in the order in which they are told
SPECIES = ("mouse", "human", "human_disc", "dog")


@dataclass(frozen=True)
class Score:
    """One row of the board.

    Attributes
    ----------
    p_sign : float or None
        Probability that the virtual laboratory finds the published sign; None where no sign was published.
    p_star : float or None
        Probability that it finds the same sign and the same star; None where there is no star, or it is unclear.
    p_published : float or None
        Probability of what was published: of a signed fact ``p_star`` where the star is known, else ``p_sign``; of a
        bound that it is kept; of a rate the count; of a value a density, per factor of e.
    p_low, p_high : float or None
        95 % interval of ``p_published`` over repeats (Wilson), given these animals: another pool of 1,000 moves it
        by up to twice as much. None for densities.
    naive_sign : bool or None
        Whether the naive rule has the sign right; None where it is silent.
    p_naive : float or None
        What the naive rule gave to what was published, on the same scale; None where it is silent.
    gain_bits : float or None
        log2 of model over naive rule; above zero, the model knew more. None where the rule is silent.
    species : str
        Of the study.
    """

    fact: Fact
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
    species: str = "mouse"

    @property
    def label(self) -> str:
        """What the read-out is called."""
        return _label(self.fact.readout)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        plain = asdict(replace(self, fact=None))  # type: ignore[arg-type]
        plain.pop("fact")
        return {**self.fact.to_dict(), "label": self.label, **plain}


def _label(name: str) -> str:
    return readouts()[name].label if name in readouts() else NOT_SIMULATED[name]


def naive_direction(fact: Fact) -> Literal["up", "down"] | None:
    """Return where the naive rule expects the arm: disease worse, treatment better; nothing where it is silent."""
    if fact.claim == "none" or fact.readout not in readouts():
        return None
    worse = readouts()[fact.readout].worse
    return worse if fact.claim == "disease" else ("down" if worse == "up" else "up")


def scoreboard(
    evidence: Sequence[Fact], repeats: Mapping[str, Repeats], species: Mapping[str, str] | None = None
) -> list[Score]:
    """Return one score per fact, in their order; those without repeats are 'not testable'.

    Parameters
    ----------
    evidence : sequence of Fact
    repeats : mapping of fact id to Repeats
    species : mapping of study to species, optional
        The mouse where a study is not named.
    """
    of = {row.id: (species or {}).get(row.study, "mouse") for row in evidence}
    hits = {row.id: _naive_hit(row) for row in evidence if row.id in repeats}
    scores = []
    for row in evidence:
        if row.id not in repeats:
            scores.append(Score(row, None, *(None,) * 8, "not testable", of[row.id]))
            continue
        found = repeats[row.id]
        p_sign, p_star = probabilities(row, found)
        published = _published(row, found, p_sign, p_star)
        others = [hit for key, hit in hits.items() if key != row.id and of[key] == of[row.id] and hit is not None]
        trust = (sum(others) + 1) / (len(others) + 2)
        p_naive = _naive(row, trust)
        density = isinstance(row, Value)
        count = published * found.repeats
        low, high = (None, None) if density else (float(end) for end in wilson_interval(count, found.repeats))
        smoothed = published if density else (count + 0.5) / (found.repeats + 1)
        way = naive_direction(row)
        scores.append(
            Score(
                row,
                found,
                p_sign,
                p_star,
                published,
                low,
                high,
                None if row.way == "none" or way is None else way == row.way,
                p_naive,
                None if p_naive is None else math.log2(smoothed / p_naive),
                _verdict(row, found, p_sign, published),
                of[row.id],
            )
        )
    return scores


def probabilities(row: Fact, found: Repeats) -> tuple[float | None, float | None]:
    """Return the probability of the published sign, and of sign and star together."""
    p_sign = {"up": found.rise, "down": 1 - found.rise, "none": None}[row.way]
    if not isinstance(row, Contrast | Association) or row.significant == "unclear":
        return p_sign, None
    if row.direction == "none":
        return None, 1 - found.star
    starred, plain = (found.up_star, found.up) if row.direction == "up" else (found.down_star, found.down)
    return p_sign, starred if row.significant == "yes" else plain


def _published(row: Fact, found: Repeats, p_sign: float | None, p_star: float | None) -> float:
    if not isinstance(row, Contrast | Association):
        assert found.published is not None  # a fact without a test has a probability
        return found.published
    published = p_sign if row.significant == "unclear" else p_star
    assert published is not None  # a row has a sign or a star
    return published


def _naive_hit(row: Fact) -> bool | None:
    """Return whether the rule names the sign and the star of a signed fact; nothing where it is silent."""
    way = naive_direction(row)
    if way is None or not isinstance(row, Contrast):
        return None
    return row.significant != "no" and way == row.direction


def naive_probabilities(rows: Sequence[Fact]) -> dict[str, float]:
    """Return what the naive rule gives to facts, its trust learnt from the other calibration rows alone.

    Facts on which it is silent are missing.
    """
    hits = {row.id: _naive_hit(row) for row in rows if row.role == "calibration"}
    found = {}
    for row in rows:
        others = [hit for key, hit in hits.items() if key != row.id and hit is not None]
        chance = _naive(row, (sum(others) + 1) / (len(others) + 2))
        if chance is not None:
            found[row.id] = chance
    return found


def _naive(row: Fact, trust: float) -> float | None:
    """Return what the naive rule gives to a fact.

    It knows no sizes; where a size was published it is lent one: folds are exponential in their logarithm with a
    mean of two, on the side it trusts and on the other (assumption). Of a rate it takes every count for as likely.
    """
    if isinstance(row, Rate):
        return 1 / (row.n_high + 1)
    way = naive_direction(row)
    if way is None:
        return None
    if isinstance(row, Contrast):
        return trust if _naive_hit(row) else 1 - trust
    if not isinstance(row, Value | Bound) or row.scale == "absolute":
        return None
    sides = {way: trust, "down" if way == "up" else "up": 1 - trust}
    if isinstance(row, Value):
        x = float(logarithm(row, row.value))
        return sides["up" if x > 0 else "down"] * math.exp(-abs(x) / NAIVE_SIZE) / NAIVE_SIZE
    low, high = float(logarithm(row, max(row.low, -100))), float(logarithm(row, row.high))

    def below(x: float) -> float:
        tail = math.exp(-abs(x) / NAIVE_SIZE)
        return sides["down"] * tail if x < 0 else 1 - sides["up"] * tail

    return below(high) - (below(low) if row.low > -100 else 0.0)


def _verdict(row: Fact, found: Repeats, p_sign: float | None, published: float) -> Verdict:
    """Agrees: what was published is likelier than not. Weak: the sign is, by a wide margin, but not the rest.

    Of a value or a count, "likelier than not" is that it lies within the central 90 % of the repeats.
    """
    if isinstance(row, Value | Rate):
        value = row.value if isinstance(row, Value) else row.k
        agrees = found.ratio_low <= value <= found.ratio_high
    else:
        unclear = isinstance(row, Contrast | Association) and row.significant == "unclear"
        agrees = published >= (0.8 if unclear else 0.5)
    if agrees:
        return "agrees"
    return "weak" if p_sign is not None and p_sign >= 0.8 else "misses"


@dataclass(frozen=True)
class Total:
    """Totals over the rows of one role, of one species or of all.

    Attributes
    ----------
    role, species : str
        "all" where the rows of several were put together.
    naive_hits, naive_tries : int
        Contrasts that the naive rule names rightly, and on which it speaks.
    model_bits, naive_bits : float
        Over the rows on which the rule speaks.
    values, in_half, in_ninety : int
        Published values that could be tested, and how many of them lie in the central 50 and 90 % of the repeats.
    """

    role: str
    rows: int
    verdicts: dict[str, int]
    mean_p_sign: float
    mean_p_star: float
    naive_hits: int
    naive_tries: int
    model_bits: float
    naive_bits: float
    values: int
    in_half: int
    in_ninety: int
    species: str = "all"

    @property
    def gain_bits(self) -> float:
        """Model minus naive rule, in bits; above zero, the model knew more."""
        return self.model_bits - self.naive_bits

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; a mean of nothing is None."""
        plain = {**asdict(self), "gain_bits": self.gain_bits}
        means = {name: None for name in ("mean_p_sign", "mean_p_star") if math.isnan(plain[name])}
        return {**plain, **means}


def totals(scores: Sequence[Score]) -> list[Total]:
    """Return totals by role, then over all."""
    roles = list(dict.fromkeys(score.fact.role for score in scores))
    result = []
    for role in [*roles, "all"]:
        mine = [score for score in scores if role in {score.fact.role, "all"}]
        tested = [score for score in mine if score.p_published is not None]
        judged = [score for score in tested if score.p_naive is not None and score.gain_bits is not None]
        inside = [_inside(score) for score in tested if isinstance(score.fact, Value)]
        naive_bits = sum(math.log2(score.p_naive or math.nan) for score in judged)
        gain = sum(score.gain_bits or 0.0 for score in judged)
        result.append(
            Total(
                role,
                len(mine),
                {verdict: sum(score.verdict == verdict for score in mine) for verdict in VERDICTS},
                _mean([score.p_sign for score in tested]),
                _mean([score.p_star for score in tested]),
                sum(bool(_naive_hit(score.fact)) for score in tested),
                sum(_naive_hit(score.fact) is not None for score in tested),
                naive_bits + gain,
                naive_bits,
                len(inside),
                sum(half for half, _ in inside),
                sum(ninety for _, ninety in inside),
            )
        )
    return result


def _inside(score: Score) -> tuple[bool, bool]:
    """Return whether a published value lies in the central 50 %, and in the central 90 %, of the repeats."""
    assert isinstance(score.fact, Value)
    assert score.repeats is not None
    value, found = score.fact.value, score.repeats
    return found.ratio_q25 <= value <= found.ratio_q75, found.ratio_low <= value <= found.ratio_high


def totals_by_species(scores: Sequence[Score]) -> list[Total]:
    """Return totals by species and role: the mouse first, then people, discs in culture, dogs, and others."""
    found = {score.species for score in scores}
    names = [*[name for name in SPECIES if name in found], *sorted(found - set(SPECIES))]
    return [
        replace(total, species=name)
        for name in names
        for total in totals([score for score in scores if score.species == name])
        if total.role != "all"
    ]


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan
