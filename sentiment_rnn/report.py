"""One page that says how good a classifier is: scores with intervals, pictures, its mistakes."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentiment_rnn._files import atomic_file
from sentiment_rnn._pages import fill, whole
from sentiment_rnn.datasets.reviews import Reviews
from sentiment_rnn.datasets.tables import write_csv
from sentiment_rnn.errors import ResourceError, UsageError
from sentiment_rnn.evaluation import (
    accuracy_by_rating,
    bootstrap_intervals,
    calibration_curve,
    predicted_classes,
    worst_mistakes,
)
from sentiment_rnn.plotting import (
    plot_accuracies,
    plot_calibration,
    plot_thoughts,
    plot_thresholds,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FILES = ("index.html", "scores.json", "mistakes.csv")
# Mistakes that the page shows, and characters of each.
SHOWN, _EXCERPT = 20, 600
_NAMES = {
    "accuracy": "accuracy",
    "roc_auc": "area under the ROC curve",
    "f1": "F1",
    "log_loss": "log loss, nats",
    "calibration_error": "calibration error",
}


def write_report(
    folder: Path,
    reviews: Reviews,
    labels: np.ndarray,
    probabilities: np.ndarray,
    scores: Mapping[str, Any],
    class_names: tuple[str, ...],
    *,
    title: str,
    thoughts: tuple[np.ndarray, np.ndarray] | None = None,
) -> None:
    """Writes ``index.html``, which needs no other file, ``scores.json`` and ``mistakes.csv``.

    Args:
        folder: where to; it is made where it isn't there, and a report that is there is replaced.
        reviews: what was classified, with ratings and names where they are known.
        labels: the number of each text's class ``(texts,)``.
        probabilities: of class 1 ``(texts,)``, or of each class ``(texts, classes)``.
        scores: of `SentimentClassifier.evaluate`.
        class_names: what the classes are called.
        title: what the page is called.
        thoughts: for a picture, the places of some texts ``(some texts,)`` and their thought
            vectors ``(some texts, features)``; None for none.

    Raises:
        UsageError: if the folder is there and holds something else.
        ResourceError: if a file can't be written.
    """
    try:
        there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        # Hidden files are the system's.
        if any(name not in _FILES for name in there if not name.startswith(".")):
            raise UsageError(
                f"{folder} is there already and holds something else than a report. Name another "
                "folder."
            )
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"Could not make the folder {folder}: {error.strerror}") from error
    # Of the accuracy there is an interval already, which needs no drawing.
    intervals = {
        **bootstrap_intervals(labels, probabilities),
        "accuracy": tuple(scores["accuracy_interval"]),
    }
    curve = calibration_curve(labels, probabilities)
    found = {
        **scores,
        "intervals": {name: list(ends) for name, ends in intervals.items()},
        "calibration_curve": curve,
    }
    by_length = {
        f"{part['from']} to\n{part['to']}": part["accuracy"]
        for part in scores["accuracy_by_length"]
    }
    parts = {"known tokens": by_length}
    if reviews.ratings is not None:
        by_rating = accuracy_by_rating(labels, probabilities, reviews.ratings)
        found["accuracy_by_rating"] = by_rating
        parts["rating"] = {f"{part['rating']:g}": part["accuracy"] for part in by_rating}
    figures = {
        "How often it is right by how sure it is": plot_calibration(
            curve, classes=len(class_names)
        ),
        "Where its accuracy lies": plot_accuracies(parts),
    }
    if scores["roc_auc"] is not None and len(class_names) == 2:
        figures["What other thresholds would give"] = plot_thresholds(labels, probabilities)
    said = _Said.of(labels, probabilities, class_names)
    wrong = worst_mistakes(labels, probabilities, len(labels))
    # Where all vectors are one there is no plane in which they differ.
    if thoughts is not None and min(thoughts[1].shape) >= 2 and np.ptp(thoughts[1], axis=0).any():
        places, vectors = thoughts
        caption = f"What the network makes of {len(places):,} texts before it decides"
        is_wrong = np.isin(places, wrong)
        figures[caption] = plot_thoughts(vectors, labels[places], class_names, is_wrong)
    page = fill(
        "report.html",
        title=html.escape(whole(title)),
        about=_about(len(labels), len(class_names)),
        scores=_scores(scores, intervals),
        confusion=_confusion(scores["confusion_matrix"], class_names),
        figures="\n".join(_picture(caption, figure) for caption, figure in figures.items()),
        mistakes=_mistakes(reviews, said, wrong[:SHOWN]),
        wrong=f"{len(wrong):,}",
    )
    contents = (page, json.dumps(found, indent=2) + "\n", _rows(reviews, said, wrong))
    for name, content in zip(_FILES, contents, strict=True):
        with atomic_file(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8", newline="")


@dataclass(frozen=True)
class _Said:
    """Of each text what its class is called, that of the likeliest one, and its probability."""

    true: list[str]
    called: list[str]
    sure: list[float]

    @classmethod
    def of(
        cls, labels: np.ndarray, probabilities: np.ndarray, class_names: tuple[str, ...]
    ) -> _Said:
        called = predicted_classes(probabilities)
        if probabilities.ndim == 1:
            probabilities = np.column_stack([1 - probabilities, probabilities])
        return cls(
            [class_names[number] for number in labels.tolist()],
            [class_names[number] for number in called.tolist()],
            probabilities.max(axis=1).tolist(),
        )


def _about(texts: int, classes: int) -> str:
    about = f"{texts:,} texts. An interval holds the true score with a confidence of 95 %."
    if classes > 2:
        about += (
            " The area under the ROC curve and F1 are means over each class against the others; "
            "the calibration is that of the likeliest class."
        )
    return about


def _scores(scores: Mapping[str, Any], intervals: Mapping[str, tuple[float, float]]) -> str:
    rows = []
    for name, shown in _NAMES.items():
        if scores[name] is not None:
            low, high = intervals[name]
            rows.append(_row([shown, f"{scores[name]:.4f}", f"{low:.4f} to {high:.4f}"]))
    return "\n".join(rows)


def _confusion(matrix: list[list[int]], class_names: tuple[str, ...]) -> str:
    rows = ["<tr><th></th>" + "".join(f"<th>called {_safe(one)}</th>" for one in class_names)]
    for name, row in zip(class_names, matrix, strict=True):
        rows.append(_row([f"is {name}", *(f"{count:,}" for count in row)]))
    return "\n".join(rows)


def _picture(caption: str, figure: Figure) -> str:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    encoded = base64.b64encode(data.getvalue()).decode("ascii")
    return (
        f"<figure><figcaption>{_safe(caption)}</figcaption>"
        f'<img alt="{_safe(caption)}" src="data:image/png;base64,{encoded}"></figure>'
    )


def _mistakes(reviews: Reviews, said: _Said, places: np.ndarray) -> str:
    found = []
    for place in places.tolist():
        text = reviews.texts[place]
        excerpt = text if len(text) <= _EXCERPT else text[:_EXCERPT].rstrip() + " …"
        head = f"{said.true[place]} called {said.called[place]}, {said.sure[place]:.1%} sure"
        if reviews.ratings is not None:
            head += f"; rated {reviews.ratings[place]:g}"
        if reviews.names is not None:
            head += f"; {reviews.names[place]}"
        found.append(f"<li><strong>{_safe(head)}</strong><p>{_safe(excerpt)}</p></li>")
    return "\n".join(found) or "<li>none</li>"


def _rows(reviews: Reviews, said: _Said, places: np.ndarray) -> str:
    file = io.StringIO()
    rows: list[list[object]] = [
        ["place", "name", "rating", "label", "called", "probability", "text"]
    ]
    for place in places.tolist():
        name = "" if reviews.names is None else reviews.names[place]
        rating = "" if reviews.ratings is None else f"{reviews.ratings[place]:g}"
        names = [whole(name), rating, whole(said.true[place]), whole(said.called[place])]
        rows.append([place, *names, f"{said.sure[place]:.6f}", whole(reviews.texts[place])])
    write_csv(file, rows)
    return file.getvalue()


def _row(cells: list[str]) -> str:
    first, *others = map(_safe, cells)
    return f"<tr><th>{first}</th>" + "".join(f"<td>{cell}</td>" for cell in others) + "</tr>"


def _safe(text: str) -> str:
    return html.escape(whole(text))
