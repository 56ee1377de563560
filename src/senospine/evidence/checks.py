"""What may be wrong with one row of an evidence table, before it becomes a fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from senospine.assays import NOT_SIMULATED, readouts
from senospine.errors import SenospineError, suggest
from senospine.study import Study, load_study, published_studies

Problem = tuple[str, str]
Row = Mapping[str, str]

KINDS = ("contrast", "value", "bound", "rate", "association")
CLAIMS = ("disease", "treatment", "none")
DIRECTIONS = ("up", "down", "none")
SIGNIFICANCE = ("yes", "no", "unclear")
TESTS = ("anova-bonferroni", "t-test")
SCALES = ("absolute", "change")
SPREADS = ("sd", "sem", "")
ROLE_NAMES = ("calibration", "validation")
CONFIDENCES = ("high", "medium", "low")

#: the columns that only some kinds fill
_OWN = {
    "contrast": ("direction", "significant", "test", "groups", "comparisons"),
    "association": ("direction", "significant", "with_readout"),
    "value": ("scale", "value", "spread", "spread_kind"),
    "bound": ("scale", "low", "high"),
    "rate": ("value", "low", "high"),
}
_ALL_OWN = tuple(dict.fromkeys(name for names in _OWN.values() for name in names))


class Studies:
    """The shipped studies, each loaded when a row first names it, and those of one's own."""

    def __init__(self, own: Mapping[str, Study] | None = None) -> None:
        self.own = frozenset(own or ())
        self._loaded: dict[str, Study | None] = dict(own or {})

    def get(self, name: str) -> Study | None:
        """Return a study; nothing if it cannot be read, which its own check says."""
        if name not in self._loaded:
            try:
                self._loaded[name] = load_study(name)
            except SenospineError:
                self._loaded[name] = None
        return self._loaded[name]


def row_problems(row: Row, studies: Studies) -> Iterator[Problem]:
    """Yield what is wrong with a row, each with its remedy."""
    for column, known in (
        ("kind", KINDS), ("claim", CLAIMS), ("role", ROLE_NAMES), ("confidence", CONFIDENCES),
        ("readout", [*readouts(), *NOT_SIMULATED]),
    ):  # fmt: skip
        if row[column] not in known:
            yield f"{column} '{row[column]}' is not known", suggest(row[column], known)
    for column in ("id", "subset", "panel", "how_obtained", "source", "doi"):
        if not row[column]:
            yield f"'{column}' is empty", "every finding says where it was read and how"
    counts = {}
    for column in ("n_low", "n_high"):
        counts[column] = int(row[column]) if row[column].isdecimal() else -1
        if counts[column] < 1:
            yield f"{column} '{row[column]}' is not a whole number above zero", "count animals per group"
    if 0 < counts["n_high"] < counts["n_low"]:
        yield f"n from {counts['n_low']} to {counts['n_high']}", "put the smaller first"
    if row["kind"] in _OWN:
        yield from _own_problems(row)
        check: dict[str, Callable[[Row], Iterator[Problem]]] = {
            "contrast": _contrast, "association": _association, "value": _value, "bound": _bound, "rate": _rate,
        }  # fmt: skip
        yield from check[row["kind"]](row)
    yield from _arm_problems(row, studies)


def _own_problems(row: Row) -> Iterator[Problem]:
    mine = _OWN[row["kind"]]
    for column in _ALL_OWN:
        if row[column] and column not in mine:
            yield f"a {row['kind']} has no '{column}'", f"leave it empty; a {row['kind']} has: {', '.join(mine)}"
    for column in ("value", "spread", "low", "high"):
        if row[column] and column in mine and not _is_number(row[column]):
            yield f"{column} '{row[column]}' is not a finite number", "give a number without its unit"


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


def _sign(row: Row) -> Iterator[Problem]:
    for column, known in (("direction", DIRECTIONS), ("significant", SIGNIFICANCE)):
        if row[column] not in known:
            yield f"{column} '{row[column]}' is not known", suggest(row[column], known)
    if row["direction"] == "none" and row["significant"] == "yes":
        yield "significant, but without a direction", "give the direction, or say significant: no"
    if row["direction"] == "none" and row["significant"] == "unclear":
        yield "neither a direction nor a star: nothing to score", "give the direction, or say significant: no"
    if row["n_low"] == "1":
        yield "n of 1 per group has no spread", "a test needs two animals per group"


