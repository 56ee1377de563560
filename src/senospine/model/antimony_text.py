"""Antimony in: libAntimony makes flat SBML of it; what would make it run out of stack is refused before."""

from __future__ import annotations

import re
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
    import antimony

    _refuse_endless_brackets(path)
    antimony.clearPreviousLoads()
    antimony.clearDirectories()
    antimony.addDirectory(str(path.resolve().parent))
    if antimony.loadAntimonyFile(str(path)) < 0:
        message = _antimony_message(antimony)
        match = re.match(
            r"Error in (?:file '(?P<file>[^']*)'|model string), line (?P<line>\d+):\s*(?P<what>.*)", message, re.S
        )
        where = f"{match['file'] or path}:{match['line']}" if match else str(path)
        what = (match["what"] if match else message).split("Error message(s) from libSBML:")[-1].strip()
        raise ModelError(f"Antimony cannot read this: {what}", where=where, remedy="correct the line named")
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


def _antimony_message(antimony: Any) -> str:
    try:
        return str(antimony.getLastError() or "cannot be read")
    except UnicodeDecodeError:  # libAntimony cuts words between the bytes of one letter
        return "a letter outside ASCII stands where none may"


def _refuse_endless_brackets(path: Path) -> None:
    """Refuse text that makes libAntimony or libSBML run out of stack, which would end the whole program."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if "\0" in text:
        raise ModelError("the file holds a zero byte", where=str(path), remedy="save it as plain text")
    depth = deepest = 0
    for bracket in re.findall(r"[()]", text):
        depth = max(depth + (1 if bracket == "(" else -1), 0)
        deepest = max(deepest, depth)
    if deepest > _DEEPEST_BRACKETS:
        raise ModelError(
            f"brackets are nested {deepest} deep", where=str(path), remedy="split the formula into assignments"
        )
