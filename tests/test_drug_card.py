"""The card of a drug as a person or a script meets it, and files of one's own with everything wrong at once."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from test_cli import senospine
from therapy_helpers import refusal

from senospine.errors import RegimenError
from senospine.report.drugs import card_dict, drugs_dict, print_card, print_drugs, short
from senospine.therapy import check_drug, drug_names, load_drug
from senospine.therapy.card import drug_card

FILE = """\
name: newsenolytic
class: made up
source:
  - {doi: 10.1000/none, citation: none}
species: [human]
dose_units: {human: mg}
routes: {oral: {}}
kinetics:
  human:
    reference_weight: {value: 70, unit: kg, source: none}
    molar_mass: {value: 0.5, unit: mg/umol, source: none}
    absorption_rate: {value: 24, unit: 1/day, source: none}
    bioavailability: {value: 0.5, unit: fold, source: none}
    clearance: {value: 100, unit: L/day, prior: lognormal, low: 50, high: 200, source: assumption, reason: by hand}
    volume_central: {value: 50, unit: L, source: none}
    clearance_exponent: {value: 0.75, unit: fold, source: none}
    volume_exponent: {value: 1, unit: fold, source: none}
    unbound_fraction: {value: 0.1, unit: fold, source: none}
actions:
  human:
    endplate_kill:
      reads: free
      max: {value: 1, unit: 1/day, source: none}
      half: {value: 0.1, unit: umol/L, source: none}
      hill: {value: 1, unit: fold, source: none}
