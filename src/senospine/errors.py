"""The errors a user can meet: what is wrong, where, why, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


class SenospineError(Exception):
    """Base of every error that is the input's fault, never the program's.

    Parameters
    ----------
    what : str
        What is wrong, in one sentence.
    where : str, optional
        File, line or element, for instance ``study.yaml:12``.
    why : str, optional
        Why it cannot be accepted.
    remedy : str, optional
        What the user can do next.
    """

    def __init__(
        self, what: str, *, where: str | None = None, why: str | None = None, remedy: str | None = None
    ) -> None:
        self.what, self.where, self.why, self.remedy = what, where, why, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.remedy:
            lines.append(f"  what to do: {self.remedy}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:  # keeps its fields when it comes back from a worker
        return _rebuild, (type(self), self.what, self.where, self.why, self.remedy)


def _rebuild(
    kind: type[SenospineError], what: str, where: str | None, why: str | None, remedy: str | None
) -> SenospineError:
    return kind(what, where=where, why=why, remedy=remedy)


class FileError(SenospineError):
    """A file that cannot be read, or a folder that must not be written."""


class UnitError(SenospineError):
    """A unit that is missing, unknown, or of the wrong dimension."""


class ModelError(SenospineError):
    """A model text that cannot be read, or lies outside the declared subset."""


class RegisterError(SenospineError):
    """A parameter register with a row missing, unsourced or impossible."""


class ScheduleError(SenospineError):
    """Doses, switches or times that no solver can honour."""


class RegimenError(SenospineError):
    """A regimen that is ambiguous, impossible, or overlaps another."""


class StudyError(SenospineError):
    """A study file that asks for something that does not exist."""


class EvidenceError(SenospineError):
    """An evidence table with an impossible or undeclared row."""


class BenchmarkError(SenospineError):
    """A benchmark of something that does not exist, or whose own engine cannot be run."""


class CalibrationError(SenospineError):
    """A fit that cannot start, cannot go on, or belongs to another model or other evidence."""


class MeasureError(SenospineError):
    """A measurement that cannot be made or told: a file, a unit, an animal or a threshold is wanting."""


class AnalysisError(SenospineError):
    """A statistical analysis that cannot be estimated from the data it was given."""


class TrialError(SenospineError):
    """A trial design that cannot be run, or a bank of patients that cannot serve it."""


class RunError(SenospineError):
    """A block of work that kept killing the worker it was given to."""


class ClusterError(SenospineError):
    """Workers that cannot serve: none can be reached or started, or they are not like this machine."""


@dataclass(frozen=True)
class Finding:
    """One thing a ``check`` command found; all are listed at once."""

    severity: Literal["error", "warning"]
    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.severity}: {self.where}: {self.what}"
        return f"{text}\n  what to do: {self.remedy}" if self.remedy else text


def suggest(word: str, known: object) -> str:
    """Return ``did you mean 'x'? `` for a near miss, then the known words.

    Examples
    --------
    >>> suggest("navitoclacs", ["navitoclax"])
    "did you mean 'navitoclax'? known: navitoclax"
    """
    import difflib

    words = sorted(str(item) for item in known)  # type: ignore[attr-defined]
    near = difflib.get_close_matches(str(word), words, n=1, cutoff=0.6)
    lead = f"did you mean '{near[0]}'? " if near else ""
    return f"{lead}known: {', '.join(words)}"
