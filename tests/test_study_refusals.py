"""Every bad study file: the right error, its line, the reason, a remedy, and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_helpers import SHORT_STUDY, contents

from senospine.errors import FileError, RegimenError, SenospineError, StudyError, UnitError
from senospine.study import Study, load_study

LINE = "navitoclax 50 mg/kg oral daily for 2 days from day 3 after surgery"
AGE = "age at surgery: 3 months"


def read(folder: Path, text: str) -> Study:
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return load_study(path)


def refusal(folder: Path, text: str, kind: type[SenospineError]) -> tuple[SenospineError, int]:
    """Return the error and its line, after making sure that it has all its parts and nothing was written."""
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    before = contents(folder)
    with pytest.raises(SenospineError) as caught:
        load_study(folder / "study.yaml")
    error = caught.value
    assert type(error) is kind, error
    assert contents(folder) == before
    assert error.what
    assert error.remedy, error
    assert str(error).startswith(f"{folder / 'study.yaml'}:"), error
    place = str(error.where).removeprefix(f"{folder / 'study.yaml'}:")
    return error, int(place.split(",")[0].split(":")[0])


def test_the_study_itself_is_good(tmp_path: Path) -> None:
    study = read(tmp_path, SHORT_STUDY)
    assert study.title == "short"
    assert study.arm("navitoclax").doses == (94.3125, 95.3125)


CASES: dict[str, tuple[str, str, type[SenospineError], str, str]] = {
    # what: (replaced, by, error, text of the line it must name, words it must say)
    "unknown key": ("measure_at", "mesure_at", StudyError, "mesure_at", "unknown key 'mesure_at'"),
    "misspelt required key": ("question:", "qestion:", StudyError, "qestion", "unknown key 'qestion'"),
    "unknown key of an arm": ("vehicle: {", "vehicle: {dose: 5, ", StudyError, "  vehicle", "unknown key 'dose'"),
    "unknown key of the animals": ("{strain", "{weight: 25 g, strain", StudyError, "subjects", "key 'weight'"),
    "unknown drug": (LINE, LINE.replace("navitoclax", "navitoclacs"), RegimenError, "therapy", "navitoclacs"),
    "unknown read-out": ("heat_latency", "heat_latencie", StudyError, "readouts", "'heat_latencie'"),
    "read-out not simulated": ("heat_latency", "disc_cell_number", StudyError, "readouts", "not simulated"),
    "read-out twice": ("[snoc_density, ", "[heat_latency, ", StudyError, "readouts", "stands twice"),
    "dose without unit": (LINE, LINE.replace(" mg/kg", ""), UnitError, "therapy", "unit"),
    "dose in mg": (LINE, LINE.replace("mg/kg", "mg"), UnitError, "therapy", "mg/kg"),
    "negative dose": (LINE, LINE.replace("50", "-50"), RegimenError, "therapy", "-50"),
    "time without unit": (LINE, LINE.replace("2 days", "2"), UnitError, "therapy", "unit"),
    "time without anchor": (LINE, LINE.replace(" after surgery", ""), RegimenError, "therapy", "no anchor"),
    "measured without anchor": ("day 8 after surgery", "day 8", StudyError, "measure_at", "no anchor"),
    "anchor the arm does not have": ("animal_model: sham", "animal_model: young", StudyError, "measure_at", "surgery"),
    "measured before the last dose": ("day 8 after", "day 4 after", StudyError, "  navitoclax", "not after its last"),
    "measured at the last dose": ("day 8 after", "day 4.0 after", StudyError, "  navitoclax", "not after its last"),
    "surgery without age": (f", {AGE}", "", StudyError, "subjects", "at what age"),
    "surgery before birth": (AGE, "age at surgery: -3 months", StudyError, "subjects", "surgery at age"),
    "age without unit": (AGE, "age at surgery: '3'", UnitError, "subjects", "unit"),
    "comparison with no arm": ("[vehicle, sham]", "[vehicle, shame]", StudyError, "compare", "'shame'"),
    "comparison with itself": ("[vehicle, sham]", "[sham, sham]", StudyError, "compare", "with itself"),
    "comparison of three": ("[vehicle, sham]", "[vehicle, sham, sham]", StudyError, "compare", "at most 2"),
    "unknown animal model": ("{animal_model: lsi", "{animal_model: lsy", StudyError, "  vehicle", "'lsy'"),
    "unknown species": ("species: mouse", "species: mice", StudyError, "species", "'mice'"),
    "animal model of another species": ("species: mouse", "species: human", StudyError, "  sham", "model 'sham'"),
    "n of zero": ("sham, n: 2", "sham, n: 0", StudyError, "  sham", "greater than or equal to 1"),
    "n of a half": ("sham, n: 2", "sham, n: 2.5", StudyError, "  sham", "valid integer"),
    "n in words": ("sham, n: 2", "sham, n: six", StudyError, "  sham", "valid integer"),
    "n of true": ("sham, n: 2", "sham, n: true", StudyError, "  sham", "valid integer"),
    "n too large": ("sham, n: 2", "sham, n: 100000000", StudyError, "  sham", "less than or equal"),
    "missing key": ("question: does the file run?\n", "", StudyError, "", "key 'question' is missing"),
    "key without value": ("species: mouse", "species:", StudyError, "species", "valid string"),
    "no read-outs": ("[snoc_density, heat_latency]", "[]", StudyError, "readouts", "at least 1"),
    "a name that leaves the folder": ("study: short", "study: ../short", StudyError, "study", "match pattern"),
    "an arm that leaves the folder": ("  sham: {", "  ../sham: {", StudyError, "  ../sham", "match pattern"),
    "a key twice": ("species: mouse", "species: mouse\nspecies: mouse", FileError, "species", "stands twice"),
    "a tag": ("study: short", "study: !!python/object/apply:os.system ['true']", FileError, "study", "tag"),
    "an anchor": ("study: short", "study: &a short", FileError, "study", "anchors and aliases"),
    "broken YAML": ("species: mouse", "species: [mouse", FileError, "", "not valid YAML"),
    "a therapy of nothing": (LINE, "''", RegimenError, "therapy", "empty"),
    "a therapy without keys": (LINE, "{}", RegimenError, "therapy", "'drug' is missing"),
    "a therapy that is a number": (LINE, "5", StudyError, "therapy", "is 5"),
    "a list of therapies with a number": (LINE, f"[{LINE}, 5]", RegimenError, "therapy", "not a line of text"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused(tmp_path: Path, case: str) -> None:
    old, new, kind, line, words = CASES[case]
    assert old in SHORT_STUDY
    text = SHORT_STUDY.replace(old, new, 1)
    error, number = refusal(tmp_path, text, kind)
    assert words in f"{error.what} {error.why}", error
    if line:
        assert line in text.splitlines()[number - 1], (number, error)


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("measure_at", "measure_at"), ("heat_latency", "heat_latency"), ("navitoclax 50", "navitoclax"),
     ("animal_model: sham", "sham"), ("sex: male", "strain"), ("[vehicle, sham]", "vehicle")],
)  # fmt: skip
def test_a_near_miss_gets_a_suggestion(tmp_path: Path, typo: str, meant: str) -> None:
    wrong = {
        "measure_at": "measur_at", "heat_latency": "heat_latancy", "navitoclax 50": "navitoclex 50",
        "animal_model: sham": "animal_model: shem", "sex: male": "strein: x, sex: male",
        "[vehicle, sham]": "[vehicel, sham]",
    }[typo]  # fmt: skip
    kind = RegimenError if "50" in typo else StudyError
    error, _ = refusal(tmp_path, SHORT_STUDY.replace(typo, wrong, 1), kind)
    assert f"did you mean '{meant}'?" in str(error.remedy)


def test_two_overlapping_courses_of_one_drug_are_refused(tmp_path: Path) -> None:
    lines = f"\n      - {LINE}\n      - {LINE.replace('day 3', 'day 4')}"
    error, _ = refusal(tmp_path, SHORT_STUDY.replace(f" {LINE}", lines), RegimenError)
    assert "overlap" in f"{error.what} {error.why}"
    apart = f"\n      - {LINE}\n      - {LINE.replace('day 3', 'day 5')}"
    assert len(read(tmp_path, SHORT_STUDY.replace(f" {LINE}", apart)).arm("navitoclax").doses) == 4


def test_a_yaml_bomb_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    error, number = refusal(tmp_path, bomb + SHORT_STUDY, FileError)
    assert number == 1
    assert "gigabytes" in str(error.why)


def test_a_study_without_arms_is_refused(tmp_path: Path) -> None:
    head, rest = SHORT_STUDY.split("arms:\n")
    text = head + "arms: {}\n" + rest[rest.index("readouts") :]
    error, number = refusal(tmp_path, text, StudyError)
    assert "no arms" in error.what
    assert text.splitlines()[number - 1] == "arms: {}"


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words\n", "42\n"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(StudyError, match="a study is a mapping") as caught:
        load_study(tmp_path / "study.yaml")
    assert caught.value.remedy


def test_an_arm_without_therapy_may_say_so(tmp_path: Path) -> None:
    for nothing in ("", " []", " null"):
        arm = read(tmp_path, SHORT_STUDY.replace(f" {LINE}", nothing)).arm("navitoclax")
        assert (arm.regimens, arm.doses) == ((), ())


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    for name in ("none.yaml", "folder.yaml"):
        with pytest.raises(FileError, match="cannot read the file") as caught:
            load_study(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value.where)


def test_further_problems_are_counted(tmp_path: Path) -> None:
    error, _ = refusal(tmp_path, SHORT_STUDY.replace("species", "spezies").replace("n: 2", "n: 0"), StudyError)
    assert "more problems in this file" in error.what
