"""Antimony in: what is accepted, and how each thing outside the subset is refused by name and line."""

from __future__ import annotations

import pytest
from helpers import DECAY, UNITS, model_of, write_model, write_register

from senospine.errors import FileError, ModelError, RegisterError
from senospine.model import load_model
from senospine.model.expressions import Call, Name, Number


def test_the_mouse_reads_as_written(mouse):
    assert mouse.name == "mouse"
    assert set(mouse.states) == {
        "instability", "senescent_osteoclasts", "senescent_disc_cells", "senescent_dorsal_horn",
        "osteoclasts", "endplate_porosity", "h_vessels", "ectopic_ossification", "bone_formation", "trabecular_bone",
        "disc_matrix", "disc_sensitisation", "sensory_innervation", "dorsal_horn_gliosis", "sensitisation",
        "platelet_precursors_early", "platelet_precursors_middle", "platelet_precursors_late",
        "platelets_new", "platelets_young", "platelets_mature", "platelets_old", "lymphocytes",
        "navitoclax_gut", "navitoclax_plasma",
        "rg7112_effect", "o_vanillin_effect", "celecoxib_effect", "tak242_effect",
    }  # fmt: skip
    gut = Call("times", (Call("minus", (Name("navitoclax_absorption_rate"),)), Name("navitoclax_gut")))
    assert mouse.rates["navitoclax_gut"] == gut
    assert mouse.initial["osteoclasts"] == Number(1.0)
    assert mouse.parameters["navitoclax_clearance"] == 4.3  # Choo 2014, scaled; see the register
    assert mouse.where("navitoclax_clearance").split("/")[-1].startswith("oral_drug.ant:")


def test_assignments_stand_after_what_they_read(tmp_path):
    model = model_of(tmp_path, "c := 2 * b; b := a + 1; a := time; x' = c; x = 0;")
    assert tuple(model.assignments) == ("a", "b", "c")


def test_an_unknown_shipped_name_suggests_the_known():
    with pytest.raises(FileError, match="did you mean 'mouse'"):
        load_model("mose")


def test_missing_and_unreadable_files_are_named(tmp_path):
    (tmp_path / "latin.ant").write_bytes("// Müller\n".encode("latin-1"))
    for path in (tmp_path / "absent.ant", tmp_path / "latin.ant"):
        with pytest.raises(FileError, match="cannot read the model") as caught:
            load_model(path)
        assert caught.value.where == str(path)


@pytest.mark.parametrize("content", ["", "\n\n// nothing\n", "model *m()\nend\n"])
def test_an_empty_model_is_refused(tmp_path, content):
    path = tmp_path / "m.ant"
    path.write_text(content)
    with pytest.raises(ModelError, match="holds no model") as caught:
        load_model(path)
    assert caught.value.where == str(path)


def test_a_syntax_error_names_file_and_line(tmp_path):
    path = write_model(tmp_path, "  x = 1;\n  x' = -x * ;\n")
    with pytest.raises(ModelError, match="Antimony cannot read this") as caught:
        load_model(path)
    assert caught.value.where == f"{path}:3"


def test_a_syntax_error_in_an_import_names_the_imported_file(tmp_path):
    (tmp_path / "sub.ant").write_text("model Sub(y)\n  y = 1;\n  y' = = y;\nend\n")
    path = tmp_path / "m.ant"
    path.write_text('import "sub.ant"\nmodel *m()\n  s: Sub(y);\nend\n')
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert "sub.ant:3" in str(caught.value)


