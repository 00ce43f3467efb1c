"""Pictures of training, and of what a cell does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

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
        axes.set(xlabel="epoch", ylabel=_plain(name))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def plot_calibration(curve: Sequence[Mapping[str, float]], *, classes: int = 2) -> Figure:
    """Draws how often a model is right by how sure it is, and how many texts it is so sure of.

    Args:
        curve: of `sentiment_rnn.evaluation.calibration_curve`.
        classes: how many classes it is of.

    Returns:
        A Matplotlib figure.

    Example:
        >>> curve = [{"texts": 9, "probability": 0.2, "share": 0.1}]
        >>> [axes.get_ylabel() for axes in plot_calibration(curve).axes]
        ['share of the positive class', 'texts']
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    sure = [part["probability"] for part in curve]
    above.plot([0, 1], [0, 1], ":", color="grey", label="as sure as right")
    above.plot(sure, [part["share"] for part in curve], "o-", label="this model")
    share, of = "share of the positive class", "that the model gives it"
    if classes > 2:
        share, of = "share that is right", "of the likeliest class"
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel=share)
    above.legend()
    below.bar(sure, [part["texts"] for part in curve], width=0.05)
    below.set(xlabel=f"probability {of}", ylabel="texts", yscale="log")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return figure


def plot_thresholds(labels: np.ndarray, probabilities: np.ndarray) -> Figure:
    """Draws what a model reaches with every threshold: the ROC, and precision against recall.

    Args:
        labels: 0 or 1 of each text ``(texts,)``, both among them.
        probabilities: of class 1 ``(texts,)``.

    Returns:
        A Matplotlib figure.

    Example:
        >>> figure = plot_thresholds(np.array([0, 1]), np.array([0.2, 0.7]))
        >>> [axes.get_xlabel() for axes in figure.axes]
        ['false positive rate', 'recall']
    """
    from matplotlib.figure import Figure
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    false, true, _ = roc_curve(labels, probabilities)
    left.plot([0, 1], [0, 1], ":", color="grey")
    left.plot(false, true)
    left.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.01))
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    right.plot([0, 1], [np.mean(labels)] * 2, ":", color="grey")
    right.plot(recall, precision)
    right.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.01))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return figure


def plot_accuracies(parts: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draws the accuracy on parts of the texts side by side.

    Args:
        parts: by what they have in common, such as "tokens", the accuracy by the name of the part.

    Returns:
        A Matplotlib figure with a panel for each.

    Example:
        >>> figure = plot_accuracies({"stars": {"1": 0.9, "10": 0.95}})
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['1', '10']
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * len(parts), 3.5), layout="constrained")
    panels = figure.subplots(1, len(parts), squeeze=False)[0]
    for axes, (name, accuracies) in zip(panels, parts.items(), strict=True):
        bars = axes.bar(list(map(_plain, accuracies)), list(accuracies.values()))
        axes.bar_label(bars, fmt="%.3f", fontsize=8)
        axes.set(xlabel=_plain(name), ylabel="accuracy", ylim=(0, 1.05))
        axes.grid(axis="y", alpha=0.3)
    return figure


