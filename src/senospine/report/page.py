"""One page that holds a whole run: question, answer, figures, board, assumptions, failures, provenance."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from senospine.assays import assay_register
from senospine.errors import StudyError
from senospine.evidence import Carried, Doubt, Laboratory, Score, leverage
from senospine.model import Model
from senospine.report.assumptions import conflicts, register_table
from senospine.report.board import boards, insights
from senospine.report.carrying import Carrying, carrying
from senospine.report.doubt_figure import doubt_words, doubts_svg
from senospine.report.endpoints import endpoints_svg
from senospine.report.glance import at_a_glance, contradictions, in_order, species_cells
from senospine.report.mechanism import mechanism_svg
from senospine.report.sentences import brief, headline, which_values
from senospine.report.spine import CAPTION, shows_spine, spine_courses, spine_figure, spine_script
from senospine.report.template import write_page
from senospine.report.timeaxis import time_axis
from senospine.report.timecourses import timecourses_svg
from senospine.report.verdicts import verdict_icon
from senospine.report.words import LEVEL_BITS, species_words
from senospine.study import Outcome, Study

#: failed animals named one by one; the manifest names all
_NAMED_FAILURES = 200
#: what the drawn spine does not tell apart
_ALL_WORLDS = " Those of all worlds are taken together: differences between them and doubt about parameters in one."


@dataclass(frozen=True)
class Section:
    """What a page shows of one study."""

    study: Study
    brief: list[str]
    spine: Markup
    carrying: list[Carrying]
    timecourses: Markup
    endpoints: Markup
    subjects: str
    animals: int
    worlds: int
    failures: list[dict[str, Any]]
    stretched: bool
    dosed: bool
    doubt: Markup
    doubt_words: list[str]


def write_report(
    path: str | Path,
    *,
    outcomes: Sequence[Outcome],
    laboratories: Mapping[str, Laboratory],
    scores: Sequence[Score],
    model: Model,
    command: str,
    doubts: Sequence[Doubt] = (),
) -> Path:
    """Write one self-contained HTML page and return its path.

    Nothing in it is fetched: style, figures and the few lines of script are inline. Takes some ten seconds for all
    published studies.

    Parameters
    ----------
    path : path
        Written beside, then renamed.
    outcomes : sequence of Outcome
    laboratories : mapping of study name to Laboratory
    scores : sequence of Score
    model : Model
        The mouse: its mechanism and register are on the page. Outcomes of other species are drawn by their own models.
    command : str
        What made the run, printed under provenance.
    doubts : sequence of Doubt
        What conclusions' doubts rest on, drawn in the section of their study.

    Raises
    ------
    StudyError
        There is nothing to report, or an outcome was made with another model.
    FileError
        The file cannot be written.
    """
    if not outcomes:
        raise StudyError("there is no outcome to report", remedy="run a study first")
    for outcome in outcomes:
        own = model if outcome.study.species == model.name else outcome.model
        if outcome.manifest["inputs"]["model_sha256"] != own.sha256:
            raise StudyError(
                f"the outcome of '{outcome.study.name}' was made with another version of the model",
                why="its figures would not show what the mechanism and the assumptions on the page say",
                remedy="run the study again",
            )
    return write_page(
        path, "report.html", _contents(outcomes, laboratories, scores, model, command, doubts),
        {"regimen": lambda regimen: regimen.text(), "breakable": _breakable},
    )  # fmt: skip


def _contents(
    outcomes: Sequence[Outcome],
    laboratories: Mapping[str, Laboratory],
    scores: Sequence[Score],
    model: Model,
    command: str,
    doubts: Sequence[Doubt],
) -> dict[str, Any]:
    registers = [model.register, assay_register()]
    ordered = in_order(outcomes)
    tested = [score for score in scores if score.repeats]
    carried = leverage(ordered, model)
    sections = [_section(outcome, laboratories, scores, model, carried, doubts) for outcome in ordered]
    return {
        "headline": headline(scores),
        "values": which_values(outcomes),
        "species": species_cells(scores),
        "glance": at_a_glance([outcome.study for outcome in ordered], scores),
        "repeats": max((score.repeats.repeats for score in tested if score.repeats), default=0),
        "level_bits": LEVEL_BITS,
        "mechanism": _inline(mechanism_svg(model)),
        "sections": sections,
        "spine_caption": CAPTION + (_ALL_WORLDS if any(outcome.worlds > 1 for outcome in outcomes) else ""),
        "spine_script": Markup(spine_script()) if any(part.spine for part in sections) else "",
        "carrying": carrying([item for item in carried if not item.study], model),
        "contradictions": contradictions(scores),
        "boards": boards(scores),
        "insights": insights(scores),
        "registers": [
            register_table(f"Model {model.name}", registers[0]), register_table("Assays", registers[1])
        ],
        "conflicts": conflicts(registers, scores),
        "drawn": any(outcome.worlds > 1 for outcome in outcomes),
        "named_failures": _NAMED_FAILURES,
        "provenance": provenance(outcomes, scores, model, command),
        "sources": sorted({(s.fact.source, s.fact.doi) for s in scores}),
        "command": command,
        "icon": lambda verdict: Markup(verdict_icon(verdict)),
        "digest": model.sha256[:12],
    }  # fmt: skip


def _section(
    outcome: Outcome,
    laboratories: Mapping[str, Laboratory],
    scores: Sequence[Score],
    model: Model,
    carried: Sequence[Carried],
    doubts: Sequence[Doubt],
) -> Section:
    study = outcome.study
    own = model if study.species == model.name else outcome.model
    mine = [score for score in scores if score.fact.study == study.name]
    asked = [item for item in doubts if item.study == study.name]
    ends = spine = Markup("")
    if study.name in laboratories:
        ends = _inline(endpoints_svg(laboratories[study.name], mine))
    if shows_spine(study):
        spine = _inline(spine_figure(spine_courses(outcome)))
    return Section(
        study, brief(study, mine), spine, carrying([item for item in carried if item.study == study.name], model),
        _inline(timecourses_svg(outcome, own)), ends, species_words(study.species), outcome.animals, outcome.worlds,
        outcome.failures,
        time_axis(study).stretched is not None, any(arm.doses for arm in study.arms),
        _inline(doubts_svg(asked)) if asked else Markup(""), doubt_words(asked),
    )  # fmt: skip


def _inline(svg: str) -> Markup:
    """Let a figure through unescaped: every word in it was escaped where it was put in."""
    return Markup(svg)


def _breakable(name: str) -> Markup:
    """Let a long name break after its underscores."""
    return Markup("_<wbr>").join(name.split("_"))


def provenance(
    outcomes: Sequence[Outcome], scores: Sequence[Score], model: Model, command: str
) -> list[tuple[str, str]]:
    """Return what made this page, as (what, value); machine paths stay out."""
    rows = [("command", command), ("model", f"{model.name}, sha256 {model.sha256}")]
    for outcome in outcomes:
        made = outcome.manifest["inputs"]
        words = f"{made['animals']} animals per arm, seed {made['seed']}, relative tolerance {made['rtol']:g}"
        if "draws" in made:
            drawn = made["draws"]
            words += f", {drawn['worlds']} draws of the {drawn['source']}, sha256 {drawn['sha256']}"
        rows.append((f"study {outcome.study.name}", f"{words}, sha256 {made['study_sha256']}"))
    repeats = sorted({score.repeats.repeats for score in scores if score.repeats})
    rows.append(("repeats of each experiment", ", ".join(f"{n:,}" for n in repeats) or "none"))
    files = {_file(score.fact.where) for score in scores}
    files |= {_file(row.where) for register in (model.register, assay_register()) for row in register.values()}
    for file in sorted(files, key=lambda item: (item.parent.name, item.name)):
        if file.is_file():
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            rows.append((f"{file.parent.name}/{file.name}", f"sha256 {digest}"))
    paths = sorted({str(outcome.manifest["inputs"]["code_path"]) for outcome in outcomes})
    used = outcomes[0].manifest.get("versions", {})
    rows += [
        ("code path", "; ".join(paths)),
        ("versions of the run", ", ".join(f"{name} {value}" for name, value in used.items())),
        ("processor", platform.machine()),
    ]
    return rows


def _file(where: str) -> Path:
    return Path(where.rpartition(":")[0])
