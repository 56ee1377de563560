"""A procedure done at a time: its line of text, and the jumps it makes in the states of people it succeeds in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senospine.errors import RegimenError, suggest
from senospine.therapy.drug import known_words
from senospine.therapy.grammar import parse_regimen
from senospine.therapy.procedure import Procedure, is_procedure, load_procedure, procedure_words
from senospine.therapy.regimen import Regimen
from senospine.therapy.times import moment_text, read_moment
from senospine.therapy.words import Cursor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Performed:
    """A procedure, done once.

    Attributes
    ----------
    word : str
        Its name, or the file it was read from.
    start_days : float
        Time elapsed from the anchor [day].
    anchor : str
        ``birth``, ``surgery`` or ``enrolment``.
    """

    procedure: Procedure
    word: str
    start_days: float
    anchor: str

    def text(self) -> str:
        """Return the canonical line, which parses back to the same."""
        return f"{self.word} once at {moment_text(self.start_days, self.anchor)}"


def parse_treatment(text: object, where: str | None = None) -> Regimen | Performed:
    """Return the regimen of a drug, or the procedure, that one line of text describes.

    A procedure is its name, or the path of its file, and when: it has no dose, and is done once. In its name spaces may
    stand for hyphens.

    Raises
    ------
    RegimenError
        Neither a drug nor a procedure has that name, or the line is ambiguous or impossible.
    UnitError
        A unit is missing, unknown or of another kind.

    Examples
    --------
    >>> parse_treatment("BVNA once at day 0 after enrolment").text()
    'basivertebral-nerve-ablation once at day 0 after enrolment'
    >>> parse_treatment("sham procedure once at day 0 after enrolment").procedure.name
    'sham-procedure'
    """
    cursor = Cursor(text, where)
    first = cursor.take()
    name = first.text
    while not is_procedure(name) and cursor.peek().word not in {"once", ""}:
        name += f"-{cursor.take().text}"  # "sham procedure" is sham-procedure
    if not is_procedure(name):
        if first.word not in {word.casefold() for word in known_words()}:
            raise RegimenError(
                f"unknown drug or procedure '{first.text}'", where=cursor.where,
                why="each needs a file that says what it does, with sources",
                remedy=suggest(first.text, (*known_words(), *procedure_words())),
            )  # fmt: skip
        return parse_regimen(text, where)
    procedure = load_procedure(name, cursor.where)
    once, link = cursor.take(), cursor.take()
    if once.word != "once" or link.word != "at":
        cursor.fail(
            f"'{(once if once.word != 'once' else link).text}' where 'once at' should stand",
            token=once if once.word != "once" else link,
            why="a procedure has no dose, no route and no course",
            remedy=f"write '{name} once at day 0 after enrolment', and again behind ' + ' for a second time",
        )
    start, anchor = read_moment(cursor)
    if not cursor.at_end:
        extra = cursor.take()
        cursor.fail(f"'{extra.text}' after the time of a procedure", token=extra, remedy="leave it out")
    if anchor == "first dose":
        cursor.fail("a procedure that counts from the first dose", remedy="count from enrolment, surgery or birth")
    word = name if name.casefold().endswith((".yaml", ".yml")) else procedure.name
    return Performed(procedure, word, start, anchor)


class Jump(NamedTuple):
    """What is added at once to a state of each subject, shape (n_subjects,)."""

    time: float
    state: str
    amount: Array


def jumps(
    performed: Sequence[Performed], anchors: Mapping[str, float], species: str,
    value: Callable[[str], ArrayLike], luck: Callable[[Procedure], Array], where: str | None = None,
) -> list[Jump]:  # fmt: skip
    """Return the jumps that procedures make in the states of a composed model, by time.

    What was taken comes back exponentially, so what a second procedure finds left is known beforehand: each takes its
    share of that, and the jumps add up to less than one.

    Parameters
    ----------
    anchors : mapping of str to float
        Time of each anchor there is [day].
    value : callable
        Returns the value of a row of the composed model's register, one for all or one a subject.
    luck : callable
        Returns a number from 0 to 1 of each subject, shape (n_subjects,): below its chance the procedure succeeds.

    Raises
    ------
    RegimenError
        A procedure counts from an anchor there is not.
    """
    found: list[Jump] = []
    for procedure in dict.fromkeys(item.procedure for item in performed):
        times = sorted(_time(item, anchors, where) for item in performed if item.procedure == procedure)
        for effect in procedure.effects.get(species, {}):
            share, success, half_time = (
                np.asarray(value(procedure.row_name(effect, number)), dtype=float)
                for number in ("share", "technical_success", "regrowth_half_time")
            )
            takes = share * (luck(procedure) < success)
            taken, before = np.zeros_like(takes), times[0]
            for time in times:
                taken = taken * 0.5 ** ((time - before) / half_time)
                found.append(Jump(time, procedure.state(effect), takes * (1 - taken)))
                taken, before = taken + found[-1].amount, time
    return sorted(found, key=lambda jump: jump.time)


def _time(item: Performed, anchors: Mapping[str, float], where: str | None) -> float:
    if item.anchor not in anchors:
        raise RegimenError(
            f"'{item.text()}' counts from {item.anchor}, which there is not here", where=where,
            remedy=f"count from {' or '.join(sorted(anchors))}",
        )  # fmt: skip
    return anchors[item.anchor] + item.start_days
