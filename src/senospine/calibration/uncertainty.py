"""How sure we are, in parts that are made one by one, kept as small files, and shown together on one page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from senospine.calibration import identify, validation
from senospine.calibration.posterior import Posterior
from senospine.calibration.problem import Problem
from senospine.calibration.recovery import recover
from senospine.calibration.reduced import Reduced, reduced_ranks
from senospine.calibration.rival_scores import Base, base_of_width, rival_scores
from senospine.calibration.rivals import SHIPPED_RIVALS, load_rivals
from senospine.errors import CalibrationError, FileError, suggest
from senospine.runs import write_then_rename

#: what can be asked, in the order of the page
PARTS = ("identify", "profiles", "validation", "rivals", "ranks", "recovery")
#: prior widths under which evidence is taken
WIDTHS = (0.5, 1.0, 2.0)
#: parameters whose profiles are drawn if none is named: those the data say most of
PROFILED = 4
SHIPPED_UNCERTAINTY = Path(__file__).parent / "mouse-uncertainty.json"


@dataclass(frozen=True)
class Asked:
    """What is wanted of the parts.

    Attributes
    ----------
    rivals : path
    profiled : tuple of str
        Parameters; the best known ones where empty.
    replicates : int
        Of the reduced problem's simulation-based calibration.
    recovered : int
        Truths simulated and fitted again in full, each by stars and by means: two minutes of processor time a truth.
    draws : int
        Of the posterior, for what is solved anew.
    seed : int
    """

    rivals: Path = SHIPPED_RIVALS
    profiled: tuple[str, ...] = ()
    replicates: int = 300
    recovered: int = 8
    draws: int = 400
    seed: int = 20240913


Told = Callable[[str, int, int], None]


def run_parts(
    problem: Problem, posterior: Posterior, parts: tuple[str, ...], folder: str | Path, *, asked: Asked | None = None,
    on_progress: Told | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the asked parts; each is kept in ``folder`` once it is made, and read from there the next time.

    Parameters
    ----------
    problem : Problem
        That the posterior is of.
    posterior : Posterior
    parts : tuple of str
        Of :data:`PARTS`.
    folder : path
    asked : Asked, optional
    on_progress : callable, optional
        Called with (what, done, of).

    Raises
    ------
    CalibrationError
        An unknown part, or a posterior of another problem.
    FileError
        The folder cannot be used.
    """
    asked, told = asked or Asked(), on_progress or (lambda what, done, of: None)
    for name in parts:
        if name not in PARTS:
            raise CalibrationError(f"no part '{name}'", remedy=suggest(name, PARTS))
    if changed := posterior.stale(problem):
        raise CalibrationError(
            "the posterior is of another problem", why=f"different: {', '.join(changed)}",
            remedy="run 'senospine calibrate' and name its posterior.npz with --posterior",
        )  # fmt: skip
    found: dict[str, Any] = {}
    for number, name in enumerate(parts):
        identity = _identity(posterior, name, asked)
        path = Path(folder) / f"{name}.json"
        kept = _kept(path, identity)
        if kept is None:
            told(name, number, len(parts))
            kept = _PARTS[name](problem, posterior, asked, Path(folder), told)
            text = json.dumps({"identity": identity, "found": kept}, indent=1, sort_keys=True) + "\n"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_then_rename(path, text)
            except OSError as error:
                raise FileError(f"cannot write: {error}", where=str(path), remedy="choose another folder") from None
            kept = json.loads(text)["found"]
        found[name] = kept
    return found


def _identity(posterior: Posterior, name: str, asked: Asked) -> dict[str, Any]:
    """Return everything that decides a part, as plain data."""
    known: dict[str, Any] = {
        "posterior": dict(posterior.hashes), "width": posterior.width, "draws": len(posterior.draws),
        "log_evidence": list(posterior.log_evidence), "seed": asked.seed,
    }  # fmt: skip
    mine: dict[str, dict[str, Any]] = {
        "profiles": {"profiled": list(asked.profiled)}, "ranks": {"replicates": asked.replicates},
        "recovery": {"recovered": asked.recovered},
        "rivals": {"rivals": asked.rivals.read_text(encoding="utf-8") if name == "rivals" else "", "n": asked.draws},
        "validation": {"n": asked.draws},
    }  # fmt: skip
    return json.loads(json.dumps(known | mine.get(name, {})))  # type: ignore[no-any-return]


