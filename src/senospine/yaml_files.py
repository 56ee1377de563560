"""YAML files read safely: plain data, a line for every key, nothing executed, nothing expanded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from senospine.errors import FileError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20


@dataclass(frozen=True)
class Document:
    """A YAML file's data, and where each key stood."""

    path: Path
    data: Any
    lines: dict[tuple[str | int, ...], int]

    def where(self, *key: str | int) -> str:
        """Return ``file:line`` of a key path, or of its nearest parent that stands in the file."""
        for length in range(len(key), -1, -1):
            if key[:length] in self.lines:
                return f"{self.path}:{self.lines[key[:length]]}"
        return str(self.path)


def read_yaml(path: str | Path) -> Document:
    """Return the document at ``path``.

    Raises
    ------
    FileError
        The file is missing, too large, not UTF-8, not YAML, nested too deep, or holds a tag, an
        anchor, an alias or a key twice.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FileError(
            f"cannot read the file: {error.strerror}", where=str(path), remedy="check the path and its permissions"
        ) from None
    if len(raw) > MAX_BYTES:
        raise FileError(
            f"the file holds {len(raw)} bytes, more than {MAX_BYTES}",
            where=str(path),
            remedy="a study is a page of text: is this the right file?",
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise FileError("the file is not UTF-8 text", where=str(path), remedy="save it as UTF-8") from None
    return parse_yaml(text, path)


def parse_yaml(text: str, path: str | Path = "<text>") -> Document:
    """Return the document in ``text``; ``path`` only names it in messages."""
    import yaml

    path = Path(path)
    lines: dict[tuple[str | int, ...], int] = {}
    try:
        _refuse_aliases_and_tags(text, path)
        node = yaml.compose(text, Loader=_loader())
        data = None if node is None else _build(node, (), lines, path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise FileError(
            f"not valid YAML: {getattr(error, 'problem', None) or error}",
            where=where,
            remedy="check indentation, colons and quotes on this line",
        ) from None
    return Document(path, data, lines)


def _loader() -> Any:
    """Return the safe loader of libyaml, several times faster, where it is there."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _refuse_aliases_and_tags(text: str, path: Path) -> None:
    """Stop before anything is composed: an alias can grow without bound, a tag can name code."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=_loader()):
        here = f"{path}:{event.start_mark.line + 1}" if event.start_mark else str(path)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise FileError(
                "YAML anchors and aliases (& and *) are not accepted",
                where=here,
                why="a few aliases can unfold into gigabytes",
                remedy="write the repeated part out",
            )
        tag = getattr(event, "tag", None)
        if tag:
            raise FileError(
                f"YAML tag '{tag}' is not accepted",
                where=here,
                why="a tag can name code to run",
                remedy="remove the tag: plain text, numbers, lists and mappings are enough",
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise FileError(f"nested deeper than {MAX_DEPTH} levels", where=here, remedy="flatten the file")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _build(node: Any, key: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], path: Path) -> Any:
    import yaml

    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise FileError("a key must be plain text", where=f"{path}:{line}", remedy="use a word as key")
            name = key_node.value
            if name in result:
                raise FileError(
                    f"key '{name}' stands twice",
                    where=f"{path}:{line}",
                    why="one of the two would be lost in silence",
                    remedy="keep one",
                )
            lines[(*key, name)] = line
            result[name] = _build(value_node, (*key, name), lines, path)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*key, index), lines, path) for index, item in enumerate(node.value)]
    try:
        return yaml.SafeLoader("").construct_object(node)
    except ValueError as error:  # the 45th of a month, an integer of thousands of digits
        raise FileError(
            f"'{node.value[:40]}' cannot be read: {error}",
            where=f"{path}:{node.start_mark.line + 1}",
            remedy="correct it, or put it between quotes if it is text",
        ) from None
