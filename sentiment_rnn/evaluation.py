"""How good probabilities are, compared with the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

CALIBRATION_BINS = 15


def evaluate_probabilities(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Scores the probabilities of the positive class.

    Args:
        labels: 0 or 1 of each text ``(texts,)``.
        probabilities: of class 1 ``(texts,)``.

    Returns:
        ``texts``, ``accuracy``, ``roc_auc`` (None if there is one class only), ``f1``,
        ``log_loss`` in nats, ``calibration_error`` and ``confusion_matrix`` (rows are the truth,
        columns the prediction).

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
