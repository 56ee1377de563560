"""Coverage-guided fuzzing of what reads people's files, by hand and outside the tests.

::

    pip install atheris
    python fuzz/fuzz.py sbml -max_total_time=600 -timeout=20 -rss_limit_mb=3000 -artifact_prefix=found_ CORPUS

Targets: ``sbml``, ``antimony``, ``study``, ``schedule``. CORPUS is a folder that keeps interesting inputs; seeds are
put into it. Whatever the input, the answer has to be a result or one of our own errors, within ``-timeout`` seconds.
A file ``found_crash-...`` given in the place of the folder runs that input again.
"""

from __future__ import annotations

import math
import random
import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["senospine"]):
    from senospine.engine import Entry, Schedule, compile_model
    from senospine.errors import SenospineError
    from senospine.model import load_model
    from senospine.study.file import PUBLISHED, load_study
    from senospine.therapy import parse_regimen

SEED = """function hill(x, k)
  x^2/(k^2 + x^2)
end
model *m()
  unit day = 86400 second; time_unit = day;
  compartment C, D; C = 2; D = 1.5; D' = 0.1;
  species S in C, $B in C, T in D; substanceOnly species A in D;
  S = 3; T = 1e-3; A = 2; B = 1; k = 0.3; q = 2*k; k has day; r := q/(1 + 0*k);
  J1: 2 S + B -> T; k*C*hill(S, q);
  J2: T -> A; q*T*D;
  w := piecewise(1, time < 1 && S > 0.5, exp(-S)); y' = w - rateOf(D)*y/r; y = 1;
  E1: at 0.5 after (time >= 1), priority=2, persistent=false: S = S + y, k2 = 4; k2 = 1;
end
"""
REGIMENS = (
    "navitoclax 50 mg/kg oral daily for 7 days from day 28 after surgery, 2 cycles of 21 days",
    "navitoclax 50 mg/kg oral daily for 3 days from day 1 after surgery",
)
WORDS = (
    "0", "-1", "1e308", "1e-320", "nan", "INF", "1e999", "<", ">", "&", '"', "(", ")", ";", "=", "time", "é", "\n",
    "true", "pi", "avogadro", "rateOf", "delay", "unit", "at", "365", "days", "mg/kg", "- ", ": ", "[", "]", "{", "}",
    "&a", "*a",
)  # fmt: skip
FOLDER = Path(tempfile.mkdtemp())


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Return the text with words or lines moved about, so that most of it stays readable; or with other bytes."""
    choose = random.Random(seed)
    if choose.random() < 0.2:
        return bytes(atheris.Mutate(data, most))
    text = data.decode("utf-8", "replace")
    for _ in range(choose.randint(1, 3)):
        words, lines = list(re.finditer(r"[\w.+-]+", text)), text.split("\n")
        kind = choose.randint(0, 4)
        if kind <= 1 and words:
            word = choose.choice(words)
            new = choose.choice(WORDS) if choose.random() < 0.4 else choose.choice(words).group()
            text = text[: word.start()] + new + text[word.end() :]
        elif kind == 2:
            lines.insert(choose.randrange(len(lines) + 1), choose.choice(lines))
            text = "\n".join(lines)
        elif kind == 3:
            del lines[choose.randrange(len(lines))]
            text = "\n".join(lines)
        else:
            place = choose.randrange(len(text) + 1)
            text = text[:place] + choose.choice(WORDS) + text[place:]
    return text.encode("utf-8", "replace")[:most]


def read_model(suffix: str) -> Callable[[bytes], None]:
    """Return a target that reads, checks, compiles and solves a model file."""
    path = FOLDER / f"model{suffix}"

    def target(data: bytes) -> None:
        path.write_bytes(data)
        model = load_model(path)
        model.check()
        compile_model(model, jit=False).solve(times=[0.0, 1.0, 2.0], max_steps=300)

    return target


def study(data: bytes) -> None:
    """Read a study file and, of its text, each line as a regimen."""
    text = data.decode("utf-8", "replace")
    for line in text.splitlines()[:3]:
        try:
            regimen = parse_regimen(line)
            assert parse_regimen(regimen.text()) == regimen, regimen.text()
        except SenospineError:
            pass
    path = FOLDER / "study.yaml"
    path.write_bytes(data)
    load_study(path)


def schedule() -> Callable[[bytes], None]:
    """Return a target that solves a small model under any schedule, at any times, with any values."""
    path = FOLDER / "oral.ant"
    path.write_text("model *m()\n gut' = -ka*gut; x' = ka*gut - k*x/(1 + x); gut = 0; x = 0; ka = 1; k = 0.4;\nend\n")
    kernel = compile_model(load_model(path), cache=False)
    odd = (0.0, -0.0, 1.0, -1.0, 1e-320, 1e-300, 1e300, 1e308, math.inf, -math.inf, math.nan, 3.0, 2.0**53, 1e-12)

    def target(data: bytes) -> None:
        provider = atheris.FuzzedDataProvider(data)

        def number() -> float:
            if provider.ConsumeIntInRange(0, 3) == 0:
                return float(odd[provider.ConsumeIntInRange(0, len(odd) - 1)])
            return float(provider.ConsumeIntInRange(-8, 200)) / 8.0

        def entries() -> list[Entry]:
            kinds, targets = ("bolus", "infusion", "switch"), ("gut", "x", "k", "ka", "nothing")
            return [
                Entry(
                    number(),
                    kinds[provider.ConsumeIntInRange(0, 2)],
                    targets[provider.ConsumeIntInRange(0, 4)],
                    number(),
                    number(),
                )
                for _ in range(provider.ConsumeIntInRange(0, 6))
            ]

        subjects = provider.ConsumeIntInRange(1, 3)
        per_subject = provider.ConsumeBool()
        table = Schedule.each([entries() for _ in range(subjects)]) if per_subject else Schedule.shared(entries())
        times = [number() for _ in range(provider.ConsumeIntInRange(0, 5))]
        if provider.ConsumeBool():
            times = sorted(times)
        solution = kernel.solve(
            {"k": [number() for _ in range(subjects)], "ka": number()},
            table,
            times,
            start=number(),
            initial={"gut": number()},
            rtol=abs(number()) * 1e-5,
            max_steps=2000,
            threads=1,
        )
        for name in kernel.outputs:
            lost = ~(abs(solution[name]) < math.inf)
            assert not lost[solution.status == 0].any(), "a number is missing and nobody says why"

    return target


def main() -> None:
    """Fuzz the target that the command line names."""
    name = sys.argv.pop(1)
    targets = {
        "sbml": lambda: read_model(".xml"), "antimony": lambda: read_model(".ant"), "study": lambda: study,
        "schedule": schedule,
    }  # fmt: skip
    target = targets[name]()
    warnings.simplefilter("ignore")

    def one(data: bytes) -> None:
        try:
            target(data)
        except SenospineError as error:
            str(error)

    for folder in (Path(item) for item in sys.argv[1:] if not item.startswith("-") and Path(item).is_dir()):
        _seed(name, folder)
    more = {} if name == "schedule" else {"custom_mutator": mutate}
    atheris.Setup(sys.argv, one, **more)
    atheris.Fuzz()


def _seed(name: str, folder: Path) -> None:
    (folder / "seed.ant").write_text(SEED, encoding="utf-8")
    if name == "sbml":
        (folder / "seed.xml").write_text(load_model(folder / "seed.ant").to_sbml(), encoding="utf-8")
    if name == "study":
        for path in PUBLISHED.glob("*.yaml"):
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / "regimens").write_text("\n".join(REGIMENS), encoding="utf-8")


if __name__ == "__main__":
    main()
