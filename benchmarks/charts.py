"""What was measured, as a picture: a panel for each comparison."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measuring import Result
from benchmarks.rendering import number, slopes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart by those who don't see red and green as well.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999")


def chart(suite: str, results: Sequence[Result]) -> Figure:
    """Bars for comparisons, and lines in log-log for growths.

    Args:
        suite: name of the suite.
        results: what was measured; those without a measured side are left out.

    Returns:
        A Matplotlib figure.
    """
    from matplotlib.figure import Figure

    shown = [result for result in results if result.measured]
    heights = [3.2 if result.variable else 0.9 + 0.34 * len(result.measured) for result in shown]
    figure = Figure(figsize=(8, max(1.0, sum(heights))), layout="constrained")
    figure.suptitle(f"Benchmark: {suite}", fontsize=11)
    if not shown:
        return figure
    panels = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, result in zip(panels, shown, strict=True):
        (_lines if result.variable else _bars)(axes, result)
    return figure


def _bars(axes: Axes, result: Result) -> None:
    """Medians, from the fastest round to the slowest, this package in a colour of its own."""
    sides = result.measured[::-1]
    errors = None
    if result.figure:
        values = [side.figures[result.figure] for side in sides]
    else:
        values = [_shown(side.median, result) for side in sides]
        fastest = [_shown(min(side.seconds), result) for side in sides]
        slowest = [_shown(max(side.seconds), result) for side in sides]
        errors = np.abs(np.sort([fastest, slowest], axis=0) - values)
    colours = [COLOURS[0 if side.name.startswith("this") else -1] for side in sides]
    bars = axes.barh([side.name for side in sides], values, xerr=errors, color=colours)
    axes.bar_label(bars, [f" {number(value)}" for value in values], fontsize=8)
    axes.margins(x=0.15)
    axes.set_title(result.name, loc="left", fontsize=9)
    unit = result.figure or f"{result.unit} a second, longer is better"
    if result.amount is None and not result.figure:
        unit = "seconds, shorter is better"
    axes.set_xlabel(unit, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _lines(axes: Axes, result: Result) -> None:
    exponents = slopes(result)
    for (line, points), colour in zip(result.points().items(), cycle(COLOURS), strict=False):
        label = f"{line}, slope {exponents[line]:.2f}" if line in exponents else line
        axes.loglog(*zip(*points, strict=True), "o-", color=colour, label=label)
    axes.set_title(result.name, loc="left", fontsize=9)
    axes.set_xlabel(result.variable, fontsize=8)
    axes.set_ylabel(result.figure or "seconds", fontsize=8)
    axes.tick_params(labelsize=8, which="both")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)


def _shown(seconds: float, result: Result) -> float:
    return seconds if result.amount is None else result.amount / seconds
