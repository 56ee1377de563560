"""A bank made from the human model: sampled, selected, weighted, and followed untreated and under every therapy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senospine.assays import DEFAULT_REACH, DEVIATES, course_of, findings, generators, reach_of
from senospine.engine import compile_model
from senospine.errors import TrialError
from senospine.model import load_model
from senospine.runs import OutcomeFolder, run_blocks
from senospine.trial.bank import BASELINE, COURSES, UNTREATED, PatientBank
from senospine.trial.patients import (
    ONSET,
    OUTPUTS,
    RTOL,
    Block,
    Plan,
    read_therapy,
    schedule_of,
    simulate_people,
    stops_of,
    until,
)
from senospine.trial.population import plausible_limits, published_population, select, weigh
from senospine.trial.stopping import Stops, stop_days

Array = NDArray[np.float64]
BLOCK = 100
DEFAULT_PATIENTS, DEFAULT_DRAWS, DEFAULT_SEED = 1000, 12, 20240913
#: what pain over time is made of
PAIN = ("spinal_pain", "systemic_relief")
UNCERTAINTIES = ("all", "translation", "none")


def make_bank(
    folder: str | Path,
    therapies: Sequence[str] = (),
    *,
    patients: int = DEFAULT_PATIENTS,
    draws: int = DEFAULT_DRAWS,
    weeks: float = 52,
    every: float = 7,
    stops: Sequence[float] | None = None,
    seed: int = DEFAULT_SEED,
    centres: Mapping[str, float] | None = None,
    uncertainty: str = "all",
    between: bool = True,
    reach: str = DEFAULT_REACH,
    workers: int | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> PatientBank:
    """Return a bank of patients made from the human model, and write it to ``folder``.

    Parameters
    ----------
    folder : path
        ``lives/`` in it holds the blocks, so that the same call goes on after a stop.
    therapies : sequence of str
        As a design writes them; see :func:`senospine.trial.patients.read_therapy`.
    patients : int
        Sampled in each draw, before selection.
    draws : int
        Of the parameters that are doubted about all people; the bank's ``draw`` tells them apart.
    weeks, every : float
        How long people are followed [week], and the grid [day].
    stops : sequence of float, optional
        Days from which on some are given no more of each therapy; by default every 28 days, none if empty.
    seed : int
    centres : mapping of str to float, optional
        Values in place of the register's, such as gains carried over from mice by a fit.
    uncertainty : {'all', 'translation', 'none'}
        What differs from draw to draw: every number with a prior, the multipliers from mouse to human, or nothing.
    between : bool
        Whether people differ in the parameters of their spines and drugs.
    reach : {'all', 'persisting', 'tissue', 'spine'}
        Which pain a systemic analgesic acts on beside that of endplate and disc (:func:`senospine.assays.reach_of`).
        Lives are the same under any: another reading of a bank that stands takes seconds.
    workers : int, optional
        Processes; they change nothing but the time.
    overwrite : bool
        Replace an older bank.
    on_progress : callable, optional
        Called with people simulated and people in all.

    Raises
    ------
    TrialError
        A therapy, uncertainty or number that cannot be; nobody is plausible.
    FileError
        The folder is not ours to write.

    Notes
    -----
    Cost: about 20 ms of a processor for a person's life, a year untreated and a year under each of three therapies, one
    of them a pair of drugs; each stop day adds 0.15 ms.
    """
    if uncertainty not in UNCERTAINTIES:
        raise TrialError(f"no uncertainty is called '{uncertainty}'", remedy=f"one of {', '.join(UNCERTAINTIES)}")
    if patients < 50 or draws < 1 or weeks <= 0 or not 0 < every <= 28:
        raise TrialError(
            f"{patients} patients in {draws} draws over {weeks:g} weeks every {every:g} days are no bank",
            remedy="at least 50 patients, one draw, more than no time, and a grid of at most 28 days",
        )
    if uncertainty == "none" and draws > 1:
        raise TrialError(f"{draws} draws of nothing uncertain", remedy="one draw, or uncertainty 'all'")
    days = tuple(float(day) for day in np.arange(0.0, 7 * weeks + 1e-9, every))
    stopping = stop_days(days[-1]) if stops is None else tuple(sorted({float(day) for day in stops}))
    if any(not 0 < day < days[-1] for day in stopping):
        raise TrialError(
            f"nobody can stop on day {next(day for day in stopping if not 0 < day < days[-1]):g}",
            why=f"people are followed from day 0 to {days[-1]:g}",
            remedy="give days between these; who stops on the first is untreated, on the last treated",
        )
    each = [read_therapy(text) for text in therapies if text != UNTREATED]
    read = tuple({therapy.text: therapy for therapy in each}.values())
    plan = Plan(
        read, days, seed, centres=dict(sorted((centres or {}).items())), uncertainty=uncertainty, between=between,
        stops=stopping,
    )  # fmt: skip
    _refuse_unknown(plan)
    reach_of(reach)
    inputs = _inputs(plan, patients, draws)
    folder = Path(folder)
    total, done = patients * draws, 0
    with OutcomeFolder(folder / "lives", inputs, overwrite=overwrite) as out:
        blocks = list(_blocks(patients, draws))
        done = sum(count for name, _, _, count in blocks if out.has(name))
        if on_progress:
            on_progress(done, total)

        def keep(key: tuple[str, int], result: Any) -> None:
            nonlocal done
            out.write_part(key[0], result, {"people": key[1]})
            done += key[1]
            if on_progress:
                on_progress(done, total)

        todo = (((name, count), (plan, *place, count)) for name, *place, count in blocks if not out.has(name))
        run_blocks(_block, todo, keep, workers=workers)
        out.write_manifest("complete")
    bank = _assemble(plan, folder / "lives", patients, draws, inputs, reach)
    bank.write(folder)
    return bank


def _blocks(patients: int, draws: int) -> Iterator[tuple[str, int, int, int]]:
    for draw in range(draws):
        for first in range(0, patients, BLOCK):
            yield f"draw-{draw:04d}-{first:06d}", draw, first, min(BLOCK, patients - first)


def _refuse_unknown(plan: Plan) -> None:
    known = load_model("human").parameters
    for name in plan.centres:
        if name not in known:
            raise TrialError(f"the human model has no parameter '{name}'")
    for therapy in plan.therapies:
        schedule_of(plan, therapy, therapy.compose(), {"age_at_start": np.zeros(1)}, 0)


def _inputs(plan: Plan, patients: int, draws: int) -> dict[str, Any]:
    models = {"": load_model("human"), **{each.text: each.compose() for each in plan.therapies}}
    path = compile_model(models[""], outputs=["spinal_pain"]).code_path
    return {
        "study": "bank of patients", "therapies": {each.text: models[each.text].sha256 for each in plan.therapies},
        "model": models[""].sha256, "days": list(plan.days), "seed": plan.seed, "patients": patients, "draws": draws,
        "ages": list(plan.ages), "onset": list(ONSET), "centres": dict(plan.centres), "uncertainty": plan.uncertainty,
        "between": plan.between, "block": BLOCK, "rtol": RTOL, "code_path": path,
        "drugs": {drug.name: drug.sha256 for each in plan.therapies for drug in each.drugs},
        "procedures": {item.name: item.sha256 for each in plan.therapies for item in each.procedures},
        "priors": {name: [row.low, row.high, row.between_animal_cv] for model in models.values()
                   for name, row in sorted(model.register.items())},
        **({"stops": list(plan.stops)} if plan.stops else {}),
    }  # fmt: skip


def _block(plan: Plan, draw: int, first: int, count: int) -> Any:
    """Return one block as a table: people, the draw's reference, and courses as lists of fixed length."""
    import pyarrow as pa

    block: Block = simulate_people(plan, draw, first, count)
    columns = {name: pa.array(values) for name, values in block.people.items()}
    columns["reference"] = pa.array(np.full(count, block.reference))
    for therapy, outputs in block.courses.items():
        for name, values in outputs.items():
            flat = pa.array(np.ascontiguousarray(values, np.float32).ravel())
            columns[f"{name} under {therapy}"] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return pa.table(columns)


