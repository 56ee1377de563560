"""The command line as a person or a script meets it: JSON, exit codes, and nothing lost on bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from senospine.evidence import load_evidence
from senospine.study import load_study, published_studies
from senospine.study.file import PUBLISHED


def senospine(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = "from senospine.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=240, cwd=cwd
    )


def test_help_loads_nothing_heavy() -> None:
    heavy = "numpy pandas scipy numba llvmlite pint pydantic antimony libsbml matplotlib jinja2 pyarrow"
    code = (
        "import sys\nfrom senospine.cli import main\nsys.argv = ['senospine', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n"
        f"    assert not end.code and not (set(sys.modules) & set({heavy.split()!r})), 'too much is imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "reproduce" in done.stdout
    assert "never medical advice" in done.stdout


def test_model_show_says_what_is_sourced() -> None:
    done = senospine("model", "show", "--json")
    shown = json.loads(done.stdout)
    assert shown["sourced"] + shown["assumed"] == len(shown["parameters"]) > 110
    assert shown["parameters"]["senescence_removal_rate"]["doi"] == "10.1038/s41467-019-13192-4"
    assert "d senescent_osteoclasts/dt" in senospine("model", "show").stdout


def test_model_check_is_clean_and_lists_all_findings(tmp_path: Path) -> None:
    done = senospine("model", "check")
    assert (done.returncode, "clean" in done.stdout) == (0, True)
    text = "model m()\n  unit day = 86400 second;\n  unit time_unit = 86400 second;\n  x has day;\n  y has day;\n"
    file = tmp_path / "m.ant"
    file.write_text(text + "  x' = 1; x = 0;\n  y' = 2*y; y = 1;\nend\n")
    done = senospine("model", "check", file, "--json")
    assert done.returncode == 2
    findings = json.loads(done.stdout)
    assert [item["severity"] for item in findings] == ["error"]  # x' in days per day is dimensionless; y' is not
    assert "'y'" in findings[0]["what"]
    assert findings[0]["where"].endswith("m.ant:5")


def test_model_export_round_trips(tmp_path: Path) -> None:
    file = tmp_path / "mouse.xml"
    assert senospine("model", "export", "sbml", "mouse", "-o", file).returncode == 0
    whole = json.loads(senospine("model", "show", "mouse", "--json").stdout)
    again = json.loads(senospine("model", "show", file, "--json").stdout)
    assert again["sha256"] == whole["sha256"]
    assert senospine("model", "export", "sbml").stdout == file.read_text()


def test_evidence_commands(tmp_path: Path) -> None:
    rows = json.loads(senospine("evidence", "show", "--role", "validation", "--json").stdout)
    assert {row["role"] for row in rows} == {"validation"}
    shipped = load_evidence()
    assert len(rows) == sum(fact.role == "validation" for fact in shipped)
    assert f"{len(shipped)} rows" in senospine("evidence", "check").stdout
    done = senospine("evidence", "show", "--role", "validtion")
    assert (done.returncode, "did you mean 'validation'" in done.stderr) == (2, True)
    table = tmp_path / "evidence.csv"
    table.write_text("id,kind\nx,contrast\n")
    done = senospine("evidence", "check", table)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("cli") / "reproduce"
    done = senospine("reproduce", "--out", folder, "--animals", 60, "--repeats", 40, "--workers", 1, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder, json.loads(done.stdout)


def test_reproduce_scores_every_row_and_writes_the_report(run: tuple[Path, dict[str, object]]) -> None:
    folder, result = run
    assert len(result["scores"]) == len(load_evidence())
    assert result["failures"] == []
    assert result["solves"] == 60 * sum(len(load_study(name).arms) for name in published_studies())
    assert "Synthetic" in result["notice"]
    assert Path(str(result["report"])) == folder / "report.html"
    assert (folder / "report.html").stat().st_size > 10_000
    assert (folder / "scoreboard.csv").read_text().startswith("# Synthetic data")


def test_reproduce_again_shows_the_table_and_refuses_other_inputs(run: tuple[Path, dict[str, object]]) -> None:
    folder, result = run
    before = {path: path.read_bytes() for path in folder.rglob("*.parquet")}
    done = senospine("reproduce", "--out", folder, "--animals", 60, "--repeats", 40)
    assert done.returncode == 0, done.stderr
    for words in (
        "validation",
        "naive rule",
        f"failed animals: 0 of {result['solves']}",
        "Synthetic data",
        "report.html",
        "misses",
    ):
        assert words in done.stdout
    done = senospine("reproduce", "--out", folder, "--animals", 61, "--repeats", 40)
    assert done.returncode == 2
    assert "animals" in done.stderr
    assert "--overwrite" in done.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*.parquet")} == before


def test_too_few_animals_for_one_repeat_are_refused_before_the_work(tmp_path: Path) -> None:
    done = senospine("reproduce", "--out", tmp_path / "out", "--animals", 30)
    assert (done.returncode, "simulate at least 60" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


def test_simulate_a_study_of_ones_own(tmp_path: Path) -> None:
    text = (PUBLISHED / "pan2024-lsi.yaml").read_text().replace("study: pan2024-lsi", "study: mine")
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    done = senospine("simulate", file, "--animals", 8, "--workers", 1, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["study"] == "mine"
    assert (tmp_path / "results/mine/manifest.json").is_file()
    row = next(item for item in result["readouts"] if item["readout"] == "snoc_density")
    assert row["arms"]["vehicle"]["median"] > row["arms"]["navitoclax"]["median"] > row["arms"]["sham"]["median"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("navitoclax 50 mg/kg", "navitoclacs 50 mg/kg", "did you mean 'navitoclax'"),
        ("50 mg/kg", "50 mg", "mg/kg"),
        ("[navitoclax, vehicle]]", "[navitoclax, placebo]]", "placebo"),
        ("species: mouse", "species: rat", "rat"),
        ("question:", "qestion:", "did you mean 'question'"),
        ("study: pan2024-lsi", "study: !!python/name:os.system x", "tag"),
    ],
)
def test_bad_studies_end_with_two_and_write_nothing(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text((PUBLISHED / "pan2024-lsi.yaml").read_text().replace(old, new, 1))
    done = senospine("simulate", file, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert words in done.stderr
    assert "bad.yaml:" in done.stderr
    assert "what to do" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_output_folder_of_another_study_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "thesis.docx").write_text("years of work")
    for command in (("simulate", "pan2024-lsi"), ("reproduce",)):
        done = senospine(*command, "--out", folder, "--animals", 60, "--overwrite")
        assert done.returncode == 2
        assert str(folder) in done.stderr
    assert [path.name for path in folder.iterdir()] == ["thesis.docx"]


def test_a_composed_model_is_shown_and_checked(tmp_path: Path) -> None:
    from drug_helpers import drug_data, write_drug

    path = write_drug(tmp_path, drug_data())
    shown = json.loads(senospine("model", "show", "dog", "--drugs", path, "--json").stdout)
    assert "imaginary: DrugKinetics(" in shown["text"]
    assert shown["parameters"]["imaginary_clearance"]["value"] == 12.0
    assert "imaginary: DrugKinetics(" in senospine("model", "show", "dog", "--drugs", path).stdout
    assert senospine("model", "check", "dog", "--drugs", path).returncode == 0
    for drugs, words in (("navitoclacs", "did you mean 'navitoclax'"), (f"{path},imaginary", "unknown drug")):
        done = senospine("model", "show", "dog", "--drugs", drugs)
        assert done.returncode != 0
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert "not composed of drugs" in senospine("model", "check", "mouse", "--drugs", "navitoclax").stderr
