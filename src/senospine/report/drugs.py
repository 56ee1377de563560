"""A drug's card in the terminal and as plain data: numbers, what follows, what rests on assumptions, gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from senospine.report.tables import add_columns, new_table
from senospine.therapy.card import Card, CardRow, card_rows
from senospine.therapy.rows import Row
from senospine.therapy.schema import Drug
from senospine.therapy.terms import COMPOSED

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PLACES = {"human": "people", "mouse": "mice", "dog": "dogs"}
_BAR = 24


def drugs_dict(drugs: Sequence[Drug]) -> list[dict[str, Any]]:
    """Return names, species and counts of drugs as plain data."""
    found = []
    for drug in drugs:
        rows = {species: card_rows(drug, species) for species in drug.species}
        found.append({
            "name": drug.name, "symbol": drug.symbol, "synonyms": list(drug.synonyms), "class": drug.drug_class,
            "routes": {species: _routes(drug, species) for species in drug.species},
            "numbers": {species: len(items) for species, items in rows.items()},
            "assumed": {species: sum(item.row.assumed for item in items) for species, items in rows.items()},
            "gaps": len(drug.gaps),
        })  # fmt: skip
    return found


def print_drugs(console: Console, drugs: Sequence[Drug]) -> None:
    """Print a table of drugs."""
    table = new_table("Drugs")
    add_columns(table, "drug", "what it is", "in", "given", ">numbers", ">assumed", fold=True)
    for row in drugs_dict(drugs):
        for index, species in enumerate(row["routes"]):
            head = (row["name"], row["class"]) if index == 0 else ("", "")
            numbers, assumed = row["numbers"][species], row["assumed"][species]
            table.add_row(*head, _PLACES.get(species, species), ", ".join(row["routes"][species]),
                          str(numbers or "-"), f"{assumed / numbers:.0%}" if numbers else "-")  # fmt: skip
    console.print(table)
    console.print("numbers: values a model takes; assumed: share that rests on no publication.", style="dim")
    console.print("senospine drug show NAME prints a card; a file of your own: senospine drug check FILE", style="dim")
    console.print("what is done and not given, such as nerve ablation: senospine procedure list", style="dim")


def card_dict(card: Card) -> dict[str, Any]:
    """Return a card as plain data."""
    drug = card.drug
    return {
        "drug": drug.name, "symbol": drug.symbol, "synonyms": list(drug.synonyms), "class": drug.drug_class,
        "species": card.species, "reading": card.reading, "routes": _routes(drug, card.species),
        "dose_unit": drug.dose_units[card.species], "numbers": len(card.rows), "assumed": card.assumed,
        "rows": [
            {"section": item.section, "name": item.name, "meaning": item.meaning, **_plain(item.row),
             "assumed": item.row.assumed, "where": item.where}
            for item in card.rows
        ],
        "example": {"dose": card.dose, "dose_unit": "mg", "every": card.every, "every_unit": "day"},
        "derived": [dict(vars(item)) for item in card.derived],
        "conclusions": [
            {"action": item.action, "reads": item.reads, "numbers": item.numbers, "assumed": list(item.assumed)}
            for item in card.conclusions
        ],
        "readings": {
            name: {path: row if isinstance(row, str) else _plain(row) for path, row in rows.items()}
            for name, rows in drug.readings.items()
        },
        "gaps": list(drug.gaps),
        "sources": [item.model_dump() for item in drug.source],
    }  # fmt: skip


def print_card(console: Console, card: Card, why: bool = False) -> None:
    """Print a card; with ``why`` the reason of every number too."""
    _print_head(console, card)
    if card.derived:
        console.print(_derived_table(card))
    kinetics = [item for item in card.rows if item.section == "kinetics"]
    register = [item for item in card.rows if item.section == "register"]
    disc = [item for item in card.rows if item.section == "disc"]
    if kinetics:
        console.print(_rows_table("What the body does with it", kinetics))
    if register:
        console.print(_rows_table("Numbers in the register of the mouse", register))
    if card.conclusions:
        console.print(_actions_table(card))
    if disc:
        console.print(_rows_table("In the disc", disc))
    if card.species in COMPOSED and card.drug.readings:
        _print_readings(console, card)
    _print_assumptions(console, card)
    if why:
        _print_why(console, card)
    if card.drug.gaps:
        _print_list(console, "Looked for and not found", card.drug.gaps)
    _print_list(console, "Sources", [f"{item.citation} ({item.doi})" for item in card.drug.source])
    if not why and card.rows:
        console.print("--why prints the reason of every number; --json everything.", style="dim")


def _print_head(console: Console, card: Card) -> None:
    drug = card.drug
    title = Text(drug.name, style="bold")
    title.append(f" in {_PLACES.get(card.species, card.species)}", style="bold")
    if card.reading:
        title.append(f", reading '{card.reading}'", style="bold")
    console.print(title)
    console.print(drug.drug_class + (f"; also {', '.join(drug.synonyms)}" if drug.synonyms else ""), highlight=False)
    routes = ", ".join(_routes(drug, card.species))
    console.print(f"given: {routes}; doses in {drug.dose_units[card.species]}", highlight=False)
    if card.rows:
        filled = round(_BAR * (len(card.rows) - card.assumed) / len(card.rows))
        bar = Text("█" * filled, style="green")
        bar.append("░" * (_BAR - filled), style="yellow")
        sourced = len(card.rows) - card.assumed
        bar.append(f"  {len(card.rows)} numbers: {sourced} from a source, {card.assumed} assumed", style="default")
        console.print(bar)
    else:
        console.print("no numbers of its own in this species", style="yellow")
    console.print()


def _derived_table(card: Card) -> Table:
    table = new_table("What follows, with its interval over the priors")
    add_columns(table, "", ">value", "90 %", "unit", "", fold=True)
    for item in card.derived:
        table.add_row(item.name, short(item.value), f"{short(item.low)} to {short(item.high)}", item.unit,
                      Text(item.meaning, style="dim"))  # fmt: skip
    return table


def _rows_table(title: str, rows: Sequence[CardRow]) -> Table:
    table = new_table(title)
    for name in ("number", "value", "unit", "prior, 90 %", "CV", "source"):
        table.add_column(name, justify="right" if name in {"value", "CV"} else "left", overflow="fold",
                         no_wrap=name in {"value", "unit", "CV"},
                         min_width=_longest(item.name for item in rows) if name == "number" else None)  # fmt: skip
    for item in rows:
        row = item.row
        table.add_row(_words(item.name), short(row.value), row.unit, _prior(row), f"{row.cv:.0%}" if row.cv else "",
                      _source(row))  # fmt: skip
    return table


def _actions_table(card: Card) -> Table:
    table = new_table("What it does: largest effect, concentration of half of it, steepness")
    for name in ("action", "reads", "largest", "half, umol/L", "prior of half", "Hill", "half is from"):
        table.add_column(name, justify="right" if name in {"largest", "half, umol/L", "Hill"} else "left",
                         overflow="fold",
                         min_width=_longest(item.action for item in card.conclusions) if name == "action" else None,
                         )  # fmt: skip
    rows = {(item.section, item.name): item.row for item in card.rows}
    for item in card.conclusions:
        largest, half, hill = (rows[item.action, name] for name in ("max", "half", "hill"))
        unit = "" if largest.unit == "fold" else " a day" if largest.unit == "1/day" else f" {largest.unit}"
        table.add_row(_words(item.action), item.reads, f"{short(largest.value)}{unit}", short(half.value),
                      _prior(half), short(hill.value), _source(half))  # fmt: skip
    return table


def _print_readings(console: Console, card: Card) -> None:
    """Print, for each number that can be read in two ways, its value in each reading, and what the readings rest on."""
    readings = card.drug.readings
    paths = [path for path in dict.fromkeys(path for rows in readings.values() for path in rows)
             if path.split(".")[1] == card.species]  # fmt: skip
    if not paths:
        return
    table = new_table("Where the literature can be read in two ways")
    add_columns(table, "number", ">shown above", *(f">{name}" for name in readings), fold=True)
    shown = {".".join(_path(item, card.species)): item.row for item in card.rows}
    for path in paths:
        cells = [_cell(rows.get(path)) for rows in readings.values()]
        table.add_row(_words(" ".join(path.split(".")[2:])), _cell(shown.get(path)), *cells)
    console.print(table)
    for name, rows in readings.items():
        first = next((row for row in rows.values() if isinstance(row, Row)), None)
        if first is not None:
            said = f"{name} ({first.source}): {first.reason}"
            console.print(Padding(Text(said, style="dim"), (0, 0, 0, 2)))
    console.print()


def _print_assumptions(console: Console, card: Card) -> None:
    """Print what every action rests on once, and then what each rests on beside it."""
    if not card.conclusions:
        return
    console.print(Text("What rests on assumptions", style="bold"))
    shared = [name for name in card.conclusions[0].assumed if all(name in item.assumed for item in card.conclusions)]
    if shared and len(card.conclusions) > 1:
        console.print(Padding(Text(f"every action: {', '.join(map(_words, shared))}"), (0, 0, 0, 2)))
    for item in card.conclusions:
        own = [name for name in item.assumed if name not in shared or len(card.conclusions) == 1]
        line = Text(f"{_words(item.action)}: ")
        line.append(f"{len(item.assumed)} of {item.numbers} numbers", style="yellow" if item.assumed else "green")
        also = ", also " if shared and len(card.conclusions) > 1 else ", "
        line.append(f"{also}{', '.join(map(_words, own))}" if own else "", style="dim")
        console.print(Padding(line, (0, 0, 0, 2)))
    console.print()


def _print_why(console: Console, card: Card) -> None:
    console.print(Text("Why these numbers", style="bold"))
    for item in card.rows:
        row = item.row
        label = item.name if item.section in {"kinetics", "disc", "register"} else f"{item.section} {item.name}"
        line = Text(f"{_words(label)} {short(row.value)} {row.unit}: ", style="default")
        line.append(f"{row.reason} " if row.reason else "no reason given ", style="default")
        line.append(f"[{row.how_obtained}, confidence {row.confidence}; {item.where.rsplit('/', 1)[-1]}]", style="dim")
        console.print(Padding(line, (0, 0, 0, 2)))
    console.print()


def _print_list(console: Console, title: str, lines: Iterable[str]) -> None:
    console.print(Text(title, style="bold"))
    for line in lines:
        console.print(Padding(Text(f"• {line}"), (0, 0, 0, 2)))
    console.print()


def _routes(drug: Drug, species: str) -> list[str]:
    """Return the routes that lead into the species' model."""
    if species in COMPOSED:
        places = {"gut": drug.kinetics, "depot": drug.kinetics, "central": drug.kinetics, "intradiscal": drug.disc}
        reached = {name: drug.compartment(name) for name in drug.routes}
        return [name for name, place in reached.items() if place is not None and species in places[place]]
    return [name for name, route in drug.routes.items() if route.target is not None]


