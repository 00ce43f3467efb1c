import numpy as np
import pytest

from sentiment_rnn.evaluation import (
    accuracy_by_length,
    best_temperature,
    calibration_error,
    evaluate_probabilities,
    wilson_interval,
)


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


@pytest.mark.parametrize(("right", "texts"), [(0, 1), (1, 1), (5, 12), (0, 30), (22_835, 25_000)])
def test_the_interval_is_that_of_scipy(right, texts):
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(right, texts).proportion_ci(method="wilson")
    assert wilson_interval(right, texts) == pytest.approx((expected.low, expected.high), abs=1e-7)


def test_accuracy_by_length_by_hand():
    labels = np.array([1, 1, 0, 0, 1, 1, 0, 0])
    probabilities = np.array([0.9, 0.1, 0.2, 0.2, 0.9, 0.1, 0.9, 0.9])
    lengths = np.array([3, 4, 9, 1, 30, 20, 10, 40])
    found = accuracy_by_length(labels, probabilities, lengths)
    assert [(one["from"], one["to"], one["texts"], one["accuracy"]) for one in found] == [
        (1, 3, 2, 1.0),
        (4, 9, 2, 0.5),
        (10, 20, 2, 0.0),
        (30, 40, 2, 0.5),
    ]


def test_texts_of_the_same_length_are_in_one_part():
    found = accuracy_by_length(np.ones(9, int), np.ones(9), np.array([5] * 8 + [7]))
    assert [(one["from"], one["to"], one["texts"]) for one in found] == [(5, 5, 8), (7, 7, 1)]


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_the_best_temperature_undoes_one(temperature):
    random = np.random.default_rng(0)
    odds = random.normal(0, 2, 100_000)
    labels = (random.uniform(size=100_000) < 1 / (1 + np.exp(-odds))).astype(int)
    assert best_temperature(labels, odds * temperature) == pytest.approx(temperature, rel=0.03)
