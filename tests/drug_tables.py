"""The tables of docs/drugs.md, from the drugs' files: ``python tests/drug_tables.py`` prints them anew."""

from __future__ import annotations

import sys

from senospine.therapy import COMPOSED, drug_names, load_drug
from senospine.therapy.card import Card, drug_card
from senospine.therapy.rows import Row

PLACES = {"human": "people", "dog": "dogs"}


def cards() -> list[Card]:
    """Return the card of each drug in each species whose model is composed."""
    drugs = [load_drug(name) for name in drug_names()]
    return [drug_card(drug, species) for drug in drugs for species in sorted(drug.kinetics, reverse=True)]


def every_row() -> list[tuple[str, Row]]:
    """Return every number of every shipped drug file with its path, those of readings too."""
    found = []
    for card in cards():
        found += [(f"{card.drug.name}.{card.species}.{item.section}.{item.name}", item.row) for item in card.rows]
    for drug in map(load_drug, drug_names()):
        for name, rows in drug.readings.items():
            found += [(f"{drug.name}.{name}.{path}", row) for path, row in rows.items() if isinstance(row, Row)]
    return found


def table(card: Card) -> str:
    """Return a card's numbers as a Markdown table."""
    lines = ["| number | value | unit | 90 % of the prior | from |", "| --- | --- | --- | --- | --- |"]
    for item in card.rows:
        row = item.row
        name = item.name if item.section in {"kinetics", "disc"} else f"{item.section} {item.name}"
        prior = "fixed" if row.low is None else f"{row.low:g} to {row.high:g}"
        source = row.source + (f" ([doi](https://doi.org/{row.doi}))" if row.doi else "")
        lines.append(f"| {name.replace('_', ' ')} | {row.value:g} | {row.unit} | {prior} | {source} |")
    return "\n".join(lines)


def tables() -> str:
    """Return all tables and gaps, a heading for each drug in each species."""
    parts = []
    for card in cards():
        share = f"{len(card.rows)} numbers, {card.assumed} of them assumptions."
        life = card.derived[0]
        told = f"Half-life {life.value:.3g} {life.unit} ({life.low:.3g} to {life.high:.3g} over the priors)."
        parts.append(f"### {card.drug.name} in {PLACES[card.species]}\n\n{share} {told}\n\n{table(card)}")
    for drug in map(load_drug, drug_names()):
        if drug.gaps:
            gaps = "\n".join(f"- {gap}" for gap in drug.gaps)
            parts.append(f"### Looked for and not found: {drug.name}\n\n{gaps}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    assert set(PLACES) == set(COMPOSED)
    sys.stdout.write(tables() + "\n")
