"""How the actions of several drugs join in one input of the spine, and the units of a composed text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from senospine.therapy.terms import SHARES

if TYPE_CHECKING:
    from senospine.therapy.parts import DrugText, Spine

#: names of units in a composed text, as Antimony writes them, by what a drug file calls them
UNITS = {
    "1/day": ("per_day", "1 / (86400 second)"),
    "day": ("day", "86400 second"),
    "fold": ("fold", "1 dimensionless"),
    "umol/L": ("micromolar", "1e-6 mole / (1 litre)"),
}


def unit_line(name: str) -> str:
    """Return the line that declares a unit in a composed text."""
    return next(f"  unit {known} = {text};" for known, text in UNITS.values() if known == name)


def joined_inputs(parts: Sequence[DrugText], spine: Spine) -> dict[str, str]:
    """Return, of each input of the spine that a drug moves, the formula of its value, in the order of the drugs."""
    effects: dict[str, list[str]] = {}
    for part in parts:
        for name, effect in part.effects:
            effects.setdefault(name, []).append(effect)
    return {name: _shares(found) if name in SHARES else _sum(name, found, spine) for name, found in effects.items()}


def _shares(effects: Sequence[str]) -> str:
    """Return one minus what each leaves: no two shares exceed one (Bliss 1939, 10.1111/j.1744-7348.1939.tb06990.x)."""
    if len(effects) == 1:
        return effects[0]
    return "1 - " + " * ".join(f"(1 - {effect})" for effect in effects)


def _sum(name: str, effects: Sequence[str], spine: Spine) -> str:
    """Return the sum; hazards of two drugs interact where the spine knows interaction (joint_kill.ant says how)."""
    whole = " + ".join(effects)
    pairs = list(combinations(effects, 2))
    if not pairs or name.endswith("_exposure") or not {"drug_interaction", "drug_interaction_least"} <= spine.rows:
        return whole
    roots = " + ".join(f"sqrt(abs({a} * {b}) + drug_interaction_least ^ 2)" for a, b in pairs)
    return f"{whole} + drug_interaction * ({roots} - {len(pairs)} * drug_interaction_least)"