"""


def printed(name: str, width: int, species: str | None = None, why: bool = False) -> str:
    out = io.StringIO()
    print_card(Console(file=out, width=width), drug_card(load_drug(name), species), why)
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", drug_names())
def test_a_card_fits_the_terminal_and_says_everything(name: str, width: int) -> None:
    drug = load_drug(name)
    for species in drug.species:
        text = printed(name, width, species, why=True)
        assert max(len(line.rstrip()) for line in text.splitlines()) <= width
        flat = " ".join(text.split())
        assert drug.drug_class in flat
        for gap in drug.gaps:
            assert " ".join(gap.split()) in flat
        for item in drug_card(drug, species).rows:
            assert f"{short(item.row.value)} {item.row.unit}" in flat
            assert " ".join(item.row.reason.split()) in flat


def test_the_card_of_navitoclax_says_what_a_newcomer_asks() -> None:
    text = printed("navitoclax", 118)
    for words in (
        "navitoclax in people", "49 numbers", "half-life", "10.4 to 25.7", "given: oral, intravenous, intradiscal",
        "Choo 2014 Drug Metab Dispos, derived", "Where the literature can be read in two ways",
        "What rests on assumptions",
        "Looked for and not found", "10.1124/dmd.113.055053",
    ):  # fmt: skip
        assert words in text, words
    assert "1.77" not in text
    assert "of one dose of 100 mg, with food" in text


def test_numbers_are_written_as_people_write_them() -> None:
    assert [short(value) for value in (1400.0, 0.00505, 664.8, 9.999, 2e7, -0.5)] == [
        "1400", "0.00505", "665", "10", "2e+07", "-0.5"
    ]  # fmt: skip


def test_a_card_in_mice_reads_the_register() -> None:
    card = drug_card(load_drug("navitoclax"), "mouse")
    assert {item.section for item in card.rows} == {"register"}
    assert "navitoclax_clearance" in [item.name for item in card.rows]
    (half_life,) = card.derived
    assert half_life.value == pytest.approx(24 * 0.693147 * 0.6 / 4.3, rel=1e-5)
    (left,) = drug_card(load_drug("celecoxib"), "mouse").derived
    assert left.value == pytest.approx(24 * 0.693147 / 4, rel=1e-5)
    assert drug_card(load_drug("bleomycin")).rows == ()


def test_a_reading_changes_what_it_names_and_nothing_else() -> None:
    drug = load_drug("navitoclax")
    own, free = drug_card(drug, "human"), drug_card(drug, "human", reading="free")
    changed = {f"{a.section}.{a.name}" for a, b in zip(own.rows, free.rows, strict=True) if a.row != b.row}
    assert changed == {path.removeprefix("actions.human.") for path in drug.readings["free"]}
    assert next(item for item in free.rows if item.name == "half").where != own.rows[0].where
    assert "has no reading 'fre'" in refusal(RegimenError, drug, call=lambda d: drug_card(d, reading="fre")).what
    assert "no numbers in species 'rat'" in refusal(RegimenError, drug, call=lambda d: drug_card(d, "rat")).what


def test_json_holds_every_number_with_its_place() -> None:
    plain = json.loads(json.dumps(card_dict(drug_card(load_drug("rg-7112")))))
    assert plain["numbers"] == len(plain["rows"]) == 40
    assert plain["assumed"] == sum(row["assumed"] for row in plain["rows"])
    row = next(row for row in plain["rows"] if row["name"] == "food_effect")
    assert (row["value"], row["doi"], row["unit"]) == (2.1, "10.1007/s00280-015-2830-8", "fold")
    assert row["where"].endswith(f"rg-7112.yaml:{line_of('rg-7112', 'food_effect:')}")
    assert plain["readings"]["free"]["actions.human.disc_kill.half"]["value"] == 0.34
    assert {item["name"]: item["numbers"] for item in drugs_dict([load_drug("tanezumab")])} == {
        "tanezumab": {"human": 16}
    }


def line_of(name: str, words: str) -> int:
    from importlib.resources import files

    text = files("senospine.therapy").joinpath("drugs", f"{name}.yaml").read_text(encoding="utf-8")
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


def test_the_list_names_every_drug_once() -> None:
    out = io.StringIO()
    print_drugs(Console(file=out, width=118), [load_drug(name) for name in drug_names()])
    first = [line.split()[0] for line in out.getvalue().splitlines() if line.strip()]
    assert all(first.count(name) == 1 for name in drug_names())


def test_the_commands(tmp_path: Path) -> None:
    assert {row["name"] for row in json.loads(senospine("drug", "list", "--json").stdout)} == set(drug_names())
    shown = json.loads(senospine("drug", "show", "ABT-263", "--dose", "250", "--json").stdout)
    assert (shown["drug"], shown["species"], shown["example"]["dose"]) == ("navitoclax", "human", 250)
    unknown = senospine("drug", "show", "navitoclas")
    assert (unknown.returncode, "did you mean 'navitoclax'" in unknown.stderr) == (2, True)
    path = tmp_path / "new.yaml"
    path.write_text(FILE, encoding="utf-8")
    assert senospine("drug", "check", path).stdout.strip().endswith("units, numbers and sources are clean")
    own = senospine("drug", "show", path)
    assert "newsenolytic in people" in own.stdout
    path.write_text(FILE.replace("0.5, unit: fold", "1.5, unit: fold"), encoding="utf-8")
    done = senospine("drug", "check", path, "--json")
    (finding,) = json.loads(done.stdout)
    assert done.returncode == 2
    assert finding["where"] == f"{path}:13"
    assert "'kinetics.human.bioavailability': value of 1.5 fold is impossible" in finding["what"]


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    path.write_text(
        FILE.replace("{value: 0.5, unit: mg/umol, source: none}", "{value: 0.5, source: none}")  # line 11: no unit
        .replace("value: 0.5, unit: fold", "value: 1.5, unit: fold")  # line 13: over one
        .replace("value: 50, unit: L,", "value: 50, unit: mg,")  # line 15: another dimension
        .replace("source: assumption, reason: by hand", "source: assumption")  # line 14: no reason
        .replace("endplate_kill", "endplate_kil"),  # line 21: unknown action
        encoding="utf-8",
    )
    findings = check_drug(path)
    assert sorted(int(item.where.rsplit(":", 1)[1]) for item in findings) == [11, 13, 14, 15, 21]
    said = " ".join(item.what for item in findings)
    for words in ("unit' is missing", "1.5 fold is impossible", "gives no reason", "cannot be turned into 'L'",
                  "unknown action 'endplate_kil'"):  # fmt: skip
        assert words in said, words
    assert all(item.severity == "error" and item.remedy for item in findings)


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        (
            "value: 100, unit: L/day, prior: lognormal, low: 50, high: 200,",
            "value: 1e-9, unit: L/day,",
            9,
            "half-life of",
        ),
        ("name: newsenolytic", "nam: newsenolytic", 1, "unknown key 'nam'"),
        ("species: [human]", "species: [mouse]", 1, "must name the same species"),
        ("value: 100, unit: L/day", "value: 1000, unit: L/day", 14, "lies outside its own prior"),
        ("reads: free", "reads: disc", 22, "'disc' has no transport of human"),
    ],
)
def test_one_thing_wrong_is_one_finding(tmp_path: Path, old: str, new: str, line: int, what: str) -> None:
    path = tmp_path / "new.yaml"
    path.write_text(FILE, encoding="utf-8")
    assert check_drug(path) == []
    assert old in FILE
    path.write_text(FILE.replace(old, new), encoding="utf-8")
    first = check_drug(path)[0]
    assert first.where == f"{path}:{line}"
    assert what in first.what


@pytest.mark.parametrize("name", drug_names())
def test_every_drug_has_a_card_in_each_of_its_species(name: str) -> None:
    for species in load_drug(name).species:
        card = drug_card(load_drug(name), species=species)
        print_card(Console(file=io.StringIO(), width=100), card)