def _contrast(row: Row) -> Iterator[Problem]:
    yield from _sign(row)
    if row["test"] not in TESTS:
        yield f"test '{row['test']}' is not known", suggest(row["test"], TESTS)
    number = int(row["comparisons"]) if row["comparisons"].isdecimal() else -1
    if number < 1:
        yield f"comparisons '{row['comparisons']}' is not a whole number above zero", "count what was tested"
    groups = row["groups"].split("|")
    if row["test"] == "t-test" and (number != 1 or len(groups) != 2):
        yield "a t-test has two groups and no correction", "give both arms as groups and 1 as comparisons"
    if not {row["arm"], row["versus"]} <= set(groups):
        yield f"groups '{row['groups']}' do not hold both arms of the comparison", "list every arm of the test"
    if len(set(groups)) < len(groups):
        yield f"groups '{row['groups']}' name an arm twice", "its variance would count twice; name it once"
    if not row["versus"]:
        yield "a contrast without 'versus'", "name the arm it is compared with"


def _association(row: Row) -> Iterator[Problem]:
    yield from _sign(row)
    if row["with_readout"] not in [*readouts(), *NOT_SIMULATED]:
        yield f"with_readout '{row['with_readout']}' is not known", suggest(row["with_readout"], readouts())
    elif row["with_readout"] == row["readout"]:
        yield f"'{row['readout']}' is associated with itself", "name two read-outs"
    if row["n_low"].isdecimal() and 1 < int(row["n_low"]) < 3:
        yield "a correlation of two animals is one or minus one", "it needs three animals"
    if row["versus"] or row["claim"] != "none":
        yield "an association lies within one arm", "leave 'versus' empty and say claim: none"


def _scale(row: Row) -> Iterator[Problem]:
    if row["scale"] not in SCALES:
        yield f"scale '{row['scale']}' is not known", suggest(row["scale"], SCALES)
    if row["scale"] == "change" and not row["versus"]:
        yield "a change of what? 'versus' is empty", "name the arm it is a change of"


def _value(row: Row) -> Iterator[Problem]:
    yield from _scale(row)
    if not row["value"]:
        yield "a value without 'value'", "give the number"
    elif row["scale"] == "change" and _is_number(row["value"]) and float(row["value"]) <= -100:
        yield f"a change of {row['value']} % leaves nothing", "a mean cannot fall by all of it; give a bound"
    if row["spread_kind"] not in SPREADS or bool(row["spread"]) != bool(row["spread_kind"]):
        yield f"spread '{row['spread']}' of kind '{row['spread_kind']}'", "give both or neither; known kinds: sd, sem"
    elif row["spread"] and _is_number(row["spread"]) and float(row["spread"]) <= 0:
        yield f"a spread of {row['spread']}", "leave it empty where it was not printed"


def _ends(row: Row) -> Iterator[Problem]:
    if not row["low"] and not row["high"]:
        yield f"a {row['kind']} needs 'low', 'high' or both", "give at least one end"
    elif _is_number(row["low"]) and _is_number(row["high"]) and float(row["low"]) >= float(row["high"]):
        yield f"low {row['low']} is not below high {row['high']}", "put the smaller first"


def _bound(row: Row) -> Iterator[Problem]:
    yield from _scale(row)
    yield from _ends(row)


def _rate(row: Row) -> Iterator[Problem]:
    yield from _ends(row)
    if not row["value"].isdecimal() or not row["n_high"].isdecimal() or int(row["value"]) > int(row["n_high"]):
        yield f"{row['value']} of {row['n_high']} animals", "give the count in 'value', at most n"
    if row["n_low"] != row["n_high"]:
        yield f"n from {row['n_low']} to {row['n_high']}", "a rate is of a known number of animals"


def _arm_problems(row: Row, studies: Studies) -> Iterator[Problem]:
    name = row["study"]
    if name not in {*published_studies(), *studies.own}:
        yield f"study '{name}' does not exist", suggest(name, {*published_studies(), *studies.own})
        return
    study = studies.get(name)
    if study is None:
        return
    arms = list(dict.fromkeys(arm.stands_for for arm in study.arms))
    named = [row["arm"], *filter(None, [row["versus"]]), *filter(None, row["groups"].split("|"))]
    for wanted in dict.fromkeys(named):
        if wanted not in arms:
            yield f"study '{name}' has no arm '{wanted}'", suggest(wanted, arms)
    if row["arm"] == row["versus"]:
        yield f"arm '{row['arm']}' is compared with itself", "name two arms"
    late = [arm for arm in study.arms if arm.stands_for in named and row["at"] not in dict(arm.moments)]
    if row["at"] and late:
        moments = dict(late[0].moments)
        yield f"arm '{late[0].name}' of '{name}' is not measured at '{row['at']}'", suggest(row["at"], moments)
    measured = [item.name for item in study.readouts]
    for readout in filter(None, (row["readout"], row["with_readout"])):
        if readout in readouts() and readout not in measured:
            yield f"study '{name}' does not measure '{readout}'", "add it to the study's readouts"
