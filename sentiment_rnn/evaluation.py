"""How good probabilities are, compared with the truth.

Of two classes the second is called positive, and its probability says all: ``(texts,)``. Of more
classes each has one: ``(texts, classes)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isnan, sqrt
from typing import Any

import numpy as np

CALIBRATION_BINS = 15
# Where all texts are classified rightly, no temperature is low enough.
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
# Samples of a bootstrap: the ends of an interval are then known to a twentieth of its width.
_SAMPLES = 1000


def evaluate_probabilities(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Scores probabilities.

    Args:
        labels: the number of each text's class, from 0, ``(texts,)``.
        probabilities: of class 1 ``(texts,)``, or of each class ``(texts, classes)``.

    Returns:
        ``texts``, ``accuracy`` and its ``accuracy_interval``, ``roc_auc`` (None if a class is
        missing), ``f1``, ``log_loss`` in nats, ``calibration_error`` and ``confusion_matrix``
        (rows are the truth, columns the prediction). Of more than two classes, ``roc_auc`` and
        ``f1`` are means over each class against the others, and the calibration is that of the
        likeliest class.

    Example:
        >>> scores = evaluate_probabilities(np.array([0, 1, 1]), np.array([0.2, 0.9, 0.4]))
        >>> scores["confusion_matrix"], round(scores["accuracy"], 3)
        ([[1, 0], [1, 1]], 0.667)
    """
    from sklearn import metrics

    predicted = predicted_classes(probabilities)
    classes = 2 if probabilities.ndim == 1 else probabilities.shape[1]
    names, average = list(range(classes)), "binary" if classes == 2 else "macro"
    every = len(np.unique(labels)) == classes
    right = predicted == labels
    return {
        "texts": len(labels),
        "accuracy": float(right.mean()),
        "accuracy_interval": list(wilson_interval(int(right.sum()), len(labels))),
        "roc_auc": (
            float(metrics.roc_auc_score(labels, probabilities, multi_class="ovr", labels=names))
            if every
            else None
        ),
        "f1": float(
            metrics.f1_score(labels, predicted, labels=names, average=average, zero_division=0.0)
        ),
        "log_loss": float(metrics.log_loss(labels, probabilities, labels=names)),
        "calibration_error": calibration_error(labels, probabilities),
        "confusion_matrix": metrics.confusion_matrix(labels, predicted, labels=names).tolist(),
    }


def predicted_classes(probabilities: np.ndarray) -> np.ndarray:
    """The number of the likeliest class.

    Args:
        probabilities: of class 1 ``(texts,)``, or of each class ``(texts, classes)``.

    Returns:
        Whole numbers ``(texts,)``.

    Example:
        >>> predicted_classes(np.array([0.2, 0.9])), predicted_classes(np.array([[0.2, 0.7, 0.1]]))
        (array([0, 1]), array([1]))
    """
    if probabilities.ndim == 1:
        return (probabilities > 0.5).astype(int)
    return probabilities.argmax(axis=1)


def _sureness(probabilities: np.ndarray) -> np.ndarray:
    """The probability of the likeliest class ``(texts,)``."""
    if probabilities.ndim == 1:
        return np.maximum(probabilities, 1 - probabilities)
    return probabilities.max(axis=1)


def calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS
) -> float:
    """Expected calibration error: how far confidence and accuracy lie apart on average.

    Args:
        labels: the number of each text's class ``(texts,)``.
        probabilities: of class 1 ``(texts,)``, or of each class ``(texts, classes)``.
        bins: how many equal parts the probabilities from 0 to 1 are sorted into.

    Returns:
        The mean over the texts of the distance, in each bin, between the mean probability and the
        share of class 1; of more than two classes, between the mean probability of the likeliest
        class and the share of texts for which it is right.

    Example:
        >>> calibration_error(np.array([0, 1]), np.array([0.25, 0.75]))
        0.25

    Source: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning", AAAI 2015.
    """
    counts, confidence, positive = _calibration(labels, probabilities, bins)
    return float(np.abs(confidence - positive).sum() / max(counts.sum(), 1))


