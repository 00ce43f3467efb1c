import keras
import numpy as np
import pytest

from sentiment_rnn.numpy_rnn.next_words import (
    Candidates,
    NextWordsHead,
    count_targets,
    sampled_softmax,
)
from sentiment_rnn.training.pretraining_keras import sampled_loss
from tests.numpy_rnn.checks import by_differences

WORDS, UNITS, FEATURES = 12, 4, 5
# With two words that are padding, and one text that is nothing else.
IDS = np.array([[3, 1, 7, 2], [5, 3, 0, 0], [0, 0, 0, 0]])


def example(directions=1, dtype=np.float64):
    """A head, and for its arguments states, weights and vectors that mean nothing."""
    random = np.random.default_rng(directions)
    head = NextWordsHead(UNITS, directions, FEATURES, Candidates(WORDS + 1, 7))
    states = random.standard_normal((*IDS.shape, directions * UNITS)).astype(dtype)
    weights = [random.standard_normal(shape).astype(dtype) for shape in head.shapes()]
    vectors = random.standard_normal((WORDS + 1, FEATURES)).astype(dtype)
    return head, states, weights, vectors


def test_the_sampled_loss_is_that_of_all_words_but_for_chance():
    _, _, (*_, bias), vectors = example()
    random = np.random.default_rng(0)
    said, targets = random.standard_normal((7, FEATURES)), random.integers(1, WORDS + 1, 7)
    candidates = Candidates(WORDS + 1, 5000)
    drawn = candidates.draw([1])
    sampled = sampled_softmax(said, targets, drawn, vectors, bias, candidates.expected)
    odds = said @ vectors[1:].T + bias[1:]
    whole = np.log(np.exp(odds).sum(axis=1)) - odds[np.arange(7), targets - 1]
    np.testing.assert_allclose(sampled, whole, rtol=0.1)


def test_it_is_the_loss_that_keras_computes():
    _, _, (*_, bias), vectors = example(dtype=np.float32)
    random = np.random.default_rng(0)
    said = random.standard_normal((7, FEATURES)).astype(np.float32)
    targets = random.integers(1, WORDS + 1, 7)
    candidates = Candidates(WORDS + 1, 20)
    arguments = targets, candidates.draw([1]), vectors, bias, candidates.expected
    by_keras = keras.ops.convert_to_numpy(sampled_loss(said, *arguments))
    np.testing.assert_allclose(sampled_softmax(said, *arguments), by_keras, rtol=1e-5)


@pytest.mark.parametrize("loss", [sampled_softmax, sampled_loss])
def test_a_word_is_not_told_from_itself(loss):
    vectors, zeros = np.ones((3, 2), np.float32), np.zeros(3, np.float32)
    alone = loss(vectors[:1], np.array([1]), np.array([1, 1]), vectors, zeros, zeros)
    assert keras.ops.convert_to_numpy(alone).tolist() == [0]
    other = loss(vectors[:1], np.array([1]), np.array([1, 2]), vectors, zeros, zeros)
    assert keras.ops.convert_to_numpy(other)[0] == pytest.approx(np.log(2))


def test_candidates_are_drawn_as_expected():
    candidates = Candidates(WORDS + 1, 200_000)
    drawn = candidates.draw([2])
    assert drawn.dtype == np.int32
    counts = np.bincount(drawn, minlength=WORDS + 1)
    assert counts[0] == 0
    np.testing.assert_allclose(counts[1:], np.exp(candidates.expected)[1:], rtol=0.05)
    np.testing.assert_array_equal(drawn, candidates.draw([2]))
    assert (drawn != candidates.draw([3])).any()


@pytest.mark.parametrize("directions", [1, 2])
def test_gradients_are_those_of_finite_differences(directions):
    head, states, weights, vectors = example(directions)

    def run():
        return head.loss_and_gradients(states, IDS, weights, vectors, chance=[4], scale=0.3)

    before = [array.copy() for array in (states, *weights, vectors)]
    done = run()
    for array, unchanged in zip((states, *weights, vectors), before, strict=True):
        np.testing.assert_array_equal(array, unchanged)
    of_vectors = np.zeros_like(vectors)
    done.add_to(of_vectors)
    found = [done.of_states, *done.gradients, of_vectors]
    for array, gradient in zip((states, *weights, vectors), found, strict=True):
        expected = by_differences(lambda: run().loss, array)
        np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("directions", [1, 2])
def test_the_loss_is_that_of_the_words_that_are_said(directions):
    head, states, weights, vectors = example(directions)
    done = head.loss_and_gradients(states, IDS, weights, vectors, chance=[4], scale=0.3)
    said = head.say(states, weights)
    # Forwards 1, 7 and 2 are said, and 3 behind 5; backwards 3, 1 and 7, and 5, but not
    # the 3 before the padding, of which nothing was read.
    pairs = [(said[0][0, 0], 1), (said[0][0, 1], 7), (said[0][0, 2], 2), (said[0][1, 0], 3)]
    if directions == 2:
        pairs += [(said[1][0, 1], 3), (said[1][0, 2], 1), (said[1][0, 3], 7)]
        pairs += [(said[1][1, 1], 5)]
    assert count_targets(IDS, directions) == len(pairs)
    losses = sampled_softmax(
        np.array([vector for vector, _ in pairs]),
        np.array([word for _, word in pairs]),
        head.candidates.draw([4]),
        vectors,
        weights[-1],
        head.candidates.expected,
    )
    assert done.loss == pytest.approx(0.3 * losses.sum())


def test_texts_of_one_word_say_nothing():
    head, states, weights, vectors = example()
    done = head.loss_and_gradients(
        states[:, :1], IDS[:, :1], weights, vectors, chance=[4], scale=1.0
    )
    assert done.loss == 0
    of_vectors = np.zeros_like(vectors)
    done.add_to(of_vectors)
    assert not any(array.any() for array in [done.of_states, *done.gradients, of_vectors])
