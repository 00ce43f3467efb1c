import numpy as np
import pytest
from sklearn import metrics

from sentiment_rnn import evaluation
from sentiment_rnn.evaluation import (
    accuracy_by_length,
    accuracy_by_rating,
    best_temperature,
    bootstrap_intervals,
    calibration_curve,
    calibration_error,
    evaluate_probabilities,
    wilson_interval,
    worst_mistakes,
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


def made(texts, seed=0):
    """Labels, and probabilities that are often right."""
    random = np.random.default_rng(seed)
    labels = random.integers(2, size=texts)
    return labels, 1 / (1 + np.exp(-random.normal(2.0 * labels - 1, 1.5)))


def made_of_three(texts):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, texts)
    probabilities = random.dirichlet([1, 1, 1], texts) + np.eye(3)[labels] * 0.3
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("make", [made, made_of_three])
def test_the_calibration_curve_adds_up_to_the_calibration_error(make):
    labels, probabilities = make(500)
    curve = calibration_curve(labels, probabilities)
    assert sum(part["texts"] for part in curve) == 500
    error = sum(part["texts"] * abs(part["probability"] - part["share"]) for part in curve) / 500
    assert error == pytest.approx(calibration_error(labels, probabilities))
    bins = [int(part["probability"] * 15) for part in curve]
    assert bins == sorted(set(bins))


@pytest.mark.parametrize("make", [made, made_of_three])
def test_the_scores_of_a_bootstrap_are_those_of_scikit_learn(make):
    labels, probabilities = make(300)
    if make is made:
        # Ties count half.
        probabilities = probabilities.round(1).clip(0.05, 0.95)
    scores = evaluate_probabilities(labels, probabilities)
    for name, score in evaluation._SCORES.items():
        assert score(labels, probabilities) == pytest.approx(scores[name])
    area = evaluation._roc_auc(labels, evaluation._order(probabilities))
    assert area == pytest.approx(scores["roc_auc"])


def test_bootstrap_intervals_hold_the_score_and_shrink_with_more_texts():
    widths = []
    for texts in (100, 1600):
        labels, probabilities = made(texts)
        before = labels.copy(), probabilities.copy()
        found = bootstrap_intervals(labels, probabilities, samples=400)
        scores = evaluate_probabilities(labels, probabilities)
        for name in ("accuracy", "roc_auc", "f1", "log_loss", "calibration_error"):
            low, high = found[name]
            assert low < scores[name] < high
        wilson = scores["accuracy_interval"]
        assert found["accuracy"] == pytest.approx(wilson, abs=0.25 * (wilson[1] - wilson[0]))
        widths.append(found["roc_auc"][1] - found["roc_auc"][0])
        np.testing.assert_array_equal(labels, before[0])
        np.testing.assert_array_equal(probabilities, before[1])
        assert found == bootstrap_intervals(labels, probabilities, samples=400)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.4)


def test_the_interval_of_a_small_calibration_error_holds_it():
    """Each sample is off by more than the whole, if that is hardly off at all."""
    random = np.random.default_rng(3)
    probabilities = random.random(5000)
    labels = (random.random(5000) < probabilities).astype(int)
    score = calibration_error(labels, probabilities)
    low, high = bootstrap_intervals(labels, probabilities, samples=200)["calibration_error"]
    assert 0 <= low < score < high < 0.03
    # As surely as it is right: nothing is below 0.
    certain = np.array([0, 1] * 20)
    assert bootstrap_intervals(certain, certain / 1.0, samples=50)["calibration_error"] == (0, 0)


def test_a_bootstrap_of_a_rare_class():
    labels, probabilities = np.zeros(30, int), np.linspace(0.1, 0.9, 30)
    labels[-1] = 1
    low, high = bootstrap_intervals(labels, probabilities, samples=200)["roc_auc"]
    assert 0.9 < low <= high <= 1


def test_accuracy_by_rating():
    labels, probabilities = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.7, 0.8])
    found = accuracy_by_rating(labels, probabilities, np.array([1.0, 4.0, 4.0, 10.0]))
    assert [(one["rating"], one["texts"], one["accuracy"]) for one in found] == [
        (1, 1, 1),
        (4, 2, 0.5),
        (10, 1, 1),
    ]


def test_worst_mistakes():
    labels, probabilities = made(200)
    found = worst_mistakes(labels, probabilities, 10)
    sure = np.abs(probabilities - 0.5)
    wrong = (probabilities > 0.5) != (labels == 1)
    assert wrong[found].all()
    assert sure[found].tolist() == sorted(sure[wrong], reverse=True)[:10]
    assert worst_mistakes(labels, labels * 1.0, 10).tolist() == []


def test_worst_mistakes_of_three_classes():
    labels = np.array([0, 1, 2, 2])
    probabilities = np.array([[0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.9, 0.0, 0.1], [0.4, 0.3, 0.3]])
    assert worst_mistakes(labels, probabilities, 4).tolist() == [2, 0, 3]


def test_a_sample_that_lacks_a_class_does_not_count():
    labels = np.array([0] * 20 + [1] * 20 + [2])
    probabilities = np.eye(3)[labels] * 0.4 + 0.2
    found = bootstrap_intervals(labels, probabilities, samples=50)
    assert found["roc_auc"] == (1, 1)


def test_scores_of_three_classes_are_those_of_scikit_learn():
    labels, probabilities = made_of_three(200)
    predicted = probabilities.argmax(axis=1)
    scores = evaluate_probabilities(labels, probabilities)
    assert scores["accuracy"] == np.mean(predicted == labels) > 0.5
    assert scores["confusion_matrix"] == metrics.confusion_matrix(labels, predicted).tolist()
    one_by_one = [metrics.roc_auc_score(labels == one, probabilities[:, one]) for one in range(3)]
    assert scores["roc_auc"] == pytest.approx(np.mean(one_by_one))
    assert scores["f1"] == pytest.approx(metrics.f1_score(labels, predicted, average="macro"))
    of_truth = probabilities[np.arange(200), labels]
    assert scores["log_loss"] == pytest.approx(-np.log(of_truth).mean())
    sure = probabilities.max(axis=1)
    assert scores["calibration_error"] == calibration_error(predicted == labels, sure) > 0
    lengths = np.arange(200)
    parts = accuracy_by_length(labels, probabilities, lengths, parts=2)
    assert parts[0]["accuracy"] == np.mean((predicted == labels)[:100])


def test_the_best_temperature_of_three_classes_is_the_one_they_were_made_with():
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 3)) * 2
    powers = np.exp(logits / 1.7)
    chances = (powers / powers.sum(axis=1, keepdims=True)).cumsum(axis=1)
    labels = (random.uniform(size=(20_000, 1)) > chances).sum(axis=1)
    assert best_temperature(labels, logits) == pytest.approx(1.7, abs=0.08)
    two = best_temperature((labels > 0).astype(int), logits[:, :2] @ [-1, 1])
    assert two == best_temperature((labels > 0).astype(int), logits[:, :2])