def plot_thoughts(
    vectors: np.ndarray, labels: np.ndarray, class_names: Sequence[str], wrong: np.ndarray
) -> Figure:
    """Draws thought vectors on the plane in which they differ most.

    Args:
        vectors: of `SentimentClassifier.transform`, ``(texts, features)`` of at least 2.
        labels: the number of each text's class ``(texts,)``.
        class_names: what the classes are called.
        wrong: whether each text was classified wrongly, ``(texts,)``: these get a ring.

    Returns:
        A Matplotlib figure, whose axes say what share of all differences they show.

    Example:
        >>> vectors = np.array([[0.0, 0.0, 1.0], [5.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
        >>> figure = plot_thoughts(vectors, np.array([0, 1, 0]), ("bad", "good"), np.zeros(3, bool))
        >>> figure.axes[0].get_xlabel()
        'first direction, 97 % of the variance'

    Source: Pearson, "On Lines and Planes of Closest Fit to Systems of Points in Space", 1901.
    """
    from matplotlib.figure import Figure
    from sklearn.decomposition import PCA

    plane = PCA(2, svd_solver="full")
    points = plane.fit_transform(vectors.astype(np.float64))
    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.subplots()
    for number, (name, marker) in enumerate(zip(class_names, cycle(_MARKERS), strict=False)):
        x, y = points[labels == number].T
        axes.scatter(x, y, s=14, marker=marker, alpha=0.5, linewidths=0, label=_plain(name))
    x, y = points[wrong].T
    axes.scatter(
        x,
        y,
        s=40,
        facecolors="none",
        edgecolors="black",
        linewidths=0.6,
        label="classified wrongly",
    )
    first, second = (f"{100 * share:.0f} %" for share in plane.explained_variance_ratio_)
    axes.set(
        xlabel=f"first direction, {first} of the variance",
        ylabel=f"second direction, {second} of the variance",
    )
    axes.grid(alpha=0.3)
    if len(class_names) <= _MOST_NAMED:
        figure.legend(loc="outside right upper")
    return figure


_MARKERS = "osD^v<>pPX*h"
# Classes of which a legend leaves room for the picture.
_MOST_NAMED = 20


def plot_trials(complete: Mapping[int, float], pruned: Mapping[int, float]) -> Figure:
    """Draws what the trials of a study reached, and the best that was known after each.

    Args:
        complete: by the number of the trial, its validation accuracy.
        pruned: the same of trials that ended early because others were better.

    Returns:
        A Matplotlib figure.

    Example:
        >>> figure = plot_trials({0: 0.7, 1: 0.6, 3: 0.8}, {2: 0.5})
        >>> best = figure.axes[0].lines[0]
        >>> best.get_xdata().tolist(), best.get_ydata().tolist()
        ([0, 1, 3], [0.7, 0.7, 0.8])
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    numbers = sorted(complete)
    best = np.maximum.accumulate([complete[number] for number in numbers])
    axes.plot(np.array(numbers), best, drawstyle="steps-post", label="best so far")
    axes.plot(list(complete), list(complete.values()), "o", label="complete")
    if pruned:
        axes.plot(list(pruned), list(pruned.values()), "x", color="grey", label="ended early")
    axes.set(xlabel="trial", ylabel="validation accuracy")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def plot_importances(importances: Mapping[str, float]) -> Figure:
    """Draws how much each setting has to do with how good the trials of a study are.

    Args:
        importances: the share of each by name, the largest first.

    Returns:
        A Matplotlib figure.

    Example:
        >>> figure = plot_importances({"units": 0.75, "dropout": 0.25})
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['units', 'dropout']
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 1.2 + 0.35 * len(importances)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(map(_plain, importances)), list(importances.values()))
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.invert_yaxis()
    axes.set(xlabel="importance", xlim=(0, 1.1))
    axes.grid(axis="x", alpha=0.3)
    return figure


def _plain(text: str) -> str:
    r"""A text that Matplotlib draws as it is, which otherwise reads a formula between dollars.

    Example:
        >>> print(_plain(r"from $5 to $9"))
        from \$5 to \$9
    """
    return text.replace("$", r"\$")


# Blue, white, green: green is the lighter one, so that the two ends differ in more than hue.
CELL_COLOURS = ("#6d98ff", "#ffffff", "#9fdc4e")
_FONT = "DejaVu Sans Mono"  # comes with Matplotlib
_FONT_SIZE = 9
# Inches: a letter of this font is 0.6 of its size wide, and an inch has 72 points.
_COLUMN = 0.68 * _FONT_SIZE / 72
_ROW = 1.9 * _FONT_SIZE / 72
_STAND_INS = {"\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}", "\t": "\N{RIGHTWARDS ARROW}"}


