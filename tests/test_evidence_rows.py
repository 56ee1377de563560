"""Published findings as rows: the shipped table is clean, and one broken cell is found, named and placed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from senospine.errors import EvidenceError, FileError
from senospine.evidence import Contrast, check_evidence, load_evidence
from senospine.evidence.rows import TABLES

PAN = TABLES / "pan2024.csv"

Rows = list[dict[str, str]]


def shipped() -> Rows:
    with PAN.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(folder: Path, rows: Rows, columns: list[str] | None = None) -> Path:
    path = folder / "evidence.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def some(identifier: str = "pan2024-lsi/6e/cgrp_fibres/navitoclax-vehicle") -> dict[str, str]:
    return dict(next(row for row in shipped() if row["id"] == identifier))


def test_the_shipped_table_is_clean_and_holds_83_rows() -> None:
    assert check_evidence() == []
    rows = load_evidence(PAN)
    assert len(rows) == len({row.id for row in rows}) == 83
    assert all(row.where == f"{PAN}:{line}" for line, row in enumerate(rows, 2))
    assert all(row.source and row.doi == "10.7554/eLife.92889" and row.how_obtained for row in rows)


def test_roles_were_declared_before_any_fit() -> None:
    """LSI disease and drug, aged disease: calibration. Aged drug: validation, the same drug in another disease."""
    roles = {("pan2024-lsi", "disease"): "calibration", ("pan2024-lsi", "drug"): "calibration",
             ("pan2024-aged", "disease"): "calibration", ("pan2024-aged", "drug"): "validation"}  # fmt: skip
    for row in load_evidence(PAN):
        treated = "navitoclax" in (row.arm, row.versus)
        assert row.subset == ("drug" if treated else "disease"), row.id
        assert row.role == roles[row.study, row.subset], row.id


def test_tests_and_group_sizes_follow_the_papers_methods() -> None:
    """One-way ANOVA with Bonferroni, t-test in 6b, 6c, 6f; n >= 3 in Figs 4 and 5, 3 in the ELISA, else >= 4."""
    for row in load_evidence(PAN):
        assert isinstance(row, Contrast)
        figure = row.panel.split("-")[0].rstrip("abcdefghijklmno")
        assert row.test == ("t-test" if row.panel in {"6b", "6c", "6f"} else "anova-bonferroni"), row.id
        assert row.comparisons == (1 if row.test == "t-test" else 3), row.id
        assert row.n_low == (3 if figure in {"4", "5"} or row.panel.startswith("6-S1") else 4), row.id
        largest = 3 if row.panel.startswith("6-S1") else {"pan2024-lsi": 6, "pan2024-aged": 12}[row.study]
        assert row.n_high == largest, row.id
        if row.test == "t-test":
            assert set(row.groups) == {row.arm, row.versus}, row.id


def test_what_is_simulated_and_what_is_not() -> None:
    counts = Counter(row.testable for row in load_evidence(PAN))
    assert counts == {True: 83}


BROKEN: dict[str, tuple[dict[str, str], str, str]] = {
    # what: (cells replaced, words of the finding, words of the remedy)
    "arm": ({"arm": "navitoclacs", "groups": "vehicle|navitoclacs"}, "has no arm 'navitoclacs'", "'navitoclax'"),
    "study": ({"study": "pan2024-lsy"}, "study 'pan2024-lsy' does not exist", "did you mean 'pan2024-lsi'?"),
    "read-out": ({"readout": "cgrp_fibers"}, "readout 'cgrp_fibers' is not known", "did you mean 'cgrp_fibres'?"),
    "read-out the study lacks": (
        {"study": "pan2024-aged", "readout": "ngf_protein", "groups": "vehicle|navitoclax", "role": "validation"},
        "does not measure 'ngf_protein'", "add it",
    ),
    "direction": ({"direction": "upp"}, "direction 'upp' is not known", "did you mean 'up'?"),
    "significance": ({"significant": "maybe"}, "significant 'maybe' is not known", "unclear"),
    "test": ({"test": "t test"}, "test 't test' is not known", "did you mean 't-test'?"),
    "t-test of three": ({"test": "t-test"}, "two groups and no correction", "1 as comparisons"),
    "kind": ({"kind": "valu"}, "kind 'valu' is not known", "did you mean 'value'?"),
    "claim": ({"claim": "drug"}, "claim 'drug' is not known", "treatment"),
    "a cell of another kind": ({"scale": "change"}, "a contrast has no 'scale'", "leave it empty"),
    "moment": ({"at": "week 9 after surgery"}, "not measured at 'week 9 after surgery'", "did you mean"),
    "subset without role": ({"subset": "drugs"}, "no role is declared for 'drugs'", "roles.csv"),
    "confidence": ({"confidence": "hi"}, "confidence 'hi' is not known", "high"),
    "role": ({"role": "fit"}, "role 'fit' is not known", "calibration"),
    "role against the declared": ({"role": "validation"}, "declares 'drug' of", "before fitting"),
    "n range": ({"n_low": "9", "n_high": "6"}, "n from 9 to 6", "smaller first"),
    "n of one": ({"n_low": "1"}, "n of 1 per group has no spread", "two animals"),
    "n in words": ({"n_low": "four"}, "n_low 'four' is not a whole number", "count animals"),
    "n negative": ({"n_high": "-6"}, "n_high '-6' is not a whole number", "count animals"),
    "comparisons": ({"comparisons": "0"}, "comparisons '0' is not a whole number above zero", ""),
    "star without direction": ({"direction": "none", "significant": "yes"}, "without a direction", "direction"),
    "nothing to score": ({"direction": "none", "significant": "unclear"}, "nothing to score", "direction"),
    "itself": ({"arm": "vehicle"}, "compared with itself", "two arms"),
    "groups": ({"groups": "sham|vehicle"}, "do not hold both arms", "every arm"),
    "group twice": ({"groups": "sham|sham|vehicle|navitoclax"}, "name an arm twice", "count twice"),
    "empty source": ({"source": ""}, "'source' is empty", "where it was read"),
    "empty doi": ({"doi": " "}, "'doi' is empty", "where it was read"),
    "empty panel": ({"panel": ""}, "'panel' is empty", "where it was read"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_one_broken_row_is_found_named_and_placed(tmp_path: Path, case: str) -> None:
    cells, words, remedy = BROKEN[case]
    good = [row for row in shipped() if row["id"] != some()["id"]][:3]
    path = write(tmp_path, [*good, {**some(), **cells}])
    findings = check_evidence(path)
    assert len(findings) == 1, findings
    assert words in findings[0].what
    assert remedy in findings[0].remedy
    assert findings[0].remedy
    assert findings[0].where == f"{path}:5"
    with pytest.raises(EvidenceError) as caught:
        load_evidence(path)
    assert (caught.value.what, caught.value.where) == (findings[0].what, f"{path}:5")


@pytest.mark.parametrize(
    ("cells", "words"),
    [({}, "id 'pan2024-lsi/6e/cgrp_fibres/navitoclax-vehicle' stands twice"),
     ({"id": "other", "direction": "up"}, "contradicts pan2024-lsi/6e"),
     ({"id": "other", "significant": "yes"}, "contradicts pan2024-lsi/6e"),
     ({"id": "other"}, "repeats pan2024-lsi/6e")],
)  # fmt: skip
def test_two_rows_on_one_panel(tmp_path: Path, cells: dict[str, str], words: str) -> None:
    """A panel's finding may neither be contradicted nor counted twice."""
    path = write(tmp_path, [some(), {**some(), **cells}])
    findings = check_evidence(path)
    assert [finding.where for finding in findings] == [f"{path}:3"]
    assert words in findings[0].what
    assert f"{path}:2" in f"{findings[0].what} {findings[0].remedy}"


