"""Words for scores: counts, verdicts, shares, and which rows are of a kind."""

from __future__ import annotations

import math
from collections.abc import Sequence

from senospine.evidence import Association, Bound, Contrast, Fact, Rate, Repeats, Score, Total, Value
from senospine.report.svg import number, ratio

#: a gain within this many bits is called level: a rule that is right 97 times in 100 can be beaten by no more
LEVEL_BITS = 0.1


#: what species are called where they are many
_SPECIES = {"mouse": "mice", "human": "people", "human_disc": "human discs in culture", "dog": "dogs"}


def species_words(species: str) -> str:
    """Return the plural of a species.

    Examples
    --------
    >>> species_words("human_disc")
    'human discs in culture'
    """
    return _SPECIES.get(species, species)


def comparison(fact: Fact) -> str:
    """Return what is compared."""
    return f"{fact.arm} against {fact.versus}" if fact.versus else fact.comparison


def count(how_many: int, one: str, many: str | None = None) -> str:
    """Return a number and its noun.

    Examples
    --------
    >>> count(1, "animal"), count(0, "animal")
    ('1 animal', '0 animals')
    """
    return f"{how_many} {one if how_many == 1 else many or one + 's'}"


def listed(items: Sequence[str]) -> str:
    """Return items as a person lists them.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def knows_more(scores: Sequence[Score]) -> list[Score]:
    """Return the rows where the model gave clearly more to what was published than the rule did, best first."""
    found = [score for score in scores if score.gain_bits is not None and score.gain_bits > LEVEL_BITS]
    return sorted(found, key=lambda score: -(score.gain_bits or 0))


def misses(scores: Sequence[Score]) -> list[Score]:
    """Return the rows the model misses, worst first."""
    return sorted((s for s in scores if s.verdict == "misses"), key=lambda score: score.gain_bits or 0)


def too_small(scores: Sequence[Score]) -> list[Score]:
    """Return starred rows that the model leaves unstarred although its median experiment has the published sign."""
    return [s for s in scores if s.fact.starred and s.verdict in {"weak", "misses"} and _median_sign(s)]


def wrong_way(scores: Sequence[Score]) -> list[Score]:
    """Return rows with a published sign that the model's median experiment does not have."""
    return [s for s in scores if s.repeats and s.fact.way != "none" and not _median_sign(s)]


def too_large(scores: Sequence[Score]) -> list[Score]:
    """Return rows published as no difference in which the model finds a star more often than not."""
    return [
        s for s in scores
        if s.repeats and isinstance(s.fact, Contrast) and s.fact.direction == "none" and s.repeats.star > 0.5
    ]  # fmt: skip


def _median_sign(score: Score) -> bool:
    return score.p_sign is not None and score.p_sign > 0.5


def calibration_first(found: Sequence[Total]) -> list[Total]:
    """Return totals of roles with calibration before all others."""
    return sorted(found, key=lambda total: total.role != "calibration")


def verdict_words(total: Total) -> str:
    """Return how many rows got which verdict."""
    return listed([counted(verdict, n) for verdict, n in total.verdicts.items() if n]) or "none"


def counted(verdict: str, how_many: int) -> str:
    """Return a verdict with its count.

    Examples
    --------
    >>> counted("misses", 1), counted("misses", 2), counted("weak", 2)
    ('1 misses', '2 miss', '2 weak')
    """
    plural = {"agrees": "agree", "misses": "miss"}.get(verdict, verdict)
    return f"{how_many} {verdict if how_many == 1 else plural}"


def percent(share: float | None) -> str:
    """Return a share in per cent, never rounded to certainty.

    Examples
    --------
    >>> percent(0.9995), percent(0.0), percent(0.123)
    ('> 99 %', '< 1 %', '12 %')
    """
    if share is None or math.isnan(share):
        return "–"
    return "< 1 %" if share < 0.005 else "> 99 %" if share >= 0.995 else f"{100 * share:.0f} %"


def statistic(fact: Fact, found: Repeats | None) -> str:
    """Return what the repeats found, median and central 90 %, in the fact's own terms."""
    if found is None or math.isnan(found.ratio):
        return "–"
    if isinstance(fact, Contrast):
        return f"× {ratio(found.ratio)} ({ratio(found.ratio_low)}–{ratio(found.ratio_high)})"
    if isinstance(fact, Association):
        return f"r {found.ratio:.2f} ({found.ratio_low:.2f} to {found.ratio_high:.2f})".replace("-", "−")
    if isinstance(fact, Rate):
        return f"{found.ratio:.0f} of {fact.n_high} ({found.ratio_low:.0f}–{found.ratio_high:.0f})"
    assert isinstance(fact, Value | Bound)
    if fact.scale == "change":
        return f"{found.ratio:+.0f} % ({found.ratio_low:+.0f} to {found.ratio_high:+.0f})".replace("-", "−")
    return f"{number(found.ratio, 3)} ({number(found.ratio_low, 2)}–{number(found.ratio_high, 2)})"


def fold(fact: Fact, found: Repeats | None) -> tuple[float, float, float] | None:
    """Return median and central 90 % as a fold of the other arm; nothing where that makes no sense."""
    if found is None or math.isnan(found.ratio):
        return None
    ends = (found.ratio_low, found.ratio, found.ratio_high)
    if isinstance(fact, Contrast):
        return ends
    if isinstance(fact, Value | Bound) and fact.scale == "change":
        low, middle, high = (1 + end / 100 for end in ends)
        return low, middle, high
    return None


def p_text(value: object) -> str:
    """Return a p value as a person writes it.

    Examples
    --------
    >>> p_text(0.00001), p_text(0.04321), p_text(float("nan"))
    ('< 0.001', '0.043', '–')
    """
    found = to_float(value)
    return "–" if not math.isfinite(found) else "< 0.001" if found < 0.001 else f"{found:.3f}"


def span(low: object, high: object, between: str = "–") -> str:
    """Return an interval, or a dash where there is none."""
    return f"{number(to_float(low), 3)}{between}{number(to_float(high), 3)}" if math.isfinite(to_float(low)) else "–"


def to_float(value: object) -> float:
    """Return a number, NaN for what is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
