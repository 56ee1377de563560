"""Several hypotheses of one trial: which are rejected together, and how often a true one is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.trial.design import Design, Hypothesis
from senospine.trial.looks import repeated_p


def tested(design: Design) -> list[Hypothesis]:
    """Return what the design's own test is of; two stages also test the marker-positive."""
    if design.file.population.kind == "two-stage":
        return [design.hypotheses[0], replace(design.hypotheses[0], positive=True)]
    return list(design.hypotheses)


def own_rows(design: Design, analyses: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the analyses that decide."""
    return analyses[analyses["method"].isin({design.file.analysis.method, "responder"})]


def rejected_together(design: Design, analyses: pd.DataFrame) -> pd.DataFrame:
    """Return which hypotheses each trial rejects when they share alpha as the design says, one row a trial.

    With looks, p values are those of :func:`senospine.trial.looks.repeated_p`; two stages have their closed test.
    """
    names = [item.name for item in tested(design)]
    rows = own_rows(design, analyses)
    wide = {
        name: rows.pivot_table(index="trial", columns="hypothesis", values=name, aggfunc="first", dropna=False).reindex(
            index=np.unique(rows["trial"]), columns=names
        )
        for name in ("p", "rejected", "look")
    }
    if design.file.population.kind == "two-stage":
        return wide["rejected"].astype(bool)
    p = wide["p"].fillna(1.0).to_numpy(float)  # what could not be estimated is not rejected
    looks = wide["look"].bfill(axis=1).ffill(axis=1).to_numpy()
    p = repeated_p(design, p.ravel(), looks.ravel()).reshape(p.shape)
    adjusted = p if design.graph is None else design.graph.adjust_many(p)
    return pd.DataFrame(adjusted <= design.file.analysis.alpha, index=wide["p"].index, columns=names)


def true_nulls(design: Design) -> NDArray[np.bool_]:
    """Return which hypotheses compare arms with one therapy and one context: nothing with itself."""
    same = []
    for item in tested(design):
        first, second = (design.arms.index(name) for name in (item.treated, item.control))
        same.append(
            design.therapies[first] == design.therapies[second] and design.contexts[first] == design.contexts[second]
        )
    return np.array(same)
