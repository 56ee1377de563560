"""Tables that cannot be analysed get a word on what, where and what to do; each case breaks one thing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from mmrm_cases import COLUMNS, trial

from senospine.errors import AnalysisError
from senospine.stats.mmrm import ancova, mmrm

FIXED = ["base", "arm*visit"]


def drop(condition: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.query(f"not ({condition})")


CASES: list[tuple[Callable[[pd.DataFrame], pd.DataFrame], dict[str, object], str]] = [
    (drop("visit != 'V1'"), {"fixed": ["arm"]}, "'visit' has one level, 'V1': nothing is repeated"),
    (lambda t: pd.concat([t, t.iloc[[0, 1]]]), {}, "rows repeat a subject and visit, the first 'S0000' at 'V1'"),
    (drop("visit == 'V3' and arm == 'drug'"), {}, "no observation belongs to armdrug:visitV3"),
    (lambda t: t.assign(twin=2 * t["base"] + 1), {"fixed": ["base", "twin", "arm"]}, "aliased: twin"),
    (lambda t: t.assign(copy=t["arm"]), {"fixed": ["arm", "copy*visit"]}, "aliased: copydrug"),
    (drop("arm == 'drug'"), {}, "the factor 'arm' has one level, 'control'"),
    (lambda t: t.rename(columns={"base": "basis"}), {}, "no column 'base'"),
    (lambda t: t.assign(y=t["y"].astype(str)), {}, "'y' holds no numbers"),
    (lambda t: t.assign(y=np.where(t.index == 3, np.inf, t["y"])), {}, "row 3: 'y' has an infinite value"),
    (lambda t: t.assign(y=np.nan), {}, "no row has all values"),
    (lambda t: t.assign(y=3 * t["base"] + 1), {}, "explain the outcome exactly"),
    (lambda t: t.assign(id=t["id"].mask(t.index == 4)), {}, "'id' is missing in rows with an outcome"),
    (lambda t: t.head(12), {"fixed": ["base*visit", "arm*visit"]}, "12 observations cannot estimate 12 coefficients"),
    (lambda t: t.assign(site=t["visit"]), {"grouped": "site"}, "a subject is in two levels of 'site'"),
    (lambda t: t.assign(w="heavy"), {"weights": "w"}, "'w' holds no numbers"),
    (lambda t: t.assign(w=-1.0), {"weights": "w"}, "a weight in 'w' is not positive"),
    (lambda t: t.assign(y=t["y"].mask(t["visit"] == "V1", 0.0)), {}, "the outcome is the same for all at 'V1'"),
    (lambda t: t, {"covariance": "toplitz"}, "did you mean 'toeplitz'"),
    (lambda t: t, {"df": "kenward"}, "no degrees of freedom are called 'kenward'"),
    (lambda t: t, {"method": "reml"}, "no method 'reml'"),
    (lambda t: t, {"level": 95}, "between 0 and 1"),
    (lambda t: t, {"fixed": ["y", "arm"]}, "also a fixed effect"),
    (lambda t: t, {"fixed": ["arm*"]}, "names no column"),
]


@pytest.mark.parametrize(("breaks", "options", "message"), CASES, ids=[case[2] for case in CASES])
def test_what_cannot_be_estimated_is_told(
    breaks: Callable[[pd.DataFrame], pd.DataFrame], options: dict[str, object], message: str
) -> None:
    table = trial(21, missing=0.0)
    assert mmrm(table, fixed=FIXED, **COLUMNS).convergence.ok
    with pytest.raises(AnalysisError) as caught:
        mmrm(breaks(table), **{"fixed": FIXED, **COLUMNS, **options})  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_visits_never_seen_together() -> None:
    table = trial(22, missing=0.0)
    even = table["id"].str[-1].isin(list("02468"))
    apart = table[~((table["visit"] == "V1") & even) & ~((table["visit"] == "V4") & ~even)]
    with pytest.raises(AnalysisError, match="nobody was seen at 'V1' and at 'V4'"):
        mmrm(apart, fixed=["base", "visit"], **COLUMNS)
    assert mmrm(apart, fixed=["base", "visit"], covariance="ar1", **COLUMNS).convergence.ok
    single = table[table["visit"] == np.where(even, "V1", "V2")]
    with pytest.raises(AnalysisError, match="nobody was seen twice"):
        mmrm(single, fixed=["base", "visit"], covariance="cs", **COLUMNS)


def test_results_refuse_what_they_do_not_hold() -> None:
    fit = mmrm(trial(23), fixed=FIXED, **COLUMNS)
    with pytest.raises(AnalysisError, match="no factor"):
        fit.lsmeans("base")
    with pytest.raises(AnalysisError, match="no covariate"):
        fit.lsmeans("arm", at={"arm": 1.0})
    with pytest.raises(AnalysisError, match="weights"):
        fit.lsmeans("visit", weights="observed")
    with pytest.raises(AnalysisError, match="no level"):
        fit.differences("arm", reference="placebo")
    with pytest.raises(AnalysisError, match="no coefficient"):
        fit.contrast({"armDrug": 1.0})
    with pytest.raises(AnalysisError, match="needs 9 weights"):
        fit.contrast([1.0, 0.0])
    with pytest.raises(AnalysisError, match="repeat each other"):
        fit.joint_test(np.eye(9)[[1, 1]])


def test_ancova_refuses_too() -> None:
    table = trial(24).query("visit == 'V2'")
    with pytest.raises(AnalysisError, match="aliased: twin"):
        ancova(table.assign(twin=table["base"]), outcome="y", fixed=["base", "twin"])
    with pytest.raises(AnalysisError, match="between 0 and 1"):
        ancova(table, outcome="y", fixed=["arm"], level=2.0)
    with pytest.raises(AnalysisError, match="explain the outcome exactly"):
        ancova(table.assign(y=table["base"]), outcome="y", fixed=["base"])