def _kept(path: Path, identity: Mapping[str, Any]) -> Any:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return plain["found"] if isinstance(plain, dict) and plain.get("identity") == identity else None


def _identified(problem: Problem, posterior: Posterior, asked: Asked, folder: Path, told: Told) -> dict[str, Any]:
    return identify.summary(posterior)


def _profiled(problem: Problem, posterior: Posterior, asked: Asked, folder: Path, told: Told) -> list[dict[str, Any]]:
    contraction = posterior.contraction()
    model = {row.name for row in posterior.priors.rows if not row.of_likelihood}
    known = sorted((name for name in contraction if name in model), key=lambda name: -contraction[name])
    found = []
    for number, name in enumerate(asked.profiled or known[:PROFILED]):
        told(f"profile of {name}", number, len(asked.profiled) or PROFILED)
        item = identify.profile(problem, posterior, name)
        found.append({key: getattr(value, "tolist", lambda value=value: value)() for key, value in vars(item).items()})
    return found


def _validated(problem: Problem, posterior: Posterior, asked: Asked, folder: Path, told: Told) -> dict[str, Any]:
    scores = validation.row_scores(problem, posterior, draws=asked.draws, seed=asked.seed)
    left = validation.studies_left_out(
        problem, posterior, seed=asked.seed, on_progress=lambda study: told(f"without {study}", 0, 1)
    )
    return {
        "roles": validation.by_role(scores), "rows": [item.to_dict() for item in scores],
        "curve": validation.calibration_curve(problem, posterior, draws=asked.draws),
        "left_out": [_plain(asdict(item)) for item in left],
    }  # fmt: skip


def _rivalled(problem: Problem, posterior: Posterior, asked: Asked, folder: Path, told: Told) -> list[dict[str, Any]]:
    bases = {}
    for width in sorted(WIDTHS, key=lambda width: width != posterior.width):
        told(f"draws under priors of width {width:g}", 0, 1)
        bases[width] = (
            Base.of(problem, posterior, asked.draws, asked.seed) if width == posterior.width
            else base_of_width(problem, width, draws=256, seed=asked.seed)
        )  # fmt: skip
    scores = rival_scores(load_rivals(asked.rivals), bases, seed=asked.seed, on_progress=told)
    return [_plain(item.to_dict()) for item in scores]


def _ranked(problem: Problem, posterior: Posterior, asked: Asked, folder: Path, told: Told) -> dict[str, Any]:
    ranks = reduced_ranks(Reduced.of(problem), replicates=asked.replicates)
    return {"names": list(ranks.names), "ranks": ranks.ranks.tolist(), "verdict": ranks.verdict(),
            "p": ranks.chi_square().tolist()}  # fmt: skip


def _recovered(problem: Problem, posterior: Posterior, asked: Asked, folder: Path, told: Told) -> dict[str, Any]:
    found = recover(
        problem, folder / "recovery", replicates=asked.recovered, seed=asked.seed,
        on_progress=lambda done, of: told("fits of simulated data", done, of),
    )  # fmt: skip
    return recovered(found)


def recovered(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return recoveries by design as plain data."""
    return {
        design: item.summary() | {
            "names": list(item.names), "contraction": item.contraction().tolist(), "error": item.error().tolist(),
            "ranks": item.ranks.tolist(), "draws": item.draws, "verdict": item.as_ranks().verdict(),
        }
        for design, item in found.items()
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """Return data in which what has no number is None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and (value != value or abs(value) == float("inf")) else value


_PARTS: dict[str, Callable[[Problem, Posterior, Asked, Path, Told], Any]] = {
    "identify": _identified, "profiles": _profiled, "validation": _validated, "rivals": _rivalled, "ranks": _ranked,
    "recovery": _recovered,
}  # fmt: skip


def shipped_uncertainty() -> dict[str, Any]:
    """Return the parts that come with the package, made of the shipped posterior."""
    found: dict[str, Any] = json.loads(SHIPPED_UNCERTAINTY.read_text(encoding="utf-8"))
    return found


__all__ = ["PARTS", "WIDTHS", "Asked", "recovered", "run_parts", "shipped_uncertainty"]
