"""A line of text cut into words, read one after the other, each knowing where it stood."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from senospine.errors import RegimenError, SenospineError

MAX_CHARACTERS = 1000  # a regimen is one line; more is another file pasted in

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
# A number may touch its unit ("50mg/kg"); everything else is cut at spaces and commas.
_WORD = re.compile(rf"{_NUMBER}(?![\d.])|[^\s,]+")
_IS_NUMBER = re.compile(_NUMBER)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)")


@dataclass(frozen=True)
class Token:
    """A word, and the character it starts at, counted from 1."""

    text: str
    start: int

    @property
    def word(self) -> str:
        """The word in small letters; units alone keep their case, for Mg is not mg."""
        return self.text.casefold()

    @property
    def is_number(self) -> bool:
        """Whether the word is a number, finite or not."""
        return bool(_IS_NUMBER.fullmatch(self.text) or _NOT_FINITE.fullmatch(self.word))


class Cursor:
    """Reads a line word by word and words its errors with place and text.

    Raises
    ------
    RegimenError
        The text is no string, empty, longer than a line, or holds a comma between digits.
    """

    def __init__(self, text: object, where: str | None = None) -> None:
        if not isinstance(text, str):
            raise RegimenError(
                f"{text!r} is not a line of text",
                where=where or "regimen",
                why=f"it is of type {type(text).__name__}",
                remedy="write one line, for instance 'navitoclax 50 mg/kg oral once at day 3 after surgery'",
            )
        self.text = " ".join(text.split())
        self._where = where
        self._tokens = [Token(match.group(), match.start() + 1) for match in _WORD.finditer(self.text)]
        self._next = 0
        if not self._tokens:
            self.fail(
                "the text is empty",
                remedy="write one line, for instance 'navitoclax 50 mg/kg oral once at day 3 after surgery'",
            )
        if len(self.text) > MAX_CHARACTERS:
            self.fail(
                f"the text has {len(self.text)} characters, more than {MAX_CHARACTERS}",
                remedy="write one regimen a line, and several regimens as a list",
            )
        comma = re.search(r"\S*\d,\d\S*", self.text)
        if comma:
            self.fail(
                f"'{comma.group()}' holds a comma between digits",
                why="it could be a decimal comma or a thousands separator",
                remedy="write decimals with a point and thousands without a separator",
            )

    @property
    def where(self) -> str:
        """The place to name in a message: the file and line if known, and the text itself."""
        short = self.text if len(self.text) <= 120 else self.text[:117] + "..."
        return f"{self._where}: '{short}'" if self._where else f"regimen '{short}'"

    def peek(self, ahead: int = 0) -> Token:
        """Return the word ``ahead`` of the next one, an empty word beyond the end."""
        index = self._next + ahead
        return self._tokens[index] if index < len(self._tokens) else Token("", len(self.text) + 1)

    def take(self) -> Token:
        """Return the next word and move past it."""
        token = self.peek()
        self._next += 1
        return token

    def take_if(self, *words: str) -> bool:
        """Move past the next word if it is one of ``words``."""
        found = self.peek().word in words
        self._next += found
        return found

    @property
    def at_end(self) -> bool:
        """Whether every word has been read."""
        return self._next >= len(self._tokens)

    def fail(
        self,
        what: str,
        *,
        token: Token | None = None,
        why: str | None = None,
        remedy: str | None = None,
        kind: type[SenospineError] = RegimenError,
    ) -> NoReturn:
        """Raise ``kind``, naming the text and the character ``token`` starts at."""
        where = f"{self.where}, character {token.start}" if token else self.where
        raise kind(what, where=where, why=why, remedy=remedy)
