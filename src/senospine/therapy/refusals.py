"""What pydantic found in a file of a drug or a procedure, as messages that name file and line."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from senospine.errors import RegimenError, suggest
from senospine.yaml_files import Document

Keys = Callable[[tuple[int | str, ...]], list[str]]


def refusals(
    document: Document, error: ValidationError, known_keys: Keys, kind: str, example: str
) -> list[RegimenError]:
    """Return a message for each finding, the likeliest cause first: a misspelt key is unknown and missing at once.

    Parameters
    ----------
    known_keys : callable
        Returns the keys that may stand under a key path.
    kind, example : str
        What the file describes, and which shipped file is complete.
    """
    found: dict[tuple[str | None, str], RegimenError] = {}
    for entry in sorted(error.errors(), key=lambda entry: entry["type"] != "extra_forbidden"):
        if "str" not in entry["loc"]:  # a reading's row that is neither a row nor a word is told as a row
            item = _refusal(document, entry, known_keys, kind, example)
            found.setdefault((item.where, item.what), item)
    return list(found.values())


def _refusal(document: Document, finding: ErrorDetails, known_keys: Keys, kind: str, example: str) -> RegimenError:
    key = tuple(part for part in finding["loc"] if part not in {"[key]", "Row"})
    label = ".".join(str(part) for part in key) or "the file"
    where = document.where(*key)
    if finding["type"] == "extra_forbidden":
        return RegimenError(
            f"{kind} file: unknown key '{key[-1]}'", where=where, remedy=suggest(str(key[-1]), known_keys(key[:-1]))
        )
    if finding["type"] == "missing":
        return RegimenError(f"{kind} file: '{label}' is missing", where=where, remedy=f"add the key '{key[-1]}'")
    return RegimenError(
        f"{kind} file: '{label}' is not accepted: {finding['msg']}",
        where=where,
        remedy=f"compare with the file of {example}, which is complete",
    )
