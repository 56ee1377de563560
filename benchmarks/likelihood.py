"""How many likelihoods of the whole mouse a second, by this engine and by its peers, in turns in one run.

Run with ``python benchmarks/likelihood.py PYTHON_OF_PEERS [ROUNDS] [PEER ...]``; peers: roadrunner, amici, which
compiles a model a history, a minute or more each. All solve the same animals of the same candidates, arm by arm;
every peer at its fastest setting whose worst output is no further from a tight solution than ours. One core each;
processor seconds, medians over rounds, ratios within rounds. What is made of the states, assays and
probabilities, is the same code for all and counted for all.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from senospine.bench.contestant import Contestant, contestants
from senospine.bench.peers.statement import Event, Statement
from senospine.bench.problems import state
from senospine.bench.tuning import tune, worst_errors
from senospine.calibration import Problem
from senospine.engine import Entry
from senospine.model import evaluate
from senospine.study import Arm

OURS_AT_ONCE, PEERS_AT_ONCE = 256, 2
#: the history that settings are chosen on: fourteen doses
TUNED_ON = ("pan2024-lsi", "navitoclax")
TIGHT = 1e-8


class Mouse:
    """The problem, and its histories as statements that peers can read."""

    def __init__(self, folder: Path) -> None:
        self.problem = replace(Problem.published(threads=1).for_sampling(), threads=1)
        centre = self.problem.priors.centre
        generator = np.random.default_rng(1)
        self.candidates = centre + 0.3 * generator.standard_normal((OURS_AT_ONCE, len(centre)))
        self.arms = self.problem.arms.measured
        self.histories: dict[tuple[Entry, ...], list[tuple[str, Arm, tuple[str, ...]]]] = {}
        for item in self.arms:
            self.histories.setdefault(item[1].entries, []).append(item)
        self.folders = {
            entries: self._write(folder / f"history-{number}", entries) for number, entries in enumerate(self.histories)
        }
        self.tuned_on = next(arm.entries for study, arm, _ in self.arms if (study, arm.name) == TUNED_ON)

    def _write(self, folder: Path, entries: tuple[Entry, ...]) -> Path:
        days = sorted({arm.day_of(moment) for _, arm, moments in self.histories[entries] for moment in moments})
        model, few = self.problem.model, self.candidates[:PEERS_AT_ONCE]
        parameters = self.parameters(few)
        events = [Event(item.time, item.kind, item.target, item.amount) for item in entries]
        count = len(few) * self.problem.animals
        state(folder.name, model, model.states, parameters, events, days, 0.0, count).write(folder)
        return folder

    def parameters(self, candidates: np.ndarray) -> dict[str, np.ndarray]:
        """Return every animal's parameters."""
        values, logs = self.problem.priors.values(candidates), self.problem._animals.logs
        animals = self.problem.animals
        found = {name: np.repeat(column, animals) for name, column in values.items()}
        for name, log in logs.items():
            base = found.get(name, np.full(len(candidates) * animals, self.problem.model.parameters[name]))
            found[name] = base * np.exp(np.tile(log, len(candidates)))
        return found

    def heights(self, solved: dict[tuple[Entry, ...], np.ndarray]) -> np.ndarray:
        """Return log posteriors from states (subjects, times, states) of every history."""
        model, few = self.problem.model, self.candidates[:PEERS_AT_ONCE]
        shape = (len(few), self.problem.animals)
        known = {name: np.broadcast_to(v, shape[0] * shape[1]) for name, v in model.parameters.items()}
        known |= self.parameters(few)
        places = {}
        for entries, states in solved.items():
            statement = Statement.read(self.folders[entries])
            for study, arm, moments in self.histories[entries]:
                for moment in moments:
                    column = int(np.searchsorted(statement.times, arm.day_of(moment) - 1e-9))
                    now = known | dict(zip(model.states, states[:, column].T, strict=True))
                    now |= {item.target: np.full(len(states), item.amount) for item in entries if item.kind == "switch"}
                    for name, formula in model.assignments.items():
                        value = evaluate(formula, now, statement.times[column])
                        now[name] = np.broadcast_to(value, len(states))
                    needed = self.problem._lives.outputs
                    places[study, arm.name, moment] = {name: now[name].reshape(shape) for name in needed}
        held = _Held(self.problem, places)
        return held.log_posterior(few)


class _Held(Problem):
    """The problem with states that somebody else has solved."""

    def __init__(self, problem: Problem, places: dict[tuple[str, str, str], dict[str, np.ndarray]]) -> None:
        super().__init__(**{name: getattr(problem, name) for name in problem.__dataclass_fields__})
        noise = problem._noise
        object.__setattr__(self, "_places", places)
        self.__dict__["_noise"] = noise

    def solve(self, values: object) -> dict[tuple[str, str, str], dict[str, np.ndarray]]:
        """Return what was solved."""
        return self.__dict__["_places"]


