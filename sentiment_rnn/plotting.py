"""Pictures of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def plot_history(history: Mapping[str, Sequence[float]], path: str | Path) -> None:
    """Draws loss and accuracy over the epochs, in training and validation, to a PNG file.

    Args:
        history: ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy`` of each epoch.
        path: the picture's file.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = range(1, len(history["loss"]) + 1)
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, history[name], "o-", label="training")
        axes.plot(epochs, history[f"val_{name}"], "s--", label="validation")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    # Without the date and version that Matplotlib adds, the same history gives the same file.
    figure.savefig(path, dpi=120, metadata={"Software": None})
