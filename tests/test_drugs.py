"""Drug files: the shipped one, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from therapy_helpers import refusal

from senospine.errors import FileError, RegimenError
from senospine.therapy import drug_names, load_drug, read_drug

DRUG_FILE = """\
name: other
class: made up
source:
  - {doi: 10.1000/none, citation: none}
species: [mouse]
dose_units: {mouse: mg/kg}
routes:
  oral: {target: other_gut}
"""


def test_navitoclax_has_a_source_and_a_target() -> None:
    drug = load_drug("abt-263")
    assert drug is load_drug("navitoclax")
    assert {"navitoclax", "rg-7112", "o-vanillin", "celecoxib", "tak-242"} <= set(drug_names())
    assert drug.routes["oral"].target == "navitoclax_gut"
    assert drug.dose_units == {"mouse": "mg/kg", "human": "mg", "dog": "mg/kg"}
    assert "10.7554/eLife.92889" in [source.doi for source in drug.source]
    assert "did you mean 'navitoclax'" in str(refusal(RegimenError, "navitoclas", "x", call=load_drug).remedy)


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "remedy"),
    [
        ("species:", "speceis:", 5, "unknown key 'speceis'", "did you mean 'species'"),
        ("{target: other_gut}", "{taget: other_gut}", 8, "unknown key 'taget'", "did you mean 'target'"),
        ("{doi: 10.1000/none, citation: none}", "{citation: none}", 4, "'source.0.doi' is missing", "'doi'"),
        ("10.1000/none", "somewhere", 4, "'source.0.doi' is not accepted", "navitoclax"),
        ("class: made up\n", "", 1, "'class' is missing", "'class'"),
        ("name: other", "name: two words", 1, "'name' is not accepted", "navitoclax"),
        ("{mouse: mg/kg}", "{human: mg}", 1, "must name the same species", "navitoclax"),
    ],
)
def test_refused_drug_files(tmp_path: Path, old: str, new: str, line: int, what: str, remedy: str) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(DRUG_FILE, encoding="utf-8")
    assert read_drug(path).routes["oral"].target == "other_gut"
    path.write_text(DRUG_FILE.replace(old, new), encoding="utf-8")
    error = refusal(RegimenError, path, call=read_drug)
    assert what in error.what
    assert remedy in str(error.remedy)
    assert error.where == f"{path}:{line}"


def test_a_missing_drug_file_is_a_file_error(tmp_path: Path) -> None:
    assert "cannot read" in refusal(FileError, tmp_path / "none.yaml", call=read_drug).what


def test_a_name_of_two_drugs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from senospine.therapy import drug as room

    navitoclax = load_drug("navitoclax")
    monkeypatch.setattr(room, "_drugs", lambda: (navitoclax, navitoclax.model_copy(update={"name": "other"})))
    room._catalogue.cache_clear()
    with pytest.raises(RegimenError, match="belongs to two drugs"):
        load_drug("other")
    room._catalogue.cache_clear()