def plot_cell(
    text: str,
    activations: np.ndarray,
    *,
    title: str | None = None,
    width: int = 80,
    limit: float | None = None,
) -> Figure:
    """Draws a text coloured by what a cell does while it reads: blue below 0, green above.

    Args:
        text: what was read. A line's end is drawn as an arrow; a character that the font lacks,
            as a replacement character.
        activations: the cell after each character, floats ``(characters,)``.
        title: what stands above the text.
        width: characters in a row, at which longer lines are wrapped.
        limit: the number of the full colours; of 1 and the largest of `activations`, the larger
            one if there is none.

    Returns:
        A Matplotlib figure as large as the text asks for, which notebooks show and ``savefig``
        writes to a file.

    Raises:
        ValueError: if there is no text, the activations are not one finite number for each of its
            characters, or `width` or `limit` is not above 0.

    Example:
        >>> figure = plot_cell("to be", np.array([0.1, 0.9, -0.2, -1.0, 0.3]))
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['t', 'o', ' ', 'b', 'e']

    Source: the pictures of Karpathy, "The Unreasonable Effectiveness of Recurrent Neural
    Networks", 2015.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.figure import Figure
    from matplotlib.font_manager import findfont, get_font
    from matplotlib.patches import Rectangle

    activations = np.asarray(activations)
    if not text or activations.shape != (len(text),) or not np.isfinite(activations).all():
        raise ValueError(
            "Expected a text and one finite activation for each of its characters. Received: "
            f"{len(text)} characters and {activations.dtype} {activations.shape}"
        )
    if width < 1 or (limit is not None and not limit > 0):
        raise ValueError(f"Expected a width and a limit above 0. Received: {width}, {limit}")
    if limit is None:
        limit = max(1.0, float(np.abs(activations).max()))

    places = _places(text, width)
    rows = places[-1][0] + 1
    columns = max(column for _, column in places) + 1
    # Room for the scale, the title and a margin, in inches.
    across, down = max(columns * _COLUMN, 3.0), rows * _ROW
    margin, above, below = 0.15, 0.4 if title else 0.15, 0.55
    size = (across + 2 * margin, down + above + below)
    figure = Figure(figsize=size)
    axes = figure.add_axes((margin / size[0], below / size[1], across / size[0], down / size[1]))
    axes.set(xlim=(0, across / _COLUMN), ylim=(rows, 0))
    axes.axis("off")
    if title:
        axes.set_title(title, loc="left", fontsize=_FONT_SIZE + 2, parse_math=False)

    squares = PatchCollection(
        [Rectangle((column, row + 0.06), 1, 0.88) for row, column in places],
        cmap=LinearSegmentedColormap.from_list("cell", CELL_COLOURS),
        norm=Normalize(-limit, limit),
        # Neighbours touch without a hairline between them.
        edgecolors="face",
        linewidths=0.2,
    )
    squares.set_array(activations)
    axes.add_collection(squares)
    font = get_font(findfont(_FONT))
    for character, (row, column) in zip(text, places, strict=True):
        shown = _STAND_INS.get(character, character)
        if not (shown.isprintable() and font.get_char_index(ord(shown))):
            shown = "\N{REPLACEMENT CHARACTER}"
        axes.text(
            column + 0.5,
            row + 0.5,
            shown,
            family=_FONT,
            fontsize=_FONT_SIZE,
            horizontalalignment="center",
            verticalalignment="center_baseline",
            parse_math=False,
        )
    scale = figure.add_axes((margin / size[0], 0.32 / size[1], 2.2 / size[0], 0.1 / size[1]))
    bar = figure.colorbar(squares, cax=scale, orientation="horizontal", ticks=[-limit, 0, limit])
    bar.ax.set_xticklabels(
        [f"\N{MINUS SIGN}{limit:.3g}", "0", f"{limit:.3g}"],
        fontsize=_FONT_SIZE - 1,
        parse_math=False,
    )
    # The numbers at the ends begin and end where the scale does.
    first, _, last = bar.ax.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    return figure


def _places(text: str, width: int) -> list[tuple[int, int]]:
    """The row and column of each character, where lines are wrapped at a width."""
    places = []
    row = column = 0
    for character in text:
        if column == width:
            row, column = row + 1, 0
        places.append((row, column))
        column += 1
        if character == "\n":
            row, column = row + 1, 0
    return places