def _assemble(plan: Plan, lives: Path, patients: int, draws: int, inputs: Mapping[str, Any], reach: str) -> PatientBank:
    """Return the bank: pain of drives, selection and weights, draw by draw."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    nobody = {"age_at_start": np.zeros(1)}
    stops = {each.text: stops_of(plan, schedule_of(plan, each, each.compose(), nobody, 0)) for each in plan.therapies}
    keys = (UNTREATED, *stops, *(until(text, day) for text, (days, _) in stops.items() for day in days))
    baselines: list[pd.DataFrame] = []
    courses: dict[str, dict[str, list[Array]]] = {key: {name: [] for name in COURSES} for key in keys}
    refused: dict[str, int] = {}
    sizes = []
    for draw in range(draws):
        names = [name for name, number, _, _ in _blocks(patients, draws) if number == draw]
        table = pa.concat_tables([parquet.read_table(lives / "parts" / f"{name}.parquet") for name in names])
        drives = {
            (name, key): np.asarray(table[f"{name} under {key}"].combine_chunks().flatten()).reshape(patients, -1)
            for key in keys for name in OUTPUTS
        }  # fmt: skip
        people, follow = _people(table, drives[("spinal_pain", UNTREATED)], reach_of(reach))
        solved = np.all([np.isfinite(values).all(axis=1) for values in drives.values()], axis=0)
        chosen = select(people)
        kept = chosen.kept & solved
        for name, count in {**chosen.refused, "not solved": int((~solved).sum())}.items():
            refused[name] = refused.get(name, 0) + count
        refused["any of them"] = refused.get("any of them", 0) + int((~kept).sum())
        if kept.sum() < 50:
            raise TrialError(f"only {int(kept.sum())} of {patients} people of draw {draw} are plausible")
        people = people[kept].reset_index(drop=True)
        balanced = weigh(people)
        people["weight"] = balanced.weights * len(people)
        sizes.append(balanced.effective_size)
        baselines.append(people)
        for key in keys:
            for name in COURSES:
                pain = name == "pain"
                values = follow(*(drives[(each, key)] for each in PAIN)) if pain else drives[(name, key)]
                courses[key][name].append(values[kept])
    joined = {
        key: {name: np.concatenate(parts).astype(np.float32) for name, parts in outputs.items()}
        for key, outputs in courses.items()
    }
    made = {
        "how": "make_bank: the human model", "seed": plan.seed, "sampled": patients * draws, "draws": draws,
        "uncertainty": plan.uncertainty, "between": plan.between, "reach": reach,
        "refused": refused, "effective": sizes,
        "carried": "gains of the mouse from a fit" if plan.centres else "gains of the mouse's register",
        "inputs": json.loads(json.dumps({k: v for k, v in inputs.items() if k != "priors"})),
        "targets": [row.name for row in published_population() if row.role == "calibration"],
        "limits": [row["name"] for row, _ in plausible_limits()],
    }  # fmt: skip
    stopped = {
        text: Stops(days, doses, tuple(joined.pop(until(text, day)) for day in days))
        for text, (days, doses) in stops.items() if plan.stops
    }  # fmt: skip
    return PatientBank(pd.concat(baselines, ignore_index=True), np.asarray(plan.days), joined, made, stopped)


def _people(
    table: Any, untreated: Array, reach: Mapping[str, float]
) -> tuple[pd.DataFrame, Callable[[Array, Array], Array]]:
    """Return a draw's people as a bank has them, and what turns drive and relief over time into their pain."""
    raw = table.select([name for name in table.column_names if " under " not in name]).to_pandas()
    deviates = {name: raw.pop(f"deviate_{name}").to_numpy() for name in DEVIATES}
    reference = float(raw.pop("reference").iloc[0])
    found = findings(
        raw["age"].to_numpy(), raw["degeneration"].to_numpy(), np.maximum(raw["endplate_porosity"].to_numpy(), 1e-6),
        deviates,
    )  # fmt: skip
    drive = untreated[:, 0].astype(float) - 1
    own = generators(drive, reference, found["facet_degeneration"], deviates)
    people = raw.assign(
        **found, weight=1.0, endplate_senescence=raw["senescent_osteoclasts"],
        disc_senescence=raw["senescent_disc_cells"], other_pain=own.other, pain=own.pain,
        spinal_pain_points=own.spinal, persisting_pain_points=own.persisting, facet_pain_points=own.facet,
        muscle_pain_points=own.muscle, central_pain_points=own.central,
    )  # fmt: skip
    people = people[[*BASELINE, "draw", *(name for name in people.columns if name not in {*BASELINE, "draw"})]]

    def follow(spinal_pain: Array, relief: Array) -> Array:
        return course_of(spinal_pain.astype(float) - 1, reference, own, deviates, relief.astype(float), reach)

    return people, follow
