"""Published findings as rows, each with panel, direction, n, how it was obtained, and the role it may play."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from senospine.assays import NOT_SIMULATED, readouts
from senospine.errors import EvidenceError, Finding, SenospineError, suggest
from senospine.model import read_rows
from senospine.study import Study, load_study, published_studies

FOLDER = Path(__file__).parent
PUBLISHED = FOLDER / "pan2024.csv"
ROLES = FOLDER / "roles.csv"

KINDS = ("contrast",)
DIRECTIONS = ("up", "down", "none")
SIGNIFICANCE = ("yes", "no", "unclear")
TESTS = ("anova-bonferroni", "t-test")
ROLE_NAMES = ("calibration", "validation")
CONFIDENCES = ("high", "medium", "low")


@dataclass(frozen=True)
class Contrast:
    """A published comparison of two groups.

    Attributes
    ----------
    direction : {'up', 'down', 'none'}
        Where ``arm`` lies against ``versus``; 'none' where the authors claim no difference.
    significant : {'yes', 'no', 'unclear'}
        Whether the authors call it significant; 'unclear' where words only suggest it: then only the sign counts.
    test, groups, comparisons
        The test, the arms that lend it their variance, and the Bonferroni factor.
    n_low, n_high : int
        Range of animals per group that the paper allows.
    role : {'calibration', 'validation'}
        Declared before any fit, in ``roles.csv``.
    where : str
        ``file:line``.
    """

    id: str
    kind: str
    study: str
    panel: str
    readout: str
    arm: str
    versus: str
    direction: Literal["up", "down", "none"]
    significant: Literal["yes", "no", "unclear"]
    test: str
    groups: tuple[str, ...]
    comparisons: int
    n_stated: str
    n_low: int
    n_high: int
    how_obtained: str
    confidence: str
    role: str
    source: str
    doi: str
    note: str
    where: str

    @property
    def subset(self) -> str:
        """'disease' where an untreated ill arm is held against its control, else 'drug'."""
        return "disease" if self.arm == "vehicle" and self.versus in {"sham", "young"} else "drug"

    @property
    def testable(self) -> bool:
        """Whether an assay simulates this read-out."""
        return self.readout in readouts()


COLUMNS = tuple(field.name for field in fields(Contrast) if field.name != "where")


def load_evidence(path: str | Path = PUBLISHED) -> tuple[Contrast, ...]:
    """Return the rows of an evidence table.

    Raises
    ------
    EvidenceError
        The first row that cannot stand; :func:`check_evidence` lists all.

    Examples
    --------
    >>> len(load_evidence())
    83
    """
    contrasts, findings = _read(path)
    for finding in findings:
        raise EvidenceError(finding.what, where=finding.where, remedy=finding.remedy)
    return tuple(contrasts)


def check_evidence(path: str | Path = PUBLISHED) -> list[Finding]:
    """Return everything that is wrong with an evidence table."""
    return _read(path)[1]


def _read(path: str | Path) -> tuple[list[Contrast], list[Finding]]:
    roles = {(row["study"], row["subset"]): row["role"] for row, _ in _role_rows()}
    studies: dict[str, Study | None] = {}
    contrasts: list[Contrast] = []
    findings: list[Finding] = []
    seen: dict[str, str] = {}
    claims: dict[tuple[str, ...], Contrast] = {}
    for row, where in read_rows(path, COLUMNS, EvidenceError):
        problems = list(_problems(row, studies))
        if row["id"] in seen:
            problems.append((f"id '{row['id']}' stands twice", f"the other is at {seen[row['id']]}"))
        seen[row["id"]] = where
        if not problems:
            contrast = _contrast(row, where)
            problems += _against_others(contrast, roles, claims)
            contrasts.append(contrast)
        findings += [Finding("error", where, what, remedy) for what, remedy in problems]
    return contrasts, findings


def _role_rows() -> list[tuple[dict[str, str], str]]:
    return read_rows(ROLES, ("study", "subset", "role", "reason"), EvidenceError)


def _contrast(row: dict[str, str], where: str) -> Contrast:
    numbers = {name: int(row[name]) for name in ("comparisons", "n_low", "n_high")}
    groups = tuple(row["groups"].split("|"))
    return Contrast(**{**row, **numbers, "groups": groups, "where": where})  # type: ignore[arg-type]


def _problems(row: dict[str, str], studies: dict[str, Study | None]) -> Iterator[tuple[str, str]]:
    for column, known in (
        ("kind", KINDS), ("direction", DIRECTIONS), ("significant", SIGNIFICANCE), ("test", TESTS),
        ("role", ROLE_NAMES), ("confidence", CONFIDENCES), ("readout", [*readouts(), *NOT_SIMULATED]),
    ):  # fmt: skip
        if row[column] not in known:
            yield f"{column} '{row[column]}' is not known", suggest(row[column], known)
    for column in ("id", "panel", "how_obtained", "source", "doi"):
        if not row[column]:
            yield f"'{column}' is empty", "every finding says where it was read and how"
    if row["direction"] == "none" and row["significant"] == "yes":
        yield "significant, but without a direction", "give the direction, or say significant: no"
    if row["direction"] == "none" and row["significant"] == "unclear":
        yield "neither a direction nor a star: nothing to score", "give the direction, or say significant: no"
    counts = {}
    for column in ("comparisons", "n_low", "n_high"):
        counts[column] = int(row[column]) if row[column].isdecimal() else -1
        if counts[column] < 1:
            yield f"{column} '{row[column]}' is not a whole number above zero", "count animals per group"
    if row["test"] == "t-test" and (counts["comparisons"] != 1 or row["groups"].count("|") != 1):
        yield "a t-test has two groups and no correction", "give both arms as groups and 1 as comparisons"
    if 0 < counts["n_high"] < counts["n_low"]:
        yield f"n from {counts['n_low']} to {counts['n_high']}", "put the smaller first"
    if counts["n_low"] == 1:
        yield f"n of {counts['n_low']} per group has no spread", "a test needs two animals per group"
    yield from _arm_problems(row, studies)


def _arm_problems(row: dict[str, str], studies: dict[str, Study | None]) -> Iterator[tuple[str, str]]:
    name = row["study"]
    if name not in published_studies():
        yield f"study '{name}' does not exist", suggest(name, published_studies())
        return
    if name not in studies:
        try:
            studies[name] = load_study(name)
        except SenospineError:
            studies[name] = None  # its own check says why
    study = studies[name]
    if study is None:
        return
    arms = [arm.name for arm in study.arms]
    groups = row["groups"].split("|")
    for arm in dict.fromkeys([row["arm"], row["versus"], *groups]):
        if arm not in arms:
            yield f"study '{name}' has no arm '{arm}'", suggest(arm, arms)
    if row["arm"] == row["versus"]:
        yield f"arm '{row['arm']}' is compared with itself", "name two arms"
    if not {row["arm"], row["versus"]} <= set(groups):
        yield f"groups '{row['groups']}' do not hold both arms of the comparison", "list every arm of the test"
    if len(set(groups)) < len(groups):
        yield f"groups '{row['groups']}' name an arm twice", "its variance would count twice; name it once"
    if row["readout"] in readouts() and row["readout"] not in [item.name for item in study.readouts]:
        yield f"study '{name}' does not measure '{row['readout']}'", "add it to the study's readouts"


def _against_others(
    contrast: Contrast, roles: dict[tuple[str, str], str], claims: dict[tuple[str, ...], Contrast]
) -> Iterator[tuple[str, str]]:
    declared = roles.get((contrast.study, contrast.subset))
    if declared is None:
        yield (
            f"no role is declared for {contrast.subset} contrasts of '{contrast.study}'",
            f"declare it in {ROLES.name}",
        )
    elif declared != contrast.role:
        yield (
            f"role '{contrast.role}', but {ROLES.name} declares {contrast.subset} contrasts of '{contrast.study}' "
            f"as {declared}",
            "roles are declared before fitting; change the row",
        )
    key = (contrast.study, contrast.panel, contrast.readout, contrast.arm, contrast.versus)
    other = claims.setdefault(key, contrast)
    if other is not contrast and (other.direction, other.significant) != (contrast.direction, contrast.significant):
        yield f"contradicts {other.id} ({other.where}) on the same panel", "read the panel again and keep one"
    elif other is not contrast:
        yield f"repeats {other.id} ({other.where})", "one finding counts once; keep one"
