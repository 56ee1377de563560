"""A model from its files: the shipped ones by name, any other by path."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from senospine.errors import FileError, ModelError, RegisterError, suggest
from senospine.model.antimony_text import antimony_text_to_sbml, antimony_to_sbml
from senospine.model.checks import formulas_of, refuse_unknown_names
from senospine.model.expressions import Expression, names
from senospine.model.model import Model
from senospine.model.raw import RawModel
from senospine.model.register import Parameter, Variable, read_register, read_variables
from senospine.model.sbml import read_sbml, refuse_inconsistent

BIOLOGY = Path(__file__).parent.parent / "biology"


#: what follows the name of a model's tables; the mouse's came first and has the plain names
_TABLES = {"mouse": "", "human": "-human", "dog": "-dog", "disc_explant": "-explant"}
#: models that go by another name than the species whose studies they run
_OF_SPECIES = {"human_disc": "disc_explant"}


def shipped_models() -> list[str]:
    """Return the names that :func:`load_model` knows without a path."""
    return [name for name in _TABLES if (BIOLOGY / f"{name}.ant").is_file()]


def model_of(species: str) -> str:
    """Return the name of the model that runs a species' studies: mostly the species itself."""
    return _OF_SPECIES.get(species, species)


def tables_of(name: str) -> tuple[Path, Path]:
    """Return the register and the list of variables of a shipped model."""
    return BIOLOGY / f"parameters{_TABLES[name]}.csv", BIOLOGY / f"variables{_TABLES[name]}.csv"


def load_model(name: str | Path, register: str | Path | None = None) -> Model:
    """Return a shipped model by name, or one from an Antimony (``.ant``) or SBML (``.xml``) file.

    Parameters
    ----------
    name : str or Path
        ``"mouse"``, ``"human"``, ``"dog"`` or ``"disc_explant"`` (also ``"human_disc"``), or a path. People and dogs
        come without drugs: :func:`senospine.therapy.compose_model` adds them.
    register : path, optional
        The parameter register of a model of your own. Without one, values come from the file and have no provenance.

    Raises
    ------
    FileError
        No such model or file.
    ModelError
        A syntax error, a name without a value, a circle of assignments, or something outside the subset.
    RegisterError
        A register row that cannot stand, or a parameter that is in the model and not in its register.

    Examples
    --------
    >>> load_model("mouse").states[:2]
    ('instability', 'senescent_osteoclasts')
    """
    name = _OF_SPECIES.get(str(name), name)
    if str(name) in shipped_models():
        return _shipped(str(name), biology_texts())
    path = Path(name)
    if path.suffix.lower() not in {".ant", ".txt", ".xml", ".sbml"}:
        raise FileError(
            f"'{name}' is neither a shipped model nor a model file",
            remedy=f"{suggest(str(name), shipped_models())}; or give a path that ends in .ant or .xml",
        )
    return _load(path, None if register is None else Path(register), None)


def biology_texts() -> tuple[bytes, ...]:
    """Return the contents of every shipped model file: what is read anew once one of them changes."""
    return tuple(path.read_bytes() for path in sorted(BIOLOGY.iterdir()) if path.is_file())


@lru_cache(maxsize=4)
def _shipped(name: str, texts: tuple[bytes, ...]) -> Model:
    """Return a shipped model, read anew only where a file of it has changed: reading takes half a second."""
    register, variables = tables_of(name)
    return _load(BIOLOGY / f"{name}.ant", register, variables)


def model_from_text(
    text: str, path: Path, register: Mapping[str, Parameter], variables: Mapping[str, Variable]
) -> Model:
    """Return the model in an Antimony text that was composed, not read from a file.

    Parameters
    ----------
    text : str
        Imports are looked for beside ``path``.
    path : Path
        The file the text grew from; line numbers of errors are those of the text.
    register, variables : mapping
        A row for every parameter; labels and scales.

    Raises
    ------
    ModelError, RegisterError
        As :func:`load_model`.
    """
    sbml = antimony_text_to_sbml(text, path.parent, f"the text composed from {path.name}")
    return _build(sbml, path, dict(register), dict(variables), "the drug's file or the species' register", text)


def _load(path: Path, register_path: Path | None, variables_path: Path | None) -> Model:
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read the model: {error}", where=str(path), remedy="check path and encoding") from None
    sbml = source if path.suffix.lower() in {".xml", ".sbml"} else antimony_to_sbml(path)
    register = None if register_path is None else read_register(register_path)
    variables = {} if variables_path is None else read_variables(variables_path)
    return _build(sbml, path, register, variables, str(register_path), "")


def _build(
    sbml: str, path: Path, register: dict[str, Parameter] | None, variables: dict[str, Variable], rows: str, text: str
) -> Model:
    """Return the model in ``sbml``; ``rows`` names, in messages, where rows of the register are added."""
    raw = read_sbml(sbml, str(path))
    states = tuple(raw.rates)
    for state in states:
        if state not in raw.initial:
            raise ModelError(f"state '{state}' has no initial value", where=str(path), remedy=f"write '{state} = …'")
    parameters: dict[str, float] = {}
    model = Model(
        raw.name,
        path,
        states,
        MappingProxyType(raw.rates),
        MappingProxyType(_in_order(raw, path)),
        MappingProxyType({state: raw.initial[state] for state in states}),
        MappingProxyType(parameters),
        MappingProxyType(raw.units),
        raw.time_unit,
        MappingProxyType(register or {}),
        MappingProxyType(variables),
        sbml,
        MappingProxyType(raw.derived),
        raw.events,
        MappingProxyType(raw.species),
        text,
    )
    read = {name for _, _, formula in formulas_of(model) for name in names(formula)}
    for key, value in raw.parameters.items():
        if register and key in register:
            parameters[key] = register[key].value
        elif register is not None:
            raise RegisterError(
                f"parameter '{key}' has no row in the register, so no value and no source",
                where=model.where(key),
                why="a module's input that was declared twice also ends here: declare its unit once, at its owner",
                remedy=f"add a row for it to {rows}",
            )
        elif value is not None:
            parameters[key] = value
        elif key not in raw.optional or key in read:
            raise ModelError(f"parameter '{key}' has no value", where=model.where(key), remedy="give it one")
    if not (model.outputs or model.constants):
        raise ModelError(
            "the file holds no model", where=str(path), remedy="write 'model name() … end' around the equations"
        )
    refuse_unknown_names(model)
    refuse_inconsistent(raw.document, str(path))
    _ = model.start  # refuses initial values that go round in a circle
    return model


def _in_order(raw: RawModel, path: Path) -> dict[str, Expression]:
    """Return the assignments so that each stands after what it reads."""
    ordered: dict[str, Expression] = {}
    pending = dict(raw.assignments)
    while pending:
        ready = [key for key, value in pending.items() if not names(value) & pending.keys()]
        if not ready:
            raise ModelError(
                f"assignments go round in a circle: {', '.join(sorted(pending))}",
                where=str(path),
                remedy="make one of them a state with a rate of its own",
            )
        for key in ready:
            ordered[key] = pending.pop(key)
    return ordered
