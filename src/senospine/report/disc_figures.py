"""Pictures of drugs in the disc: a profile over depth and time, and the accuracy of the layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from senospine.delivery import CASES, Profile, convergence, early_errors
from senospine.report.drawing import drawing
from senospine.report.svg import BLUE, GREEN, GREY, INK, ORANGE, VERMILION


def draw_profile(profile: Profile, path: str | Path) -> Path:
    """Draw concentration over depth and time with the line above which senescent cells lose; return the path.

    Raises
    ------
    FileError
        The picture cannot be written.
    """
    with drawing(path, 10.4, 6.4) as figure:
        plasma, blank, field, depth = figure.subplots(
            2, 2, sharex="col", gridspec_kw={"height_ratios": [1, 2.6], "width_ratios": [3.1, 1]}
        ).flat
        _plasma(plasma, profile)
        _legend(blank, profile)
        _field(figure, field, profile)
        _depths(depth, profile)
        figure.suptitle(
            f"{profile.regimen}; {profile.patient.age:g} years, degeneration {profile.patient.degeneration:g}",
            x=0.01, ha="left", fontsize=10.5,
        )  # fmt: skip
    return Path(path)


def _floor(profile: Profile) -> float:
    """Return the smallest concentration worth showing: a thousandth of the greatest anywhere."""
    return float(max(profile.plasma.max(), profile.values.max(), 1e-12)) / 1e3


def _plasma(axis: Any, profile: Profile) -> None:
    axis.set_title("free drug in plasma and at the centre [µmol/L]")
    low = _floor(profile)
    axis.plot(profile.times, np.maximum(profile.plasma, low), color=GREY, lw=0.7)
    axis.plot(profile.times, np.maximum(profile.values[-1], low), color=BLUE, lw=1.8)
    axis.set_yscale("log")
    top = 1.5 * max(float(profile.plasma.max()), float(profile.values[-1].max()), 2 * low)
    if np.isfinite(profile.line):
        axis.axhline(profile.line, color=VERMILION, lw=1.4, ls="--")
        top = max(top, 2 * profile.line)
    axis.set_ylim(low, top)


def _legend(axis: Any, profile: Profile) -> None:
    axis.axis("off")
    if np.isnan(profile.line):
        line = "the drug kills no disc cells"
    elif np.isinf(profile.line):
        line = "no concentration keeps half of\nthe senescent cells away"
    else:
        line = (
            f"held at {profile.line:.2g} µmol/L it keeps\nhalf of the senescent cells away\n"
            f"(kill {profile.line_hazard:.2g} a day balances\nregrowth at half the burden)"
        )
    share = 100 * (1 - profile.burden[:, -1].mean())
    words = [("grey: plasma", GREY), ("blue: centre", BLUE), (line, VERMILION)]
    words.append((f"senescent disc cells at the end:\n{share:.0f} % fewer than untreated", INK))
    y = 1.0
    for text, colour in words:
        axis.text(0, y, text, color=colour, fontsize=8.5, va="top", transform=axis.transAxes)
        y -= 0.13 * (1 + text.count("\n")) + 0.05


def _field(figure: Any, axis: Any, profile: Profile) -> None:
    from matplotlib.colors import LogNorm

    low = _floor(profile)
    edges = profile.times
    shown = np.maximum(profile.values, low)
    steps = np.r_[edges[0], (edges[1:] + edges[:-1]) / 2, edges[-1]]
    mesh = axis.pcolormesh(
        steps, profile.edges, shown, norm=LogNorm(low, max(float(shown.max()), 1.1 * low)), cmap="cividis",
        rasterized=True,
    )  # fmt: skip
    middle = (profile.edges[1:] + profile.edges[:-1]) / 2
    if low < profile.line < profile.values.max():
        axis.contour(edges, middle, shown, levels=[profile.line], colors=[VERMILION], linewidths=1.1)
    axis.axhline(profile.edges[4], color="white", lw=0.8, ls=":")
    axis.text(0.005, float(profile.edges[4]), "cartilage endplate ↑", color="white", fontsize=7.5, va="bottom",
              transform=axis.get_yaxis_transform())  # fmt: skip
    axis.text(0.005, float(profile.edges[4]) * 1.05, "nucleus ↓", color="white", fontsize=7.5, va="top",
              transform=axis.get_yaxis_transform())  # fmt: skip
    axis.set_ylim(float(profile.edges[-1]), 0)
    axis.set_ylabel("depth below the bone [mm]")
    axis.set_xlabel("days from enrolment")
    axis.set_title("free drug in half a disc, from bone to middle plane [µmol/L]")
    figure.colorbar(mesh, ax=axis, pad=0.01, aspect=30)


def _depths(axis: Any, profile: Profile) -> None:
    """Draw time above the line and cells left, by depth."""
    middle = (profile.edges[1:] + profile.edges[:-1]) / 2
    if np.isfinite(profile.line):
        axis.barh(
            middle, 100 * profile.above(), height=0.9 * np.diff(profile.edges), color=VERMILION, alpha=0.55, lw=0,
        )  # fmt: skip
    height = float(profile.edges[-1] - profile.edges[4])
    centres = profile.edges[4] + height * (np.arange(4) + 0.5) / 4
    axis.plot(100 * profile.burden[:, -1], centres, "o-", color=BLUE, ms=4)
    axis.set_ylim(float(profile.edges[-1]), 0)
    axis.set_xlim(0, 105)
    axis.set_xlabel("bars: % of time above the line\ndots: % of senescent cells left", fontsize=8)
    axis.set_title("at the end, by depth")


def draw_accuracy(path: str | Path, splits: Sequence[int] = (1, 2, 4)) -> Path:
    """Draw errors of the layers against exact series: by number of layers, and early near the bone; return the path."""
    found = convergence(splits)
    with drawing(path, 10.4, 4.0) as figure:
        centre, area, early = figure.subplots(1, 3)
        for axis, name, title in (
            (centre, "centre", "worst error at the centre"), (area, "area", "worst error of the mean over time"),
        ):  # fmt: skip
            for case in CASES:
                rows = [item for item in found if item.case == case]
                axis.plot([item.layers for item in rows], [100 * getattr(item, name) for item in rows], "o-",
                          color=ORANGE if case.startswith("mouse") else BLUE, alpha=0.7, ms=3, lw=1)  # fmt: skip
            axis.axhline(0.5, color=VERMILION, ls="--", lw=1)
            axis.text(0.99, 0.52, "0.5 % is allowed", color=VERMILION, fontsize=8, ha="right",
                      transform=axis.get_yaxis_transform())  # fmt: skip
            axis.set(xscale="log", yscale="log", xlabel="layers", title=title)
            axis.set_ylabel("% of the concentration at the boundary")
            axis.set_xticks([item.layers for item in found if item.case == found[0].case])
            axis.set_xticks([], minor=True)
            axis.xaxis.set_major_formatter("{x:.0f}")
        times, depths, errors = early_errors()
        for index, colour in ((0, VERMILION), (1, ORANGE), (3, GREEN), (5, BLUE), (11, INK)):
            axis = early
            axis.plot(times, 100 * errors[index], color=colour, lw=1.2, label=f"{depths[index]:.2f} mm")
        early.set(xscale="log", xlabel="time over diffusion time", title="error by depth, sealed disc")
        early.set_ylabel("% of the concentration at the boundary")
        early.legend(frameon=False, fontsize=7.5, title="layer's middle", title_fontsize=7.5)
    return Path(path)