def solve_all(mouse: Mouse, peer: Contestant, rtol: float, setting: dict) -> tuple[dict, dict]:
    """Return a peer's states, and its processor seconds a candidate, of every history."""
    solved, seconds = {}, {}
    for entries, folder in mouse.folders.items():
        peer.load(folder)
        solved[entries], timing = peer.values(0, PEERS_AT_ONCE * mouse.problem.animals, rtol, setting)
        seconds[entries] = timing.cpu_seconds / PEERS_AT_ONCE
    return solved, seconds


def total(mouse: Mouse, seconds: dict[tuple[Entry, ...], float], *, shared: bool) -> float:
    """Return processor seconds a candidate: every arm by itself, or histories that are alike once."""
    return sum(seconds[entries] * (1 if shared else len(arms)) for entries, arms in mouse.histories.items())


def ours(mouse: Mouse) -> tuple[float, float]:
    """Return our processor seconds a candidate: all, and what is not solving."""
    begun = time.process_time()
    mouse.problem.log_posterior(mouse.candidates)
    whole = time.process_time() - begun
    begun = time.process_time()
    mouse.problem.solve(mouse.problem.priors.values(mouse.candidates))
    return whole / OURS_AT_ONCE, max(whole - (time.process_time() - begun), 0.0) / OURS_AT_ONCE


def say(text: str) -> None:
    """Write a line, now."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(python: str, rounds: int, names: list[str]) -> None:
    """Measure and tell."""
    with tempfile.TemporaryDirectory() as place:
        mouse = Mouse(Path(place))
        few = mouse.candidates[:PEERS_AT_ONCE]
        mouse.problem.log_posterior(few)
        exact = replace(mouse.problem, rtol=TIGHT)
        exact.__dict__["_noise"] = mouse.problem._noise
        truth = exact.log_posterior(few)
        say(f"{len(mouse.arms)} arms, {len(mouse.histories)} different histories, {mouse.problem.animals} animals")
        say(f"senospine: log posterior wrong by {np.abs(mouse.problem.log_posterior(few) - truth).max():.1e} at most")
        lane = contestants(["senospine_lanes"], None, Path(place))[0]
        lane.start()
        lane.load(mouse.folders[mouse.tuned_on])
        statement = Statement.read(mouse.folders[mouse.tuned_on])
        tight, _ = lane.values(0, len(statement.values), TIGHT, lane.settings[0])
        loose, _ = lane.values(0, len(statement.values), mouse.problem.rtol, lane.settings[0])
        lane.stop()
        target = float(worst_errors(loose, tight, statement.scales).max())
        say(f"worst state of {TUNED_ON[0]}, {TUNED_ON[1]}: {target:.1e} from a tight solution; so much for all")
        peers, chosen = contestants(names, python, Path(place)), {}
        for peer in peers:
            peer.start()
            if peer.missing:
                say(f"{peer.label}: {peer.missing}")
                continue
            peer.load(mouse.folders[mouse.tuned_on])
            best = tune(peer, tight, statement.scales, target)
            chosen[peer.name] = best
            words = ", ".join(str(value) for value in best.setting.values())
            say(f"{peer.label} {peer.version}: {words}, rtol {best.rtol:g}, error {best.error:.1e}")
        laps: dict[str, list[tuple[float, float]]] = {name: [] for name in chosen}
        mine: list[float] = []
        for _ in range(rounds):
            whole, judging = ours(mouse)
            mine.append(whole)
            for peer in (peer for peer in peers if peer.name in chosen):
                best = chosen[peer.name]
                solved, seconds = solve_all(mouse, peer, best.rtol, best.setting)
                each, alike = (total(mouse, seconds, shared=shared) + judging for shared in (False, True))
                laps[peer.name].append((each / whole, alike / whole))
                wrong = float(np.abs(mouse.heights(solved) - truth).max())
                say(
                    f"  {peer.label}: {1 / each:.3g} a second arm by arm, {1 / alike:.3g} with equal histories once; "
                    f"senospine {1 / whole:.4g}: {each / whole:.1f} and {alike / whole:.1f} times; wrong by {wrong:.1e}"
                )
        say(f"senospine: {1 / statistics.median(mine):.4g} likelihoods a second of processor time")
        for peer in (peer for peer in peers if peer.name in chosen):
            each, alike = (statistics.median(lap[kind] for lap in laps[peer.name]) for kind in (0, 1))
            say(f"{peer.label}: senospine {each:.1f} times as fast arm by arm, {alike:.1f} with equal histories once")
            peer.stop()


if __name__ == "__main__":
    peers_asked = sys.argv[3:] or ["roadrunner", "amici"]
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5, peers_asked)
