"""What every executor does alike: pack a call, carry it out, and send back its result or its error."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from senospine.errors import RunError, SenospineError

#: how often a block may lose its worker before it is held to be the cause
DEATHS_ALLOWED = 3


@dataclass
class Block:
    """One call and how many workers died over it."""

    key: Any
    arguments: tuple[Any, ...]
    deaths: int = 0

    @property
    def name(self) -> str:
        """The key as a person knows it: its first word."""
        return str(self.key[0] if isinstance(self.key, tuple) and self.key else self.key)


def pack(function: Callable[..., Any], block: Block) -> bytes:
    """Return a call as bytes; functions go by name."""
    return pickle.dumps((function, block.arguments), protocol=5)


def carry_out(call: bytes) -> bytes:
    """Return the packed result of a packed call, or its packed error; never raises."""
    try:
        function, arguments = pickle.loads(call)
        return pickle.dumps((True, function(*arguments)), protocol=5)
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
        story = traceback.format_exc()
        try:
            packed = pickle.dumps((False, error, story), protocol=5)
            pickle.loads(packed)
        except Exception:  # noqa: BLE001 - an error that cannot travel goes as its words
            packed = pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}"), story), protocol=5)
        return packed


def unpack(answer: bytes) -> Any:
    """Return the result in an answer, or raise the error in it."""
    good, content, *story = pickle.loads(answer)
    if good:
        return content
    if not isinstance(content, SenospineError):
        content.add_note(f"in a worker:\n{story[0]}")
    raise content


def killed(block: Block, times: int, how: str) -> RunError:
    """Return the error of a block that kept killing its worker."""
    return RunError(
        f"block '{block.name}' killed its worker {times} times",
        why=how,
        remedy="most often memory ran out: give it fewer workers or more memory, then give the same command again; "
        "it goes on from the blocks that are finished",
    )
