"""Pictures of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_history(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draws over the epochs what was measured in training and validation.

    Args:
        history: ``loss`` and ``val_loss`` of each epoch, of a classifier ``accuracy`` and
            ``val_accuracy`` too.

    Returns:
        A Matplotlib figure, which notebooks show and ``savefig`` writes to a file.

    Example:
        >>> history = {"loss": [0.6], "accuracy": [0.7], "val_loss": [0.5], "val_accuracy": [0.8]}
        >>> [axes.get_ylabel() for axes in plot_history(history).axes]
        ['loss', 'accuracy']
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = range(1, len(history["loss"]) + 1)
    names = [name for name in history if f"val_{name}" in history]
    names.sort(reverse=True)  # the loss first
    figure = Figure(figsize=(4.5 * len(names), 3.5), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        axes.plot(epochs, history[name], "o-", label="training")
        axes.plot(epochs, history[f"val_{name}"], "s--", label="validation")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure
