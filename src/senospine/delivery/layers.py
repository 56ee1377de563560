"""The layers of the disc's transport as Antimony text, for any refinement of those that ship."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from senospine.model.loading import BIOLOGY

#: thickness of a layer as a share of its tissue, from the bone inward
CEP_SHARES = (0.1, 0.2, 0.3, 0.4)
NUCLEUS_SHARES = (0.1, 0.15, 0.1, 0.15, 0.125, 0.125, 0.15, 0.1)
MODULE = BIOLOGY / "disc_transport.ant"
_BEGIN, _END = "  // layers\n", "  // end of layers\n"


def shares(split: int = 1) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the layers' shares of the cartilage endplate and of the half nucleus, each cut into ``split`` equal parts.

    Examples
    --------
    >>> [len(item) for item in shares(2)]
    [8, 16]
    """
    return tuple(
        tuple(part / split for part in tissue for _ in range(split)) for tissue in (CEP_SHARES, NUCLEUS_SHARES)
    )  # type: ignore[return-value]


def transport_text(split: int = 1, shipped: Path = MODULE) -> str:
    """Return the text of ``disc_transport.ant`` with every shipped layer cut into ``split``.

    What is not layered is taken from the shipped file; with ``split=1`` the whole is that file.
    """
    text = shipped.read_text(encoding="utf-8")
    before, rest = text.split(_BEGIN)
    after = rest.split(_END)[1]
    return before + _BEGIN + "".join(f"  {line}\n" for line in _layers(*shares(split))) + _END + after


def _layers(cep: Sequence[float], nucleus: Sequence[float]) -> Iterator[str]:
    names = [f"cep_{i + 1}" for i in range(len(cep))] + [f"np_{i + 1}" for i in range(len(nucleus))]
    both, last = [*cep, *nucleus], len(cep) - 1
    tissue = ["cep"] * len(cep) + ["nucleus"] * len(nucleus)
    for index, name in enumerate(names):
        yield f"{name} has micromolar;{'  // ' + _place(index, last, len(both)) if _place(index, last, len(both)) else ''}"
    for index in range(len(both)):
        yield f"flux_{index} has micromolar_mm_per_day;"
    yield f"from_bone := 1 / (1 / endplate_transfer + {both[0] / 2:.12g} / conductance_cep);"
    yield f"to_nucleus := 1 / ({cep[-1] / 2:.12g} / conductance_cep + {nucleus[0] / 2:.12g} / conductance_nucleus);"
    for index in range(len(both)):
        yield f"flux_{index} := {_flux(index, names, both, tissue)};"
    for index, name in enumerate(names):
        yield f"{name}' = {_rate(index, name, both, tissue)};"
        yield f"{name} = 0;"
    quarter = len(nucleus) // 4
    for zone in range(4):
        part = range(zone * quarter, (zone + 1) * quarter)
        yield f"zone_{zone + 1} := " + " + ".join(f"{4 * nucleus[i]:.12g} * np_{i + 1}" for i in part) + ";"
    yield "mean := (zone_1 + zone_2 + zone_3 + zone_4) / 4;"
    yield f"centre := np_{len(nucleus)};"


def _place(index: int, last: int, count: int) -> str:
    return {0: "at the bone", last: "at the nucleus", count - 1: "at the middle plane"}.get(index, "")


def _flux(index: int, names: Sequence[str], both: Sequence[float], tissue: Sequence[str]) -> str:
    """Return the flux into layer ``index`` from the one before it, or from the bone."""
    into = f"{names[index]} / partition_{tissue[index]}"
    if index == 0:
        return f"from_bone * (free_concentration - {into})"
    out = f"{names[index - 1]} / partition_{tissue[index - 1]}"
    if tissue[index] != tissue[index - 1]:
        return f"to_nucleus * ({out} - {into})"
    between = 2 / (both[index] + both[index - 1])
    return f"{between:.12g} * conductance_{tissue[index]} * ({out} - {into})"


def _rate(index: int, name: str, both: Sequence[float], tissue: Sequence[str]) -> str:
    onward = f" - flux_{index + 1}" if index + 1 < len(both) else ""
    height = {"cep": "cep_thickness", "nucleus": "half_height"}[tissue[index]]
    moved = f"(flux_{index}{onward}) / ({both[index]:.12g} * {height} * water_{tissue[index]})"
    if tissue[index] == "cep":
        return f"({moved} - disc_loss_rate * {name}) / retardation"
    return f"({moved} + annulus_supply + release - (annulus_rate + disc_loss_rate) * {name}) / retardation"
