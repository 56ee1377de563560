"""Pictures of how sure a calibration is: posteriors, pairs, rivals, ranks, recovery, validation, profiles."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from senospine.calibration import Posterior
from senospine.calibration.ranks import Ranks, band, ecdf
from senospine.calibration.rival_scores import CANNOT_TELL, ERRORS, LEAST_NATS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, RED = "#0072B2", "#E69F00", "#8a8a8a", "#D55E00"
_WIDTHS = {"0.5": "#56B4E9", "1": BLUE, "2": "#003a5c"}


def drawn(draw: Callable[[], Figure]) -> str:
    """Return a figure as SVG text; the same figure gives the same bytes."""
    import matplotlib as mpl

    look = {"svg.hashsalt": "senospine", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
            "svg.fonttype": "none", "font.family": "sans-serif", "axes.titlesize": 9}  # fmt: skip
    with mpl.rc_context(look):
        content = io.StringIO()
        draw().savefig(content, format="svg", metadata={"Date": None})
    text = content.getvalue()
    return text[text.index("<svg") :]


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def marginals(posterior: Posterior, names: Sequence[str]) -> Figure:
    """Return prior and posterior of some parameters, one panel each."""
    from scipy.stats import gaussian_kde, norm

    rows = -(-len(names) // 4)
    figure = _figure(11.6, 1.75 * rows)
    axes = np.atleast_1d(figure.subplots(rows, 4, squeeze=False)).ravel()
    grid = np.linspace(-3.2, 3.2, 161)
    found = posterior.contraction()
    for axis, name in zip(axes, names, strict=False):
        column = posterior.draws[:, posterior.names.index(name)]
        axis.fill_between(grid, norm.pdf(grid), color=GREY, alpha=0.25, lw=0)
        density = gaussian_kde(column)(grid)
        axis.fill_between(grid, density, color=BLUE, alpha=0.35, lw=0)
        axis.plot(grid, density, color=BLUE, lw=1.3)
        full = np.zeros((3, len(posterior.names)))
        full[:, posterior.names.index(name)] = (-2, 0, 2)
        values = posterior.priors.values(full)[name]
        axis.set_xticks((-2, 0, 2), [f"{value:.2g}" for value in values])
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        unit = posterior.priors.rows[posterior.names.index(name)].unit
        axis.set_title(f"{_short(name)}\n{found[name]:.0%} of the variance gone", loc="left", fontsize=8)
        axis.set_xlabel(unit, fontsize=8, labelpad=1)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    return figure


def contraction_bars(posterior: Posterior) -> Figure:
    """Return every parameter's contraction, the largest first, as one strip."""
    found = posterior.contraction()
    order = sorted(found, key=lambda name: -found[name])
    values = np.array([found[name] for name in order])
    figure = _figure(11.6, 3.1)
    axis = figure.subplots()
    colours = [ORANGE if name.startswith(("laboratory/", "assay/")) else BLUE for name in order]
    axis.bar(range(len(order)), np.maximum(values, 0), color=colours, width=0.85)
    chance = 2 * np.sqrt(2 / len(posterior.draws))
    axis.axhspan(0, chance, color=GREY, alpha=0.3, lw=0)
    for place, name in enumerate(order[:10]):
        axis.annotate(
            _short(name), (place, values[place]), (place + 0.3, values[place] + 0.01), rotation=38, fontsize=7.5
        )
    axis.set_xlim(-0.7, len(order))
    axis.set_ylim(0, 1)
    axis.set_xticks([])
    axis.set_xlabel(
        f"all {len(order)} free numbers (orange: factors of laboratories); grey: what {len(posterior.draws):,} draws "
        "from the prior would show by chance"
    )
    axis.set_ylabel("share of the prior's\nvariance taken away")
    return figure