def test_a_missing_import_is_refused(tmp_path):
    path = tmp_path / "m.ant"
    path.write_text('import "absent.ant"\nmodel *m()\n  x = 1; x\' = -x;\nend\n')
    with pytest.raises(ModelError, match=r"absent\.ant"):
        load_model(path)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x' = -k * x; x = 1;", "parameter 'k' has no value"),
        ("x' = -x;", "state 'x' has no initial value"),
        ("a := b + 1; b := 2 * c; c := a; x' = -a * x; x = 1;", "itself directly|in a circle"),
        ("x' = -x; x = 1; at (x < 0.5): x = 2;", "reads 'x', which changes with the state"),
        ("x' = -x; x = 1; 0 = y - x;", "algebraic rules are outside the subset"),
        ("x' = -delay(x, 1); x = 1;", "'delay' is outside the subset of formulas"),
        ("x' = piecewise(1, x > 2); x = 1;", "no 'otherwise'"),
        (f"x' = {'sin(' * 300}x{')' * 300}; x = 1;", "nested deeper than"),
        (f"x' = {'-'.join(['x'] * 300)}; x = 1;", "nested deeper than"),
    ],
)
def test_what_lies_outside_the_subset_is_refused_by_name(tmp_path, body, words):
    with pytest.raises(ModelError, match=words) as caught:
        model_of(tmp_path, body)
    assert str(tmp_path / "m.ant") in str(caught.value)
    assert caught.value.remedy


def test_a_long_sum_is_not_a_deep_one(tmp_path):
    model = model_of(tmp_path, f"x' = {'+'.join(['x'] * 1000)}; x = 1;")
    assert model.rates["x"] == Call("plus", (Name("x"),) * 1000)


def test_functions_are_written_out_where_they_are_called(tmp_path):
    path = tmp_path / "m.ant"
    path.write_text(
        "function sub(a, b)\n a - b\nend\nfunction twice(b)\n 2 * sub(b, 1)\nend\n"
        "model *m()\n  x' = sub(y, x) + twice(x); y := 3; x = 1;\nend\n"
    )
    x, y, one, two = Name("x"), Name("y"), Number(1.0), Number(2.0)
    swapped = Call("minus", (y, x))  # arguments go by place, though their names are the formula's own
    doubled = Call("times", (two, Call("minus", (x, one))))
    assert load_model(path).rates["x"] == Call("plus", (swapped, doubled))


def test_functions_cannot_unfold_without_bound(tmp_path):
    """Forty functions that each call the one before twice would be 10^12 operations."""
    lines = ["function f0(a)\n a + a\nend"]
    lines += [f"function f{i}(a)\n f{i - 1}(a) + f{i - 1}(a)\nend" for i in range(1, 40)]
    path = tmp_path / "m.ant"
    path.write_text("\n".join(lines) + "\nmodel *m()\n  x' = f39(x); x = 1;\nend\n")
    with pytest.raises(ModelError, match="unfolds into more than"):
        load_model(path)


def test_a_unit_declared_by_parent_and_module_cuts_the_link_and_is_refused(tmp_path):
    """libAntimony 3.3: a shared variable's unit, declared before the instance and inside it, splits it in two."""
    (tmp_path / "sub.ant").write_text(
        f"model Sub(load, y)\n{UNITS}\n  load has fold; y has fold; k has per_day; k = 0.5; y' = k * (load - y);\nend\n"
    )
    path = tmp_path / "m.ant"
    body = "  var load, y;\n  {before}s: Sub(load, y);\n  {after}load = 1; y = 0;\n"
    register = write_register(tmp_path, {"name": "s_k"}, {"name": "load", "unit": "fold"})

    def text(before, after):
        return 'import "sub.ant"\nmodel *m()\n' + UNITS + body.format(before=before, after=after) + "end\n"

    path.write_text(text("", "load has fold; "))
    assert set(load_model(path, register).parameters) == {"s_k", "load"}
    path.write_text(text("load has fold; ", ""))
    with pytest.raises(RegisterError, match="'s_load' has no row in the register") as caught:
        load_model(path, register)
    assert "declared twice" in caught.value.why


def test_the_hash_follows_the_science_only(tmp_path):
    base = model_of(tmp_path, DECAY).sha256
    assert model_of(tmp_path, "  // a comment\n" + DECAY).sha256 == base
    assert model_of(tmp_path, DECAY.replace("k = 0.5", "k = 0.6")).sha256 != base
    assert model_of(tmp_path, DECAY.replace("-k * x", "k * x")).sha256 != base
    assert model_of(tmp_path, DECAY.replace("x = 1", "x = 2")).sha256 != base
    assert model_of(tmp_path, DECAY.replace("time_unit = 86400", "time_unit = 3600")).sha256 != base