def _path(item: CardRow, species: str) -> tuple[str, ...]:
    if item.section in {"kinetics", "disc"}:
        return (item.section, species, item.name)
    return ("actions", species, item.section, item.name)


def _cell(row: Row | str | None) -> str:
    return "" if row is None else row if isinstance(row, str) else f"{short(row.value)} {row.unit}"


def _source(row: Row) -> Text:
    if row.assumed:
        return Text("assumption", style="yellow")
    text = Text(row.source)
    text.append(f", {row.how_obtained}" if row.how_obtained else "", style="dim")
    return text


def _prior(row: Row) -> str:
    if row.low is None or row.high is None or row.prior == "fixed":
        return "fixed"
    return f"{short(row.low)} to {short(row.high)}" + (", flat" if row.prior == "uniform" else "")


def _plain(row: Row) -> dict[str, Any]:
    """Return a row as the mapping a drug file would hold."""
    return {name: value for name, value in row.model_dump().items() if value not in (None, "")}


def short(value: float) -> str:
    """Return a number in three digits, as people write it: 1400 and not 1.4e+03."""
    return f"{value:.3g}" if abs(value) < 1000 or abs(value) >= 1e6 else f"{value:.0f}"


def _longest(names: Iterable[str]) -> int:
    """Return the length of the longest word, so that a narrow terminal breaks no word."""
    return max(len(word) for name in names for word in name.split("_"))


def _words(name: str) -> str:
    return name.replace("_", " ")
