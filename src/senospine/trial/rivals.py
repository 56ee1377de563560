"""A design beside others: other sizes, all-comers, a marker read without error, and a drug that does nothing.

All share the run's bank and seed, and lie in one folder below it that can be resumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from senospine.runs import OutcomeFolder, read_manifest, run_blocks
from senospine.runs.manifest import plain
from senospine.trial.bank import UNTREATED, bank_folder
from senospine.trial.design import Design
from senospine.trial.file import Population, Shares
from senospine.trial.operating import (
    OperatingCharacteristics,
    characteristics,
    operating_characteristics,
    smallest,
)
from senospine.trial.run import TrialRun, bank_in, blocks, simulated_tables

#: sizes that are tried, as parts of the design's own
FACTORS = (0.25, 0.5, 0.75, 1.5, 2.0)


@dataclass(frozen=True)
class Rival:
    """A design and how it does at each size.

    Attributes
    ----------
    label : str
    design : Design
        At its own size.
    sizes : mapping of int to OperatingCharacteristics
        By patients randomised, rising.
    """

    label: str
    design: Design
    sizes: Mapping[int, OperatingCharacteristics]

    @property
    def own(self) -> OperatingCharacteristics:
        """How it does at its own size."""
        return self.sizes[self.design.file.patients]


@dataclass(frozen=True)
class Rivals:
    """The design first, then what stands beside it, and the same design with a drug that does nothing."""

    designs: tuple[Rival, ...]
    null: OperatingCharacteristics | None


def varied(design: Design, what: str, **changes: object) -> Design:
    """Return a design with sections exchanged; ``what`` tells in words, and what a run is of changes with it."""
    digest = hashlib.sha256(f"{design.sha256}/{what}".encode()).hexdigest()
    return replace(design, file=design.file.model_copy(update=changes), sha256=digest)


def without_effect(design: Design) -> Design:
    """Return the design with therapies that do nothing: nobody's course differs from untreated, and contexts stay.

    Examples
    --------
    >>> from senospine.trial import load_design
    >>> without_effect(load_design("placebo-placebo")).therapies
    ('untreated', 'untreated')
    """
    context = dict(zip(design.arms, design.contexts, strict=True))
    arms = {
        name: arm if arm.therapy is None else arm.model_copy(update={"therapy": UNTREATED, "given_as": context[name]})
        for name, arm in design.file.arms.items()
    }
    return varied(design, "null drug", arms=arms)


def other_populations(design: Design) -> dict[str, Design]:
    """Return what a design by a marker is compared with: all-comers, and the marker read without error."""
    plan = design.file.population
    if plan.kind == "all-comers":
        return {}
    # a graph may speak of the marker-positive, who are no hypothesis of all-comers
    shared = {"multiplicity": "hierarchical"} if isinstance(design.file.analysis.multiplicity, Shares) else {}
    analysis = design.file.analysis.model_copy(update=shared)
    found = {"the same, all-comers": varied(design, "all-comers", population=Population(), analysis=analysis)}
    if plan.mode == "clinic":
        perfect = plan.model_copy(update={"mode": "oracle"})
        found["the same, perfect reader"] = varied(design, "perfect reader", population=perfect)
    return found


def sizes_of(design: Design) -> list[int]:
    """Return sizes around the design's own that can be analysed, in whole blocks, without its own."""
    plan, least = design.file, smallest(design)
    tried = {int(plan.block * round(factor * plan.patients / plan.block)) for factor in FACTORS}
    return sorted(size for size in tried if size >= least and size != plan.patients)


