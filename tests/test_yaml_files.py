"""YAML is read as plain data: nothing is executed, nothing is expanded, every key knows its line."""

from __future__ import annotations

import pytest

from senospine.errors import FileError
from senospine.yaml_files import MAX_BYTES, MAX_DEPTH, parse_yaml, read_yaml

STUDY = "study: pan2024\narms:\n  sham: {n: 6}\n  lsi:\n    n: 7\nreadouts: [pain, porosity]\n"

#: "billion laughs": nine levels of nine aliases unfold into 387 million words
BOMB = "a0: &a0 lol\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))


def test_data_comes_back_plain():
    assert parse_yaml(STUDY).data == {
        "study": "pan2024",
        "arms": {"sham": {"n": 6}, "lsi": {"n": 7}},
        "readouts": ["pain", "porosity"],
    }
    assert parse_yaml("").data is None


def test_every_key_knows_its_line(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(STUDY, encoding="utf-8")
    document = read_yaml(path)
    assert document.where("arms", "lsi", "n") == f"{path}:5"
    assert document.where("arms", "lsi", "absent") == f"{path}:4"
    assert document.where("readouts", 1) == f"{path}:6"
    assert document.where() == f"{path}:1"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: &x 1\nb: 2\n", 1, "anchors and aliases"),
        ("b: 1\na: *x\n", 2, "anchors and aliases"),
        ("base: {a: 1}\nb: {<<: *base}\n", 2, "anchors and aliases"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "tag"),
        ("a: 1\nb: !mine 2\n", 2, "tag"),
        ("a: 1\nb: 2\na: 3\n", 3, "'a' stands twice"),
        ("a:\n  b: 1\n  b: 2\n", 3, "'b' stands twice"),
        ("a: 1\n? [1, 2]\n: 3\n", 2, "a key must be plain text"),
        ("a: 1\nb: [1, 2\n", 3, "not valid YAML"),
        ("a: 1\n b: 2\n", 2, "not valid YAML"),
        ("a: 'open\n", 2, "not valid YAML"),
        ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
        ("a: 1\nb: 2024-13-45\n", 2, "cannot be read"),
        (f"a: 1\nb: {'9' * 5000}\n", 2, "cannot be read"),
    ],
)
def test_refusals_name_the_line(text, line, words):
    with pytest.raises(FileError) as caught:
        parse_yaml(text, "study.yaml")
    assert words in caught.value.what
    assert caught.value.where == f"study.yaml:{line}"
    assert caught.value.remedy


def test_a_bomb_is_refused_before_it_unfolds():
    with pytest.raises(FileError, match="gigabytes"):
        parse_yaml(BOMB)


def test_depth_is_bounded_at_its_limit():
    def nested(depth: int) -> str:
        return "[" * depth + "]" * depth

    assert parse_yaml(nested(MAX_DEPTH)).data
    with pytest.raises(FileError, match="nested deeper"):
        parse_yaml(nested(MAX_DEPTH + 1))
    with pytest.raises(FileError, match="nested deeper"):
        parse_yaml(nested(100_000))


def test_control_characters_are_refused():
    with pytest.raises(FileError, match="not valid YAML"):
        parse_yaml("a: \x00")


def test_size_is_bounded(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(FileError, match=f"{MAX_BYTES + 1} bytes"):
        read_yaml(path)
    path.write_bytes(b"#" * MAX_BYTES)
    assert read_yaml(path).data is None


def test_other_encodings_are_refused(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("name: Müller\n".encode("latin-1"))
    with pytest.raises(FileError, match="not UTF-8") as caught:
        read_yaml(path)
    assert caught.value.where == str(path)


def test_missing_files_and_folders_are_named(tmp_path):
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(FileError, match="cannot read the file") as caught:
            read_yaml(path)
        assert caught.value.where == str(path)