def pairs(posterior: Posterior, count: int = 8) -> Figure:
    """Return the pairs of parameters that trade off most."""
    rho = np.array(np.corrcoef(posterior.draws, rowvar=False), ndmin=2)
    upper = [(abs(rho[i, j]), i, j) for i in range(len(rho)) for j in range(i)]
    chosen = sorted(upper, reverse=True)[:count]
    rows = -(-count // 4)
    figure = _figure(11.6, 2.75 * rows)
    for axis, (_, i, j) in zip(figure.subplots(rows, 4, squeeze=False).ravel(), chosen, strict=False):
        axis.plot(*posterior.draws[::2, [j, i]].T, ".", ms=2.2, color=BLUE, alpha=0.35, mew=0)
        circle = np.linspace(0, 2 * np.pi, 100)
        axis.plot(1.645 * np.cos(circle), 1.645 * np.sin(circle), color=GREY, lw=0.8)
        axis.set_xlim(-3.4, 3.4)
        axis.set_ylim(-3.4, 3.4)
        axis.set_xlabel(_short(posterior.names[j]), fontsize=7.5)
        axis.set_ylabel(_short(posterior.names[i]), fontsize=7.5)
        axis.set_title(f"correlation {rho[i, j]:+.2f}", loc="left")
    return figure


def rivals(scores: Sequence[Mapping[str, Any]]) -> Figure:
    """Return evidence of every rival under each prior width, and its predictive gains."""
    lines: list[tuple[str, Mapping[str, Any] | None]] = []
    for score in scores:
        if not lines or score["question"] not in {name for name, item in lines if item is None}:
            lines.append((score["question"], None))
        lines.append((score["rival"], score))
    figure = _figure(11.6, 0.27 * len(lines) + 0.9)
    axes = figure.subplots(1, 3, sharey=True, width_ratios=(2, 1.2, 1.2))
    limit = 12.0
    for place, (_, item) in enumerate(lines):
        y = len(lines) - place
        if item is None:
            continue
        for step, (width, found) in enumerate(item["evidence"].items()):
            _dot(axes[0], found, y + (1 - step) * 0.22, _WIDTHS.get(width, GREY), limit)
        _dot(axes[1], item["left_out"], y, BLUE, limit)
        _dot(axes[2], item["validation"], y, ORANGE, limit)
    titles = ("log evidence less the model's", "calibration rows, each left out", "validation rows")
    for axis, title in zip(axes, titles, strict=True):
        axis.axvspan(-LEAST_NATS, LEAST_NATS, color=GREY, alpha=0.25, lw=0)
        axis.axvline(0, color=GREY, lw=0.8)
        axis.set_xlim(-limit, limit)
        axis.set_title(title, loc="left")
        axis.set_xlabel("nats: left speaks against the rival", fontsize=8)
        axis.set_ylim(0.3, len(lines) + 0.7)
    axes[0].set_yticks([len(lines) - i for i in range(len(lines))], [_told(name, item) for name, item in lines])
    for label, (_, item) in zip(axes[0].get_yticklabels(), lines, strict=True):
        label.set_fontweight("bold" if item is None else "normal")
        label.set_color("#1b1b1b" if item is None or item["verdict"] != CANNOT_TELL else "#6a6a6a")
    handles = [axes[0].plot([], [], "o", color=colour, ms=4, label=f"priors × {width}")[0]
               for width, colour in _WIDTHS.items()]  # fmt: skip
    axes[0].legend(handles=handles, loc="lower left", fontsize=7.5, frameon=False)
    return figure


def _told(name: str, item: Mapping[str, Any] | None) -> str:
    return name if item is None else f"{name}  {'?' if item['verdict'] == CANNOT_TELL else '◆'}"


def _dot(axis: Any, found: Mapping[str, Any], y: float, colour: str, limit: float) -> None:
    nats, error = found["nats"], found["error"]
    if nats is None:
        return
    shown = float(np.clip(nats, -limit * 0.97, limit * 0.97))
    mark = "o" if shown == nats else ("<" if nats < 0 else ">")
    filled = error is not None
    axis.errorbar(shown, y, xerr=ERRORS * error if filled else None, fmt=mark, ms=4, color=colour, lw=1,
                  mfc=colour if filled else "none")  # fmt: skip


def rank_curves(named: Mapping[str, Ranks]) -> Figure:
    """Return ECDF less the diagonal of every parameter's ranks, with the band of 95 %."""
    figure = _figure(11.6, 2.9)
    for axis, (title, ranks) in zip(figure.subplots(1, len(named), squeeze=False)[0], named.items(), strict=True):
        low, high, grid = band(ranks.replicates, ranks.draws)
        axis.fill_between(grid, low - grid, high - grid, color=GREY, alpha=0.3, lw=0, step="mid")
        for column in ranks.uniform().T:
            many = len(ranks.names) > 8
            axis.plot(grid, ecdf(column, grid) - grid, color=BLUE, lw=0.6 if many else 1.2, alpha=0.35 if many else 0.9)
        axis.set_title(f"{title}: {ranks.replicates} simulated data sets, {len(ranks.names)} parameters", loc="left")
        axis.set_xlabel("rank of the truth among the draws")
        axis.set_ylabel("ECDF less the diagonal")
    return figure


def recovery(found: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Return what stars teach of each parameter against what means would."""
    figure = _figure(11.6, 3.6)
    one, other = figure.subplots(1, 2)
    stars, means = found["stars"], found["means"]
    one.plot([0, 1], [0, 1], color=GREY, lw=0.8)
    one.plot(stars["contraction"], means["contraction"], "o", ms=3.5, color=BLUE, alpha=0.7, mew=0)
    gain = np.array(means["contraction"]) - np.array(stars["contraction"])
    for place in np.argsort(-gain)[:7]:
        one.annotate(_short(means["names"][place]), (stars["contraction"][place], means["contraction"][place]),
                     (4, -2), textcoords="offset points", fontsize=7)  # fmt: skip
    one.set_xlim(-0.15, 1)
    one.set_ylim(-0.15, 1)
    one.set_xlabel("contraction by stars")
    one.set_ylabel("contraction by means")
    levels = np.linspace(0.05, 0.95, 19)
    for design, colour in (("stars", ORANGE), ("means", BLUE)):
        place = (np.array(found[design]["ranks"]) + 0.5) / (found[design]["draws"] + 1)
        other.plot(levels, [(abs(place - 0.5) <= level / 2).mean() for level in levels], color=colour, label=design)
    other.plot([0, 1], [0, 1], color=GREY, lw=0.8)
    other.legend(frameon=False)
    other.set_xlabel("level of the interval")
    other.set_ylabel("share of true values in it")
    return figure


def validation(found: Mapping[str, Any]) -> Figure:
    """Return predicted against true shares of outcomes on validation rows, and scores beside the other rules."""
    figure = _figure(11.6, 3.2)
    one, other = figure.subplots(1, 2, width_ratios=(1, 1.5))
    curve = np.array(found["curve"])
    spread = 2 * np.sqrt(curve[:, 0] * (1 - curve[:, 0]) / curve[:, 2])
    one.plot([0, 1], [0, 1], color=GREY, lw=0.8)
    one.errorbar(curve[:, 0], curve[:, 1], yerr=spread, fmt="o", color=ORANGE, ms=5, lw=1)
    one.set_xlabel("predicted probability of an outcome")
    one.set_ylabel("share that came so")
    one.set_title("validation rows", loc="left")
    labels, place = [], 0
    for role, plain in found["roles"].items():
        for rule, words in (("naive", "naive rule"), ("burden", "senescent burden alone")):
            gain, error = plain[rule]["gain"], plain[rule]["error"]
            other.barh(place, gain, xerr=2 * error, color=BLUE if gain > 0 else RED, height=0.6, ecolor="#1b1b1b")
            labels.append(f"{role}, against {words}\n({plain[rule]['rows']} rows)")
            place += 1
    other.axvline(0, color="#1b1b1b", lw=0.8)
    other.set_yticks(range(len(labels)), labels)
    other.set_xlabel("log score of the model less the other's, nats (± 2 standard errors over rows)")
    return figure


def profiles(found: Sequence[Mapping[str, Any]]) -> Figure:
    """Return profiles of the log posterior with what the prior alone would give."""
    figure = _figure(11.6, 2.7)
    for axis, item in zip(figure.subplots(1, max(len(found), 1), squeeze=False)[0], found, strict=True):
        prior = np.array(item["prior"])
        axis.plot(item["values"], prior - prior.max(), color=GREY, lw=1.2, label="prior alone")
        axis.plot(item["values"], item["log_posterior"], "o-", color=BLUE, ms=3, lw=1.2, label="posterior")
        axis.plot(item["values"], item["log_likelihood"], color=ORANGE, lw=1, ls="--", label="likelihood there")
        axis.axhline(-1.92, color=GREY, lw=0.6, ls=":")
        axis.set_ylim(-6, 3)
        axis.set_xscale("log" if min(item["values"]) > 0 else "linear")
        axis.set_title(_short(item["name"]), loc="left", fontsize=8)
        axis.set_xlabel(item["unit"])
    figure.axes[0].legend(frameon=False, fontsize=7)
    figure.axes[0].set_ylabel("log, relative to the best")
    return figure


def _short(name: str) -> str:
    return name.replace("senescence_", "sen. ").replace("laboratory/", "lab. ").replace("_", " ")
