"""CDISC-shaped tables of one simulated trial: ADSL, ADQS, ADLB, ADAE; and a script that repeats the analysis in R.

Shaped like the Analysis Data Model, not a submission: names and roles of variables follow it, terminology is not
checked. STUDYID begins with SIM, every file says that it is simulated, and the latent truth lies in a folder of its own
that no analysis file names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from senospine.errors import FileError
from senospine.runs import NOTICE, write_then_rename
from senospine.stats.mmrm.structures import STRUCTURES, structure
from senospine.trial.analyse import analysed, long_frame
from senospine.trial.bank import PatientBank
from senospine.trial.design import Design
from senospine.trial.simulate import Reason, TrialData

PARAMETERS = {
    "pain": ("NRSAVG", "Average Daily Pain NRS, Weekly Mean"),
    "odi": ("ODI", "Oswestry Disability Index (%)"),
    "rmdq": ("RMDQ", "Roland-Morris Disability Score"),
}
#: code, label, and where CTCAE grades 1 to 4 begin
LABORATORY = {
    "platelets": ("PLAT", "Platelets (10^9/L)", (150, 75, 50, 25)),
    "neutrophils": ("NEUT", "Neutrophils (10^9/L)", (2, 1.5, 1.0, 0.5)),
}
DF_IN_R = {
    "satterthwaite": "Satterthwaite", "kenward-roger": "Kenward-Roger", "kenward-roger-linear": "Kenward-Roger",
    "kenward-roger-sas": "Kenward-Roger",
}  # fmt: skip


def study_id(design: Design) -> str:
    """Return the study's identifier, which begins with SIM."""
    return "SIM-" + design.name.upper()


def cdisc_tables(design: Design, bank: PatientBank, data: TrialData) -> dict[str, pd.DataFrame]:
    """Return the analysis data sets of one trial by name.

    Parameters
    ----------
    design : Design
    bank : PatientBank
    data : TrialData
        Simulated with ``tables=True``, so that there are blood counts.
    """
    subjects = _adsl(design, bank, data)
    key = subjects[["STUDYID", "USUBJID", "TRT01P"]]
    return {
        "ADSL": subjects,
        "ADQS": _adqs(design, data, key),
        "ADLB": _adlb(design, data, key),
        "ADAE": _adae(design, data, key),
    }


def latent_truth(bank: PatientBank, data: TrialData, subjects: pd.DataFrame) -> pd.DataFrame:
    """Return what is true of each patient, and what would have been recorded without missing visits."""
    truth = bank.baseline.iloc[data.enrolled.row].reset_index(drop=True).drop(columns="weight").add_prefix("TRUE_")
    truth.insert(0, "USUBJID", subjects["USUBJID"].to_numpy())
    for measure, values in data.complete.items():
        for index in range(values.shape[1]):
            truth[f"COMPLETE_{measure.upper()}_{index + 1}"] = values[:, index]
    return truth


def _adsl(design: Design, bank: PatientBank, data: TrialData) -> pd.DataFrame:
    n, visits = len(data.enrolled.row), len(design.visit_days)
    people = bank.baseline.iloc[data.enrolled.row].reset_index(drop=True)
    arm = np.array(design.arms)[data.enrolled.arm]
    reasons = {Reason.LACK_OF_EFFICACY: "LACK OF EFFICACY", Reason.ADVERSE_EVENT: "ADVERSE EVENT",
               Reason.PLATELETS: "ADVERSE EVENT", Reason.OTHER: "OTHER"}  # fmt: skip
    table = pd.DataFrame(
        {
            "STUDYID": study_id(design),
            "USUBJID": [f"{study_id(design)}-{number:05d}" for number in range(1, n + 1)],
            "ARM": arm, "TRT01P": arm, "TRT01PN": data.enrolled.arm,
            "AGE": np.floor(people["age"]).astype(int), "AGEU": "YEARS",
            "SEX": people["sex"].map({"female": "F", "male": "M"}), "WEIGHTBL": people["body_weight"].round(1),
            "NRSBL": data.baseline["pain"], "RANDFL": "Y", "ITTFL": "Y",
            "EOSSTT": np.where(data.left < visits, "DISCONTINUED", "COMPLETED"),
            "EOTSTT": np.where(data.stopped < visits, "DISCONTINUED", "COMPLETED"),
            "DCTREAS": [reasons.get(Reason(reason), "") for reason in data.reason],
        }
    )  # fmt: skip
    for index in range(data.enrolled.strata.shape[1]):
        table[f"STRAT{index + 1}"] = data.enrolled.strata[:, index].astype(int)
    for index in range(data.enrolled.subgroups.shape[1]):
        table[f"SUBGR{index + 1}"] = data.enrolled.subgroups[:, index].astype(int)
    for name, values in data.enrolled.recorded.items():
        short = name.upper()[:6]
        if f"{short}BL" in table:  # names of eight letters: two markers may begin alike
            short = short[:5] + str(sum(str(column).startswith(short[:5]) for column in table) + 1)
        table[f"{short}BL"] = values
    return table


