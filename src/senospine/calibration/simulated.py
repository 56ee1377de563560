"""Facts that papers would have printed, had a known candidate been true: drawn from the likelihood itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from senospine.calibration.likelihood import TAIL, level
from senospine.calibration.problem import Problem
from senospine.evidence import Association, Bound, Contrast, Fact, Rate, Value

Array = NDArray[np.float64]


def outcomes(fact: Fact) -> tuple[Fact, ...]:
    """Return everything a paper could have said in a fact's place; their probabilities sum to one.

    Of a value nothing: it has a density. Of a bound itself alone.
    """
    if isinstance(fact, Rate):
        return tuple(replace(fact, k=k) for k in range(fact.n_high + 1))
    if not isinstance(fact, Contrast | Association):
        return ()
    if fact.significant == "unclear":
        return tuple(replace(fact, direction=way) for way in ("up", "down"))
    found = [replace(fact, direction=way, significant="yes") for way in ("up", "down")]
    if fact.direction == "none" or fact.significant == "yes":
        return (*found, replace(fact, direction="none", significant="no"))
    return (*found, *(replace(fact, direction=way, significant="no") for way in ("up", "down")))


def can_simulate(fact: Fact) -> bool:
    """Return whether a fact can be drawn: all but bounds, of which no paper says what else it would have printed."""
    return not isinstance(fact, Bound)


def simulate(
    problem: Problem, normal: Array, generator: np.random.Generator, *, means: bool = False
) -> list[tuple[Fact, ...]]:
    """Return one set of simulated facts for each true candidate, through the papers' own designs.

    Parameters
    ----------
    problem : Problem
        Of facts that :func:`can_simulate`.
    normal : ndarray, shape (n, n_parameters)
    generator : numpy.random.Generator
    means : bool
        Contrasts come with the change they saw as a :class:`Value` too: as if every paper had printed its numbers.

    Returns
    -------
    list of tuple of Fact
        Ids are those of the published facts; of means with ``/mean`` behind.
    """
    choices = {row.id: outcomes(row) for row in problem.facts}
    flat = tuple(item for row in problem.facts for item in choices[row.id])
    normal = np.atleast_2d(normal)
    values = problem.priors.values(normal)
    asked = problem.with_facts(flat)
    measured = asked.measured(values)
    table = np.exp(np.array([asked.judge(item, measured, values) for item in flat]).reshape(len(flat), -1))
    drawn: list[list[Fact]] = [[] for _ in normal]
    at = 0
    for row in problem.facts:
        options = choices[row.id]
        shares = table[at : at + len(options)]
        at += len(options)
        if options:
            picked = (shares.cumsum(axis=0) < generator.random(len(normal)) * shares.sum(axis=0)).sum(axis=0)
            for index, which in enumerate(picked):
                drawn[index].append(options[which])
        levelled = _as_value(row) if means or isinstance(row, Value) else None
        if levelled is None:
            continue
        seen = problem.seen(levelled, measured, values)
        x, spread = level(levelled, seen[int(generator.integers(len(seen)))][1] or {})
        logs = x + spread * generator.standard_t(TAIL, len(normal))
        for index, fold in enumerate(np.exp(np.clip(logs, -30, 30))):
            drawn[index].append(_told(levelled, float(fold)))
    return [tuple(rows) for rows in drawn]


def _as_value(row: Fact) -> Value | None:
    if isinstance(row, Value):
        return row
    if not isinstance(row, Contrast):
        return None
    shared = {name: getattr(row, name) for name in Fact.__dataclass_fields__}
    return Value(
        **{**shared, "id": f"{row.id}/mean", "kind": "value"}, scale="change", value=1.0, spread=float("nan"),
        spread_kind="",
    )  # fmt: skip


def _told(row: Value, fold: float) -> Value:
    """Return a value with its level as printed, its relative spread kept."""
    value = 100 * (fold - 1) if row.scale == "change" else fold
    return replace(row, value=value or 1e-9, spread=abs(value) * row.spread / abs(row.value))


def untempered(problem: Problem) -> Problem:
    """Return the problem as a model that could have made its facts: every row counts once, bounds are left out.

    Rows of one comparison that count as fewer are a caution against what the likelihood does not know; simulated
    rows are as independent as the likelihood takes them for.
    """
    facts = [row for row in problem.facts if can_simulate(row)]
    return replace(problem, facts=tuple(facts), assumptions=replace(problem.assumptions, tempered=False))


def kept(facts: Sequence[Fact], *, means: bool) -> tuple[Fact, ...]:
    """Return a simulated set with what papers would have printed as means, or with signs and stars alone."""
    return tuple(row for row in facts if means or not row.id.endswith("/mean"))
