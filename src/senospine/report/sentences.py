"""Sentences made from numbers: what the board says of a study, in words that follow the numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from senospine.evidence import Contrast, Score, totals
from senospine.report.svg import number, ratio
from senospine.report.words import (
    calibration_first,
    comparison,
    count,
    counted,
    knows_more,
    listed,
    percent,
    too_large,
    too_small,
    verdict_words,
    wrong_way,
)
from senospine.study import Outcome, Study


def brief(study: Study, scores: Sequence[Score]) -> list[str]:
    """Return three to six sentences on one study; ``scores`` are those of this study."""
    if not scores:
        return ["No published finding is on record for this study, so nothing could be scored."]
    return [text for text in (
        _effect(scores), *_tally(scores), _rule(scores), _sizes(scores), _knowledge(scores)
    ) if text]  # fmt: skip


def headline(scores: Sequence[Score]) -> str:
    """Return one sentence over all studies."""
    tested = [score for score in scores if score.repeats]
    if not tested:
        return "Nothing could be tested."
    verdicts = totals(scores)[-1].verdicts
    judged = [score.gain_bits for score in tested if score.gain_bits is not None]
    return (
        f"Of {count(len(scores), 'published finding')}, the virtual laboratory can test {len(tested)}: "
        f"{counted('agrees', verdicts['agrees'])}, {verdicts['weak']} weak (the right sign, too few stars), "
        f"{counted('misses', verdicts['misses'])}. {_against_rule(sum(judged), len(judged))}"
    )


def which_values(outcomes: Sequence[Outcome]) -> str:
    """Say about which parameter values the animals vary."""
    worlds = sorted({outcome.worlds for outcome in outcomes} - {1})
    if worlds:
        span = f"{worlds[0]}" if len(worlds) == 1 else f"{worlds[0]} to {worlds[-1]}"
        return (
            f"Animals live in {span} possible worlds a study, each a draw of the parameters that the calibration findings "
            "allow ('senospine calibrate'); a repeat of an experiment takes all its animals from one world. What agrees "
            "with the findings that shaped the draws is no knowledge; validation findings were only scored. "
            "'--parameters fit' runs the page at the best point, '--parameters register' without either."
        )
    moved = max((len(outcome.manifest["inputs"].get("parameters", {})) for outcome in outcomes), default=0)
    if not moved:
        return "Animals vary about the register's values: nothing was fitted to any finding."
    return (
        f"Animals vary about a point: {count(moved, 'parameter')} in place of the register's, as a fit to the "
        "calibration findings gives them ('senospine calibrate'). What a fit gains on the findings it was fitted to is "
        "no knowledge; validation findings were only scored. '--parameters register' runs the page without it."
    )


def _effect(scores: Sequence[Score]) -> str:
    """What the treatment does most and least, by how far the ratio is from one."""
    drug = [
        s for s in scores
        if s.fact.claim == "treatment" and isinstance(s.fact, Contrast) and s.repeats and s.repeats.ratio > 0
    ]  # fmt: skip
    by_readout = {s.fact.readout: s for s in drug}
    if len(by_readout) < 2:
        return ""
    order = sorted(by_readout.values(), key=lambda s: -abs(math.log(s.repeats.ratio)) if s.repeats else 0)
    most, least = order[0], order[-1]
    return (
        f"In the model, {comparison(most.fact)} changes {most.label} most, to {_ratio(most)}, "
        f"and {least.label} least, to {_ratio(least)}."
    )


def _ratio(score: Score) -> str:
    assert score.repeats is not None
    low, high = ratio(score.repeats.ratio_low), ratio(score.repeats.ratio_high)
    return f"{ratio(score.repeats.ratio)} times (90 % of experiments: {low} to {high})"


def _tally(scores: Sequence[Score]) -> list[str]:
    parts = []
    for total in calibration_first(totals(scores)):
        if total.role != "all":
            parts.append(f"{total.role.capitalize()}, {count(total.rows, 'finding')}: {verdict_words(total)}.")
    return parts


def _rule(scores: Sequence[Score]) -> str:
    tested = [score for score in scores if score.repeats]
    if not tested:
        return "None of them can be tested: no assay simulates their read-outs yet."
    total = totals(scores)[-1]
    judged = [score.gain_bits for score in tested if score.gain_bits is not None]
    if not judged:
        return "The naive rule is silent on all of them."
    rule = "The naive rule (disease worse, treatment better, always significant)"
    words = f"{rule} is right in {total.naive_hits} of {total.naive_tries}. " if total.naive_tries else ""
    return words + _against_rule(sum(judged), len(judged))


def _against_rule(gain: float, tested: int) -> str:
    """Say how much probability the model gave to what was published, beside the rule."""
    factor = 2 ** (gain / max(tested, 1))
    if 0.95 < factor < 1.05:
        return "Model and naive rule gave the published results the same probability, on average."
    verdict = "it beats the rule" if gain > 0 else "it does not yet beat the rule"
    return (
        f"On average the model gave a published result {ratio(factor)} times the probability the naive rule gave it "
        f"({number(gain, 3)} bits in all): {verdict}."
    )


def _sizes(scores: Sequence[Score]) -> str:
    """Say where the effects are too small, too large, or the wrong way round."""
    starred = [s for s in scores if s.fact.starred and s.repeats]
    small, large, wrong = too_small(scores), too_large(scores), wrong_way(scores)
    text = ""
    if small:
        drug = sum(s.fact.claim == "treatment" for s in small)
        worst = min(small, key=lambda s: s.p_star or 0)
        text = (
            f"Too small an effect: of {count(len(starred), 'published star')}, the model's typical experiment has the "
            f"right sign but no star in {len(small)}, {drug} of them on a treatment; least likely is {worst.label}, "
            f"{comparison(worst.fact)}, starred in {percent(worst.p_star)} of repeats."
        )
    elif starred:
        text = f"It leaves none of {count(len(starred), 'published star')} without a star for want of size."
    if large:
        names = listed(sorted({s.label for s in large}))
        text += f" Too large: {names}, published without a difference, is starred in most repeats."
    if wrong:
        text += f" The sign itself is wrong in {count(len(wrong), 'comparison')}."
    return text


def _knowledge(scores: Sequence[Score]) -> str:
    better = knows_more(scores)
    if not better:
        return "Nowhere does it clearly know more than the naive rule."
    best = better[0]
    caveat = "" if best.verdict == "agrees" else f", though it too {_VERDICT_VERBS[best.verdict]} that row"
    return (
        f"It knows more than the naive rule in {count(len(better), 'comparison')}, most in {best.label}, "
        f"{comparison(best.fact)} (panel {best.fact.panel}): it gave what was published "
        f"{percent(best.p_published)}, the rule {percent(best.p_naive)}{caveat}."
    )


_VERDICT_VERBS = {"weak": "is weak on", "misses": "misses", "agrees": "agrees with", "not testable": "cannot test"}
