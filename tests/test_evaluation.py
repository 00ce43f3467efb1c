import numpy as np
import pytest

from sentiment_rnn.evaluation import calibration_error, evaluate_probabilities


def test_scores_by_hand():
    labels = np.array([0, 0, 1, 1, 1])
    probabilities = np.array([0.1, 0.6, 0.4, 0.8, 0.9])
    scores = evaluate_probabilities(labels, probabilities)
    assert scores["texts"] == 5
    assert scores["accuracy"] == 0.6
    assert scores["confusion_matrix"] == [[1, 1], [1, 2]]
    assert scores["f1"] == pytest.approx(2 / 3)
    assert scores["roc_auc"] == pytest.approx(5 / 6)
    right = np.where(labels == 1, probabilities, 1 - probabilities)
    assert scores["log_loss"] == pytest.approx(-np.log(right).mean())


def test_one_class_only_has_no_roc_auc():
    scores = evaluate_probabilities(np.array([1, 1]), np.array([0.7, 0.4]))
    assert scores["roc_auc"] is None
    assert scores["confusion_matrix"] == [[0, 0], [1, 1]]


def test_calibration_error():
    random = np.random.default_rng(0)
    probabilities = random.uniform(size=100_000)
    labels = (random.uniform(size=100_000) < probabilities).astype(int)
    assert calibration_error(labels, probabilities) < 0.01
    assert calibration_error(labels, np.ones(100_000)) == pytest.approx(0.5, abs=0.01)
    assert calibration_error(labels, np.full(100_000, 0.5)) < 0.01
