"""Published facts of five kinds: contrasts, values, bounds, rates, associations; each with the role it may play."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from senospine.assays import readouts

Direction = Literal["up", "down", "none"]
Star = Literal["yes", "no", "unclear"]
Scale = Literal["absolute", "change"]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What every published fact says of itself.

    Attributes
    ----------
    subset : str
        Part of the study that shares one role.
    claim : {'disease', 'treatment', 'none'}
        Whether ``arm`` is ill and ``versus`` its control, or ``arm`` treated and ``versus`` not, or neither; the
        naive rule says "disease worse, treatment better" and is silent otherwise.
    versus : str
        The arm compared with; empty where there is none.
    at : str
        Moment of measurement as the study writes it; empty for its last.
    n_low, n_high : int
        Range of animals per group that the paper allows.
    role : {'calibration', 'validation'}
        Declared before any fit, in ``roles.csv``.
    where : str
        ``file:line``.
    """

    id: str
    kind: str
    study: str
    subset: str
    claim: Literal["disease", "treatment", "none"]
    panel: str
    readout: str
    arm: str
    versus: str
    at: str
    n_stated: str
    n_low: int
    n_high: int
    how_obtained: str
    confidence: str
    role: str
    source: str
    doi: str
    note: str
    where: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; what has no number is None."""
        plain = {key: value for key, value in asdict(self).items() if key != "where"}
        unknown = {key: None for key, value in plain.items() if isinstance(value, float) and not math.isfinite(value)}
        return {**plain, **unknown, "finding": self.text}

    @property
    def testable(self) -> bool:
        """Whether an assay simulates this read-out."""
        return self.readout in readouts()

    @property
    def drawn(self) -> tuple[str, ...]:
        """All arms that it draws animals from."""
        return (self.arm, self.versus) if self.versus else (self.arm,)

    @property
    def comparison(self) -> str:
        """The arms in words."""
        return f"{self.arm} v {self.versus}" if self.versus else self.arm

    @property
    def starred(self) -> bool:
        """Whether the authors call it significant."""
        return False

    @property
    def way(self) -> Direction:
        """Where ``arm`` lies against ``versus``; 'none' where no difference is claimed, or nothing is compared."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The finding in a few signs."""
        raise NotImplementedError

    @property
    def sentence(self) -> str:
        """The finding as a sentence without its verb."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class _Signed(Fact):
    """A direction, with a star or without."""

    direction: Direction
    significant: Star

    @property
    def starred(self) -> bool:
        """See :class:`Fact`."""
        return self.significant == "yes"

    @property
    def way(self) -> Direction:
        """See :class:`Fact`."""
        return self.direction

    @property
    def text(self) -> str:
        """``↑*`` significant rise, ``↓?`` fall with the star unclear, ``no *`` no significant difference."""
        arrow = {"up": "↑", "down": "↓", "none": "no"}[self.direction]
        return (
            arrow + {"yes": "*", "no": " *" if self.direction == "none" else " n.s.", "unclear": "?"}[self.significant]
        )

    @property
    def _star(self) -> str:
        return {"yes": "significant", "no": "not significant", "unclear": "significance unclear"}[self.significant]


@dataclass(frozen=True, kw_only=True)
class Contrast(_Signed):
    """A comparison of two groups.

    Attributes
    ----------
    direction : {'up', 'down', 'none'}
        Where ``arm`` lies against ``versus``; 'none' where the authors claim no difference.
    significant : {'yes', 'no', 'unclear'}
        Whether the authors call it significant; 'unclear' where words only suggest it: then only the sign counts.
    test, groups, comparisons
        The test, the arms that lend it their variance, and the Bonferroni factor.
    """

    test: str
    groups: tuple[str, ...]
    comparisons: int

    @property
    def drawn(self) -> tuple[str, ...]:
        """See :class:`Fact`."""
        return self.groups

    @property
    def sentence(self) -> str:
        """See :class:`Fact`."""
        if self.direction == "none":
            return f"{self.arm} not different from {self.versus}"
        return f"{self.arm} {'above' if self.direction == 'up' else 'below'} {self.versus}, {self._star}"


@dataclass(frozen=True, kw_only=True)
class Association(_Signed):
    """A correlation of two read-outs over the animals of one arm.

    Attributes
    ----------
    with_readout : str
        The other read-out.
    """

    with_readout: str

    @property
    def comparison(self) -> str:
        """See :class:`Fact`."""
        return f"within {self.arm}"

    @property
    def testable(self) -> bool:
        """Whether assays simulate both read-outs."""
        return {self.readout, self.with_readout} <= set(readouts())

    @property
    def sentence(self) -> str:
        """See :class:`Fact`."""
        way = {"up": "rises", "down": "falls", "none": "does not change"}[self.direction]
        return f"{way} with {self.with_readout} over the animals of {self.arm}, {self._star}"


@dataclass(frozen=True, kw_only=True)
class Value(Fact):
    """A group's mean.

    Attributes
    ----------
    scale : {'absolute', 'change'}
        In the read-out's unit, or in per cent of the mean of ``versus``.
    value, spread : float
        Spread is NaN where it was not printed.
    spread_kind : {'sd', 'sem', ''}
    """

    scale: Scale
    value: float
    spread: float
    spread_kind: str

    @property
    def way(self) -> Direction:
        """See :class:`Fact`."""
        if self.scale == "absolute" or self.value == 0:
            return "none"
        return "up" if self.value > 0 else "down"

    @property
    def text(self) -> str:
        """See :class:`Fact`."""
        if self.scale == "change":
            return f"{self.value:+.0f} %"
        return f"{self.value:.3g}" + ("" if math.isnan(self.spread) else f" ± {self.spread:.2g}")

    @property
    def sentence(self) -> str:
        """See :class:`Fact`."""
        if self.scale == "change":
            return f"mean of {self.arm} {self.value:+.1f} % of {self.versus}"
        return f"mean of {self.arm} {self.text}"


@dataclass(frozen=True, kw_only=True)
class Bound(Fact):
    """A group's mean lies between two numbers, of which one may be missing.

    Attributes
    ----------
    scale : {'absolute', 'change'}
    low, high : float
        Infinite where there is no such bound.
    """

    scale: Scale
    low: float
    high: float

    @property
    def way(self) -> Direction:
        """See :class:`Fact`."""
        if self.scale == "absolute" or self.low <= 0 <= self.high:
            return "none"
        return "up" if self.low > 0 else "down"

    @property
    def text(self) -> str:
        """See :class:`Fact`."""
        unit = " %" if self.scale == "change" else ""
        if math.isinf(self.low):
            return f"≤ {self.high:+g}{unit}" if unit else f"≤ {self.high:g}"
        if math.isinf(self.high):
            return f"≥ {self.low:+g}{unit}" if unit else f"≥ {self.low:g}"
        return f"{self.low:g} to {self.high:g}{unit}"

    @property
    def sentence(self) -> str:
        """See :class:`Fact`."""
        of = f" of {self.versus}" if self.scale == "change" else ""
        return f"mean of {self.arm} {self.text}{of}"


@dataclass(frozen=True, kw_only=True)
class Rate(Fact):
    """``k`` animals of ``n`` have a read-out between two numbers, of which one may be missing.

    Attributes
    ----------
    k : int
    low, high : float
        Infinite where there is no such bound.
    """

    k: int
    low: float
    high: float

    @property
    def way(self) -> Direction:
        """See :class:`Fact`."""
        return "none"

    @property
    def text(self) -> str:
        """See :class:`Fact`."""
        return f"{self.k} of {self.n_high}"

    @property
    def sentence(self) -> str:
        """See :class:`Fact`."""
        parts = [f"at least {self.low:g}"] if math.isfinite(self.low) else []
        parts += [f"at most {self.high:g}"] if math.isfinite(self.high) else []
        return f"{self.k} of {self.n_high} animals of {self.arm} have {' and '.join(parts)}"