def run_rivals(
    run: TrialRun,
    bank: str | Path,
    *,
    trials: int,
    beside: Sequence[Design] = (),
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Rivals:
    """Simulate what stands beside a run: its design at other sizes, other designs at theirs, and a null drug.

    Parameters
    ----------
    run : TrialRun
        Its folder gets ``beside/``; trials that stand there are used again.
    bank : str or Path
    trials : int
        Of each; the design at its own size is the run itself.
    beside : sequence of Design
        Further designs.
    workers : int, optional
        Processes; all processors by default. The bytes do not depend on it.
    on_progress : callable, optional
        Called with trials done and trials in all.

    Raises
    ------
    TrialError
        A design asks for what the bank does not hold, or enrols too few.
    FileError
        The folder holds something else.
    """
    bank_folder(bank)
    design = _primary_only(run.design)
    others = {
        **other_populations(design), **{f"{item.name}, {_label(item)}": _primary_only(item) for item in beside},
    }  # fmt: skip
    for other in others.values():
        other.check_bank(bank_in(str(bank)))
    wanted = [design.with_patients(size) for size in sizes_of(design)]
    for other in others.values():
        wanted += [other, *(other.with_patients(size) for size in sizes_of(other))]
    null = None if set(design.therapies) == {UNTREATED} else without_effect(design)
    wanted += [null] if null is not None else []
    found = _simulated(run, bank, wanted, trials, workers, on_progress)
    designs = [Rival(f"{design.name}, {_label(design)}", design, _sizes(design, found, operating_characteristics(run)))]
    for name, other in others.items():
        designs.append(Rival(name, other, _sizes(other, found, found[other.sha256])))
    return Rivals(tuple(designs), found[null.sha256] if null is not None else None)


def _primary_only(design: Design) -> Design:
    """Return the design without sensitivity analyses, which change no decision and cost the most."""
    if not design.file.analysis.sensitivity:
        return design
    return varied(design, "no sensitivity", analysis=design.file.analysis.model_copy(update={"sensitivity": []}))


def _sizes(
    design: Design, found: Mapping[str, OperatingCharacteristics], own: OperatingCharacteristics
) -> dict[int, OperatingCharacteristics]:
    sizes = {size: found[design.with_patients(size).sha256] for size in sizes_of(design)}
    return dict(sorted({**sizes, design.file.patients: own}.items()))


def _simulated(
    run: TrialRun, bank: str | Path, designs: Sequence[Design], trials: int, workers: int | None,
    on_progress: Callable[[int, int], None] | None,
) -> dict[str, OperatingCharacteristics]:  # fmt: skip
    """Return the characteristics of designs by hash; one pool of processes for all of them."""
    inputs = {"study": f"beside trial {run.design.name}"}
    inputs |= {name: run.manifest["inputs"][name] for name in ("design", "bank", "seed", "block")}
    spans, path = list(blocks(trials)), run.path / "beside"
    # what lies here belongs to the run above: an older run's is replaced with it
    stands = read_manifest(path)
    older = stands is not None and stands["inputs"] != plain(inputs)
    with OutcomeFolder(path, inputs, overwrite=older) as folder:
        todo = [
            (item, start, stop)
            for item in designs
            for start, stop in spans
            if not all(folder.has(_part(kind, item, start, stop)) for kind in ("analyses", "conduct"))
        ]
        of = len(designs) * trials
        done = of - sum(stop - start for _, start, stop in todo)

        def on_result(key: tuple[Design, int, int], result: tuple[Any, Any]) -> None:
            nonlocal done
            for kind, table in zip(("analyses", "conduct"), result, strict=True):
                folder.write_part(_part(kind, *key), table, {"trials": key[2] - key[1]})
            done += key[2] - key[1]
            if on_progress is not None:
                on_progress(done, of)

        source = (str(bank), str(inputs["bank"]), int(str(inputs["seed"])))
        run_blocks(simulated_tables, ((key, (key[0], *source, *key[1:])) for key in todo), on_result, workers=workers)
        folder.write_manifest("complete")
    found = {}
    for item in designs:
        analyses, conduct = (
            pd.concat(
                [pd.read_parquet(path / "parts" / f"{_part(kind, item, *span)}.parquet") for span in spans],
                ignore_index=True,
            )
            for kind in ("analyses", "conduct")
        )
        found[item.sha256] = characteristics(item, analyses, conduct.fillna(0))
    return found


def _part(kind: str, design: Design, start: int, stop: int) -> str:
    return f"{kind}-{design.sha256[:16]}-{start:06d}-{stop:06d}"


def _label(design: Design) -> str:
    return "all-comers" if design.file.population.kind == "all-comers" else _population(design)


def _population(design: Design) -> str:
    plan = design.file.population
    return f"{plan.kind} by {plan.marker}".replace("_", " ") + (", perfect reader" if plan.mode == "oracle" else "")
