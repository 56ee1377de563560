"""A fit as text."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd


def describe(
    title: str, facts: Mapping[str, str], coefficients: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> str:
    """Return title, facts, coefficient table and further tables as plain text."""
    width = max(len(name) for name in facts)
    lines = [title, *(f"{name:>{width}} = {value}" for name, value in facts.items()), "---"]
    formats = {
        "estimate": "{:.3f}", "se": "{:.3f}", "df": "{:.1f}", "t": "{:.2f}", "lower": "{:.3f}", "upper": "{:.3f}",
    }  # fmt: skip
    shown = pd.DataFrame({name: coefficients[name].map(text.format) for name, text in formats.items()})
    shown.insert(4, "p", coefficients["p"].map(lambda p: "<0.0001" if p < 1e-4 else f"{p:.4f}"))
    shown.index.name = None
    lines.append(shown.to_string())
    for name, table in tables.items():
        lines += ["---", name, table.to_string(float_format=lambda value: f"{value:.2f}")]
    return "\n".join(lines)
