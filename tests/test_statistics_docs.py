"""The examples of docs/statistics.md print what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[1] / "docs/statistics.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_print_what_the_document_says(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = EXAMPLES[number]
    exec(compile(code, "example", "exec"), {})
    assert capsys.readouterr().out == printed


def test_every_example_was_found() -> None:
    assert len(EXAMPLES) == TEXT.count("```python") == 7
