"""How good probabilities are, compared with the truth."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

CALIBRATION_BINS = 15


def evaluate_probabilities(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Scores the probabilities of the positive class.

    Args:
        labels: 0 or 1 of each text ``(texts,)``.
        probabilities: of class 1 ``(texts,)``.

    Returns:
        ``texts``, ``accuracy`` and its ``accuracy_interval``, ``roc_auc`` (None if there is one
        class only), ``f1``, ``log_loss`` in nats, ``calibration_error`` and ``confusion_matrix``
        (rows are the truth, columns the prediction).

    Example:
        >>> scores = evaluate_probabilities(np.array([0, 1, 1]), np.array([0.2, 0.9, 0.4]))
        >>> scores["confusion_matrix"], round(scores["accuracy"], 3)
        ([[1, 0], [1, 1]], 0.667)
    """
    from sklearn import metrics

    predicted = (probabilities > 0.5).astype(int)
    both = len(np.unique(labels)) == 2
    return {
        "texts": len(labels),
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "accuracy_interval": list(wilson_interval(int(np.sum(predicted == labels)), len(labels))),
        "roc_auc": float(metrics.roc_auc_score(labels, probabilities)) if both else None,
        "f1": float(metrics.f1_score(labels, predicted, zero_division=0.0)),
        "log_loss": float(metrics.log_loss(labels, probabilities, labels=[0, 1])),
        "calibration_error": calibration_error(labels, probabilities),
        "confusion_matrix": metrics.confusion_matrix(labels, predicted, labels=[0, 1]).tolist(),
    }


def calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS
) -> float:
    """Expected calibration error: how far confidence and accuracy lie apart on average.

    Args:
        labels: 0 or 1 of each text ``(texts,)``.
        probabilities: of class 1 ``(texts,)``.
        bins: how many equal parts the probabilities from 0 to 1 are sorted into.

    Returns:
        The mean over the texts of the distance, in each bin, between the mean probability and the
        share of class 1.

    Example:
        >>> calibration_error(np.array([0, 1]), np.array([0.25, 0.75]))
        0.25

    Source: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning", AAAI 2015.
    """
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    counts = np.bincount(which, minlength=bins)
    difference = np.bincount(which, probabilities, bins) - np.bincount(which, labels, bins)
    return float(np.abs(difference).sum() / max(counts.sum(), 1))


def best_temperature(labels: np.ndarray, log_odds: np.ndarray) -> float:
    """By what to divide log odds so that they are as sure as they are right.

    Args:
        labels: 0 or 1 of each text ``(texts,)``.
        log_odds: of class 1 ``(texts,)``.

    Returns:
        The temperature with the least log loss, from 0.05 to 20: above 1 where the odds are too
        sure.

    Example:
        >>> odds = np.array([3.0, 3.0, 3.0, -3.0, -3.0, -3.0])
        >>> round(best_temperature(np.array([1, 1, 0, 0, 0, 1]), odds), 2)
        4.33

    Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    from scipy.optimize import minimize_scalar

    signed = np.where(labels == 1, log_odds, -log_odds).astype(np.float64)

    def loss(logarithm: float) -> float:
        return float(np.logaddexp(0, -signed / np.exp(logarithm)).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(found.x))


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
        labels: 0 or 1 of each text ``(texts,)``.
        probabilities: of class 1 ``(texts,)``.
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
    right = (probabilities > 0.5) == (labels == 1)
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