def _adqs(design: Design, data: TrialData, key: pd.DataFrame) -> pd.DataFrame:
    tables = []
    for measure, observed in data.observed.items():
        code, label = PARAMETERS[measure]
        enters = np.isfinite(analysed(design, data, measure))
        base = data.baseline[measure]
        rows = [_rows(key, code, label, 0.0, "Baseline", base, base, np.ones(len(base), bool))]
        for index, week in enumerate(design.file.visits):
            value = observed[:, index]
            rows.append(_rows(key, code, label, week, f"Week {week:g}", value, base, enters[:, index]))
        tables += rows
    table = pd.concat(tables, ignore_index=True)
    return table[table["AVAL"].notna()].sort_values(["USUBJID", "PARAMCD", "AVISITN"], ignore_index=True)


def _rows(
    key: pd.DataFrame, code: str, label: str, week: float, visit: str, value: Any, base: Any, enters: Any
) -> pd.DataFrame:
    table = key.assign(
        PARAMCD=code, PARAM=label, AVISIT=visit, AVISITN=week, ADY=int(7 * week) + (week > 0), AVAL=value
    )
    table["BASE"] = base
    table["CHG"] = np.where(week > 0, value - base, np.nan)
    table["ABLFL"] = "Y" if week == 0 else ""
    table["ANL01FL"] = np.where(enters, "Y", "")
    return table


def _adlb(design: Design, data: TrialData, key: pd.DataFrame) -> pd.DataFrame:
    tables = []
    for name, counts in data.counts.items():
        code, label, grades = LABORATORY[name]
        base = data.enrolled.recorded[name]
        rows = [_rows(key, code, label, 0.0, "Baseline", base, base, np.ones(len(base), bool))]
        for index, week in enumerate(design.file.visits):
            value = counts[:, index]
            rows.append(_rows(key, code, label, week, f"Week {week:g}", value, base, np.isfinite(value)))
        table = pd.concat(rows, ignore_index=True)
        table["ATOXGRL"] = (table["AVAL"].to_numpy()[:, None] < np.array(grades)).sum(axis=1)  # CTCAE
        tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    return table[table["AVAL"].notna()].sort_values(["USUBJID", "PARAMCD", "AVISITN"], ignore_index=True)


def _adae(design: Design, data: TrialData, key: pd.DataFrame) -> pd.DataFrame:
    who, visit = np.nonzero(data.events)
    ended = (data.stopped[who] == visit) & (data.reason[who] == Reason.ADVERSE_EVENT)
    table = key.iloc[who].reset_index(drop=True)
    table["AEDECOD"] = "Simulated adverse event"
    table["AEACN"] = np.where(ended, "DRUG WITHDRAWN", "DOSE NOT CHANGED")
    table["AVISITN"] = np.array(design.file.visits)[visit]
    table["TRTEMFL"] = "Y"
    table.insert(2, "AESEQ", table.groupby("USUBJID").cumcount() + 1)
    return table