def test_all_findings_are_listed_at_once(tmp_path: Path) -> None:
    rows = [{**row, "role": "fit", "source": ""} for row in shipped()[:4]]
    findings = check_evidence(write(tmp_path, rows))
    assert len(findings) == 8
    assert [finding.where.rsplit(":", 1)[1] for finding in findings] == ["2", "2", "3", "3", "4", "4", "5", "5"]
    assert all(finding.severity == "error" for finding in findings)


def _short_row(text: str) -> str:
    return text.rstrip() + ",one,two\n"


@pytest.mark.parametrize(
    ("change", "words", "line"),
    [(lambda text: text.replace("direction,", "", 1), "column 'direction' is missing", 1),
     (lambda text: text.replace("direction,", "direktion,", 1), "unknown column 'direktion'", 1),
     (_short_row, "the row has 33 cells, the header 31", 2),
     (lambda text: "\n".join(line.rsplit(",", 2)[0] for line in text.splitlines()), "is missing", 1)],
)  # fmt: skip
def test_a_table_of_another_shape_is_refused(
    tmp_path: Path, change: Callable[[str], str], words: str, line: int
) -> None:
    path = write(tmp_path, [some()])
    path.write_text(change(path.read_text()))
    for call in (check_evidence, load_evidence):
        with pytest.raises(EvidenceError) as caught:
            call(path)
        assert words in caught.value.what
        assert caught.value.where == f"{path}:{line}"
        assert caught.value.remedy


def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("id,größe\n".encode("latin-1"))
    for path in (tmp_path / "none.csv", tmp_path, tmp_path / "latin.csv"):
        with pytest.raises(FileError, match="cannot read the table"):
            check_evidence(path)
