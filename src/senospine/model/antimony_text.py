"""Antimony in: libAntimony makes flat SBML of it; what would make it run out of stack is refused before."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from senospine.errors import ModelError

_DEEPEST_BRACKETS = 500


def antimony_to_sbml(path: Path) -> str:
    """Return the flat SBML of the main model in an Antimony file; imports are looked for beside it.

    Raises
    ------
    ModelError
        libAntimony's own message, with file and line.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    return _flattened(text, path.resolve().parent, str(path), lambda antimony: antimony.loadAntimonyFile(str(path)))


def antimony_text_to_sbml(text: str, folder: Path, name: str) -> str:
    """Return the flat SBML of the main model in a text; imports are looked for in ``folder``, errors call it ``name``.

    Raises
    ------
    ModelError
        libAntimony's own message, with the line of the text.
    """
    return _flattened(text, folder.resolve(), name, lambda antimony: antimony.loadAntimonyString(text))


def _flattened(text: str, folder: Path, name: str, load: Callable[[Any], int]) -> str:
    import antimony

    _refuse_endless_brackets(text, name)
    antimony.clearPreviousLoads()
    antimony.clearDirectories()
    antimony.addDirectory(str(folder))
    if load(antimony) < 0:
        message = _antimony_message(antimony)
        match = re.match(
            r"Error in (?:file '(?P<file>[^']*)'|model string), line (?P<line>\d+):\s*(?P<what>.*)", message, re.S
        )
        where = f"{match['file'] or name}:{match['line']}" if match else name
        what = (match["what"] if match else message).split("Error message(s) from libSBML:")[-1].strip()
        raise ModelError(f"Antimony cannot read this: {what}", where=where, remedy="correct the line named")
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


def _antimony_message(antimony: Any) -> str:
    try:
        return str(antimony.getLastError() or "cannot be read")
    except UnicodeDecodeError:  # libAntimony cuts words between the bytes of one letter
        return "a letter outside ASCII stands where none may"


def _refuse_endless_brackets(text: str, name: str) -> None:
    """Refuse text that makes libAntimony or libSBML run out of stack, which would end the whole program."""
    if "\0" in text:
        raise ModelError("the file holds a zero byte", where=name, remedy="save it as plain text")
    depth = deepest = 0
    for bracket in re.findall(r"[()]", text):
        depth = max(depth + (1 if bracket == "(" else -1), 0)
        deepest = max(deepest, depth)
    if deepest > _DEEPEST_BRACKETS:
        raise ModelError(f"brackets are nested {deepest} deep", where=name, remedy="split the formula into assignments")
