"""The documents say what is so: their examples run, their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from senospine.assays import readouts
from senospine.study import load_study
from senospine.therapy import Regimen, dose_table, parse_regimen

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://doi.org/") or (path.parent / target).exists(), target


def test_every_regimen_in_the_documents_parses() -> None:
    lines = [
        line for path in DOCUMENTS for line in re.findall(r"therapy: (navitoclax .+)", path.read_text(encoding="utf-8"))
    ]
    assert len(lines) >= 5
    for line in lines:
        assert parse_regimen(parse_regimen(line).text()) == parse_regimen(line)


def test_the_two_forms_in_the_documents_are_one_dose_table() -> None:
    import yaml

    text = (ROOT / "docs/regimens.md").read_text(encoding="utf-8")
    mapping = yaml.safe_load(text.split("```yaml")[2].split("```")[0])["therapy"]
    line = re.findall(r"therapy: (navitoclax .+ 2 cycles.+)", text)[0]
    anchors = {"birth": 0.0, "surgery": 91.3125}
    tables = [dose_table([regimen], anchors) for regimen in (Regimen.from_mapping(mapping), parse_regimen(line))]
    assert tables[0].equals(tables[1])
    assert len(tables[0]) == 14


def test_the_study_in_the_documents_loads(tmp_path: Path) -> None:
    text = (ROOT / "docs/study-files.md").read_text(encoding="utf-8")
    file = tmp_path / "my-study.yaml"
    file.write_text(text.split("```yaml")[1].split("```")[0])
    assert [arm.name for arm in load_study(file).arms] == ["vehicle", "one"]


def test_the_documents_name_every_readout() -> None:
    text = (ROOT / "docs/study-files.md").read_text(encoding="utf-8")
    assert set(readouts()) <= set(re.findall(r"`([a-z0-9_.]+)`", text))


EXAMPLES = [
    (path.name, number, *found.groups())
    for path in DOCUMENTS
    for number, found in enumerate(
        re.finditer(r"```python\n((?:import numpy as np\n)?import senospine\n.*?)```\n\nprints\n\n```text\n(.*?)```",
                    path.read_text(encoding="utf-8"), re.DOTALL)
    )
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "printed"), [item[2:] for item in EXAMPLES], ids=[f"{name}-{number}" for name, number, *_ in EXAMPLES]
)
def test_examples_print_what_the_documents_say(code: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "example", "exec"), {})
    assert capsys.readouterr().out == printed


def test_the_examples_were_found() -> None:
    assert len(EXAMPLES) >= 4


def test_readme_code_runs() -> None:
    code = (ROOT / "README.md").read_text(encoding="utf-8").split("```python")[1].split("```")[0]
    namespace: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), namespace)
    assert namespace["solution"]["sensitisation"].shape == (1, 3)  # type: ignore[index]


def test_the_engine_pages_reductions_print_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    section = (ROOT / "docs/engine.md").read_text(encoding="utf-8").split("## Reductions")[1]
    code, said = section.split("```python")[1].split("```")[0], section.split("```text\n")[1].split("```")[0]
    exec(compile(code, "engine.md", "exec"), {})
    assert capsys.readouterr().out == said


def test_the_drug_in_the_documents_is_clean_and_can_be_given(tmp_path: Path) -> None:
    from senospine.therapy import check_drug, compose_model, known_drugs, read_drug

    path = tmp_path / "quercetone.yaml"
    path.write_text((ROOT / "docs/drug-files.md").read_text(encoding="utf-8").split("```yaml")[1].split("```")[0])
    assert check_drug(path) == []
    drug = read_drug(path)
    model = compose_model("human", [drug, "navitoclax"])
    assert model.check() == []
    assert model.parameters["quercetone_clearance"] == pytest.approx(288.0)
    assert compose_model("human", [drug], readings={"quercetone": "nominal"}).sha256 != model.sha256
    with known_drugs([drug]):
        table = dose_table(
            [parse_regimen("quercetone 500 mg oral daily for 3 days from day 1 after enrolment")],
            {"birth": 0.0, "enrolment": 20_000.0}, species="human",
        )  # fmt: skip
    assert table["time"].iloc[0] == pytest.approx(20_001 + 20 / 1440)
    assert table["target"].tolist() == ["quercetone_gut"] * 3


def test_the_drug_page_names_every_number_and_action() -> None:
    from senospine.therapy.terms import ACTIONS, DISC, KINETICS

    named = set(re.findall(r"`([a-z0-9_]+)`", (ROOT / "docs/drug-files.md").read_text(encoding="utf-8")))
    assert set(KINETICS) | set(DISC) <= named
    assert {name for name in ACTIONS if not name.startswith("disc_kill_")} <= named
