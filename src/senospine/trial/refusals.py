"""Keys that a kind of design would not heed are refused, never left out in silence; graphs of hypotheses checked."""

from __future__ import annotations

from collections.abc import Sequence

from senospine.errors import TrialError, suggest
from senospine.stats.imputation import STRATEGIES
from senospine.trial.file import File, Shares
from senospine.yaml_files import Document

ROUNDING = 1e-9


def check_heeded(file: File, document: Document) -> None:
    """Refuse what is written and would change nothing."""
    _check_population_keys(file, document)
    if file.population.kind == "two-stage":
        _check_two_stage(file, document)
    _check_looks(file, document)
    for name, arm in file.arms.items():
        if arm.control is not None and arm.given_as is not None:
            raise TrialError(
                f"arm '{name}' is a control and has 'given_as' too", where=document.where("arms", name, "given_as"),
                why="a control's context is its own kind", remedy=f"write 'control: {arm.given_as}', or leave it out",
            )  # fmt: skip
    dropout = file.dropout
    if dropout.mechanism == "completely at random" and dropout.log_hazard_per_point:
        raise TrialError(
            "leaving completely at random does not depend on pain, and 'log_hazard_per_point' says it does",
            where=document.where("dropout", "log_hazard_per_point"),
            remedy="write 'mechanism: at random', or leave it out",
        )
    plan = file.analysis
    imputed = plan.tipping is not None or any(name in STRATEGIES for name in plan.sensitivity)
    if plan.subgroup_scale is not None and not plan.subgroups:
        _refuse(document, ("analysis", "subgroup_scale"), "a design without subgroups has no 'subgroup_scale'")
    if "imputations" in plan.model_fields_set and not imputed:
        _refuse(document, ("analysis", "imputations"), "nothing is imputed, and 'imputations' says how often",
                f"name one of {', '.join(STRATEGIES)} in 'sensitivity', or leave it out")  # fmt: skip


def _check_population_keys(file: File, document: Document) -> None:
    written, kind = file.population.model_fields_set - {"kind"}, file.population.kind
    of_stages = {"first_stage", "select_difference"}
    for name in sorted(written):
        if kind == "all-comers" or (name in of_stages and kind != "two-stage"):
            wanted = "kind: two-stage" if name in of_stages else "kind: marker-enriched, stratified or two-stage"
            _refuse(document, ("population", name), f"{_a(kind)} design has no '{name}'",
                    f"write '{wanted}', or leave it out")  # fmt: skip


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _check_two_stage(file: File, document: Document) -> None:
    for index, name in enumerate(file.analysis.sensitivity):
        if name in STRATEGIES:
            raise TrialError(
                f"a two-stage design has no sensitivity analysis '{name}'",
                where=document.where("analysis", "sensitivity", index),
                why="its answer combines p values of two stages, and imputation would pool them",
                remedy="leave it out (ancova and mmrm are combined like the main analysis), or use a stratified design",
            )
    names = list(file.endpoints)
    if file.endpoints[names[0]].responder is not None:
        _refuse(document, ("endpoints", names[0], "responder"),
                "a two-stage design chooses by a mean, not by responders",
                "leave out 'responder', or use a stratified design")  # fmt: skip
    if len(names) > 1:
        _refuse(document, ("endpoints", names[1]),
                f"a two-stage design tests its first endpoint only, not '{names[1]}'",
                "leave it out, or use a stratified design")  # fmt: skip
    if "multiplicity" in file.analysis.model_fields_set:
        _refuse(document, ("analysis", "multiplicity"), "a two-stage design has a closed test of its own")
    first = round(file.patients * file.population.first_stage)
    least = 9 + len(file.arms) + len(file.stratify) + len(file.visits)
    for words, size in (("first", first), ("second", file.patients - first)):
        if size < least:
            _refuse(document, ("population",), f"the {words} stage has {size} patients: too few to estimate anything",
                    f"at least {least}, and rather three times as many: change its share or 'patients'")  # fmt: skip


def _check_looks(file: File, document: Document) -> None:
    plan = file.interim
    if plan is None or plan.futility_z is not None:
        return
    if plan.success == "none":
        _refuse(document, ("interim",), "these looks can stop nothing",
                "write 'success: obrien-fleming', or 'futility_z: 0.0', or leave out 'interim'")  # fmt: skip
    if "binding" in plan.model_fields_set:
        _refuse(document, ("interim", "binding"), "there is no bound for futility that could be binding",
                "write 'futility_z: 0.0', or leave it out")  # fmt: skip


def _refuse(document: Document, key: tuple[str, ...], what: str, remedy: str = "leave it out") -> None:
    raise TrialError(what, where=document.where(*key), remedy=remedy)


def check_graph(shares: Shares, names: Sequence[str], document: Document) -> None:
    """Refuse a graph whose hypotheses are not those of the design, or that shares more than there is."""
    top = ("analysis", "multiplicity")
    keys: list[tuple[str, ...]] = [("weights", name) for name in shares.weights]
    keys += [("transitions", name) for name in shares.transitions]
    keys += [("transitions", name, target) for name, row in shares.transitions.items() for target in row]
    for key in keys:
        if key[-1] not in names:
            raise TrialError(
                f"'{key[-1]}' is no hypothesis of this design", where=document.where(*top, *key),
                why=f"its hypotheses are {'; '.join(names)}", remedy=suggest(key[-1], names),
            )  # fmt: skip
    sums: dict[tuple[str, ...], float] = {("weights",): sum(shares.weights.values())}
    sums |= {("transitions", name): sum(row.values()) for name, row in shares.transitions.items()}
    for place, total in sums.items():
        if total > 1 + ROUNDING:
            whose = "the weights" if place == ("weights",) else f"the transitions from '{place[-1]}'"
            raise TrialError(
                f"{whose} are {100 * total:g} % together", where=document.where(*top, *place),
                why="more than all of alpha cannot be shared", remedy="make them 100 % or less",
            )  # fmt: skip
    for name, row in shares.transitions.items():
        if row.get(name):
            raise TrialError(
                f"'{name}' hands its share to itself", where=document.where(*top, "transitions", name, name),
                remedy="name another hypothesis",
            )  # fmt: skip