def calibration_curve(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS
) -> list[dict[str, Any]]:
    """How often the model is right, by how sure it is.

    Args:
        labels: the number of each text's class ``(texts,)``.
        probabilities: of class 1 ``(texts,)``, or of each class ``(texts, classes)``.
        bins: how many equal parts the probabilities from 0 to 1 are sorted into.

    Returns:
        For each part that has texts ``texts``, their mean ``probability``, and ``share``, that of
        class 1 among them: the same, if the model is calibrated. Of more than two classes it is
        the probability of the likeliest class, and the share of texts for which it is right.

    Example:
        >>> for part in calibration_curve(np.array([0, 1, 1]), np.array([0.2, 0.7, 0.8]), bins=2):
        ...     print(part)
        {'texts': 1, 'probability': 0.2, 'share': 0.0}
        {'texts': 2, 'probability': 0.75, 'share': 1.0}
    """
    return [
        {"texts": int(count), "probability": confidence / count, "share": share / count}
        for count, confidence, share in zip(
            *(array.tolist() for array in _calibration(labels, probabilities, bins)), strict=True
        )
        if count
    ]


def _calibration(
    labels: np.ndarray, probabilities: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each bin the number of texts, and the sums of probabilities and of what came true."""
    if probabilities.ndim == 2:
        labels, probabilities = predicted_classes(probabilities) == labels, _sureness(probabilities)
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    counts = np.bincount(which, minlength=bins)
    return counts, np.bincount(which, probabilities, bins), np.bincount(which, labels, bins)


def bootstrap_intervals(
    labels: np.ndarray, probabilities: np.ndarray, *, samples: int = _SAMPLES, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Between which ends the true scores lie with a confidence of 95 %, as chance chose texts.

    Args:
        labels: the number of each text's class ``(texts,)``.
        probabilities: of class 1 ``(texts,)``, or of each class ``(texts, classes)``.
        samples: how many times as many texts are drawn from these, with replacement.
        seed: of the drawing.

    Returns:
        For ``accuracy``, ``roc_auc``, ``f1``, ``log_loss`` and ``calibration_error`` the lower and
        the upper end. Samples that lack a class don't count for ``roc_auc``, which is left out if
        there are no others.

    Example:
        >>> labels, probabilities = np.arange(100) % 2, np.linspace(0.1, 0.9, 100)
        >>> low, high = bootstrap_intervals(labels, probabilities)["roc_auc"]
        >>> low < 0.51 < high
        True

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13: percentiles;
    those of the calibration error without their bias, chapter 10.
    """
    random = np.random.default_rng(seed)
    order = _order(probabilities)
    drawn: dict[str, list[float]] = {name: [] for name in ("roc_auc", *_SCORES)}
    for _ in range(samples):
        rows = random.integers(len(labels), size=len(labels))
        drawn["roc_auc"].append(_roc_auc(labels[rows], order[rows]))
        for name, score in _SCORES.items():
            drawn[name].append(score(labels[rows], probabilities[rows]))
    found = {}
    for name, values in drawn.items():
        if defined := [value for value in values if not isnan(value)]:
            low, high = np.percentile(defined, [2.5, 97.5]).tolist()
            found[name] = low, high
    # A distance: in a sample of these texts chance comes in once more and makes it larger.
    low, high = found["calibration_error"]
    more = float(np.mean(drawn["calibration_error"])) - calibration_error(labels, probabilities)
    found["calibration_error"] = max(low - more, 0.0), max(high - more, 0.0)
    return found


def _accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    return float(np.mean(predicted_classes(probabilities) == labels))


def _order(probabilities: np.ndarray) -> np.ndarray:
    """All that the area under the ROC curve depends on: whole numbers in the same order, from 0.

    Example:
        >>> _order(np.array([0.7, 0.1, 0.9, 0.7]))
        array([1, 0, 2, 1])
    """
    if probabilities.ndim == 2:
        return np.column_stack([_order(column) for column in probabilities.T])
    return np.unique(probabilities, return_inverse=True)[1]


def _roc_auc(labels: np.ndarray, order: np.ndarray) -> float:
    """Of what `_order` gives; not a number if a class is missing."""
    if order.ndim == 2:
        of_classes = enumerate(order.T)
        return float(np.mean([_roc_auc(labels == number, one) for number, one in of_classes]))
    size = order.max() + 1
    positive = np.bincount(order[labels == 1], minlength=size)
    negative = np.bincount(order[labels == 0], minlength=size)
    pairs = positive.sum() * negative.sum()
    if not pairs:
        return float("nan")
    # Of two that are level, each is above the other for a half.
    below = np.cumsum(negative) - negative / 2
    return float(np.sum(positive * below) / pairs)


def _f1(labels: np.ndarray, probabilities: np.ndarray) -> float:
    predicted = predicted_classes(probabilities)
    classes = [1] if probabilities.ndim == 1 else range(probabilities.shape[1])
    found = []
    for number in classes:
        right = np.sum((predicted == number) & (labels == number))
        said_or_true = np.sum(predicted == number) + np.sum(labels == number)
        found.append(2 * right / max(said_or_true, 1))
    return float(np.mean(found))


def _log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    if probabilities.ndim == 1:
        right = np.where(labels == 1, probabilities, 1 - probabilities)
    else:
        right = np.take_along_axis(probabilities, labels[:, np.newaxis], axis=1)
    return float(-np.log(np.maximum(right, np.finfo(np.float64).eps)).mean())


_SCORES: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "log_loss": _log_loss,
    "calibration_error": calibration_error,
}


