"""The arms of studies that facts speak of, when each is measured, and which therapies one may have been given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from senospine.errors import CalibrationError, suggest
from senospine.evidence import Fact
from senospine.study import Arm, Study


@dataclass(frozen=True)
class AskedArms:
    """Arms that facts speak of."""

    facts: tuple[Fact, ...]
    studies: Mapping[str, Study]

    @cached_property
    def measured(self) -> tuple[tuple[str, Arm, tuple[str, ...]], ...]:
        """Study and arm of each, with the moments it is measured at.

        Raises
        ------
        CalibrationError
            A fact speaks of a study that is not given, or of an arm its study does not have.
        """
        wanted: dict[tuple[str, str], set[str]] = {}
        for row in self.facts:
            for group in row.drawn:
                self._refuse_unknown(row, group)
                wanted.setdefault((row.study, group), set()).add(row.at)
        return tuple(
            (name, arm, tuple(sorted(wanted[name, arm.stands_for])))
            for name, study in self.studies.items()
            for arm in study.arms
            if (name, arm.stands_for) in wanted
        )

    def _refuse_unknown(self, row: Fact, group: str) -> None:
        if row.study not in self.studies:
            raise CalibrationError(
                f"'{row.id}' is of study '{row.study}', which is not given", where=row.where,
                remedy=suggest(row.study, self.studies),
            )  # fmt: skip
        groups = self.studies[row.study].groups
        if group not in groups:
            raise CalibrationError(
                f"'{row.id}' speaks of arm '{group}', which study '{row.study}' does not have", where=row.where,
                remedy=suggest(group, groups),
            )  # fmt: skip

    def possible(self, row: Fact) -> list[dict[str, Arm]]:
        """Return the arms a fact speaks of, by group, once for each possible therapy."""
        arms = [arm for arm in self.studies[row.study].arms if arm.stands_for in row.drawn]
        choices = sorted({arm.name.removeprefix(f"{arm.group}.") for arm in arms if arm.group})
        return [
            {arm.stands_for: arm for arm in arms if not arm.group or arm.name == f"{arm.group}.{choice}"}
            for choice in choices or [""]
        ]