def r_script(design: Design, strata: int) -> str:
    """Return R code that fits the design's primary mixed model to ADQS, by R's package mmrm.

    Parameters
    ----------
    strata : int
        Stratifying variables of ADSL that enter the model.
    """
    hypothesis = design.hypotheses[0]
    endpoint = design.file.endpoints[hypothesis.endpoint]
    plan = design.file.analysis
    name = STRUCTURES[structure(plan.covariance, 2).name][2]
    terms = ["TRT01P * AVISITN", "BASE * AVISITN", *(f"STRAT{index + 1} * AVISITN" for index in range(strata))]
    # SAS's second-order term is not in R; for an unstructured covariance it vanishes, as in the linear form
    linear = ', vcov = "Kenward-Roger-Linear"' if plan.df in {"kenward-roger-linear", "kenward-roger-sas"} else ""
    arms = ", ".join(f'"{arm}"' for arm in design.arms)
    joined = "".join(f', "STRAT{index + 1}"' for index in range(strata))
    return f"""# {NOTICE}
# Repeats the primary analysis of {study_id(design)}: {hypothesis.name}, week {endpoint.week:g}.
library(mmrm)
library(emmeans)

adsl <- read.csv("ADSL.csv", comment.char = "#")
adqs <- read.csv("ADQS.csv", comment.char = "#")
adqs <- subset(adqs, PARAMCD == "{PARAMETERS[endpoint.measure][0]}" & ANL01FL == "Y" & AVISITN > 0 &
  AVISITN <= {endpoint.week:g})
adqs <- merge(adqs, adsl[, c("USUBJID"{joined})], by = "USUBJID")
adqs$USUBJID <- factor(adqs$USUBJID)
adqs$AVISITN <- factor(adqs$AVISITN)
adqs$TRT01P <- factor(adqs$TRT01P, levels = c({arms}))

fit <- mmrm(
  AVAL ~ {" + ".join(terms)} + {name}(AVISITN | USUBJID),
  data = adqs, reml = TRUE, method = "{DF_IN_R[plan.df]}"{linear}
)
summary(fit)
means <- emmeans(fit, ~ TRT01P | AVISITN)
contrast(means, "trt.vs.ctrl", ref = "{hypothesis.control}", adjust = "none", infer = TRUE)
"""


def write_cdisc(design: Design, bank: PatientBank, data: TrialData, folder: str | Path) -> list[Path]:
    """Write the tables as CSV, the script, what it should find, and the truth in a folder of its own.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    FileError
        The folder cannot be written.
    """
    from senospine.stats.mmrm import mmrm

    folder = Path(folder)
    try:
        (folder / "truth").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder: {error.strerror}", where=str(folder)) from None
    tables = cdisc_tables(design, bank, data)
    texts = {f"{name}.csv": _csv(table) for name, table in tables.items()}
    texts["truth/latent.csv"] = _csv(latent_truth(bank, data, tables["ADSL"]))
    if design.file.analysis.method == "mmrm" and design.file.endpoints[design.hypotheses[0].endpoint].responder is None:
        hypothesis = design.hypotheses[0]
        endpoint = design.file.endpoints[hypothesis.endpoint]
        values = analysed(design, data, endpoint.measure)[:, : design.visit_of(endpoint) + 1]
        frame, fixed = long_frame(design, data, hypothesis, values)
        fit = mmrm(
            frame, outcome="AVAL", subject="USUBJID", visit="AVISITN", fixed=fixed,
            covariance=design.file.analysis.covariance, df=design.file.analysis.df,
        )  # fmt: skip
        texts["mmrm.R"] = r_script(design, len(fixed) - 2)
        found = fit.differences("TRT01P", by="AVISITN", reference=hypothesis.control).reset_index()
        texts["expected.json"] = json.dumps({"notice": NOTICE, "contrasts": found.to_dict("records")}, indent=1) + "\n"
    for name, text in texts.items():
        write_then_rename(folder / name, text)
    return [folder / name for name in texts]


def _csv(table: pd.DataFrame) -> str:
    return f"# {NOTICE}\n" + table.to_csv(index=False, lineterminator="\n")