def best_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """By what to divide logits so that the probabilities are as sure as they are right.

    Args:
        labels: the number of each text's class ``(texts,)``.
        logits: log odds of class 1 ``(texts,)``, or what the softmax makes probabilities of
            ``(texts, classes)``.

    Returns:
        The temperature with the least log loss, from `LOWEST_TEMPERATURE` to
        `HIGHEST_TEMPERATURE`: above 1 where the probabilities are too sure.

    Example:
        >>> odds = np.array([3.0, 3.0, 3.0, -3.0, -3.0, -3.0])
        >>> round(best_temperature(np.array([1, 1, 0, 0, 0, 1]), odds), 2)
        4.33

    Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logits = logits.astype(np.float64)
    if logits.ndim == 1:
        logits = np.column_stack([np.zeros_like(logits), logits])
    of_truth = np.take_along_axis(logits, labels[:, np.newaxis], axis=1)
    behind = logits - of_truth

    def loss(logarithm: float) -> float:
        return float(logsumexp(behind / np.exp(logarithm), axis=1).mean())

    bounds = np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE)
    found = minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def tells_how_sure(temperature: float) -> bool:
    """Whether texts told the best temperature: not where all were classified rightly, or at random.

    Example:
        >>> tells_how_sure(best_temperature(np.array([1, 0]), np.array([3.0, -3.0])))
        False
    """
    return LOWEST_TEMPERATURE * 1.01 < temperature < HIGHEST_TEMPERATURE / 1.01


def wilson_interval(right: int, texts: int) -> tuple[float, float]:
    """Between which accuracies the true one lies with a confidence of 95 %, as chance chose texts.

    Args:
        right: texts that were classified rightly.
        texts: all of them, at least one.

    Returns:
        The lower and the upper end.

    Example:
        >>> [round(end, 3) for end in wilson_interval(90, 100)]
        [0.826, 0.945]

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal
    of the American Statistical Association, 1927.
    """
    z = 1.959964  # of a normal distribution, 95 % lie so many standard deviations around its mean
    share = right / texts
    middle = share + z * z / (2 * texts)
    width = z * sqrt(share * (1 - share) / texts + z * z / (4 * texts * texts))
    return (middle - width) / (1 + z * z / texts), (middle + width) / (1 + z * z / texts)


def accuracy_by_length(
    labels: np.ndarray, probabilities: np.ndarray, lengths: np.ndarray, parts: int = 4
) -> list[dict[str, Any]]:
    """The accuracy on short texts and on long ones.

    Args:
        labels: the number of each text's class ``(texts,)``.
        probabilities: of class 1 ``(texts,)``, or of each class ``(texts, classes)``.
        lengths: of the texts, in tokens ``(texts,)``.
        parts: how many parts of like size the texts are sorted into; texts of the same length
            share one.

    Returns:
        For each part that has texts, the shortest first, ``from`` and ``to`` in tokens, ``texts``
        and ``accuracy``.

    Example:
        >>> labels, probabilities = np.array([0, 1, 1, 1]), np.array([0.1, 0.9, 0.2, 0.8])
        >>> for part in accuracy_by_length(labels, probabilities, np.array([5, 7, 9, 11]), parts=2):
        ...     print(part)
        {'from': 5, 'to': 7, 'texts': 2, 'accuracy': 1.0}
        {'from': 9, 'to': 11, 'texts': 2, 'accuracy': 0.5}
    """
    right = predicted_classes(probabilities) == labels
    ends = np.quantile(lengths, np.arange(1, parts) / parts, method="lower")
    which = np.searchsorted(ends, lengths, side="left")
    found = []
    for part in range(parts):
        inside = which == part
        if inside.any():
            found.append(
                {
                    "from": int(lengths[inside].min()),
                    "to": int(lengths[inside].max()),
                    "texts": int(inside.sum()),
                    "accuracy": float(right[inside].mean()),
                }
            )
    return found


def accuracy_by_rating(
    labels: np.ndarray, probabilities: np.ndarray, ratings: np.ndarray
) -> list[dict[str, Any]]:
    """The accuracy on texts of each rating, such as stars.

    Args:
        labels: the number of each text's class ``(texts,)``.
        probabilities: of class 1 ``(texts,)``, or of each class ``(texts, classes)``.
        ratings: what the author gave, ``(texts,)``.

    Returns:
        For each rating, the lowest first, ``rating``, ``texts`` and ``accuracy``.

    Example:
        >>> labels, probabilities = np.array([0, 1, 1]), np.array([0.1, 0.9, 0.2])
        >>> for part in accuracy_by_rating(labels, probabilities, np.array([2, 8, 8])):
        ...     print(part)
        {'rating': 2, 'texts': 1, 'accuracy': 1.0}
        {'rating': 8, 'texts': 2, 'accuracy': 0.5}
    """
    return [
        {
            "rating": rating.item(),
            "texts": int(np.sum(ratings == rating)),
            "accuracy": _accuracy(labels[ratings == rating], probabilities[ratings == rating]),
        }
        for rating in np.unique(ratings)
    ]


def worst_mistakes(labels: np.ndarray, probabilities: np.ndarray, count: int) -> np.ndarray:
    """The texts that the model gets wrong most surely.

    Args:
        labels: the number of each text's class ``(texts,)``.
        probabilities: of class 1 ``(texts,)``, or of each class ``(texts, classes)``.
        count: how many, at most.

    Returns:
        Their places, the surest mistake first.

    Example:
        >>> worst_mistakes(np.array([0, 1, 1, 0]), np.array([0.6, 0.1, 0.9, 0.8]), 2).tolist()
        [1, 3]
    """
    wrong = np.flatnonzero(predicted_classes(probabilities) != labels)
    order = np.argsort(-_sureness(probabilities[wrong]), kind="stable")
    return wrong[order][:count]
